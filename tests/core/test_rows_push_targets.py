"""Target sets, rows P10, P12 and P16 of the corner cases: who rings together, who in turn, and nobody twice."""

from ebr_conformance.phones import Phone
from ebr_conformance.scripts import push_notification
from ebr_conformance.simulation import Simulation
from ebr_core import Script, ServerRequest, Target
from row_scripts import Simulate, registrar_script

REGISTRATIONS = ("REGISTER",)


def relaying(*targets: Target | str, serial: bool = False) -> Script:
    """A script that relays every INVITE to these targets."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        request.relay(targets, serial=serial, anywhere=True)

    return script


def test_P10_no_uri_is_in_a_target_set_twice(simulate: Simulate) -> None:
    """P10, 16.5: not under two names either, unless it stands for two phones behind two NATs."""
    uri, mobile_uri = "sip:bob@192.0.2.12:5060", "sip:bob@10.0.0.1"
    targets = (
        uri,
        uri,
        Target(uri, device="another name"),
        Target(mobile_uri, received="sip:192.0.2.13:5060", device="one"),
        Target(mobile_uri, received="sip:192.0.2.14:5060", device="two"),
    )
    sim = simulate(relaying(*targets))
    alice = sim.phone("alice")
    for name in ("desk", "one", "two"):
        sim.phone(name, user="bob")
    sim.at(1.0, alice.invite, "bob")
    sim.at(2.0, alice.cancel)
    sim.run(until=1.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> desk   INVITE sip:bob@192.0.2.12:5060
        1.000  ebr -> one    INVITE sip:bob@10.0.0.1
        1.000  ebr -> two    INVITE sip:bob@10.0.0.1
        """,
        hide=("100", "180"),
    )


# P12


def test_P12_two_contacts_in_one_REGISTER_get_a_branch_each(simulate: Simulate) -> None:
    """P12: two events, two branches, in the order of the Contact values."""
    sim = simulate(push_notification.script)
    alice, bob = sim.phone("alice"), sim.phone("bob")
    desk, mobile = sim.phone("desk"), sim.phone("mobile")
    sim.at(1.0, alice.invite, "bob")
    sim.at(3.0, bob.register, contact=f"<{mobile.contact}>;q=0.2, <{desk.contact}>;q=0.7")
    sim.at(4.0, desk.answer)
    sim.run(until=60.0)
    sim.expect(
        """
        3.000  ebr -> mobile  INVITE sip:mobile@192.0.2.14:5060
        3.000  ebr -> desk    INVITE sip:desk@192.0.2.13:5060
        3.000  mobile -> ebr  180 Ringing (INVITE)
        3.000  desk -> ebr    180 Ringing (INVITE)
        3.000  ebr -> alice   180 Ringing (INVITE)
        3.000  ebr -> alice   180 Ringing (INVITE)
        4.000  desk -> ebr    200 OK (INVITE)
        4.000  ebr -> alice   200 OK (INVITE)
        4.000  ebr -> mobile  CANCEL sip:mobile@192.0.2.14:5060
        4.000  alice -> ebr   ACK sip:desk@192.0.2.13:5060
        4.000  mobile -> ebr  200 OK (CANCEL)
        4.000  mobile -> ebr  487 Request Terminated (INVITE)
        4.000  ebr -> desk    ACK sip:desk@192.0.2.13:5060
        4.000  ebr -> mobile  ACK sip:mobile@192.0.2.14:5060
        """,
        hide=REGISTRATIONS,
        since=2.0,
    )


def register_three(sim: Simulation) -> Phone:
    """Three phones of Bob's with q 0.2, 1.0 and 0.7, and Alice who calls him at 1.0; all decline after 0.25 s."""
    for number, q in enumerate(("0.2", "1.0", "0.7")):
        phone = sim.phone(f"q{q}", ("192.0.2.50", 5060 + number), user="bob", rings=None, declines=486, declines_after=0.25)
        sim.at(0.0, phone.register, q=q)
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    return alice


def test_P12_relay_forks_in_parallel_and_q_only_orders(simulate: Simulate) -> None:
    """P12: all at the same instant, the best first."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        request.relay(request.lookup())

    sim = simulate(script)
    register_three(sim)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  ebr -> q1.0   INVITE sip:bob@192.0.2.50:5061
        1.000  ebr -> q0.7   INVITE sip:bob@192.0.2.50:5062
        1.000  ebr -> q0.2   INVITE sip:bob@192.0.2.50:5060
        1.250  q0.2 -> ebr   486 Busy Here (INVITE)
        1.250  ebr -> q0.2   ACK sip:bob@192.0.2.50:5060
        1.250  q1.0 -> ebr   486 Busy Here (INVITE)
        1.250  ebr -> q1.0   ACK sip:bob@192.0.2.50:5061
        1.250  q0.7 -> ebr   486 Busy Here (INVITE)
        1.250  ebr -> q0.7   ACK sip:bob@192.0.2.50:5062
        1.250  ebr -> alice  486 Busy Here (INVITE)
        1.250  alice -> ebr  ACK sip:bob@example.org
        """,
        since=1.0,
    )


def test_P12_a_serial_relay_goes_by_q(simulate: Simulate) -> None:
    """P12, 16.6: the next group when the one before has failed."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        request.relay(request.lookup(), serial=True)

    sim = simulate(script)
    register_three(sim)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  ebr -> q1.0   INVITE sip:bob@192.0.2.50:5061
        1.250  q1.0 -> ebr   486 Busy Here (INVITE)
        1.250  ebr -> q1.0   ACK sip:bob@192.0.2.50:5061
        1.250  ebr -> q0.7   INVITE sip:bob@192.0.2.50:5062
        1.500  q0.7 -> ebr   486 Busy Here (INVITE)
        1.500  ebr -> q0.7   ACK sip:bob@192.0.2.50:5062
        1.500  ebr -> q0.2   INVITE sip:bob@192.0.2.50:5060
        1.750  q0.2 -> ebr   486 Busy Here (INVITE)
        1.750  ebr -> q0.2   ACK sip:bob@192.0.2.50:5060
        1.750  ebr -> alice  486 Busy Here (INVITE)
        1.750  alice -> ebr  ACK sip:bob@example.org
        """,
        since=1.0,
    )


def test_P12_a_serial_relay_rings_equal_q_together_and_stops_at_an_answer(simulate: Simulate) -> None:
    """P12: groups of equal q in parallel; after the 200 nobody else is tried."""
    sim = simulate(
        relaying(
            Target("sip:bob@192.0.2.12", q=500),
            Target("sip:bob@192.0.2.13", q=900),
            Target("sip:bob@192.0.2.14", q=900),
            serial=True,
        )
    )
    alice = sim.phone("alice")
    last = sim.phone("last", user="bob")
    sim.phone("first", user="bob", declines=486)
    sim.phone("second", user="bob", answers=1.0)
    sim.at(1.0, alice.invite, "bob")
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr   INVITE sip:bob@example.org
        1.000  ebr -> first   INVITE sip:bob@192.0.2.13
        1.000  ebr -> second  INVITE sip:bob@192.0.2.14
        1.000  first -> ebr   486 Busy Here (INVITE)
        1.000  ebr -> first   ACK sip:bob@192.0.2.13
        2.000  second -> ebr  200 OK (INVITE)
        2.000  ebr -> alice   200 OK (INVITE)
        2.000  alice -> ebr   ACK sip:bob@192.0.2.14:5060
        2.000  ebr -> second  ACK sip:bob@192.0.2.14:5060
        """,
        hide=("100", "180"),
    )
    assert last.received == []


# P16


def test_P16_two_devices_in_the_same_instant_get_a_branch_each(simulate: Simulate) -> None:
    """P16: two packets, one instant."""
    sim = simulate(push_notification.script)
    alice = sim.phone("alice")
    desk, mobile = sim.phone("desk", user="bob"), sim.phone("mobile", user="bob")
    sim.at(1.0, alice.invite, "bob")
    sim.at(3.0, desk.register)
    sim.at(3.0, mobile.register)
    sim.at(4.0, mobile.answer)
    sim.run(until=60.0)
    sim.expect(
        """
        3.000  ebr -> desk    INVITE sip:bob@192.0.2.12:5060
        3.000  ebr -> mobile  INVITE sip:bob@192.0.2.13:5060
        3.000  desk -> ebr    180 Ringing (INVITE)
        3.000  mobile -> ebr  180 Ringing (INVITE)
        3.000  ebr -> alice   180 Ringing (INVITE)
        3.000  ebr -> alice   180 Ringing (INVITE)
        4.000  mobile -> ebr  200 OK (INVITE)
        4.000  ebr -> alice   200 OK (INVITE)
        4.000  ebr -> desk    CANCEL sip:bob@192.0.2.12:5060
        4.000  alice -> ebr   ACK sip:bob@192.0.2.13:5060
        4.000  desk -> ebr    200 OK (CANCEL)
        4.000  desk -> ebr    487 Request Terminated (INVITE)
        4.000  ebr -> mobile  ACK sip:bob@192.0.2.13:5060
        4.000  ebr -> desk    ACK sip:bob@192.0.2.12:5060
        """,
        hide=REGISTRATIONS,
        since=2.0,
    )
