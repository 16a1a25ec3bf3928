"""Subscriptions at the level of their class: what matches, in what order, at what cost, and how each ends."""

import gc
from collections.abc import Callable
from typing import cast

import pytest

from ebr_core.actions import CANCELLED, EXPIRED, NOTIFIED, EventFilter, EventValue
from ebr_core.config import Config
from ebr_core.environment import Environment
from ebr_core.errors import FilterError, LocalProtocolError
from ebr_core.events import EXPIRY, Event, Glob, Pattern, Subscription, Subscriptions, make_event

INSERT = "E_UL_CONTACT_INSERT"


@pytest.fixture
def environment() -> Environment:
    return Environment(Config(), bytes)


@pytest.fixture
def subscriptions(environment: Environment) -> Subscriptions:
    return Subscriptions(environment)


def matches(filter: EventFilter, params: dict[str, EventValue] | list[EventValue] | None, name: str = "E_X") -> bool:
    subscriptions = Subscriptions(Environment(Config(), bytes))
    subscription = subscriptions.add(name, filter)
    found = subscriptions.match(make_event(name, params))
    assert found in ([], [subscription])
    return bool(found)


def empty(subscriptions: Subscriptions) -> bool:
    return len(subscriptions) == 0 and not any(subscriptions.sizes().values())


# ---- what matches


@pytest.mark.parametrize(
    ("filter", "params", "expected"),
    [
        (None, {"aor": "a"}, True),
        ({}, {"aor": "a"}, True),
        ([], None, True),
        ({"aor": "a"}, {"aor": "a"}, True),
        ({"aor": "a"}, {"aor": "A"}, False),
        ({"AOR": "a"}, {"aor": "a"}, True),
        ({"aor": "a"}, {"AOR": "a"}, True),
        ("Aor=a*", {"aOR": "abc"}, True),
        ("aor=*@example.org", {"aor": "bob@example.org"}, True),
        ("aor=*@example.org", {"aor": "bob@example.com"}, False),
        ("aor=bob*", {"aor": "bob"}, True),
        ("aor=bob*", {"aor": "bo"}, False),
        ("aor=*bob", {"aor": "bob"}, True),
        ("aor=*bob", {"aor": "ob"}, False),
        ("aor=*bob*", {"aor": "bob"}, True),
        ("aor=*bob*", {"aor": "bobbobob"}, True),
        ("aor=*bob*", {"aor": "bo"}, False),
        ("aor=*bob*obb*", {"aor": "bobb"}, False),
        ("aor=*bob*obb*", {"aor": "bobobb"}, True),
        ("aor=a=b", {"aor": "a=b"}, True),
        ("aor=", {"aor": ""}, True),
        ("aor=", {"aor": "a"}, False),
        ("aor=\\*", {"aor": "*"}, True),
        ("aor=\\*", {"aor": "a"}, False),
        ({"aor": Pattern("[[:alpha:]]@?.[^x]")}, {"aor": "b@/.y"}, True),
        ({"aor": Pattern("[[:alpha:]]@?.[^x]")}, {"aor": "b@/.x"}, False),
        ({"group": 1}, {"group": 1}, True),
        ({"group": 1}, {"group": "1"}, True),
        ({"group": "1"}, {"group": 1}, True),
        ({"group": "01"}, {"group": 1}, False),
        ({"qval": -1}, {"qval": -1}, True),
        ("group=1*", {"group": 12}, True),
        ({"a": "x", "b": "y"}, {"a": "x", "b": "y"}, True),
        ({"a": "x", "b": "y"}, {"a": "x", "b": "z"}, False),
        (["a=x", "b=y"], {"b": "y", "a": "x"}, True),
        ({"a": "x"}, {"a": None}, False),
        ({"a": ""}, {"a": None}, False),
        ({"a": "None"}, {"a": None}, False),
        ("a=*", {"a": None}, False),
        ("a=*", {"a": ""}, True),
        ({"a": "x"}, ["x"], False),
        ("a=*", ["x"], False),
        (None, ["x"], True),
        ({"a": "x"}, None, False),
    ],
)
def test_f1_filters(filter: EventFilter, params: dict[str, EventValue] | list[EventValue] | None, expected: bool) -> None:
    """F1"""
    assert matches(filter, params) is expected


def test_f2_unknown_key_of_a_declared_event(subscriptions: Subscriptions) -> None:
    """F2"""
    for filter in ({"aro": "a"}, "aro=a", ["aor=a", "aro=*"], {"aro": Pattern("*")}):
        with pytest.raises(FilterError, match=r"has no attribute 'aro'; it has domain, aor, uri"):
            subscriptions.add(INSERT, cast("EventFilter", filter), timeout=5.0)
    assert empty(subscriptions)
    subscriptions.add(INSERT, {"AoR": "a"})


@pytest.mark.parametrize("filter", [{"aro": "a"}, "aro=*", {"aro": Pattern("*")}, {"aor": "a", "aro": "a"}])
def test_f2_absent_attribute_of_a_custom_event_never_matches(filter: EventFilter) -> None:
    """F2"""
    assert not matches(filter, {"aor": "a"})


@pytest.mark.parametrize("filter", ["aor", "", "=a", ["aor=a", "aor"], [""], {"": "a"}])
def test_f3_filter_without_key_or_equals_sign(subscriptions: Subscriptions, filter: EventFilter) -> None:
    """F3"""
    with pytest.raises(FilterError):
        subscriptions.add("E_X", filter, timeout=1.0)
    assert empty(subscriptions)


@pytest.mark.parametrize(
    ("filter", "value", "expected"),
    [
        (["aor=a*", "aor=*b"], "ab", True),
        (["aor=a*", "aor=*b"], "ac", False),
        (["aor=a*", "AOR=*b"], "cb", False),
        (["aor=a", "aor=b"], "a", False),
        (["aor=a", "aor=b"], "b", False),
        (["aor=a", "aor=a"], "a", True),
        ({"aor": "a", "AOR": Pattern("?")}, "a", True),
        ({"aor": "a", "AOR": "b"}, "a", False),
    ],
)
def test_f4_both_filters_on_one_key_must_match(filter: EventFilter, value: str, expected: bool) -> None:
    """F4"""
    assert matches(filter, {"aor": value}) is expected


@pytest.mark.parametrize("dialled", ["*@example.org", "[a-z]*@example.org", "?ob@example.org", "bo\\b@example.org"])
def test_f5_what_a_caller_dialled_is_exact_in_a_mapping(dialled: str) -> None:
    """F5"""
    assert not matches({"aor": dialled}, {"aor": "bob@example.org"}, INSERT)
    assert matches({"aor": dialled}, {"aor": dialled}, INSERT)


@pytest.mark.parametrize(
    "filter",
    [
        {"a": 1.5},
        {"a": True},
        {"a": None},
        {"a": b"x"},
        {"a": ["x"]},
        {5: "x"},
        [Pattern("x")],
        [("a", "x")],
        b"a=x",
        b"",
        7,
        {"a": 10**6000},
    ],
)
def test_filters_of_a_wrong_type(subscriptions: Subscriptions, filter: object) -> None:
    with pytest.raises(FilterError):
        subscriptions.add("E_X", cast("EventFilter", filter))
    assert empty(subscriptions)


def test_too_long_a_pattern(subscriptions: Subscriptions) -> None:
    with pytest.raises(FilterError):
        subscriptions.add("E_X", {"a": Pattern("*" * 1025)})
    assert empty(subscriptions)
    assert subscriptions.add("E_X", {"a": "*" * 1025}).live


def test_of_an_attribute_named_twice_the_first_counts(subscriptions: Subscriptions) -> None:
    first = subscriptions.add("E_X", {"a": "1"})
    subscriptions.add("E_X", {"a": "2"})
    also_first = subscriptions.add("E_X", "A=?")
    assert subscriptions.match(Event("E_X", ("a", "A"), ("1", "22"))) == [first, also_first]


def test_events_with_other_attributes_one_after_the_other(subscriptions: Subscriptions) -> None:
    subscription = subscriptions.add("E_X", {"a": "1", "b": Pattern("?*")})
    assert subscriptions.match(make_event("E_X", {"a": "1", "b": "2"})) == [subscription]
    assert subscriptions.match(make_event("E_X", {"b": "1", "a": "2"})) == []
    assert subscriptions.match(make_event("E_X", {"b": "2", "c": "3", "a": "1"})) == [subscription]
    assert subscriptions.match(make_event("E_X", {"a": "1"})) == []


def test_a_number_too_long_to_print_meets_no_condition() -> None:
    assert not matches({"a": Pattern("*")}, {"a": 10**6000})


def test_event_names_are_case_sensitive(subscriptions: Subscriptions) -> None:
    subscriptions.add("E_X")
    assert subscriptions.match(make_event("e_x")) == []


# ---- order, identity, life


def test_oldest_first_wherever_they_are_filed(subscriptions: Subscriptions) -> None:
    filters: list[EventFilter] = [
        "aor=*xample*",
        {"aor": "bob@example.org"},
        None,
        "aor=bob*",
        "aor=*.org",
        "aor=*b*",
        ["aor=*", "domain=location"],
        {"domain": "location"},
        None,
    ]
    made = [subscriptions.add(INSERT, filter) for filter in filters]
    event = make_event(INSERT, {"domain": "location", "aor": "bob@example.org"})
    assert subscriptions.match(event) == made
    assert subscriptions.live() == made
    assert subscriptions.live(INSERT) == made
    assert subscriptions.live("E_X") == []


def test_numbers(subscriptions: Subscriptions) -> None:
    ours = [subscriptions.add("E_X") for _ in range(3)]
    host = subscriptions.add("E_X", id=7)
    later = subscriptions.add("E_X")
    assert len({subscription.id for subscription in [*ours, later]}) == 4
    assert all(subscription.id % 2 == 0 for subscription in [*ours, later])
    assert host.id == 7
    assert subscriptions.find(7) is host
    assert subscriptions.find(ours[0].id) is None
    assert subscriptions.match(make_event("E_X")) == [*ours, host, later]
    for wrong in (7, 8, 0):
        with pytest.raises(LocalProtocolError):
            subscriptions.add("E_X", id=wrong)
    subscriptions.end(host, CANCELLED)
    assert subscriptions.find(7) is None
    assert subscriptions.add("E_X", id=7).live


def test_the_same_subscriber_twice_is_two_subscriptions(subscriptions: Subscriptions) -> None:
    receiver = object()
    pair = [subscriptions.add("E_X", {"a": "1"}, receiver=receiver) for _ in range(2)]
    assert subscriptions.match(make_event("E_X", {"a": 1})) == pair


def test_what_a_subscription_shows(subscriptions: Subscriptions) -> None:
    receiver = object()
    subscription = subscriptions.add("E_X", {"A": 1, "b": Pattern("x*y")}, once=True, receiver=receiver)
    assert repr(subscription) == f"<Subscription {subscription.id} to E_X, live>"
    assert (subscription.name, subscription.once) == ("E_X", True)
    assert subscription.receiver is receiver
    assert [(condition.key, condition.text) for condition in subscription.filter] == [("a", "1"), ("b", "x*y")]
    subscriptions.end(subscription, NOTIFIED)
    assert not subscription.live
    assert subscription.receiver is None
    assert subscription.timer is None
    assert repr(subscription) == f"<Subscription {subscription.id} to E_X, NOTIFIED>"


@pytest.mark.parametrize("text", ["sip:\\*b*", "*b\\?", "a*b", "*", "*abc*", "plain", "[", "trailing\\", "?"])
def test_the_shown_filter_means_what_was_asked(subscriptions: Subscriptions, text: str) -> None:
    subscription = subscriptions.add("E_X", f"a={text}")
    (condition,) = subscription.filter
    for value in ("sip:*bc", "sip:ab", "ab?", "abc", "", "plain", "[", "x"):
        assert condition.matches(value) == Glob(text).matches(value)


def test_wanted_follows_the_live_ones(subscriptions: Subscriptions) -> None:
    assert not subscriptions.wanted("E_X")
    pair = [subscriptions.add("E_X", {"a": "1"}), subscriptions.add("E_X", "a=never\\")]
    assert subscriptions.wanted("E_X")
    subscriptions.end(pair[0], CANCELLED)
    assert subscriptions.wanted("E_X")
    assert not subscriptions.wanted("E_Y")
    subscriptions.end(pair[1], CANCELLED)
    assert not subscriptions.wanted("E_X")
    assert empty(subscriptions)


def test_end_is_idempotent(subscriptions: Subscriptions, environment: Environment) -> None:
    subscription = subscriptions.add("E_X", {"a": "1"}, timeout=5.0)
    twin = subscriptions.add("E_X", {"a": "1"}, timeout=5.0)
    subscriptions.end(subscription, NOTIFIED)
    subscriptions.end(subscription, CANCELLED)
    assert subscription.outcome == NOTIFIED
    assert len(subscriptions) == len(environment.timers) == 1
    assert subscriptions.match(make_event("E_X", {"a": "1"})) == [twin]


def test_timeouts_are_exact(subscriptions: Subscriptions, environment: Environment) -> None:
    environment.now = 100.0
    subscription = subscriptions.add("E_X", timeout=20.0)
    forever = subscriptions.add("E_X")
    assert environment.timers.deadline == 120.0
    assert environment.timers.pop(119.999) is None
    due = environment.timers.pop(120.0)
    assert due is not None
    owner, kind = due
    assert owner is subscription
    assert kind == EXPIRY
    assert isinstance(owner, Subscription)
    subscriptions.end(owner, EXPIRED)
    assert subscription.outcome == EXPIRED
    assert subscriptions.live() == [forever]
    assert environment.timers.deadline is None


@pytest.mark.parametrize("timeout", [0, -1, -0.0, float("nan"), float("inf"), 1e300])
def test_impossible_timeouts(subscriptions: Subscriptions, environment: Environment, timeout: float) -> None:
    with pytest.raises(LocalProtocolError, match="timeout"):
        subscriptions.add("E_X", timeout=timeout, id=1)
    assert empty(subscriptions)
    assert len(environment.timers) == 0


def test_an_event_has_a_name(subscriptions: Subscriptions) -> None:
    with pytest.raises(LocalProtocolError):
        subscriptions.add("")
    assert empty(subscriptions)


# ---- cost: the number of candidates looked at, not time


def verified(subscriptions: Subscriptions, event: Event) -> int:
    before = subscriptions.verified
    subscriptions.match(event)
    return subscriptions.verified - before


@pytest.mark.parametrize(
    "others",
    [
        lambda n: {"aor": f"user{n}@example.org"},
        lambda n: {"domain": "location", "aor": f"user{n}@example.org"},
        lambda n: f"aor=user{n}@*",
        lambda n: f"aor=*@host{n}.example.org",
        lambda n: f"aor=sip:*@host{n}.example.org",
        lambda n: ["domain=location", f"aor=*@host{n}.example.org"],
        lambda n: f"aor=*\\*{n:04}z?",
        lambda n: f"aor=*<{n:04}>*",
        lambda n: "aor=never\\",
    ],
)
def test_a_raise_does_not_look_at_others(subscriptions: Subscriptions, others: Callable[[int], EventFilter]) -> None:
    for n in range(2_000):
        subscriptions.add(INSERT, others(n), timeout=20.0)
    mine = subscriptions.add(INSERT, {"aor": "sip:me@example.net"})
    event = make_event(INSERT, {"domain": "location", "aor": "sip:me@example.net"})
    assert subscriptions.match(event) == [mine]
    assert verified(subscriptions, event) <= 10


def test_patterns_that_cannot_be_filed_do_not_slow_other_attributes(subscriptions: Subscriptions) -> None:
    for _ in range(100):
        subscriptions.add("E_X", "a=*x?y*")
    assert subscriptions.sizes()["scanned"] == 100
    assert verified(subscriptions, make_event("E_X", {"a": "q"})) == 100
    assert verified(subscriptions, make_event("E_X", {"b": "q"})) == 0
    assert verified(subscriptions, make_event("E_Y", {"a": "q"})) == 0


# ---- memory


def test_no_container_keeps_what_has_ended(subscriptions: Subscriptions, environment: Environment) -> None:
    filters: list[EventFilter] = [
        None,
        {"a": "1"},
        {"a": "1", "b": "2"},
        "a=x*",
        "a=y*",
        "a=*x",
        "a=*abc*",
        "a=*b*",
        "a=\\",
        ["a=x*", "b=*y", "a=*zzz*"],
    ]
    made = [subscriptions.add(name, filter, timeout=9.0) for filter in filters for name in ("E_X", "E_Y") for _ in range(3)]
    made.append(subscriptions.add("E_X", "a=1", id=1))
    sizes = subscriptions.sizes()
    assert all(sizes.values()), sizes
    for subscription in made[::2] + made[1::2]:
        subscriptions.match(make_event("E_X", {"a": "1"}))
        subscriptions.end(subscription, CANCELLED)
    assert empty(subscriptions)
    assert len(environment.timers) == 0


def test_lengths_of_affixes_are_counted(subscriptions: Subscriptions) -> None:
    """An event is cut at each length that is in use, and at no other."""
    made = [subscriptions.add("E_X", f"a={pattern}") for pattern in ("ab*", "ab*", "xy*", "abc*", "*z", "*y")]
    lengths = [subscriptions.sizes()["lengths"]]
    for subscription in made[:-1]:
        subscriptions.end(subscription, CANCELLED)
        lengths.append(subscriptions.sizes()["lengths"])
    assert lengths == [3, 3, 3, 2, 1, 1]
    assert subscriptions.match(make_event("E_X", {"a": "aby"})) == made[-1:]


def test_ended_subscriptions_leave_no_cycles(subscriptions: Subscriptions) -> None:
    receiver: list[object] = []
    subscription = subscriptions.add("E_X", "a=x*y", timeout=5.0, receiver=receiver)
    receiver.append(subscription)
    gc.collect()
    gc.disable()
    try:
        subscriptions.end(subscription, CANCELLED)
        del subscription
        receiver.clear()
        assert gc.collect() == 0
    finally:
        gc.enable()
