"""Push calls, rows P1 to P4 of the corner cases: how long a call is held, and what it ends with."""

import pytest

from ebr_conformance.phones import Phone
from ebr_conformance.scripts import push_notification
from ebr_conformance.simulation import Simulation
from ebr_core import Call, Config, Event, ServerRequest, sleep
from ebr_core.message import Response
from row_scripts import Simulate, at_home, push_script, registrar_script

REGISTRATIONS = ("REGISTER",)


def a_call_to_nobody(sim: Simulation) -> Phone:
    """Alice calls Bob, who has no phone, at 1.0."""
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    return alice


def expect_408(sim: Simulation, time: str) -> None:
    """The caller hears 100 at once and 408 at ``time``, and nothing else."""
    sim.run(until=400.0)
    sim.expect(
        f"""
        1.000   alice -> ebr  INVITE sip:bob@example.org
        1.000   ebr -> alice  100 Trying (INVITE)
        {time}  ebr -> alice  408 Request Timeout (INVITE)
        {time}  alice -> ebr  ACK sip:bob@example.org
        """
    )


# P1


def test_P1_nobody_registers_and_the_wait_ends_at_its_timeout(simulate: Simulate) -> None:
    """P1: 408 on the exact millisecond when the wait ends; the push went out at once."""
    sim = simulate(push_notification.script)
    a_call_to_nobody(sim)
    expect_408(sim, "21.000")
    assert sim.jobs_started == [(1.0, "send_push", ("bob@example.org",))]


def test_P1_the_wait_ends_before_the_subscriptions_do(simulate: Simulate) -> None:
    """P1: the timeout of the wait counts, even if something could still add a branch."""
    sim = simulate(push_script(wait=7.25, subscribed=20.0))
    a_call_to_nobody(sim)
    expect_408(sim, "8.250")


def test_P1_the_wait_ends_with_the_last_subscription(simulate: Simulate) -> None:
    """P1: as soon as nothing can add a branch any more."""
    sim = simulate(push_script(wait=20.0, subscribed=5.0))
    a_call_to_nobody(sim)
    expect_408(sim, "6.000")


def wake(aor: str) -> None:
    """A job; its end is up to the simulation."""


@pytest.mark.parametrize("awaited", [True, False], ids=["run", "start"])
def test_P1_a_job_keeps_the_call_open(simulate: Simulate, awaited: bool) -> None:
    """P1: what a job of the call does, say a push, can still bring a branch."""
    script = registrar_script()

    @script.request("INVITE")
    async def push(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.wait_for_new_branches(timeout=20.0)
        if awaited:
            await call.run(wake, request.aor)
        else:
            call.start(wake, request.aor)

    sim = simulate(script)
    sim.job(wake, delay=8.5)
    a_call_to_nobody(sim)
    expect_408(sim, "9.500")


def test_P1_a_suspended_handler_keeps_the_call_open(simulate: Simulate) -> None:
    """P1: neither the sleep nor the wait for an event is a subscription of the call, but its handler is under way."""
    script = registrar_script()

    @script.request("INVITE")
    async def push(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.wait_for_new_branches(timeout=20.0)
        await sleep(2.5)
        await call.wait_for_event("E_NEVER", timeout=3.0)

    sim = simulate(script)
    a_call_to_nobody(sim)
    expect_408(sim, "6.500")


def test_P1_a_notification_route_under_way_keeps_the_call_open(simulate: Simulate) -> None:
    """P1: the route that the last subscription has started goes on after it."""

    async def slowly(event: Event, call: Call) -> None:
        await sleep(4.0)
        call.inject_branch(event)

    sim = simulate(push_script(subscribed=5.0, on_contact=slowly))
    alice = a_call_to_nobody(sim)
    bob = sim.phone("bob", answers=0.0)
    sim.at(4.0, bob.register)
    sim.run(until=30.0)
    sim.expect(
        """
        8.000  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        8.000  bob -> ebr    180 Ringing (INVITE)
        8.000  bob -> ebr    200 OK (INVITE)
        8.000  ebr -> alice  180 Ringing (INVITE)
        8.000  ebr -> alice  200 OK (INVITE)
        8.000  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        8.000  ebr -> bob    ACK sip:bob@192.0.2.12:5060
        """,
        since=5.0,
    )
    assert alice.responses() == [100, 180, 200]


def test_P1_nothing_is_decided_inside_a_handler_step(simulate: Simulate) -> None:
    """P1: a wait that nothing can end well stays open while its handler runs, and ends with the step."""
    seen: list[bool] = []
    script = registrar_script()

    @script.request("INVITE")
    def push(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.wait_for_new_branches(timeout=20.0)
        seen.append(call.relay([]) == 0 and not call.ended)

    sim = simulate(script)
    a_call_to_nobody(sim)
    expect_408(sim, "1.000")
    assert seen == [True]


def test_P1_without_a_timeout_fr_inv_timeout_counts(simulate: Simulate) -> None:
    """P1: the wait's own time is optional."""
    sim = simulate(push_script(wait=None, subscribed=None), config=Config(fr_inv_timeout=7.0))
    a_call_to_nobody(sim)
    expect_408(sim, "8.000")


def test_P1_without_any_timeout_timer_C_counts(simulate: Simulate) -> None:
    """P1, and P14: what is held longer than a minute is refreshed by 182."""
    sim = simulate(push_script(wait=None, subscribed=None))
    a_call_to_nobody(sim)
    sim.run(until=400.0)
    sim.expect(
        """
          1.000  alice -> ebr  INVITE sip:bob@example.org
          1.000  ebr -> alice  100 Trying (INVITE)
         61.000  ebr -> alice  182 Queued (INVITE)
        121.000  ebr -> alice  182 Queued (INVITE)
        181.000  ebr -> alice  182 Queued (INVITE)
        181.500  ebr -> alice  408 Request Timeout (INVITE)
        181.500  alice -> ebr  ACK sip:bob@example.org
        """
    )


def test_P1_relay_to_nobody_without_a_wait_is_480(simulate: Simulate) -> None:
    """P1: with an open wait `relay([])` adds nothing (the tests above), without one it answers 480."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        request.relay([])

    sim = simulate(script)
    a_call_to_nobody(sim)
    sim.run(until=10.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  ebr -> alice  480 Temporarily Unavailable (INVITE)
        1.000  alice -> ebr  ACK sip:bob@example.org
        """
    )


# P2


def test_P2_the_mobile_answers_and_the_desk_phone_stops(simulate: Simulate) -> None:
    """P2: the 200 first, then the CANCEL with its Reason; the 487 is ACKed and goes no further."""
    sim = simulate(push_notification.script)
    sim.job(push_notification.send_push, delay=0.75)
    alice, desk = at_home(sim)
    mobile = sim.phone("mobile", user="bob", answers=2.0)
    sim.at(3.0, mobile.register)
    sim.at(9.0, alice.bye)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr   INVITE sip:bob@example.org
        1.000  ebr -> alice   100 Trying (INVITE)
        1.000  ebr -> desk    INVITE sip:bob@192.0.2.12:5060
        1.000  desk -> ebr    180 Ringing (INVITE)
        1.000  ebr -> alice   180 Ringing (INVITE)
        3.000  mobile -> ebr  REGISTER sip:example.org
        3.000  ebr -> mobile  200 OK (REGISTER)
        3.000  ebr -> mobile  INVITE sip:bob@192.0.2.13:5060
        3.000  mobile -> ebr  180 Ringing (INVITE)
        3.000  ebr -> alice   180 Ringing (INVITE)
        5.000  mobile -> ebr  200 OK (INVITE)
        5.000  ebr -> alice   200 OK (INVITE)
        5.000  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        5.000  alice -> ebr   ACK sip:bob@192.0.2.13:5060
        5.000  desk -> ebr    200 OK (CANCEL)
        5.000  desk -> ebr    487 Request Terminated (INVITE)
        5.000  ebr -> mobile  ACK sip:bob@192.0.2.13:5060
        5.000  ebr -> desk    ACK sip:bob@192.0.2.12:5060
        9.000  alice -> ebr   BYE sip:bob@192.0.2.13:5060
        9.000  ebr -> mobile  BYE sip:bob@192.0.2.13:5060
        9.000  mobile -> ebr  200 OK (BYE)
        9.000  ebr -> alice   200 OK (BYE)
        """,
        since=1.0,
    )
    (cancel,) = desk.requests("CANCEL")
    (invite,) = desk.requests("INVITE")
    (ack,) = desk.requests("ACK")
    assert cancel.values("reason") == ['SIP ;cause=200 ;text="Call completed elsewhere"']
    # 9.1 and 17.1.1.3: both name the INVITE by its branch, and go where it went.
    assert (cancel.via.branch, ack.via.branch) == (invite.via.branch, invite.via.branch)
    assert (cancel.uri, cancel.cseq, cancel.header("to")) == (invite.uri, invite.cseq, invite.header("to"))
    assert (ack.uri, ack.cseq) == (invite.uri, invite.cseq)
    assert ack.to_tag == next(m.to_tag for _, m in desk.sent if isinstance(m, Response) and m.status == 487)


# P3


def test_P3_a_failure_is_held_until_the_wait_ends(simulate: Simulate) -> None:
    """P3: 486 of the only contact, and nobody else comes."""
    sim = simulate(push_notification.script)
    at_home(sim, declines=486, declines_after=2.0)
    sim.run(until=60.0)
    sim.expect(
        """
         1.000  alice -> ebr  INVITE sip:bob@example.org
         1.000  ebr -> alice  100 Trying (INVITE)
         1.000  ebr -> desk   INVITE sip:bob@192.0.2.12:5060
         1.000  desk -> ebr   180 Ringing (INVITE)
         1.000  ebr -> alice  180 Ringing (INVITE)
         3.000  desk -> ebr   486 Busy Here (INVITE)
         3.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        21.000  ebr -> alice  486 Busy Here (INVITE)
        21.000  alice -> ebr  ACK sip:bob@example.org
        """,
        since=1.0,
    )


def test_P3_a_failure_is_held_until_nothing_can_add_a_branch(simulate: Simulate) -> None:
    """P3, ended as in P1: the subscriptions are over, and the ringing phone decides."""
    sim = simulate(push_script(subscribed=5.0))
    at_home(sim, declines=486, declines_after=7.0)
    sim.run(until=60.0)
    sim.expect(
        """
        8.000  desk -> ebr   486 Busy Here (INVITE)
        8.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        8.000  ebr -> alice  486 Busy Here (INVITE)
        8.000  alice -> ebr  ACK sip:bob@example.org
        """,
        since=2.0,
    )


def test_P3_the_first_of_one_awaited_branch_decides(simulate: Simulate) -> None:
    """P3: `wait_for_new_branches(1)` is over when one branch is final."""
    sim = simulate(push_script(branches=1))
    at_home(sim, declines=486, declines_after=2.0)
    sim.run(until=60.0)
    sim.expect(
        """
        3.000  desk -> ebr   486 Busy Here (INVITE)
        3.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        3.000  ebr -> alice  486 Busy Here (INVITE)
        3.000  alice -> ebr  ACK sip:bob@example.org
        """,
        since=2.0,
    )


def test_P3_the_second_of_two_awaited_branches_decides(simulate: Simulate) -> None:
    """P3: `wait_for_new_branches(2)`; one final branch is not enough, two are."""
    sim = simulate(push_script(branches=2))
    at_home(sim, declines=486, declines_after=1.0)
    mobile = sim.phone("mobile", user="bob", declines=480, declines_after=2.0)
    sim.at(3.0, mobile.register)
    sim.run(until=60.0)
    sim.expect(
        """
        2.000  desk -> ebr    486 Busy Here (INVITE)
        2.000  ebr -> desk    ACK sip:bob@192.0.2.12:5060
        3.000  ebr -> mobile  INVITE sip:bob@192.0.2.13:5060
        3.000  mobile -> ebr  180 Ringing (INVITE)
        3.000  ebr -> alice   180 Ringing (INVITE)
        5.000  mobile -> ebr  480 Temporarily Unavailable (INVITE)
        5.000  ebr -> mobile  ACK sip:bob@192.0.2.13:5060
        5.000  ebr -> alice   486 Busy Here (INVITE)
        5.000  alice -> ebr   ACK sip:bob@example.org
        """,
        hide=REGISTRATIONS,
        since=2.0,
    )


def test_P3_awaited_branches_that_never_come_end_with_the_wait(simulate: Simulate) -> None:
    """P3: a count does not outlast the timeout."""
    sim = simulate(push_script(branches=2))
    alice, _ = at_home(sim, declines=486)
    sim.run(until=20.999)
    assert alice.responses() == [100, 180]
    sim.run(until=21.0)
    assert alice.responses() == [100, 180, 486]


# P4


def test_P4_a_late_phone_answers_after_a_486(simulate: Simulate) -> None:
    """P4: the caller sees only the 200."""
    sim = simulate(push_notification.script)
    alice, _ = at_home(sim, rings=None, declines=486)
    mobile = sim.phone("mobile", user="bob", rings=None, answers=0.25)
    sim.at(3.0, mobile.register)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr   INVITE sip:bob@example.org
        1.000  ebr -> alice   100 Trying (INVITE)
        1.000  ebr -> desk    INVITE sip:bob@192.0.2.12:5060
        1.000  desk -> ebr    486 Busy Here (INVITE)
        1.000  ebr -> desk    ACK sip:bob@192.0.2.12:5060
        3.000  ebr -> mobile  INVITE sip:bob@192.0.2.13:5060
        3.250  mobile -> ebr  200 OK (INVITE)
        3.250  ebr -> alice   200 OK (INVITE)
        3.250  alice -> ebr   ACK sip:bob@192.0.2.13:5060
        3.250  ebr -> mobile  ACK sip:bob@192.0.2.13:5060
        """,
        hide=REGISTRATIONS,
        since=1.0,
    )
    assert alice.responses() == [100, 200]
