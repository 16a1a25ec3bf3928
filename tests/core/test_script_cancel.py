"""Cancelled: what a suspended handler goes through when its transaction ends, and handlers that do not want to hear of it."""

from collections.abc import Callable

import pytest

from ebr_conformance.phones import Phone
from ebr_conformance.simulation import Simulation
from ebr_core import CancelJob, Cancelled, Script, ServerRequest, StartJob, sleep
from notes import failures, logged, note, noted
from row_scripts import Simulate


def a_cancelled_call(sim: Simulation, at: float = 2.0) -> Phone:
    """Alice calls Bob at 1.0 and gives up at ``at``."""
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    sim.at(at, alice.cancel)
    return alice


def job() -> None:
    """Its end is up to the simulation."""


@pytest.mark.parametrize("what", ["event", "sleep", "job"])
def test_each_kind_of_wait_is_cancelled(simulate: Simulate, what: str) -> None:
    script = Script()

    @script.request("INVITE")
    async def wait(request: ServerRequest) -> None:
        call = request.new_transaction()
        try:
            if what == "event":
                await call.wait_for_event("E_DOOR", timeout=10.0)
            elif what == "sleep":
                await sleep(10.0)
            else:
                await call.run(job)
        except Cancelled:
            note("cancelled")
            raise
        finally:
            note("finally")

    sim = simulate(script)
    sim.job(job, delay=10.0)
    a_cancelled_call(sim)
    noted(sim, 20.0)
    sim.expect(
        """
        2.000  alice -> ebr  CANCEL sip:bob@example.org
        2.000  ebr -> alice  200 OK (CANCEL)
        2.000  ebr -> alice  487 Request Terminated (INVITE)
        2.000  * E_NOTE cancelled
        2.000  * E_NOTE finally
        2.000  alice -> ebr  ACK sip:bob@example.org
        """,
        since=2.0,
    )
    actions = [action for _, _, actions in sim.record for action in actions]
    assert (CancelJob(2) in actions) == (what == "job")
    assert failures(sim) == []


def test_what_is_under_way_and_not_awaited_is_cancelled_too(simulate: Simulate) -> None:
    """A job and a wait that began before the one that is awaited; a started job goes on."""
    script = Script()

    @script.request("INVITE")
    async def wait(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.run(job)
        call.wait_for_event("E_DOOR", timeout=30.0)
        call.start(job)
        await sleep(30.0)

    sim = simulate(script)
    sim.job(job, delay=5.0)
    a_cancelled_call(sim)
    sim.run(until=2.5)
    actions = [action for _, _, actions in sim.record for action in actions]
    assert [action.job for action in actions if isinstance(action, StartJob)] == [2, 4]
    assert [action.job for action in actions if isinstance(action, CancelJob)] == [2]
    sizes = sim.engine.sizes()
    assert (sizes["jobs"], sizes["subscriptions"], sizes["handlers"]) == (1, 0, 0)


def test_later_waits_raise_again_and_start_nothing(simulate: Simulate) -> None:
    """Whatever a cancelled handler begins, by whatever verb, does not begin."""
    script = Script()

    @script.request("INVITE")
    async def wait(request: ServerRequest) -> None:
        call = request.new_transaction()
        try:
            await sleep(10.0)
        except Cancelled:
            note("cancelled")
        begins: dict[str, Callable[[], object]] = {
            "sleep": lambda: sleep(1.0),
            "event": lambda: call.wait_for_event("E_DOOR"),
            "run": lambda: call.run(job),
            "start": lambda: call.start(job),
            "notify": lambda: call.notify_on_event("E_DOOR", None, print),
        }
        for name, begin in begins.items():
            try:
                begin()
            except Cancelled:
                note(name)
        note(call.relay([]), call.reply(200), call.inject_branches([]))

    sim = simulate(script)
    a_cancelled_call(sim)
    noted(sim, 20.0)
    sim.expect(
        """
        2.000  * E_NOTE cancelled
        2.000  * E_NOTE sleep
        2.000  * E_NOTE event
        2.000  * E_NOTE run
        2.000  * E_NOTE start
        2.000  * E_NOTE notify
        2.000  * E_NOTE 0 False 0
        """,
        hide=("INVITE", "CANCEL", "ACK"),
    )
    assert sim.jobs_started == []
    assert failures(sim) == []


@pytest.mark.parametrize("kind", ["sleep", "event", "job"])
def test_a_loop_that_swallows_Cancelled_is_bounded(simulate: Simulate, kind: str) -> None:
    """It is closed after a hundred, the caller has had the 487 long before, and the log says which handler it was."""
    script = Script()

    @script.request("INVITE")
    async def stubborn(request: ServerRequest) -> None:
        call = request.new_transaction()
        while True:
            try:
                if kind == "sleep":
                    await sleep(1.0)
                elif kind == "event":
                    await call.wait_for_event("E_DOOR", timeout=1.0)
                else:
                    await call.run(job)
            except Cancelled:
                pass

    sim = simulate(script)
    sim.job(job, delay=10.0)
    alice = a_cancelled_call(sim, 4.5)
    sim.run(until=20.0)
    assert alice.responses() == [100, 487]
    (failure,) = failures(sim)
    assert failure.endswith("stubborn goes on waiting although it is cancelled")
    assert sim.engine.sizes()["handlers"] == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python itself complains of such a coroutine
def test_a_loop_that_swallows_everything_is_bounded() -> None:
    """Not even GeneratorExit ends it; it is let go all the same."""
    script = Script()

    @script.request("INVITE")
    async def stubborn(request: ServerRequest) -> None:
        while True:
            try:
                await sleep(1.0)
            except BaseException:
                pass

    sim = Simulation(script)
    alice = a_cancelled_call(sim, 4.5)
    sim.run(until=20.0)
    assert alice.responses() == [100, 487]
    assert len(failures(sim)) == 1
    sim.run()
    assert not any(sim.engine.sizes().values())


def test_except_Exception_does_not_swallow_it(simulate: Simulate) -> None:
    script = Script()

    @script.request("INVITE")
    async def careful(request: ServerRequest) -> None:
        while True:
            try:
                await sleep(1.0)
            except Exception as error:
                note(error)

    sim = simulate(script)
    alice = a_cancelled_call(sim, 4.5)
    sim.run(until=20.0)
    assert alice.responses() == [100, 487]
    assert failures(sim) == []
    assert [line.text.rpartition(".")[2] for line in logged(sim, "handler-cancelled")] == ["careful ended with its transaction"]


def test_an_error_while_it_is_cancelled_is_logged(simulate: Simulate) -> None:
    script = Script()

    @script.request("INVITE")
    async def clumsy(request: ServerRequest) -> None:
        try:
            await sleep(10.0)
        finally:
            raise ValueError("in finally")

    sim = simulate(script)
    alice = a_cancelled_call(sim)
    sim.run(until=20.0)
    assert alice.responses() == [100, 487]
    assert [line.rpartition(".")[2] for line in failures(sim)] == ["clumsy: ValueError: in finally"]


def test_an_answer_of_a_phone_cancels_the_handler_that_still_waits(simulate: Simulate) -> None:
    """The transaction ends with any final response; what the handler waited for is of no use any more."""
    script = Script()

    @script.request("INVITE")
    async def route(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.relay("sip:bob@192.0.2.12:5060", anywhere=True)
        try:
            await call.run(job)
        finally:
            note("finally")

    sim = simulate(script)
    sim.job(job, delay=10.0)
    sim.at(1.0, sim.phone("alice").invite, "bob")
    sim.phone("bob", rings=None, answers=0.25)
    noted(sim, 20.0)
    sim.expect(
        """
        1.250  bob -> ebr    200 OK (INVITE)
        1.250  ebr -> alice  200 OK (INVITE)
        1.250  * E_NOTE finally
        """,
        hide=("ACK",),
        since=1.1,
    )


def test_a_handler_that_answered_may_go_on_with_what_is_not_the_calls(simulate: Simulate) -> None:
    """It replied itself and then sleeps: nothing to cancel. What would be the call's raises Cancelled."""
    script = Script()

    @script.request("INVITE")
    async def route(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.reply(486)
        await sleep(20.0)
        note("slept")
        try:
            await call.run(job)
        except Cancelled:
            note("too late")
            raise

    sim = simulate(script)
    sim.at(1.0, sim.phone("alice").invite, "bob")
    noted(sim, 30.0)
    sim.expect(
        """
         1.000  alice -> ebr  INVITE sip:bob@example.org
         1.000  ebr -> alice  100 Trying (INVITE)
         1.000  ebr -> alice  486 Busy Here (INVITE)
         1.000  alice -> ebr  ACK sip:bob@example.org
        21.000  * E_NOTE slept
        21.000  * E_NOTE too late
        """
    )
    assert failures(sim) == []


def test_shutdown_runs_finally_blocks(simulate: Simulate) -> None:
    """503 to who still waits, Cancelled into the handlers of calls and into those of nobody."""
    script = Script()

    @script.startup
    async def forever() -> None:
        try:
            await sleep(1e6)
        finally:
            note("startup ends")

    @script.request("INVITE")
    async def wait(request: ServerRequest) -> None:
        try:
            await request.wait_for_event("E_DOOR")
        finally:
            note("call ends")

    sim = simulate(script)
    sim.at(1.0, sim.phone("alice").invite, "bob")
    sim.at(2.0, sim.shutdown, 3.0)
    noted(sim, 20.0)
    sim.expect(
        """
        5.000  ebr -> alice  503 Service Unavailable (INVITE)
        5.000  * E_NOTE startup ends
        5.000  * E_NOTE call ends
        5.000  alice -> ebr  ACK sip:bob@example.org
        """,
        since=2.0,
    )
    assert sim.stopped
