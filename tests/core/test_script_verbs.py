"""The script API: routes that no request starts, and the verbs of a script."""

from collections.abc import Callable

import pytest

from ebr_conformance.simulation import Simulation
from ebr_core import Event, JobFailed, LocalProtocolError, Pattern, Script, ServerRequest, sleep
from notes import failures, logged, note, noted, verbs
from row_scripts import Simulate, registrar_script

# Routes.


def test_startup_routes_run_once_and_in_order(simulate: Simulate) -> None:
    """With the first input, before any other work; `def` and `async def`."""
    script = Script()
    order: list[str] = []

    @script.startup
    def first() -> None:
        order.append("first")

    @script.startup
    async def second() -> None:
        order.append("second")
        await sleep(1.5)
        note("second goes on")

    sim = simulate(script)
    assert order == ["first", "second"]
    noted(sim, 10.0)
    sim.expect("1.500 * E_NOTE second goes on")
    assert order == ["first", "second"]


def test_timer_routes_run_in_their_period() -> None:
    """Each run is a handler of its own, so a slow one does not hold up the next."""
    script = Script()

    @script.timer(0.5)
    def often() -> None:
        note("often")

    @script.timer(1.0)
    async def slow() -> None:
        note("slow begins")
        await sleep(1.25)
        note("slow ends")

    sim = noted(Simulation(script), 2.5)
    sim.expect(
        """
        0.500  * E_NOTE often
        1.000  * E_NOTE slow begins
        1.000  * E_NOTE often
        1.500  * E_NOTE often
        2.000  * E_NOTE slow begins
        2.000  * E_NOTE often
        2.250  * E_NOTE slow ends
        2.500  * E_NOTE often
        """
    )
    for period in (0.0, -1.0, float("nan")):
        with pytest.raises(LocalProtocolError, match="a timer route needs a period of 1 ms or more"):
            script.timer(period)


def test_event_routes_get_every_event_of_their_name(simulate: Simulate) -> None:
    """Any number of them, in the order of the script, without a filter and for good; an async one may wait."""
    script = Script()

    @script.event("E_DOOR")
    async def first(event: Event) -> None:
        await sleep(0.25)
        note("first", event["room"])

    @script.event("E_DOOR")
    def second(event: Event) -> None:
        note("second", event["room"])

    sim = simulate(script)
    sim.at(1.0, sim.raise_event, "E_DOOR", {"room": "hall"})
    sim.at(2.0, sim.raise_event, "E_door", {"room": "attic"})
    sim.at(3.0, sim.raise_event, "E_DOOR", {"room": "cellar"})
    noted(sim, 10.0)
    sim.expect(
        """
        1.000  * E_NOTE second hall
        1.250  * E_NOTE first hall
        3.000  * E_NOTE second cellar
        3.250  * E_NOTE first cellar
        """
    )
    assert sim.engine.sizes()["subscriptions"] == 0, "what the script keeps for good is not counted"


# Raising.


def test_raise_event_named_positional_or_empty(simulate: Simulate) -> None:
    """What comes out is what went in, in its order; int, str and None are values."""
    script = Script()

    @script.startup
    async def start() -> None:
        await sleep(1.0)
        verbs.raise_event("E_NAMED", {"b": 2, "a": "one", "c": None})
        verbs.raise_event("E_ROW", [2, "one", None])
        verbs.raise_event("E_BARE")

    sim = simulate(script)
    sim.watch("E_BARE", "E_ROW", "E_NAMED")
    sim.run(until=5.0)
    sim.unwatch()
    sim.expect(
        """
        1.000  * E_NAMED b=2 a=one c=None
        1.000  * E_ROW 2 one None
        1.000  * E_BARE
        """
    )


@pytest.mark.parametrize(
    ("name", "params", "complaint"),
    [
        ("", None, "an event without a name"),
        ("E_DOOR", {"open": True}, "a value is str, int or None, not True"),
        ("E_DOOR", {"height": 2.5}, r"a value is str, int or None, not 2\.5"),
        ("E_DOOR", [b"hall"], "a value is str, int or None, not b'hall'"),
        ("E_DOOR", {1: "hall"}, "an attribute is named by a string, not 1"),
        ("E_DOOR", "hall", "parameters are a mapping, a sequence or None, not 'hall'"),
        ("E_DOOR", 7, "parameters are a mapping, a sequence or None, not 7"),
    ],
)
def test_an_event_that_cannot_be_meant_is_an_error(simulate: Simulate, name: str, params: object, complaint: str) -> None:
    """For a script at its line, and for the host in `handle`; nothing is raised."""
    script = Script()

    @script.startup
    def start() -> None:
        with pytest.raises(LocalProtocolError, match=complaint):
            verbs.raise_event(name, params)  # type: ignore[arg-type]  # that is the point

    sim = simulate(script)
    assert failures(sim) == []
    with pytest.raises(LocalProtocolError, match=complaint):
        sim.raise_event(name, params)  # type: ignore[arg-type]  # that is the point
    assert sim.engine.sizes()["raises"] == 0


def test_one_reaches_the_oldest_subscriber_that_matches(simulate: Simulate) -> None:
    """Of those whose filter lets it through; without `one` all of these get it."""
    script = Script()

    @script.startup
    async def start() -> None:
        verbs.notify_on_event("E_DOOR", {"room": "attic"}, _note_as("attic"), timeout=10.0)
        verbs.notify_on_event("E_DOOR", "room=h*", _note_as("older"), timeout=3.5)
        verbs.notify_on_event("E_DOOR", {"room": Pattern("*l")}, _note_as("younger"), timeout=10.0)
        for _ in range(3):
            await sleep(1.0)
            verbs.raise_event("E_DOOR", {"room": "hall"}, one=True)
        await sleep(1.0)
        verbs.raise_event("E_DOOR", {"room": "hall"}, one=True)
        verbs.raise_event("E_DOOR", {"room": "attic"}, one=True)
        verbs.raise_event("E_DOOR", {"room": "cellar"}, one=True)

    noted(sim := simulate(script), 20.0)
    sim.expect(
        """
        1.000  * E_NOTE older
        2.000  * E_NOTE older
        3.000  * E_NOTE older
        4.000  * E_NOTE younger
        4.000  * E_NOTE attic
        """
    )


def _note_as(name: str) -> Callable[[Event, object], None]:
    def route(event: Event, call: object) -> None:
        assert call is None
        note(name)

    return route


# State, log, statistics, look-ups.


def test_each_engine_has_a_state_of_its_own() -> None:
    """One script, two engines: what a handler keeps for one, the other does not see."""
    script = Script()

    @script.event("E_COUNT")
    def count(event: Event) -> None:
        verbs.state["n"] = verbs.state.get("n", 0) + 1
        note(verbs.state["n"])

    one, two = Simulation(script), Simulation(script)
    one.at(1.0, one.raise_event, "E_COUNT")
    one.at(2.0, one.raise_event, "E_COUNT")
    two.at(3.0, two.raise_event, "E_COUNT")
    noted(one, 5.0).expect("1.000 * E_NOTE 1\n2.000 * E_NOTE 2")
    noted(two, 5.0).expect("3.000 * E_NOTE 1")


def test_log_lines_have_a_level_and_fields(simulate: Simulate) -> None:
    script = Script()

    @script.startup
    def start() -> None:
        verbs.log.debug("d")
        verbs.log.info("i", user="bob", n=1, code=486, level="high")
        verbs.log.warning("w")
        verbs.log.error("e")

    sim = simulate(script)
    assert [(line.level, line.text, dict(line.fields)) for line in logged(sim, "script")] == [
        (10, "d", {}),
        (20, "i", {"user": "bob", "n": 1, "code": 486, "level": "high"}),
        (30, "w", {}),
        (40, "e", {}),
    ]


def test_statistics_and_lookups_are_those_of_the_engine(simulate: Simulate) -> None:
    """A look-up takes an address of record, or a URI, in any of its forms."""
    script = registrar_script()

    @script.event("E_ASK")
    def ask(event: Event) -> None:
        note(verbs.stat("received.request"), verbs.stat("never.counted"), *map(_found, _NAMES))

    sim = simulate(script)
    sim.at(1.0, sim.raise_event, "E_ASK")
    sim.at(2.0, sim.phone("bob").register)
    sim.at(3.0, sim.raise_event, "E_ASK")
    noted(sim, 10.0)
    sim.expect(
        """
        1.000  * E_NOTE 0 0 0 0 0 0 0
        3.000  * E_NOTE 1 0 1 1 1 0 0
        """,
        hide=("REGISTER",),
    )


_NAMES = ("bob@example.org", "sip:bob@EXAMPLE.org:5060;x=1", "Bob <sip:bob@example.org>", "alice@example.org", "sip:")


def _found(name: str) -> int:
    return len(verbs.lookup(name if not name.startswith("Bob") else name.removeprefix("Bob ")))


@pytest.mark.parametrize(
    "verb",
    [
        lambda: verbs.state,
        lambda: verbs.stat("received.request"),
        lambda: verbs.lookup("bob@example.org"),
        lambda: verbs.raise_event("E_DOOR"),
        lambda: verbs.notify_on_event("E_DOOR", None, print),
        lambda: verbs.wait_for_event("E_DOOR"),
        lambda: verbs.run(print),
        lambda: verbs.log.debug("text"),
        lambda: verbs.log.info("text"),
        lambda: verbs.log.warning("text"),
        lambda: verbs.log.error("text"),
        lambda: sleep(1.0),
    ],
    ids=["state", "stat", "lookup", "raise", "notify", "wait", "run", "debug", "info", "warning", "error", "sleep"],
)
def test_verbs_outside_a_handler_are_an_error(verb: Callable[[], object]) -> None:
    """Before an engine has run a handler, and after."""
    script = Script()

    @script.startup
    def start() -> None:
        verbs.log.info("inside")

    for _ in range(2):
        with pytest.raises(LocalProtocolError, match="only a handler that an engine is running can do this"):
            verb()
        assert len(logged(Simulation(script), "script")) == 1


# Sleep and jobs.


def test_sleep_takes_exactly_so_long(simulate: Simulate) -> None:
    """In milliseconds, rounded up; 0 lets others have their turn; less is an error."""
    script = Script()

    @script.startup
    async def start() -> None:
        for seconds in (0, 0.5, 0.0001, 1.25, 3600):
            await sleep(seconds)
            note(seconds)
        with pytest.raises(LocalProtocolError, match=r"sleep\(\) takes seconds, not -1"):
            sleep(-1)

    sim = simulate(script)
    noted(sim, 4000.0)
    sim.expect(
        """
           0.000  * E_NOTE 0
           0.500  * E_NOTE 0.5
           0.501  * E_NOTE 0.0001
           1.751  * E_NOTE 1.25
        3601.751  * E_NOTE 3600
        """
    )
    assert failures(sim) == []


def look_up(number: int) -> int:
    """A job; its end is up to the simulation."""
    return number


def test_a_job_runs_from_the_call_on_and_not_from_the_await_on(simulate: Simulate) -> None:
    """Two of them at once take as long as the longer one; a result may be awaited after it came, and twice."""
    script = Script()

    @script.startup
    async def start() -> None:
        await sleep(1.0)
        one, two = verbs.run(look_up, 1), verbs.run(other, 2)
        note(await two, await one, await one)

    sim = simulate(script)
    sim.job(look_up, delay=0.5, result="one")
    sim.job(other, delay=2.0, result="two")
    noted(sim, 10.0)
    sim.expect("3.000 * E_NOTE two one one")
    assert sim.jobs_started == [(1.0, "look_up", (1,)), (1.0, "other", (2,))]


def other(number: int) -> int:
    """A job; its end is up to the simulation."""
    return number


def test_a_job_that_fails_raises_JobFailed_at_its_await(simulate: Simulate) -> None:
    """With the type and the text of the error; caught, the handler goes on; not caught, it has failed: 500."""
    script = Script()

    @script.request("MESSAGE")
    async def on_message(request: ServerRequest) -> None:
        try:
            await request.run(look_up, 1)
        except JobFailed as error:
            note(error.type_name, error.text, error)
        await request.run(look_up, 2)

    sim = simulate(script)
    sim.job(look_up, result=KeyError("gone"))
    alice = sim.phone("alice")
    sim.at(1.0, alice.request, "MESSAGE", "bob")
    noted(sim, 10.0)
    sim.expect(
        """
        1.000  alice -> ebr  MESSAGE sip:bob@example.org
        1.000  * E_NOTE KeyError 'gone' KeyError: 'gone'
        1.000  ebr -> alice  500 Server Internal Error (MESSAGE)
        """
    )
    assert [line.rpartition(".")[2] for line in failures(sim)] == ["on_message: JobFailed: KeyError: 'gone'"]


def test_a_started_job_goes_on_when_its_call_ends_and_its_failure_is_logged(simulate: Simulate) -> None:
    script = Script()

    @script.request("INVITE")
    def refuse(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.start(look_up, 1)
        call.reply(486)

    sim = simulate(script)
    sim.job(look_up, delay=5.0, result=OSError("no route"))
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    sim.run(until=5.9)
    assert (alice.responses(), sim.engine.sizes()["jobs"], logged(sim, "job-failed")) == ([100, 486], 1, [])
    sim.run(until=6.0)
    (line,) = logged(sim, "job-failed")
    assert line.text == "a started job failed: OSError: no route"


def test_run_takes_a_function_and_not_its_result(simulate: Simulate) -> None:
    script = Script()

    @script.startup
    def start() -> None:
        with pytest.raises(
            LocalProtocolError, match=r"run\(\) takes a function and its arguments, not 3; do not call it yourself"
        ):
            verbs.run(look_up(3))  # type: ignore[arg-type]  # that is the point
        with pytest.raises(LocalProtocolError, match="takes a function as its route, not 'route'"):
            verbs.notify_on_event("E_DOOR", None, "route")  # type: ignore[arg-type]  # that is the point

    sim = simulate(script)
    assert failures(sim) == []
    assert sim.jobs_started == []
