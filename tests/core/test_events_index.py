"""The index against a linear scan, under subscriptions that come and go."""

from hypothesis import given
from hypothesis import strategies as st

from ebr_core.actions import CANCELLED, EventFilter, EventValue
from ebr_core.config import Config
from ebr_core.environment import Environment
from ebr_core.events import Event, Pattern, Subscription, Subscriptions
from ebr_core.events.pattern import Glob

# Few letters, so that values, prefixes, suffixes and trigrams meet often.
_value = st.one_of(st.text("ab", max_size=5), st.text("ab1", max_size=6), st.integers(-2, 112), st.none())
_pattern = st.one_of(
    st.lists(st.sampled_from(["a", "b", "1", "*", "?", "[ab]", "\\*", "\\", "["]), max_size=7).map("".join),
    st.sampled_from(["a*", "ab*", "aba*", "*b", "*ba", "*a1b", "*aba*", "*bab*", "*ab*aa*", "a*b"]),
)
_key = st.sampled_from(["k", "K", "l", "m"])
_exact = st.one_of(st.text("ab1", max_size=4), st.integers(-2, 112))
_filter: st.SearchStrategy[EventFilter] = st.one_of(
    st.none(),
    st.dictionaries(_key, st.one_of(_exact, _pattern.map(Pattern)), max_size=3),
    st.lists(st.tuples(_key, _pattern).map("=".join), max_size=3),
    st.tuples(_key, _pattern).map("=".join),
)
_event = st.one_of(
    st.lists(st.tuples(_key, _value), max_size=4).map(
        lambda items: Event("E_X", tuple(key for key, _ in items), tuple(value for _, value in items))
    ),
    st.lists(_value, max_size=2).map(lambda values: Event("E_X", None, tuple(values))),
)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), _filter),
        st.tuples(st.just("add"), _filter),
        st.tuples(st.just("end"), st.integers(0, 30)),
        st.tuples(st.just("raise"), _event),
    ),
    max_size=40,
)


def scan(filter: EventFilter, event: Event) -> bool:
    """What a filter means, said as plainly as possible."""
    if filter is None:
        return True
    if isinstance(filter, str):
        filter = [filter]
    if isinstance(filter, dict):
        wanted = [(key, value if isinstance(value, Pattern) else str(value)) for key, value in filter.items()]
    else:
        wanted = [(text.partition("=")[0], Pattern(text.partition("=")[2])) for text in filter]
    for key, want in wanted:
        values: list[EventValue] = [
            value for name, value in zip(event.names or (), event.values, strict=False) if name.lower() == key.lower()
        ]
        if not values or values[0] is None:
            return False
        text = str(values[0])
        if not (Glob(want.text).matches(text) if isinstance(want, Pattern) else text == want):
            return False
    return True


@given(_steps)
def test_index_equals_linear_scan(steps: list[tuple[str, object]]) -> None:
    environment = Environment(Config(), bytes)
    subscriptions = Subscriptions(environment)
    model: list[tuple[Subscription, EventFilter]] = []
    for _, argument in steps:
        if isinstance(argument, Event):
            expected = [subscription for subscription, filter in model if scan(filter, argument)]
            assert subscriptions.match(argument) == expected
        elif isinstance(argument, int):
            if model:
                subscriptions.end(model.pop(argument % len(model))[0], CANCELLED)
        else:
            filter: EventFilter = argument  # type: ignore[assignment]
            model.append((subscriptions.add("E_X", filter, timeout=1.0), filter))
        assert len(subscriptions) == len(environment.timers) == len(model)
        assert subscriptions.wanted("E_X") == bool(model)
    assert subscriptions.live() == [subscription for subscription, _ in model]
    for subscription, _ in model:
        subscriptions.end(subscription, CANCELLED)
    assert not any(subscriptions.sizes().values())


@given(st.lists(_filter, min_size=12, max_size=40), st.lists(_event, min_size=1, max_size=8))
def test_many_at_once(filters: list[EventFilter], events: list[Event]) -> None:
    subscriptions = Subscriptions(Environment(Config(), bytes))
    model = [(subscriptions.add("E_X", filter), filter) for filter in filters]
    for event in events:
        assert subscriptions.match(event) == [subscription for subscription, filter in model if scan(filter, event)]
