"""Push calls, rows P8 to P10 of the corner cases: one live branch for each device."""

import pytest

from ebr_conformance.ladder import normalised
from ebr_conformance.phones import Phone
from ebr_conformance.scripts import push_notification
from ebr_conformance.simulation import Simulation
from ebr_core import Call, Event
from row_scripts import Simulate, at_home, push_script

REGISTRATIONS = ("REGISTER",)
DEVICE = "urn:uuid:00000000-0000-1000-8000-0000000000b0"


def branches_of(phone: Phone) -> list[str]:
    """The branches of the INVITEs that a phone received, each once."""
    return list(dict.fromkeys(invite.via.branch for invite in phone.requests("INVITE")))


# P8


def test_P8_a_ringing_phone_that_refreshes_gets_no_second_branch(simulate: Simulate) -> None:
    """P8: the handler runs, and says of the phone that it rings."""
    results: list[object] = []
    sim = simulate(push_script(on_contact=lambda event, call: results.append((event.name, call.inject_branch(event)))))
    _, desk = at_home(sim)
    sim.at(3.0, desk.register)
    sim.at(4.0, desk.answer)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  ebr -> desk   INVITE sip:bob@192.0.2.12:5060
        1.000  desk -> ebr   180 Ringing (INVITE)
        1.000  ebr -> alice  180 Ringing (INVITE)
        3.000  desk -> ebr   REGISTER sip:example.org
        3.000  ebr -> desk   200 OK (REGISTER)
        4.000  desk -> ebr   200 OK (INVITE)
        4.000  ebr -> alice  200 OK (INVITE)
        4.000  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        4.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        """,
        since=1.0,
    )
    assert results == [("E_UL_CONTACT_UPDATE", True)]


def test_P8_a_phone_that_wakes_up_gets_its_INVITE_again_at_once(simulate: Simulate) -> None:
    """P8: without a provisional response so far; on the same branch, out of turn, and timer A goes on as it was."""
    sim = simulate(push_notification.script)
    _, desk = at_home(sim, rings=None, silent=True)
    sim.at(2.75, setattr, desk, "silent", False)
    sim.at(2.75, desk.register)
    sim.at(5.0, desk.answer)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  ebr -> desk   INVITE sip:bob@192.0.2.12:5060
        1.500  ebr -> desk   INVITE sip:bob@192.0.2.12:5060
        2.500  ebr -> desk   INVITE sip:bob@192.0.2.12:5060
        2.750  desk -> ebr   REGISTER sip:example.org
        2.750  ebr -> desk   200 OK (REGISTER)
        2.750  ebr -> desk   INVITE sip:bob@192.0.2.12:5060
        4.500  ebr -> desk   INVITE sip:bob@192.0.2.12:5060
        5.000  desk -> ebr   200 OK (INVITE)
        5.000  ebr -> alice  200 OK (INVITE)
        5.000  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        5.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        """,
        since=1.0,
    )
    assert len(desk.requests("INVITE")) == 2  # the one out of turn and the next of timer A: before, it slept
    assert len(branches_of(desk)) == 1


# P9


def moving_mobile(
    sim: Simulation, *, rings: float | None, contact: str | None = None, instance: str = DEVICE
) -> tuple[Phone, Phone, Phone]:
    """Bob's mobile registers from one address at 0.0 (``old``) and from another one at 3.0 (``new``); Alice calls at 1.0.

    ``rings``: when the old one does. ``contact``: both register this one. The new one answers at 5.0.
    """
    alice = sim.phone("alice")
    old = sim.phone("old", user="bob", rings=rings)
    new = sim.phone("new", user="bob", answers=2.0)
    sim.at(0.0, old.register, contact=contact, instance=instance)
    sim.at(1.0, alice.invite, "bob")
    sim.at(3.0, new.register, contact=contact, instance=instance)
    return alice, old, new


def test_P9_a_ringing_device_with_a_new_contact_is_rung_there_instead(simulate: Simulate) -> None:
    """P9: the new branch first, then the CANCEL to the old one, whose 487 is nobody's answer."""
    sim = simulate(push_notification.script)
    alice, old, _ = moving_mobile(sim, rings=0.0)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  ebr -> old    INVITE sip:bob@192.0.2.12:5060
        1.000  old -> ebr    180 Ringing (INVITE)
        1.000  ebr -> alice  180 Ringing (INVITE)
        3.000  ebr -> new    INVITE sip:bob@192.0.2.13:5060
        3.000  ebr -> old    CANCEL sip:bob@192.0.2.12:5060
        3.000  new -> ebr    180 Ringing (INVITE)
        3.000  old -> ebr    200 OK (CANCEL)
        3.000  old -> ebr    487 Request Terminated (INVITE)
        3.000  ebr -> alice  180 Ringing (INVITE)
        3.000  ebr -> old    ACK sip:bob@192.0.2.12:5060
        5.000  new -> ebr    200 OK (INVITE)
        5.000  ebr -> alice  200 OK (INVITE)
        5.000  alice -> ebr  ACK sip:bob@192.0.2.13:5060
        5.000  ebr -> new    ACK sip:bob@192.0.2.13:5060
        """,
        hide=REGISTRATIONS,
        since=1.0,
    )
    assert old.requests("CANCEL")[0].header("reason") == 'SIP ;cause=200 ;text="Call completed elsewhere"'
    assert alice.responses() == [100, 180, 180, 200]


def test_P9_a_silent_device_with_a_new_contact_is_rung_there_instead(simulate: Simulate) -> None:
    """P9: the old branch has had no provisional response, so it may not be cancelled (9.1); it is just not waited for."""
    sim = simulate(push_script(wait=4.0))
    alice, old, new = moving_mobile(sim, rings=None)
    new.answers, new.declines, new.declines_after = None, 486, 1.0
    sim.run(until=60.0)
    ladder = [line for line in sim.trace.without(REGISTRATIONS, since=3.0).compact().splitlines() if "-> old" not in line]
    assert normalised("\n".join(ladder)) == normalised(
        """
        3.000  ebr -> new    INVITE sip:bob@192.0.2.13:5060
        3.000  new -> ebr    180 Ringing (INVITE)
        3.000  ebr -> alice  180 Ringing (INVITE)
        4.000  new -> ebr    486 Busy Here (INVITE)
        4.000  ebr -> new    ACK sip:bob@192.0.2.13:5060
        5.000  ebr -> alice  486 Busy Here (INVITE)
        5.000  alice -> ebr  ACK sip:bob@example.org
        """
    )
    assert alice.responses() == [100, 180, 486]
    assert old.requests("CANCEL") == []


def test_P9_a_given_up_branch_that_rings_late_is_cancelled_then(simulate: Simulate) -> None:
    """P9, 9.1: the CANCEL waits for the first provisional response, which the caller does not see."""
    sim = simulate(push_notification.script)
    moving_mobile(sim, rings=2.25)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  ebr -> old    INVITE sip:bob@192.0.2.12:5060
        1.500  ebr -> old    INVITE sip:bob@192.0.2.12:5060
        2.500  ebr -> old    INVITE sip:bob@192.0.2.12:5060
        3.000  ebr -> new    INVITE sip:bob@192.0.2.13:5060
        3.000  new -> ebr    180 Ringing (INVITE)
        3.000  ebr -> alice  180 Ringing (INVITE)
        3.250  old -> ebr    180 Ringing (INVITE)
        3.250  ebr -> old    CANCEL sip:bob@192.0.2.12:5060
        3.250  old -> ebr    200 OK (CANCEL)
        3.250  old -> ebr    487 Request Terminated (INVITE)
        3.250  ebr -> old    ACK sip:bob@192.0.2.12:5060
        5.000  new -> ebr    200 OK (INVITE)
        5.000  ebr -> alice  200 OK (INVITE)
        5.000  alice -> ebr  ACK sip:bob@192.0.2.13:5060
        5.000  ebr -> new    ACK sip:bob@192.0.2.13:5060
        """,
        hide=REGISTRATIONS,
        since=1.0,
    )


@pytest.mark.parametrize("instance", [DEVICE, ""], ids=["instance", "contact-only"])
def test_P9_a_woken_mobile_that_kept_its_contact_is_rung_on_its_new_flow(simulate: Simulate, instance: str) -> None:
    """P9: behind a NAT the contact stays and the received address changes: an UPDATE, not an INSERT."""
    events: list[str] = []

    def fork(event: Event, call: Call) -> None:
        events.append(event.name)
        call.inject_branch(event)

    sim = simulate(push_script(received=True, on_contact=fork))
    moving_mobile(sim, rings=0.0, contact="sip:bob@10.0.0.1", instance=instance)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> old    INVITE sip:bob@10.0.0.1
        1.000  old -> ebr    180 Ringing (INVITE)
        1.000  ebr -> alice  180 Ringing (INVITE)
        3.000  ebr -> new    INVITE sip:bob@10.0.0.1
        3.000  ebr -> old    CANCEL sip:bob@10.0.0.1
        3.000  new -> ebr    180 Ringing (INVITE)
        3.000  old -> ebr    200 OK (CANCEL)
        3.000  old -> ebr    487 Request Terminated (INVITE)
        3.000  ebr -> alice  180 Ringing (INVITE)
        3.000  ebr -> old    ACK sip:bob@10.0.0.1
        5.000  new -> ebr    200 OK (INVITE)
        5.000  ebr -> alice  200 OK (INVITE)
        5.000  alice -> ebr  ACK sip:bob@192.0.2.13:5060
        5.000  ebr -> new    ACK sip:bob@192.0.2.13:5060
        """,
        hide=("REGISTER", "100"),
        since=1.0,
    )
    assert events == ["E_UL_CONTACT_UPDATE"]


def test_P9_a_device_behind_another_edge_proxy_is_rung_through_that_one(simulate: Simulate) -> None:
    """P9, RFC 3327: same contact and instance, another Path; each branch goes by its own."""
    sim = simulate(push_notification.script)
    alice, bob = sim.phone("alice"), sim.phone("bob")
    edges = [sim.phone(f"edge{number}", (f"192.0.2.5{number}", 5060)) for number in (1, 2)]
    paths = [f"<sip:192.0.2.5{number};lr>" for number in (1, 2)]
    for time, path in zip((0.0, 3.0), paths, strict=True):
        sim.at(time, bob.register, instance=DEVICE, headers=[("Path", path), ("Supported", "path")])
    sim.at(1.0, alice.invite, "bob")
    sim.at(4.0, edges[1].answer)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr   INVITE sip:bob@example.org
        1.000  ebr -> edge1   INVITE sip:bob@192.0.2.12:5060
        1.000  edge1 -> ebr   180 Ringing (INVITE)
        1.000  ebr -> alice   180 Ringing (INVITE)
        3.000  ebr -> edge2   INVITE sip:bob@192.0.2.12:5060
        3.000  ebr -> edge1   CANCEL sip:bob@192.0.2.12:5060
        3.000  edge2 -> ebr   180 Ringing (INVITE)
        3.000  edge1 -> ebr   200 OK (CANCEL)
        3.000  edge1 -> ebr   487 Request Terminated (INVITE)
        3.000  ebr -> alice   180 Ringing (INVITE)
        3.000  ebr -> edge1   ACK sip:bob@192.0.2.12:5060
        4.000  edge2 -> ebr   200 OK (INVITE)
        4.000  ebr -> alice   200 OK (INVITE)
        4.000  alice -> ebr   ACK sip:edge2@192.0.2.52:5060
        4.000  ebr -> edge2   ACK sip:edge2@192.0.2.52:5060
        """,
        hide=("REGISTER", "100"),
        since=1.0,
    )
    assert [edge.requests("INVITE")[0].values("route") for edge in edges] == [[path] for path in paths]
    # 9.1, 17.1.1.3: CANCEL and ACK carry the Route of the INVITE that they belong to.
    assert [edges[0].requests(method)[0].values("route") for method in ("CANCEL", "ACK")] == [[paths[0]], [paths[0]]]


# P10


@pytest.mark.parametrize("instance", ["", DEVICE], ids=["contact-only", "instance"])
def test_P10_unregister_and_register_again_while_ringing(simulate: Simulate, instance: str) -> None:
    """P10: the device has its branch already; an INSERT, as of a new phone, makes no second one."""
    events: list[tuple[str, bool]] = []
    sim = simulate(push_script(on_contact=lambda event, call: events.append((event.name, call.inject_branch(event)))))
    alice, bob = sim.phone("alice"), sim.phone("bob")
    sim.at(0.0, bob.register, instance=instance)
    sim.at(1.0, alice.invite, "bob")
    sim.at(3.0, bob.unregister, instance=instance)
    sim.at(4.0, bob.register, instance=instance)
    sim.at(5.0, bob.answer)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        1.000  bob -> ebr    180 Ringing (INVITE)
        1.000  ebr -> alice  180 Ringing (INVITE)
        3.000  bob -> ebr    REGISTER sip:example.org
        3.000  ebr -> bob    200 OK (REGISTER)
        4.000  bob -> ebr    REGISTER sip:example.org
        4.000  ebr -> bob    200 OK (REGISTER)
        5.000  bob -> ebr    200 OK (INVITE)
        5.000  ebr -> alice  200 OK (INVITE)
        5.000  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        5.000  ebr -> bob    ACK sip:bob@192.0.2.12:5060
        """,
        since=1.0,
    )
    assert events == [("E_UL_CONTACT_INSERT", True)]


def test_P10_a_phone_that_has_refused_is_not_rung_again(simulate: Simulate) -> None:
    """P10: it said 486; that it registers again is no invitation."""
    sim = simulate(push_notification.script)
    alice, desk = at_home(sim, declines=486)
    sim.at(3.0, desk.unregister)
    sim.at(4.0, desk.register)
    sim.run(until=60.0)
    assert (len(desk.requests("INVITE")), alice.responses()) == (1, [100, 180, 486])
