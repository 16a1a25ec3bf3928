"""Suspended calls, rows W5 and W6 of the corner cases: who is served first, and that no registration falls between two steps."""

import pytest

from ebr_conformance.phones import Phone
from ebr_conformance.scripts import wait_for_event
from ebr_conformance.simulation import Simulation
from ebr_core import Call, Event, Script, ServerRequest, sleep
from notes import note, noted, verbs
from row_scripts import Simulate, registrar_script


def a_call_to_nobody(sim: Simulation) -> Phone:
    """Alice calls Bob, who has no phone, at 1.0."""
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    return alice


def fork_script(timeout: float, before: float = 0.0) -> Script:
    """Rings Bob by ``fork_to``, after a job of the call that takes as long as the simulation says."""
    script = registrar_script()

    @script.request("INVITE")
    async def fork(request: ServerRequest) -> None:
        call = request.new_transaction()
        if before:
            await sleep(before)
        call.fork_to(request.aor, timeout)

    return script


# W5


@pytest.mark.parametrize("budget", [1, 64])
def test_W5_several_waiters_are_served_oldest_first(simulate: Simulate, budget: int) -> None:
    """W5: three callers wait for Bob; his registration serves all, in the order in which they began to wait."""
    sim = simulate(wait_for_event.script, budget=budget)
    callers = [sim.phone(name) for name in ("carol", "alice", "dave")]
    bob = sim.phone("bob", rings=None)
    for at, caller in enumerate(callers, 1):
        sim.at(float(at), caller.invite, "bob")
    sim.at(5.0, bob.register)
    sim.run(until=5.1)
    sim.expect(
        """
        5.000  bob -> ebr  REGISTER sip:example.org
        5.000  ebr -> bob  200 OK (REGISTER)
        5.000  ebr -> bob  INVITE sip:bob@192.0.2.14:5060
        5.000  ebr -> bob  INVITE sip:bob@192.0.2.14:5060
        5.000  ebr -> bob  INVITE sip:bob@192.0.2.14:5060
        """,
        since=5.0,
    )
    assert [invite.from_.parse_uri().user for invite in bob.requests("INVITE")] == ["carol", "alice", "dave"]


def test_W5_waiters_and_notification_routes_share_one_order(simulate: Simulate) -> None:
    """W5: whatever kind of subscriber it is, the older is first."""
    script = Script()

    @script.startup
    async def start() -> None:
        verbs.notify_on_event("E_DOOR", None, _second, timeout=9.0)
        waits = [verbs.wait_for_event("E_DOOR") for _ in range(2)]
        verbs.notify_on_event("E_DOOR", None, _fourth, timeout=9.0)
        for wait in waits:
            event = await wait
            note("third", event["key"] if event is not None else None)

    @script.event("E_DOOR")
    def first(event: Event) -> None:
        note("first", event["key"])

    sim = simulate(script)
    sim.at(1.0, sim.raise_event, "E_DOOR", {"key": 1})
    noted(sim, 20.0)
    # A waiter is resumed in its turn of the ready queue, behind the deliveries of the same event.
    sim.expect(
        """
        1.000  * E_NOTE first 1
        1.000  * E_NOTE second 1
        1.000  * E_NOTE fourth 1
        1.000  * E_NOTE third 1
        1.000  * E_NOTE third 1
        """
    )


def _second(event: Event, call: Call | None) -> None:
    assert call is None
    note("second", event["key"])


def _fourth(event: Event, call: Call | None) -> None:
    assert call is None
    note("fourth", event["key"])


# W6


@pytest.mark.parametrize("budget", [1, 2, 64])
@pytest.mark.parametrize("first", ["INVITE", "REGISTER"])
@pytest.mark.parametrize("documented", [True, False], ids=["wait_for_event", "fork_to"])
def test_W6_a_REGISTER_in_the_instant_of_the_INVITE_is_not_lost(
    simulate: Simulate, budget: int, first: str, documented: bool
) -> None:
    """W6: whichever was first, and however the steps are cut: look-up and subscription are one of them."""
    sim = simulate(wait_for_event.script if documented else fork_script(20.0), budget=budget)
    alice, bob = sim.phone("alice"), sim.phone("bob", rings=None, answers=0.25)
    if first == "INVITE":
        sim.at(1.0, alice.invite, "bob")
        sim.at(1.0, bob.register)
    else:
        sim.at(1.0, bob.register)
        sim.at(1.0, alice.invite, "bob")
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        1.250  bob -> ebr    200 OK (INVITE)
        1.250  ebr -> alice  200 OK (INVITE)
        1.250  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        1.250  ebr -> bob    ACK sip:bob@192.0.2.12:5060
        """,
        hide=("REGISTER", "100"),
    )


def test_W6_who_registers_while_the_handler_waits_for_something_else_is_found(simulate: Simulate) -> None:
    """W6: `fork_to` looks up when it subscribes, so what came before it is rung too, and what comes after it."""
    sim = simulate(fork_script(20.0, before=2.0))
    a_call_to_nobody(sim)
    desk, mobile = sim.phone("desk", user="bob"), sim.phone("mobile", user="bob", rings=None, answers=0.25)
    sim.at(2.0, desk.register)
    sim.at(22.0, mobile.register)
    sim.run(until=60.0)
    sim.expect(
        """
         1.000  alice -> ebr   INVITE sip:bob@example.org
         1.000  ebr -> alice   100 Trying (INVITE)
         3.000  ebr -> desk    INVITE sip:bob@192.0.2.12:5060
         3.000  desk -> ebr    180 Ringing (INVITE)
         3.000  ebr -> alice   180 Ringing (INVITE)
        22.000  ebr -> mobile  INVITE sip:bob@192.0.2.13:5060
        22.250  mobile -> ebr  200 OK (INVITE)
        22.250  ebr -> alice   200 OK (INVITE)
        22.250  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        22.250  alice -> ebr   ACK sip:bob@192.0.2.13:5060
        22.250  desk -> ebr    200 OK (CANCEL)
        22.250  desk -> ebr    487 Request Terminated (INVITE)
        22.250  ebr -> mobile  ACK sip:bob@192.0.2.13:5060
        22.250  ebr -> desk    ACK sip:bob@192.0.2.12:5060
        """,
        hide=("REGISTER",),
    )


@pytest.mark.parametrize(("registers", "statuses"), [(40.999, [100, 200]), (41.0, [100, 480])])
def test_W6_a_REGISTER_at_the_very_end_of_a_wait(simulate: Simulate, registers: float, statuses: list[int]) -> None:
    """W6: the last millisecond counts; at the instant itself the wait, which was first, is over."""
    sim = simulate(wait_for_event.script)
    alice = a_call_to_nobody(sim)
    bob = sim.phone("bob", rings=None, answers=0.25)
    sim.at(registers, bob.register)
    sim.run(until=60.0)
    assert alice.responses() == statuses
    assert len(bob.requests("INVITE")) == (1 if 200 in statuses else 0)


@pytest.mark.parametrize("budget", [1, 64])
def test_W6_fork_to_rings_until_its_last_millisecond(simulate: Simulate, budget: int) -> None:
    """W6: a phone that registers 1 ms before the end is rung, and the call then waits for what it says."""
    sim = simulate(fork_script(20.0), budget=budget)
    alice = a_call_to_nobody(sim)
    bob = sim.phone("bob", rings=None, answers=3.0)
    late = sim.phone("late", user="bob", answers=1.0)
    sim.at(20.999, bob.register)
    sim.at(21.0, late.register)
    sim.run(until=60.0)
    assert alice.responses() == [100, 200]
    assert (len(bob.requests("ACK")), late.requests("INVITE")) == (1, [])


@pytest.mark.parametrize("callee", ["bob@example.org", "sip:bob@example.org;user=phone", "<sip:bob@EXAMPLE.org>"])
def test_W6_fork_to_takes_a_uri_too_and_hears_of_its_registrations(simulate: Simulate, callee: str) -> None:
    """W6: look-up and subscription are about the same address, however it is written."""
    script = registrar_script()

    @script.request("INVITE")
    def fork(request: ServerRequest) -> None:
        request.new_transaction().fork_to(callee, 20.0)

    sim = simulate(script)
    alice = a_call_to_nobody(sim)
    sim.at(5.0, sim.phone("bob", answers=1.0).register)
    sim.run(until=60.0)
    assert alice.responses() == [100, 180, 200]
