"""Push calls, rows P5 to P7 and P13 of the corner cases: what ends a call early, and what comes too late for it."""

from ebr_conformance.phones import Phone
from ebr_conformance.scripts import push_notification
from ebr_conformance.simulation import Simulation
from ebr_core import Call, Config, Contact, Event, ServerRequest
from ebr_core.message import Request, Response
from row_scripts import Simulate, at_home, push_script, registrar_script

REGISTRATIONS = ("REGISTER",)


def a_declining_mobile(sim: Simulation) -> Phone:
    """Bob's mobile registers at 3.0 and answers 603 at 5.0."""
    mobile = sim.phone("mobile", user="bob", declines=603, declines_after=2.0)
    sim.at(3.0, mobile.register)
    return mobile


# P5


def test_P5_a_603_cancels_the_others_and_goes_upstream_after_them(simulate: Simulate) -> None:
    """P5: long before the wait would end; the 487 of the desk phone is not forwarded."""
    sim = simulate(push_notification.script)
    _, desk = at_home(sim)
    a_declining_mobile(sim)
    sim.run(until=60.0)
    sim.expect(
        """
        3.000  ebr -> mobile  INVITE sip:bob@192.0.2.13:5060
        3.000  mobile -> ebr  180 Ringing (INVITE)
        3.000  ebr -> alice   180 Ringing (INVITE)
        5.000  mobile -> ebr  603 Decline (INVITE)
        5.000  ebr -> mobile  ACK sip:bob@192.0.2.13:5060
        5.000  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        5.000  desk -> ebr    200 OK (CANCEL)
        5.000  desk -> ebr    487 Request Terminated (INVITE)
        5.000  ebr -> desk    ACK sip:bob@192.0.2.12:5060
        5.000  ebr -> alice   603 Decline (INVITE)
        5.000  alice -> ebr   ACK sip:bob@example.org
        """,
        hide=REGISTRATIONS,
        since=2.0,
    )
    assert len(desk.requests("CANCEL")) == 1


def test_P5_a_603_of_the_only_phone_ends_the_wait(simulate: Simulate) -> None:
    """P5: the waiting ends at once."""
    sim = simulate(push_notification.script)
    at_home(sim, declines=603, declines_after=0.5)
    sim.run(until=60.0)
    sim.expect(
        """
        1.500  desk -> ebr   603 Decline (INVITE)
        1.500  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        1.500  ebr -> alice  603 Decline (INVITE)
        1.500  alice -> ebr  ACK sip:bob@example.org
        """,
        since=1.25,
    )


def test_P5_a_603_waits_for_a_dead_phone_64_T1_and_takes_no_new_branch(simulate: Simulate) -> None:
    """P5, 9.1: the desk phone rang and never answers its CANCEL; a tablet that registers meanwhile is not rung."""
    sim = simulate(push_notification.script)
    _, desk = at_home(sim)
    a_declining_mobile(sim)
    tablet = sim.phone("tablet", user="bob", answers=0.0)
    sim.at(4.0, setattr, desk, "silent", True)
    sim.at(6.0, tablet.register)
    sim.run(until=60.0)
    sim.expect(
        """
         5.000  mobile -> ebr  603 Decline (INVITE)
         5.000  ebr -> mobile  ACK sip:bob@192.0.2.13:5060
         5.000  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
         5.500  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
         6.000  tablet -> ebr  REGISTER sip:example.org
         6.000  ebr -> tablet  200 OK (REGISTER)
         6.500  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
         8.500  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        12.500  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        16.500  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        20.500  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        24.500  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        28.500  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        32.500  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        36.500  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        37.000  ebr -> alice   603 Decline (INVITE)
        37.000  alice -> ebr   ACK sip:bob@example.org
        """,
        since=4.5,
    )


def test_P5_a_2xx_that_crosses_the_cancel_wins(simulate: Simulate) -> None:
    """P5: the desk phone answers in the 50 ms that its CANCEL takes; the 603 is forgotten."""
    sim = simulate(push_notification.script)
    sim.delay = 0.05
    alice, _ = at_home(sim, answers=4.07)
    a_declining_mobile(sim)
    sim.run(until=60.0)
    sim.expect(
        """
        5.100  mobile -> ebr  603 Decline (INVITE)
        5.150  ebr -> mobile  ACK sip:bob@192.0.2.13:5060
        5.150  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        5.170  desk -> ebr    200 OK (INVITE)
        5.200  desk -> ebr    200 OK (CANCEL)
        5.220  ebr -> alice   200 OK (INVITE)
        5.270  alice -> ebr   ACK sip:bob@192.0.2.12:5060
        5.320  ebr -> desk    ACK sip:bob@192.0.2.12:5060
        """,
        since=4.0,
    )
    assert alice.responses() == [100, 180, 180, 200]


def test_P5_early_6xx_goes_upstream_at_once(simulate: Simulate) -> None:
    """P5 in OpenSIPS's order: the 603 before the CANCELs, whatever they are answered."""
    sim = simulate(push_notification.script, config=Config(early_6xx=True))
    alice, _ = at_home(sim)
    a_declining_mobile(sim)
    sim.run(until=60.0)
    sim.expect(
        """
        5.000  mobile -> ebr  603 Decline (INVITE)
        5.000  ebr -> mobile  ACK sip:bob@192.0.2.13:5060
        5.000  ebr -> alice   603 Decline (INVITE)
        5.000  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        5.000  alice -> ebr   ACK sip:bob@example.org
        5.000  desk -> ebr    200 OK (CANCEL)
        5.000  desk -> ebr    487 Request Terminated (INVITE)
        5.000  ebr -> desk    ACK sip:bob@192.0.2.12:5060
        """,
        since=4.0,
    )
    assert alice.responses() == [100, 180, 180, 603]


def test_P5_after_an_early_6xx_a_crossing_2xx_still_goes_upstream(simulate: Simulate) -> None:
    """P5, 16.7 step 5: each 2xx to an INVITE is forwarded, or nobody would end that call."""
    sim = simulate(push_notification.script, config=Config(early_6xx=True))
    sim.delay = 0.05
    alice, _ = at_home(sim, answers=4.07)
    a_declining_mobile(sim)
    sim.run(until=60.0)
    sim.expect(
        """
        5.100  mobile -> ebr  603 Decline (INVITE)
        5.150  ebr -> mobile  ACK sip:bob@192.0.2.13:5060
        5.150  ebr -> alice   603 Decline (INVITE)
        5.150  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        5.170  desk -> ebr    200 OK (INVITE)
        5.200  alice -> ebr   ACK sip:bob@example.org
        5.200  desk -> ebr    200 OK (CANCEL)
        5.220  ebr -> alice   200 OK (INVITE)
        5.270  alice -> ebr   ACK sip:bob@192.0.2.12:5060
        5.320  ebr -> desk    ACK sip:bob@192.0.2.12:5060
        """,
        since=4.0,
    )
    assert alice.responses() == [100, 180, 180, 603, 200]


# P6


def test_P6_a_silent_injected_contact_is_tried_64_T1_long(simulate: Simulate) -> None:
    """P6, 17.1.1.2: timer A doubles, timer B ends it; the wait, over at 21, does not cut it short."""
    sim = simulate(push_notification.script)
    alice = sim.phone("alice")
    bob = sim.phone("bob", silent=True)
    sim.at(1.0, alice.invite, "bob")
    sim.at(3.0, bob.register)
    sim.run(until=60.0)
    sim.expect(
        """
         1.000  alice -> ebr  INVITE sip:bob@example.org
         1.000  ebr -> alice  100 Trying (INVITE)
         3.000  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
         3.500  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
         4.500  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
         6.500  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        10.500  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        18.500  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        34.500  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        35.000  ebr -> alice  408 Request Timeout (INVITE)
        35.000  alice -> ebr  ACK sip:bob@example.org
        """,
        hide=REGISTRATIONS,
    )


def test_P6_a_silent_contact_that_was_given_up_leaves_the_wait_open(simulate: Simulate) -> None:
    """P6 with a short `fr_timeout`: the branch is over at 5, the call when its wait is."""
    sim = simulate(push_notification.script, config=Config(fr_timeout=2.0))
    alice = sim.phone("alice")
    bob = sim.phone("bob", silent=True)
    sim.at(1.0, alice.invite, "bob")
    sim.at(3.0, bob.register)
    sim.run(until=60.0)
    sim.expect(
        """
         3.000  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
         3.500  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
         4.500  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        21.000  ebr -> alice  408 Request Timeout (INVITE)
        21.000  alice -> ebr  ACK sip:bob@example.org
        """,
        hide=REGISTRATIONS,
        since=2.0,
    )


# P7


def test_P7_a_contact_after_the_answer_wakes_no_handler(simulate: Simulate) -> None:
    """P7: the subscriptions ended with the transaction, at the 200."""
    woken: list[str] = []
    sim = simulate(push_script(on_contact=lambda event, call: woken.append(str(event["uri"]))))
    at_home(sim, answers=2.0)
    mobile = sim.phone("mobile", user="bob", answers=0.0)
    sim.at(3.5, mobile.register)
    sim.run(until=60.0)
    assert woken == []
    assert sim.engine.sizes()["subscriptions"] == 0
    sim.expect(
        """
        3.500  mobile -> ebr  REGISTER sip:example.org
        3.500  ebr -> mobile  200 OK (REGISTER)
        """,
        since=3.25,
    )


def test_P7_a_contact_after_cancel_wakes_no_handler(simulate: Simulate) -> None:
    """P7: the subscriptions ended with the transaction, at the 487."""
    woken: list[str] = []
    sim = simulate(push_script(on_contact=lambda event, call: woken.append(call.call_id)))
    alice, _ = at_home(sim)
    mobile = sim.phone("mobile", user="bob", answers=0.0)
    sim.at(3.0, alice.cancel)
    sim.at(3.5, mobile.register)
    sim.run(until=60.0)
    assert (woken, alice.responses(), mobile.requests("INVITE")) == ([], [100, 180, 487], [])


def test_P7_a_contact_before_the_cancelled_phones_487_is_not_rung(simulate: Simulate) -> None:
    """P7, 16.10: the desk phone never answers its CANCEL; that does not reopen the call."""
    sim = simulate(push_notification.script)
    alice, desk = at_home(sim)
    mobile = sim.phone("mobile", user="bob", answers=0.0)
    sim.at(2.0, setattr, desk, "silent", True)
    sim.at(3.0, alice.cancel)
    sim.at(4.0, mobile.register)
    sim.run(until=60.0)
    assert (alice.responses("CANCEL"), alice.responses(), mobile.requests("INVITE")) == ([200], [100, 180, 487], [])
    assert [time for time, message in alice.received if isinstance(message, Response) and message.status == 487] == [35.0]


def test_P7_a_contact_after_408_wakes_no_handler(simulate: Simulate) -> None:
    """P7: the subscriptions could have lived on, the call had its answer at 6.0."""
    woken: list[str] = []
    sim = simulate(push_script(wait=5.0, subscribed=20.0, on_contact=lambda event, call: woken.append(call.call_id)))
    alice = sim.phone("alice")
    bob = sim.phone("bob", answers=0.0)
    sim.at(1.0, alice.invite, "bob")
    sim.at(6.5, bob.register)
    sim.run(until=60.0)
    assert woken == []
    sim.expect(
        """
        6.000  ebr -> alice  408 Request Timeout (INVITE)
        6.000  alice -> ebr  ACK sip:bob@example.org
        6.500  bob -> ebr    REGISTER sip:example.org
        6.500  ebr -> bob    200 OK (REGISTER)
        """,
        since=2.0,
    )


def test_P7_an_inject_on_an_ended_call_does_nothing_and_says_so(simulate: Simulate) -> None:
    """P7: False and 0, by their types; the same call took the contact before."""
    calls: list[Call] = []
    contacts: list[Contact] = []
    results: list[object] = []
    script = registrar_script()

    @script.request("INVITE")
    def push(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.wait_for_new_branches(timeout=20.0)
        call.notify_on_event("E_NEVER", None, ignore)
        calls.append(call)
        contacts.extend(request.lookup("bob@example.org"))

    @script.event("E_NOW")
    def now(event: Event) -> None:
        call = calls[0]
        results.append((call.ended, call.inject_branch(contacts[0]), call.inject_branches(contacts), call.relay(contacts)))

    def ignore(event: Event, call: Call) -> None:
        """Only its subscription counts: it keeps the call open."""

    sim = simulate(script)
    alice, desk = at_home(sim)
    sim.at(2.0, sim.raise_event, "E_NOW")
    sim.at(4.0, desk.answer)
    sim.at(5.0, sim.raise_event, "E_NOW")
    sim.run(until=60.0)
    calls.clear()
    contacts.clear()
    assert sim.logs == []
    assert results == [(False, True, 1, 1), (True, False, 0, 0)]
    assert (alice.responses(), len(desk.requests("INVITE"))) == ([100, 180, 200], 1)


# P13


def test_P13_cancel_while_waiting_without_branches(simulate: Simulate) -> None:
    """P13: 200 and 487 at once, and the registration at 4.0 finds nobody waiting."""
    sim = simulate(push_notification.script)
    alice = sim.phone("alice")
    bob = sim.phone("bob")
    sim.at(1.0, alice.invite, "bob")
    sim.at(3.0, alice.cancel)
    sim.at(4.0, bob.register)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        3.000  alice -> ebr  CANCEL sip:bob@example.org
        3.000  ebr -> alice  200 OK (CANCEL)
        3.000  ebr -> alice  487 Request Terminated (INVITE)
        3.000  alice -> ebr  ACK sip:bob@example.org
        4.000  bob -> ebr    REGISTER sip:example.org
        4.000  ebr -> bob    200 OK (REGISTER)
        """
    )


def test_P13_cancel_while_the_push_job_runs(simulate: Simulate) -> None:
    """P13: the job's end is of no interest any more, and its handler is closed."""
    sim = simulate(push_notification.script)
    sim.job(push_notification.send_push, delay=10.0)
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    sim.at(3.0, alice.cancel)
    sim.run(until=3.0)
    assert alice.responses() == [100, 487]
    assert [sim.engine.sizes()[name] for name in ("handlers", "jobs", "subscriptions")] == [0, 0, 0]


def test_P13_cancel_while_the_desk_phone_rings(simulate: Simulate) -> None:
    """P13: a CANCEL to the phone, with the caller's Reason; its 487 makes ours."""
    sim = simulate(push_notification.script)
    alice, desk = at_home(sim)
    sim.at(3.0, alice.cancel, headers=[("Reason", 'SIP ;cause=200 ;text="Picked up over there"')])
    sim.run(until=60.0)
    sim.expect(
        """
        3.000  alice -> ebr  CANCEL sip:bob@example.org
        3.000  ebr -> alice  200 OK (CANCEL)
        3.000  ebr -> desk   CANCEL sip:bob@192.0.2.12:5060
        3.000  desk -> ebr   200 OK (CANCEL)
        3.000  desk -> ebr   487 Request Terminated (INVITE)
        3.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        3.000  ebr -> alice  487 Request Terminated (INVITE)
        3.000  alice -> ebr  ACK sip:bob@example.org
        """,
        since=2.0,
    )
    (cancel,) = desk.requests("CANCEL")
    assert cancel.header("reason") == 'SIP ;cause=200 ;text="Picked up over there"'
    # 9.2: the 200 to the CANCEL and the 487 name the same dialog.
    tags = {message.to_tag for _, message in alice.received if not isinstance(message, Request) and message.to_tag}
    assert len(tags) == 2  # the desk phone's, of its 180, and ours
