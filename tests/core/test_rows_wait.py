"""Suspended calls, rows W1 to W4 of the corner cases: a handler that waits for an event, and everything that may come first."""

import pytest

from ebr_conformance.phones import Phone
from ebr_conformance.scripts import wait_for_event
from ebr_conformance.simulation import Simulation
from ebr_core import Config, Script, ServerRequest, sleep
from notes import failures, note, noted, verbs
from row_scripts import Simulate, registrar_script


def a_call_to_nobody(sim: Simulation) -> Phone:
    """Alice calls Bob, who has no phone, at 1.0."""
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    return alice


def waiting_script(timeout: float | None = 10.0, *, finally_waits: bool = False) -> Script:
    """Each INVITE waits for E_DOOR, notes how that went, and is answered 486 (it came) or 480 (it did not)."""
    script = registrar_script()

    @script.request("INVITE")
    async def wait(request: ServerRequest) -> None:
        call = request.new_transaction()
        note("waits", request.caller)
        try:
            event = await call.wait_for_event("E_DOOR", timeout=timeout)
            note("gets", None if event is None else event["key"])
            call.reply(480 if event is None else 486)
        finally:
            note("finally")
            if finally_waits:
                await call.wait_for_event("E_DOOR")
                note("never")

    return script


# The documented script.


def test_the_wait_for_event_script_rings_who_comes_in_time(simulate: Simulate) -> None:
    """Bob is not there, registers 24 s later, and answers."""
    sim = simulate(wait_for_event.script)
    alice = a_call_to_nobody(sim)
    bob = sim.phone("bob", answers=2.0)
    sim.at(25.0, bob.register)
    sim.at(30.0, alice.bye)
    sim.run(until=60.0)
    sim.expect(
        """
         1.000  alice -> ebr  INVITE sip:bob@example.org
         1.000  ebr -> alice  100 Trying (INVITE)
        25.000  bob -> ebr    REGISTER sip:example.org
        25.000  ebr -> bob    200 OK (REGISTER)
        25.000  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        25.000  bob -> ebr    180 Ringing (INVITE)
        25.000  ebr -> alice  180 Ringing (INVITE)
        27.000  bob -> ebr    200 OK (INVITE)
        27.000  ebr -> alice  200 OK (INVITE)
        27.000  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        27.000  ebr -> bob    ACK sip:bob@192.0.2.12:5060
        30.000  alice -> ebr  BYE sip:bob@192.0.2.12:5060
        30.000  ebr -> bob    BYE sip:bob@192.0.2.12:5060
        30.000  bob -> ebr    200 OK (BYE)
        30.000  ebr -> alice  200 OK (BYE)
        """
    )


def test_the_wait_for_event_script_does_not_wait_for_who_is_there(simulate: Simulate) -> None:
    """Bob has registered before: nobody subscribes to anything."""
    sim = simulate(wait_for_event.script)
    alice, bob = sim.phone("alice"), sim.phone("bob", rings=None, answers=0.25)
    sim.at(0.0, bob.register)
    sim.at(1.0, alice.invite, "bob")
    sim.run(until=1.1)
    assert sim.engine.sizes()["subscriptions"] == 0
    sim.run(until=60.0)
    assert alice.responses() == [100, 200]


# W1


def test_W1_a_CANCEL_ends_a_suspended_call_at_once(simulate: Simulate) -> None:
    """W1: 200 and 487 at once, not when the wait would have ended."""
    sim = simulate(wait_for_event.script)
    alice = a_call_to_nobody(sim)
    sim.at(8.5, alice.cancel)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        8.500  alice -> ebr  CANCEL sip:bob@example.org
        8.500  ebr -> alice  200 OK (CANCEL)
        8.500  ebr -> alice  487 Request Terminated (INVITE)
        8.500  alice -> ebr  ACK sip:bob@example.org
        """
    )
    assert sim.engine.sizes()["subscriptions"] == 0


@pytest.mark.parametrize("finally_waits", [False, True], ids=["plain", "waiting"])
def test_W1_finally_blocks_run_and_a_wait_in_them_starts_nothing(simulate: Simulate, finally_waits: bool) -> None:
    """W1: the wait is cancelled and `finally` runs; a wait begun there raises Cancelled again, and subscribes to nothing."""
    sim = simulate(waiting_script(finally_waits=finally_waits))
    alice = a_call_to_nobody(sim)
    sim.at(3.0, alice.cancel)
    sim.at(4.0, sim.raise_event, "E_DOOR", {"key": 1})
    noted(sim, 60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  * E_NOTE waits alice@example.org
        3.000  alice -> ebr  CANCEL sip:bob@example.org
        3.000  ebr -> alice  200 OK (CANCEL)
        3.000  ebr -> alice  487 Request Terminated (INVITE)
        3.000  * E_NOTE finally
        3.000  alice -> ebr  ACK sip:bob@example.org
        """
    )
    assert failures(sim) == []


def test_W1_a_CANCEL_before_the_handler_has_begun(simulate: Simulate) -> None:
    """W1: INVITE and CANCEL are taken in one instant, and the handler's turn comes after both: it never starts."""
    sim = simulate(waiting_script(), budget=1)
    alice, carol = sim.phone("alice"), sim.phone("carol")
    # Carol's INVITE takes the one step of the first handle, her note the next; Alice's waits behind them.
    sim.at(1.0, carol.invite, "bob")
    sim.at(1.0, alice.invite, "bob")
    sim.at(1.0, alice.cancel)
    sim.at(2.0, carol.cancel)
    noted(sim, 60.0)
    sim.expect(
        """
        1.000  carol -> ebr  INVITE sip:bob@example.org
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  alice -> ebr  CANCEL sip:bob@example.org
        1.000  ebr -> carol  100 Trying (INVITE)
        1.000  * E_NOTE waits carol@example.org
        1.000  ebr -> alice  200 OK (CANCEL)
        1.000  ebr -> alice  487 Request Terminated (INVITE)
        1.000  alice -> ebr  ACK sip:bob@example.org
        2.000  carol -> ebr  CANCEL sip:bob@example.org
        2.000  ebr -> carol  200 OK (CANCEL)
        2.000  ebr -> carol  487 Request Terminated (INVITE)
        2.000  * E_NOTE finally
        2.000  carol -> ebr  ACK sip:bob@example.org
        """
    )


def test_W1_a_CANCEL_and_the_event_in_one_instant(simulate: Simulate) -> None:
    """W1: whichever was first counts. After the CANCEL the event finds nobody; after the event the CANCEL finds a 486."""
    sim = simulate(waiting_script())
    alice = a_call_to_nobody(sim)
    sim.at(3.0, alice.cancel)
    sim.at(3.0, sim.at, 3.0, sim.raise_event, "E_DOOR", {"key": 1})  # once the CANCEL has arrived
    sim.at(11.0, alice.invite, "bob")
    sim.at(13.0, sim.raise_event, "E_DOOR", {"key": 2})
    sim.at(13.0, alice.cancel)
    noted(sim, 60.0)
    sim.expect(
        """
         3.000  alice -> ebr  CANCEL sip:bob@example.org
         3.000  ebr -> alice  200 OK (CANCEL)
         3.000  ebr -> alice  487 Request Terminated (INVITE)
         3.000  * E_NOTE finally
         3.000  alice -> ebr  ACK sip:bob@example.org
        11.000  alice -> ebr  INVITE sip:bob@example.org
        11.000  ebr -> alice  100 Trying (INVITE)
        11.000  * E_NOTE waits alice@example.org
        13.000  ebr -> alice  486 Busy Here (INVITE)
        13.000  * E_NOTE gets 2
        13.000  * E_NOTE finally
        13.000  alice -> ebr  CANCEL sip:bob@example.org
        13.000  alice -> ebr  ACK sip:bob@example.org
        13.000  ebr -> alice  200 OK (CANCEL)
        """,
        since=3.0,
    )


# W2


@pytest.mark.parametrize(("timeout", "ends"), [(10.0, "11.000"), (0.001, "1.001"), (2.3456, "3.346")])
def test_W2_a_wait_ends_exactly_and_gives_None(simulate: Simulate, timeout: float, ends: str) -> None:
    """W2: not an event with null values, but None; on the first whole millisecond that is not too early."""
    sim = simulate(waiting_script(timeout))
    a_call_to_nobody(sim)
    noted(sim, 60.0)
    sim.expect(
        f"""
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  * E_NOTE waits alice@example.org
        {ends} ebr -> alice  480 Temporarily Unavailable (INVITE)
        {ends} * E_NOTE gets None
        {ends} * E_NOTE finally
        {ends} alice -> ebr  ACK sip:bob@example.org
        """
    )


def test_W2_the_documented_script_gives_up_after_its_40_seconds(simulate: Simulate) -> None:
    """W2: 480 at 41.000, and the registration a moment later finds nobody waiting."""
    sim = simulate(wait_for_event.script)
    a_call_to_nobody(sim)
    bob = sim.phone("bob")
    sim.at(41.001, bob.register)
    sim.run(until=60.0)
    sim.expect(
        """
         1.000  alice -> ebr  INVITE sip:bob@example.org
         1.000  ebr -> alice  100 Trying (INVITE)
        41.000  ebr -> alice  480 Temporarily Unavailable (INVITE)
        41.000  alice -> ebr  ACK sip:bob@example.org
        41.001  bob -> ebr    REGISTER sip:example.org
        41.001  ebr -> bob    200 OK (REGISTER)
        """
    )


def test_W2_an_event_without_attributes_is_not_a_timeout(simulate: Simulate) -> None:
    """W2: an event with a null value, or with no values at all, is an event."""
    script = Script()

    @script.request("INVITE")
    async def wait(request: ServerRequest) -> None:
        call = request.new_transaction()
        note(repr(await call.wait_for_event("E_DOOR", timeout=5.0)))
        note(repr(await call.wait_for_event("E_DOOR", timeout=5.0)))
        note(repr(await call.wait_for_event("E_DOOR", timeout=5.0)))
        call.reply(480)

    sim = simulate(script)
    a_call_to_nobody(sim)
    sim.at(2.0, sim.raise_event, "E_DOOR", {"key": None})
    sim.at(3.0, sim.raise_event, "E_DOOR")
    noted(sim, 60.0)
    sim.expect(
        """
        2.000  * E_NOTE Event(name='E_DOOR', names=('key',), values=(None,))
        3.000  * E_NOTE Event(name='E_DOOR', names=None, values=())
        8.000  ebr -> alice  480 Temporarily Unavailable (INVITE)
        8.000  * E_NOTE None
        8.000  alice -> ebr  ACK sip:bob@example.org
        """,
        since=2.0,
    )


# W3


def test_W3_the_INVITE_timer_does_not_run_while_suspended(simulate: Simulate) -> None:
    """W3: fr_inv_timeout, fr_timeout and Timer C count a branch's time, and there is no branch."""
    sim = simulate(waiting_script(290.0), config=Config(fr_timeout=2.0, fr_inv_timeout=5.0, timer_c=30.0))
    a_call_to_nobody(sim)
    sim.run(until=400.0)
    sim.expect(
        """
          1.000  alice -> ebr  INVITE sip:bob@example.org
          1.000  ebr -> alice  100 Trying (INVITE)
         61.000  ebr -> alice  182 Queued (INVITE)
        121.000  ebr -> alice  182 Queued (INVITE)
        181.000  ebr -> alice  182 Queued (INVITE)
        241.000  ebr -> alice  182 Queued (INVITE)
        291.000  ebr -> alice  480 Temporarily Unavailable (INVITE)
        291.000  alice -> ebr  ACK sip:bob@example.org
        """
    )


@pytest.mark.parametrize("timeout", [None, 40.0], ids=["without", "longer"])
def test_W3_the_limit_on_a_suspension_ends_the_call(simulate: Simulate, timeout: float | None) -> None:
    """W3: max_suspension counts for a wait without a timeout, and for one with a longer one; nobody catches the error: 500."""
    sim = simulate(waiting_script(timeout), config=Config(max_suspension=20.0))
    a_call_to_nobody(sim)
    noted(sim, 60.0)
    sim.expect(
        """
         1.000  alice -> ebr  INVITE sip:bob@example.org
         1.000  ebr -> alice  100 Trying (INVITE)
         1.000  * E_NOTE waits alice@example.org
        21.000  ebr -> alice  500 Server Internal Error (INVITE)
        21.000  * E_NOTE finally
        21.000  alice -> ebr  ACK sip:bob@example.org
        """
    )
    assert failures(sim) == [
        "waiting_script.<locals>.wait: TimeoutError: the handler was suspended for longer than max_suspension"
    ]


def stuck() -> None:
    """A job; its end is up to the simulation."""


@pytest.mark.parametrize("what", ["event", "sleep", "job"])
def test_W3_a_handler_may_catch_the_limit(simulate: Simulate, what: str) -> None:
    """W3: TimeoutError at every kind of wait, on its millisecond; what was waited for is over, and no longer counted."""
    script = Script()

    @script.request("INVITE")
    async def wait(request: ServerRequest) -> None:
        call = request.new_transaction()
        try:
            if what == "event":
                await call.wait_for_event("E_DOOR")
            elif what == "sleep":
                await sleep(1000.0)
            else:
                await call.run(stuck)
        except TimeoutError:
            note("too long")
            call.reply(486)

    sim = simulate(script, config=Config(max_suspension=7.5))
    sim.job(stuck, delay=50.0)
    a_call_to_nobody(sim)
    noted(sim, 60.0)
    sim.expect(
        """
        8.500  ebr -> alice  486 Busy Here (INVITE)
        8.500  * E_NOTE too long
        8.500  alice -> ebr  ACK sip:bob@example.org
        """,
        since=2.0,
    )


def test_W3_the_limit_is_for_all_waits_together(simulate: Simulate) -> None:
    """W3: a handler that waits again and again is suspended no longer in all than one that waits once."""
    script = Script()

    @script.request("INVITE")
    async def wait(request: ServerRequest) -> None:
        while True:
            await sleep(2.0)

    sim = simulate(script, config=Config(max_suspension=7.0))
    a_call_to_nobody(sim)
    noted(sim, 60.0)
    sim.expect(
        """
        8.000  ebr -> alice  500 Server Internal Error (INVITE)
        8.000  alice -> ebr  ACK sip:bob@example.org
        """,
        since=2.0,
    )
    assert failures(sim) == [
        "test_W3_the_limit_is_for_all_waits_together.<locals>.wait: TimeoutError: the handler was suspended for longer than"
        " max_suspension"
    ]


def test_W3_a_wait_of_nobodys_call_has_no_limit(simulate: Simulate) -> None:
    """W3: the limit is for requests, which somebody waits for; a startup route waits as long as it likes."""
    script = Script()

    @script.startup
    async def wait() -> None:
        await verbs.wait_for_event("E_DOOR")
        note("open")

    sim = simulate(script, config=Config(max_suspension=5.0))
    sim.at(500.0, sim.raise_event, "E_DOOR")
    noted(sim, 600.0)
    sim.expect("500.000 * E_NOTE open")


# W4


def test_W4_a_retransmitted_INVITE_gets_the_100_again(simulate: Simulate) -> None:
    """W4: the transaction absorbs it; the handler starts once, and the caller gets one final answer."""
    sim = simulate(waiting_script())
    alice = a_call_to_nobody(sim)
    sim.at(1.5, alice.resend)
    sim.at(2.5, alice.resend)
    sim.at(4.0, sim.raise_event, "E_DOOR", {"key": 7})
    noted(sim, 60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  * E_NOTE waits alice@example.org
        1.500  alice -> ebr  INVITE sip:bob@example.org
        1.500  ebr -> alice  100 Trying (INVITE)
        2.500  alice -> ebr  INVITE sip:bob@example.org
        2.500  ebr -> alice  100 Trying (INVITE)
        4.000  ebr -> alice  486 Busy Here (INVITE)
        4.000  * E_NOTE gets 7
        4.000  * E_NOTE finally
        4.000  alice -> ebr  ACK sip:bob@example.org
        """
    )
