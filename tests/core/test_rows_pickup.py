"""Call pickup, rows K1 to K5 of the corner cases: Bob's phone rings, Charlie dials 33 and gets the call."""

from ebr_conformance.phones import Phone
from ebr_conformance.scripts import call_pickup
from ebr_conformance.simulation import Simulation
from ebr_core import Call, Event, Script, ServerRequest
from ebr_core.message import Request
from notes import verbs
from row_scripts import Simulate, registrar_script


def pickup_script(*, one: bool = False) -> Script:
    """The documented script, with groups: bob and charlie are in group 1, everybody else in 2; who dials 33 picks up his own."""
    script = registrar_script()

    @script.request("INVITE")
    def handle_call(request: ServerRequest) -> None:
        if request.aor.startswith("33@"):
            request.reply(480, "Gone")
            request.raise_event("E_CALL_PICKUP", {"group": _group(request.caller), "picker": request.caller}, one=one)
            return
        call = request.new_transaction()
        call.notify_on_event("E_CALL_PICKUP", {"group": _group(request.aor)}, _move, timeout=20.0)
        call.relay(request.lookup())

    return script


def _group(aor: str) -> int:
    return 1 if aor.startswith(("bob@", "charlie@")) else 2


def _move(event: Event, call: Call) -> None:
    call.inject_branches(verbs.lookup(str(event["picker"])), cancel=True)


def at_work(sim: Simulation, *, answers: float | None = None) -> tuple[Phone, Phone, Phone]:
    """Alice, Bob and Charlie; the latter two have registered at 0.0, and Alice calls Bob at 1.0."""
    alice, bob, charlie = sim.phone("alice"), sim.phone("bob"), sim.phone("charlie", answers=answers)
    sim.at(0.0, bob.register)
    sim.at(0.0, charlie.register)
    sim.at(1.0, alice.invite, "bob")
    return alice, bob, charlie


# K1


def test_K1_charlie_picks_up_bobs_call(simulate: Simulate) -> None:
    """K1: 480 to Charlie, the INVITE to his phone before the CANCEL to Bob's, his 180 and his 200 to Alice."""
    sim = simulate(call_pickup.script)
    alice, bob, charlie = at_work(sim, answers=2.0)
    sim.at(5.0, charlie.invite, "33")
    sim.at(9.0, alice.bye)
    sim.run(until=60.0)
    sim.expect(
        """
        1.000  alice -> ebr    INVITE sip:bob@example.org
        1.000  ebr -> alice    100 Trying (INVITE)
        1.000  ebr -> bob      INVITE sip:bob@192.0.2.12:5060
        1.000  bob -> ebr      180 Ringing (INVITE)
        1.000  ebr -> alice    180 Ringing (INVITE)
        5.000  charlie -> ebr  INVITE sip:33@example.org
        5.000  ebr -> charlie  480 Gone (INVITE)
        5.000  ebr -> charlie  INVITE sip:charlie@192.0.2.13:5060
        5.000  ebr -> bob      CANCEL sip:bob@192.0.2.12:5060
        5.000  charlie -> ebr  ACK sip:33@example.org
        5.000  charlie -> ebr  180 Ringing (INVITE)
        5.000  bob -> ebr      200 OK (CANCEL)
        5.000  bob -> ebr      487 Request Terminated (INVITE)
        5.000  ebr -> alice    180 Ringing (INVITE)
        5.000  ebr -> bob      ACK sip:bob@192.0.2.12:5060
        7.000  charlie -> ebr  200 OK (INVITE)
        7.000  ebr -> alice    200 OK (INVITE)
        7.000  alice -> ebr    ACK sip:charlie@192.0.2.13:5060
        7.000  ebr -> charlie  ACK sip:charlie@192.0.2.13:5060
        9.000  alice -> ebr    BYE sip:charlie@192.0.2.13:5060
        9.000  ebr -> charlie  BYE sip:charlie@192.0.2.13:5060
        9.000  charlie -> ebr  200 OK (BYE)
        9.000  ebr -> alice    200 OK (BYE)
        """,
        since=1.0,
    )
    (cancel,) = bob.requests("CANCEL")
    assert cancel.values("reason") == ['SIP ;cause=200 ;text="Call completed elsewhere"']
    assert alice.responses() == [100, 180, 180, 200]


def test_K1_all_phones_of_the_picker_ring(simulate: Simulate) -> None:
    """K1: Charlie has two; both get the INVITE before Bob gets the CANCEL."""
    sim = simulate(call_pickup.script)
    alice, _, charlie = at_work(sim)
    second = sim.phone("second", user="charlie", answers=1.0)
    sim.at(0.5, second.register)
    sim.at(5.0, charlie.invite, "33")
    sim.run(until=60.0)
    sim.expect(
        """
        5.000  charlie -> ebr  INVITE sip:33@example.org
        5.000  ebr -> charlie  480 Gone (INVITE)
        5.000  ebr -> second   INVITE sip:charlie@192.0.2.14:5060
        5.000  ebr -> charlie  INVITE sip:charlie@192.0.2.13:5060
        5.000  ebr -> bob      CANCEL sip:bob@192.0.2.12:5060
        5.000  bob -> ebr      200 OK (CANCEL)
        6.000  second -> ebr   200 OK (INVITE)
        6.000  ebr -> alice    200 OK (INVITE)
        6.000  ebr -> charlie  CANCEL sip:charlie@192.0.2.13:5060
        6.000  charlie -> ebr  200 OK (CANCEL)
        """,
        hide=("180", "487", "ACK"),
        since=5.0,
    )
    assert alice.responses() == [100, 180, 180, 180, 200]


# K2


def test_K2_after_bob_has_answered(simulate: Simulate) -> None:
    """K2: 480 to Charlie; the call that Bob has is none that waits any more."""
    sim = simulate(call_pickup.script)
    alice, bob, charlie = at_work(sim)
    bob.answers = 1.0
    sim.at(5.0, charlie.invite, "33")
    sim.at(9.0, alice.bye)
    sim.run(until=60.0)
    sim.expect(
        """
        5.000  charlie -> ebr  INVITE sip:33@example.org
        5.000  ebr -> charlie  480 Gone (INVITE)
        5.000  charlie -> ebr  ACK sip:33@example.org
        9.000  alice -> ebr    BYE sip:bob@192.0.2.12:5060
        9.000  ebr -> bob      BYE sip:bob@192.0.2.12:5060
        9.000  bob -> ebr      200 OK (BYE)
        9.000  ebr -> alice    200 OK (BYE)
        """,
        since=5.0,
    )


def test_K2_no_call_is_waiting(simulate: Simulate) -> None:
    """K2: 480, and no event waits for a call to come."""
    sim = simulate(call_pickup.script)
    alice, bob, charlie = sim.phone("alice"), sim.phone("bob"), sim.phone("charlie")
    sim.at(0.0, bob.register)
    sim.at(0.0, charlie.register)
    sim.at(1.0, charlie.invite, "33")
    sim.at(2.0, alice.invite, "bob")
    sim.at(3.0, alice.cancel)
    sim.run(until=60.0)
    assert charlie.responses() == [480]
    assert charlie.requests("INVITE") == []
    assert alice.responses() == [100, 180, 487]


def test_K2_a_picker_of_another_group(simulate: Simulate) -> None:
    """K2: Dave is in another group; he hears 480, and Bob's phone rings on."""
    sim = simulate(pickup_script())
    alice, bob, _ = at_work(sim)
    dave = sim.phone("dave")
    sim.at(0.0, dave.register)
    sim.at(5.0, dave.invite, "33")
    sim.at(7.0, bob.answer)
    sim.run(until=60.0)
    sim.expect(
        """
        5.000  dave -> ebr  INVITE sip:33@example.org
        5.000  ebr -> dave  480 Gone (INVITE)
        7.000  bob -> ebr   200 OK (INVITE)
        7.000  ebr -> alice 200 OK (INVITE)
        """,
        hide=("ACK",),
        since=5.0,
    )
    assert alice.responses() == [100, 180, 200]


def test_K2_a_picker_who_is_not_registered(simulate: Simulate) -> None:
    """K2: without a phone to ring nothing is cancelled, although the script asks for `cancel=True`."""
    sim = simulate(call_pickup.script)
    alice, bob, _ = at_work(sim)
    erin = sim.phone("erin")
    sim.at(5.0, erin.invite, "33")
    sim.at(7.0, bob.answer)
    sim.run(until=60.0)
    sim.expect(
        """
        5.000  erin -> ebr  INVITE sip:33@example.org
        5.000  ebr -> erin  480 Gone (INVITE)
        7.000  bob -> ebr   200 OK (INVITE)
        7.000  ebr -> alice 200 OK (INVITE)
        """,
        hide=("ACK",),
        since=5.0,
    )
    assert bob.requests("CANCEL") == []
    assert alice.responses() == [100, 180, 200]


def test_K2_injecting_nothing_cancels_nothing_and_says_so(simulate: Simulate) -> None:
    """K2: `inject_branches([], cancel=True)` gives 0."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.notify_on_event("E_CALL_PICKUP", None, _inject_nothing)
        call.relay(request.lookup())

    sim = simulate(script)
    alice, bob, _ = at_work(sim)
    sim.at(2.0, sim.raise_event, "E_CALL_PICKUP")
    sim.at(3.0, bob.answer, 486)
    sim.run(until=60.0)
    assert bob.requests("CANCEL") == []
    assert alice.responses() == [100, 180, 486]


def _inject_nothing(event: Event, call: Call) -> None:
    assert call.inject_branches([], cancel=True) == 0


# K3


def two_calls(sim: Simulation) -> tuple[Phone, Phone, Phone, Phone]:
    """Alice calls Bob at 1.0 and Dave calls him at 2.0; Charlie picks up at 5.0."""
    alice, bob, charlie = at_work(sim)
    dave = sim.phone("dave")
    sim.at(2.0, dave.invite, "bob")
    sim.at(5.0, charlie.invite, "33")
    return alice, bob, charlie, dave


def callers(invites: list[Request]) -> list[str | None]:
    return [invite.from_.parse_uri().user for invite in invites]


def test_K3_both_waiting_calls_move_to_the_picker(simulate: Simulate) -> None:
    """K3: the older first; each call's new branch goes out before its old one is cancelled."""
    sim = simulate(call_pickup.script)
    _, bob, charlie, _ = two_calls(sim)
    sim.at(7.0, charlie.answer)
    sim.at(8.0, charlie.answer)
    sim.run(until=60.0)
    sim.expect(
        """
        5.000  charlie -> ebr  INVITE sip:33@example.org
        5.000  ebr -> charlie  480 Gone (INVITE)
        5.000  ebr -> charlie  INVITE sip:charlie@192.0.2.13:5060
        5.000  ebr -> bob      CANCEL sip:bob@192.0.2.12:5060
        5.000  ebr -> charlie  INVITE sip:charlie@192.0.2.13:5060
        5.000  ebr -> bob      CANCEL sip:bob@192.0.2.12:5060
        5.000  bob -> ebr      200 OK (CANCEL)
        5.000  bob -> ebr      200 OK (CANCEL)
        7.000  charlie -> ebr  200 OK (INVITE)
        7.000  ebr -> dave     200 OK (INVITE)
        8.000  charlie -> ebr  200 OK (INVITE)
        8.000  ebr -> alice    200 OK (INVITE)
        """,
        hide=("ACK", "180", "487"),
        since=5.0,
    )
    assert callers(charlie.requests("INVITE")) == ["alice", "dave"]
    assert len(bob.requests("CANCEL")) == 2


def test_K3_with_one_the_oldest_call_only(simulate: Simulate) -> None:
    """K3: `raise_event(..., one=True)`; the next pickup gets the call that is the oldest then."""
    sim = simulate(pickup_script(one=True))
    alice, bob, charlie, dave = two_calls(sim)
    sim.at(6.0, charlie.answer)
    sim.at(7.0, bob.answer)
    sim.run(until=60.0)
    assert callers(charlie.requests("INVITE")) == ["alice"]
    assert alice.responses() == [100, 180, 180, 200]
    assert dave.responses() == [100, 180, 200]
    assert [cancel.call_id for cancel in bob.requests("CANCEL")] == [bob.requests("INVITE")[0].call_id]


# K4


def test_K4_a_second_picker_takes_the_call_from_the_first(simulate: Simulate) -> None:
    """K4: the first picker's phone is cancelled as Bob's was; Alice hears one final answer."""
    sim = simulate(call_pickup.script)
    alice, bob, charlie = at_work(sim)
    dave = sim.phone("dave", answers=1.0)
    sim.at(0.0, dave.register)
    sim.at(5.0, charlie.invite, "33")
    sim.at(6.0, dave.invite, "33")
    sim.run(until=60.0)
    sim.expect(
        """
        6.000  dave -> ebr     INVITE sip:33@example.org
        6.000  ebr -> dave     480 Gone (INVITE)
        6.000  ebr -> dave     INVITE sip:dave@192.0.2.14:5060
        6.000  ebr -> charlie  CANCEL sip:charlie@192.0.2.13:5060
        6.000  dave -> ebr     ACK sip:33@example.org
        6.000  dave -> ebr     180 Ringing (INVITE)
        6.000  charlie -> ebr  200 OK (CANCEL)
        6.000  charlie -> ebr  487 Request Terminated (INVITE)
        6.000  ebr -> alice    180 Ringing (INVITE)
        6.000  ebr -> charlie  ACK sip:charlie@192.0.2.13:5060
        7.000  dave -> ebr     200 OK (INVITE)
        7.000  ebr -> alice    200 OK (INVITE)
        7.000  alice -> ebr    ACK sip:dave@192.0.2.14:5060
        7.000  ebr -> dave     ACK sip:dave@192.0.2.14:5060
        """,
        since=6.0,
    )
    assert len(bob.requests("CANCEL")) == 1
    assert alice.responses() == [100, 180, 180, 180, 200]


def test_K4_the_same_picker_twice_is_rung_once(simulate: Simulate) -> None:
    """K4, P8: his phone rings already, so the second pickup changes nothing; it is not cancelled for its own sake."""
    sim = simulate(call_pickup.script)
    alice, _, charlie = at_work(sim)
    sim.at(5.0, charlie.invite, "33")
    sim.at(6.0, charlie.invite, "33")
    sim.at(7.0, charlie.answer)
    sim.run(until=60.0)
    assert len(charlie.requests("INVITE")) == 1
    assert charlie.requests("CANCEL") == []
    assert alice.responses() == [100, 180, 180, 200]


# K5


def test_K5_bobs_200_crosses_the_CANCEL(simulate: Simulate) -> None:
    """K5: Bob answers while the CANCEL is on its way: he has the call, the picker is cancelled, Alice hears one 200."""
    sim = simulate(call_pickup.script)
    sim.delay = 0.1
    alice, bob, charlie = at_work(sim)
    sim.at(4.9, charlie.invite, "33")
    sim.at(5.05, bob.answer)
    sim.run(until=60.0)
    sim.expect(
        """
        5.000  ebr -> charlie  480 Gone (INVITE)
        5.000  ebr -> charlie  INVITE sip:charlie@192.0.2.13:5060
        5.000  ebr -> bob      CANCEL sip:bob@192.0.2.12:5060
        5.050  bob -> ebr      200 OK (INVITE)
        5.100  charlie -> ebr  ACK sip:33@example.org
        5.100  charlie -> ebr  180 Ringing (INVITE)
        5.100  bob -> ebr      200 OK (CANCEL)
        5.150  ebr -> alice    200 OK (INVITE)
        5.200  ebr -> charlie  CANCEL sip:charlie@192.0.2.13:5060
        5.250  alice -> ebr    ACK sip:bob@192.0.2.12:5060
        5.300  charlie -> ebr  200 OK (CANCEL)
        5.300  charlie -> ebr  487 Request Terminated (INVITE)
        5.350  ebr -> bob      ACK sip:bob@192.0.2.12:5060
        5.400  ebr -> charlie  ACK sip:charlie@192.0.2.13:5060
        """,
        since=5.0,
    )
    # The picker's CANCEL waits for his first provisional response (9.1), and his 180 is no news to Alice any more.
    (cancel,) = charlie.requests("CANCEL")
    assert cancel.values("reason") == ['SIP ;cause=200 ;text="Call completed elsewhere"']
    assert alice.responses() == [100, 180, 200]


def test_K5_bob_answers_in_the_instant_of_the_pickup(simulate: Simulate) -> None:
    """K5: his 200 arrives first, and the pickup finds no call that waits; Charlie's phone never rings."""
    sim = simulate(call_pickup.script)
    _, bob, charlie = at_work(sim)
    sim.at(5.0, bob.answer)
    sim.at(5.0, charlie.invite, "33")
    sim.run(until=60.0)
    sim.expect(
        """
        5.000  bob -> ebr      200 OK (INVITE)
        5.000  charlie -> ebr  INVITE sip:33@example.org
        5.000  ebr -> alice    200 OK (INVITE)
        5.000  ebr -> charlie  480 Gone (INVITE)
        5.000  alice -> ebr    ACK sip:bob@192.0.2.12:5060
        5.000  charlie -> ebr  ACK sip:33@example.org
        5.000  ebr -> bob      ACK sip:bob@192.0.2.12:5060
        """,
        since=5.0,
    )
