"""The script API: handlers that fail, and what their author is told."""

import asyncio
from collections.abc import Awaitable, Generator
from pathlib import Path
from typing import Any

import pytest

from ebr_conformance.phones import Phone
from ebr_conformance.simulation import Simulation
from ebr_core import Config, Event, Logged, Script, ServerRequest, sleep
from notes import failures, logged, note, noted, verbs
from row_scripts import Simulate, at_home, registrar_script

Frames = list[tuple[str, int, str]]


def line_of(mark: str) -> int:
    """The number of the line of this file that ends with the comment ``# <mark>``."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    (number,) = [at for at, line in enumerate(lines, 1) if line.endswith(f"# {mark}")]
    return number


def a_call(sim: Simulation) -> Phone:
    """Alice calls Bob, who has no phone, at 1.0; what became of it is known at 10.0."""
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    sim.run(until=10.0)
    return alice


def only_failure(sim: Simulation) -> Logged:
    (failure,) = logged(sim, "handler-failed")
    return failure


def frames_of(failure: Logged) -> Frames:
    frames = failure.fields["frames"]
    assert isinstance(frames, list)
    return frames


# Raising.


def helper(value: str) -> int:
    return int(value)  # helper line


@pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async def"])
@pytest.mark.parametrize("new_transaction", [False, True])
def test_a_handler_that_raises_is_500_and_logged_with_its_lines(
    simulate: Simulate, asynchronous: bool, new_transaction: bool
) -> None:
    """File, line and function of each frame of the script's, the outermost first; the core's own frames are left out."""
    script = Script()

    def handler(request: ServerRequest) -> None:
        if new_transaction:
            request.new_transaction()
        helper("x")  # def line

    async def async_handler(request: ServerRequest) -> None:
        if new_transaction:
            request.new_transaction()
        await sleep(0.0)
        helper("x")  # async def line

    script.request("INVITE")(async_handler if asynchronous else handler)
    sim = simulate(script)
    alice = a_call(sim)
    assert alice.responses() == ([100, 500] if new_transaction else [500])
    failure = only_failure(sim)
    name, mark = ("async_handler", "async def line") if asynchronous else ("handler", "def line")
    assert frames_of(failure) == [(__file__, line_of(mark), name), (__file__, line_of("helper line"), "helper")]
    assert failure.fields["error"] == "ValueError"
    assert str(failure.fields["handler"]).endswith(f"<locals>.{name}")
    assert f"({__file__}:{line_of('helper line')} in helper)" in failure.text
    assert sim.engine.counters["handlers.failed"] == 1


def test_a_handler_that_raises_ends_its_branches(simulate: Simulate) -> None:
    """The phone that rings already gets a CANCEL, the caller a 500."""
    script = registrar_script()

    @script.request("INVITE")
    async def fail(request: ServerRequest) -> None:
        request.relay(request.lookup())
        await sleep(2.0)
        raise ValueError("no more")

    sim = simulate(script)
    at_home(sim)
    sim.run(until=20.0)
    sim.expect(
        """
        3.000  ebr -> alice  500 Server Internal Error (INVITE)
        3.000  ebr -> desk   CANCEL sip:bob@192.0.2.12:5060
        3.000  alice -> ebr  ACK sip:bob@example.org
        3.000  desk -> ebr   200 OK (CANCEL)
        3.000  desk -> ebr   487 Request Terminated (INVITE)
        3.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        """,
        since=3.0,
    )


def test_a_handler_that_raises_after_its_answer_is_logged_only(simulate: Simulate) -> None:
    script = Script()

    @script.request("INVITE")
    def fail(request: ServerRequest) -> None:
        request.reply(486)
        raise ValueError("afterwards")

    sim = simulate(script)
    assert a_call(sim).responses() == [486]
    assert [line.rpartition(".")[2] for line in failures(sim)] == ["fail: ValueError: afterwards"]


class MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError("not even this")


def test_an_exception_that_cannot_say_what_it_is_ends_its_handler_only(simulate: Simulate) -> None:
    """The text of an exception is the script's code too, and runs outside of its handler."""
    script = Script()

    @script.request("INVITE")
    def fail(request: ServerRequest) -> None:
        raise MuteError

    sim = simulate(script)
    assert a_call(sim).responses() == [500]
    assert only_failure(sim).fields["error"] == "MuteError"
    assert "__str__ raised" in only_failure(sim).text


def test_routes_that_nobody_waits_for_are_logged_too(simulate: Simulate) -> None:
    """A startup route and an event route that raise; the engine goes on."""
    script = Script()

    @script.startup
    async def start() -> None:
        raise ValueError("startup")

    @script.event("E_DOOR")
    def door(event: Event) -> None:
        raise KeyError(event.name)

    sim = simulate(script)
    sim.at(1.0, sim.raise_event, "E_DOOR")
    assert a_call(sim).responses() == [405]
    assert [line.rpartition(".")[2] for line in failures(sim)] == ["start: ValueError: startup", "door: KeyError: 'E_DOOR'"]


# Not answering.


@pytest.mark.parametrize("what", ["nothing", "100", "sleep", "job"])
def test_a_handler_that_ends_without_an_answer_is_500(simulate: Simulate, what: str) -> None:
    """Neither reply, relay nor wait; at the end of the handler, however late that is, or of the last job."""
    script = Script()

    @script.request("INVITE")
    async def forgetful(request: ServerRequest) -> None:
        if what == "100":
            request.new_transaction()
        elif what == "sleep":
            await sleep(2.0)
        elif what == "job":
            request.start(job)

    sim = simulate(script)
    sim.job(job, delay=2.0)
    alice = a_call(sim)
    assert alice.responses()[-1] == 500
    at = next(entry.time for entry in sim.trace.entries if entry.label.startswith("500"))
    assert at == (3.0 if what in ("sleep", "job") else 1.0)
    (line,) = logged(sim, "handler-ended")
    assert "ended without reply, relay or wait" in line.text


def test_a_REGISTER_or_MESSAGE_handler_that_forgets_to_answer_is_500(simulate: Simulate) -> None:
    """Without a call of its own too."""
    script = Script()

    @script.request("REGISTER", "MESSAGE")
    def forgetful(request: ServerRequest) -> None:
        """Forgets to save."""

    sim = simulate(script)
    alice = sim.phone("alice")
    sim.at(1.0, alice.register)
    sim.at(2.0, alice.request, "MESSAGE", "bob")
    sim.run(until=10.0)
    assert alice.responses("REGISTER") == [500]
    assert alice.responses("MESSAGE") == [500]
    assert len(logged(sim, "handler-ended")) == 2


def job() -> None:
    """Its end is up to the simulation."""


# Foreign awaits.


class Foreign:
    """An awaitable of some other library; it notices when it is given up."""

    def __init__(self) -> None:
        self.closed = False

    def __await__(self) -> Generator[str, None, None]:
        try:
            yield "something of another library"
        finally:
            self.closed = True


async def inner(foreign: Awaitable[Any]) -> None:
    await foreign  # inner line


def test_a_foreign_await_is_an_error_that_names_the_line_and_what_to_do(simulate: Simulate) -> None:
    """The handler is closed, so that its `finally` blocks run, and the caller gets a 500."""
    script = Script()
    foreign = Foreign()

    @script.request("INVITE")
    async def handler(request: ServerRequest) -> None:
        try:
            await inner(foreign)  # outer line
        finally:
            note("finally")

    sim = simulate(script)
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    noted(sim, 10.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  500 Server Internal Error (INVITE)
        1.000  * E_NOTE finally
        1.000  alice -> ebr  ACK sip:bob@example.org
        """
    )
    assert foreign.closed
    failure = only_failure(sim)
    assert "a foreign await in " in failure.text
    assert "a handler awaits only what ebr gives it; use call.run(...)" in failure.text
    assert f"({__file__}:{line_of('inner line')} in inner)" in failure.text
    assert frames_of(failure) == [(__file__, line_of("outer line"), "handler"), (__file__, line_of("inner line"), "inner")]


def test_asyncio_sleep_is_a_foreign_await() -> None:
    """The core drives its handlers itself, under asyncio too: the Future that asyncio.sleep yields is nothing to it."""
    script = Script()

    @script.request("INVITE")
    async def handler(request: ServerRequest) -> None:
        await asyncio.sleep(1.0)  # asyncio line

    async def main() -> Simulation:
        sim = Simulation(script)
        assert a_call(sim).responses() == [500]
        return sim

    sim = asyncio.run(main())
    failure = only_failure(sim)
    assert "a foreign await in " in failure.text
    assert "use call.run(...)" in failure.text
    assert frames_of(failure)[0] == (__file__, line_of("asyncio line"), "handler")
    sim.run()
    assert not any(sim.engine.sizes().values())


def test_one_wait_is_awaited_by_one_handler(simulate: Simulate) -> None:
    """A second one that awaits it is told so; the first goes on."""
    script = Script()
    shared: list[Awaitable[object]] = []

    @script.startup
    async def first() -> None:
        shared.append(verbs.wait_for_event("E_DOOR"))
        note("first", (await shared[0]) is not None)

    @script.startup
    async def second() -> None:
        await shared[0]

    sim = simulate(script)
    sim.at(1.0, sim.raise_event, "E_DOOR")
    noted(sim, 5.0)
    sim.expect("1.000 * E_NOTE first True")
    (failure,) = failures(sim)
    assert "LocalProtocolError: a wait that another handler awaits already in " in failure
    shared.clear()


# Loops.


@pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async def"])
def test_events_that_raise_each_other_are_cut_after_100_generations(simulate: Simulate, asynchronous: bool) -> None:
    """The hundred-and-first is not raised; it is counted and logged, and the next chain starts afresh."""
    script = Script()
    depths: list[object] = []

    def ping(event: Event) -> None:
        depths.append(event[0])
        verbs.raise_event("E_PING", [len(depths)])

    async def async_ping(event: Event) -> None:
        ping(event)

    script.event("E_PING")(async_ping if asynchronous else ping)
    sim = simulate(script)
    for _ in range(2):
        depths.clear()
        sim.raise_event("E_PING", [0])
        sim.run(until=sim.now + 1.0)
        assert depths == list(range(101))
    assert sim.engine.counters["events.cut"] == 2
    assert [line.text for line in logged(sim, "event-chain")] == ["E_PING not raised: 100 events have each raised the next"] * 2


def test_a_chain_by_way_of_waits_is_cut_too(simulate: Simulate) -> None:
    """Two handlers that wake each other: the wait passes the generation on."""
    script = Script()
    woken: list[str] = []

    def waker(own: str, others: str) -> None:
        @script.startup
        async def wake() -> None:
            while await verbs.wait_for_event(own, timeout=5.0) is not None:
                woken.append(own)
                verbs.raise_event(others)

    waker("E_LEFT", "E_RIGHT")
    waker("E_RIGHT", "E_LEFT")
    sim = simulate(script, config=Config(max_generations=20))
    sim.at(1.0, sim.raise_event, "E_LEFT")
    sim.run(until=20.0)
    assert woken == ["E_LEFT", "E_RIGHT"] * 10 + ["E_LEFT"]
    assert sim.engine.counters["events.cut"] == 1


@pytest.mark.parametrize("pause", ["sleep", "job"])
def test_a_chain_that_takes_its_time_is_no_loop(simulate: Simulate, pause: str) -> None:
    """Each link waits for the clock or for the outside, so nothing is held up, and it may go on for ever."""
    script = Script()
    count: list[object] = []

    @script.event("E_POLL")
    async def poll(event: Event) -> None:
        count.append(event[0])
        await (sleep(0.5) if pause == "sleep" else verbs.run(job))
        if len(count) < 50:
            verbs.raise_event("E_POLL", [len(count)])

    sim = simulate(script, config=Config(max_generations=3))
    sim.job(job, delay=0.5)
    sim.raise_event("E_POLL", [0])
    sim.run(until=100.0)
    assert count == list(range(50))
    assert logged(sim, "event-chain") == []
