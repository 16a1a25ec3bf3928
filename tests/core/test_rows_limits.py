"""Rows L2 and L3 of the corner cases: handlers that do what they should not, and clocks that do."""

import pytest

from bare import Bare, request
from ebr_conformance.scripts import plain
from ebr_core import (
    EXPIRED,
    Call,
    Event,
    JobFinished,
    Script,
    SendDatagram,
    SendFailed,
    ServerRequest,
    Subscription,
    SubscriptionCancelled,
    SubscriptionEnded,
    SubscriptionRequested,
    TimerTick,
)
from notes import failures, note, noted, verbs
from row_scripts import Simulate, at_home, registrar_script

# L2


def test_L2_a_handler_that_raises_stops_nobody_else(simulate: Simulate) -> None:
    """L2: three routes for one event, the second of which fails: the others run in order, and it is logged with its line."""
    script = registrar_script()

    @script.event("E_UL_CONTACT_INSERT")
    def first(event: Event) -> None:
        note("first", event["aor"])

    @script.event("E_UL_CONTACT_INSERT")
    def second(event: Event) -> None:
        raise ValueError("no such thing")

    @script.event("E_UL_CONTACT_INSERT")
    def third(event: Event) -> None:
        note("third", event["aor"])

    sim = simulate(script)
    bob = sim.phone("bob")
    sim.at(1.0, bob.register)
    sim.at(2.0, bob.unregister)
    sim.at(3.0, bob.register)
    noted(sim, 10.0)
    sim.expect(
        """
        1.000  bob -> ebr  REGISTER sip:example.org
        1.000  ebr -> bob  200 OK (REGISTER)
        1.000  * E_NOTE first bob@example.org
        1.000  * E_NOTE third bob@example.org
        2.000  bob -> ebr  REGISTER sip:example.org
        2.000  ebr -> bob  200 OK (REGISTER)
        3.000  bob -> ebr  REGISTER sip:example.org
        3.000  ebr -> bob  200 OK (REGISTER)
        3.000  * E_NOTE first bob@example.org
        3.000  * E_NOTE third bob@example.org
        """
    )
    assert [line.rpartition(".")[2] for line in failures(sim)] == ["second: ValueError: no such thing"] * 2


def test_L2_a_notification_route_that_raises_leaves_its_call_alone(simulate: Simulate) -> None:
    """L2: the call rings on, its other routes run, and Bob may still answer."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.notify_on_event("E_DOOR", None, _fail)
        call.notify_on_event("E_DOOR", None, _note_it)
        call.relay(request.lookup())

    sim = simulate(script)
    alice, _ = at_home(sim, answers=4.0)
    sim.at(2.0, sim.raise_event, "E_DOOR", ["a"])
    sim.at(3.0, sim.raise_event, "E_DOOR", ["b"])
    noted(sim, 60.0)
    sim.expect(
        """
        2.000  * E_NOTE a
        3.000  * E_NOTE b
        5.000  desk -> ebr   200 OK (INVITE)
        5.000  ebr -> alice  200 OK (INVITE)
        5.000  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        5.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        """,
        since=2.0,
    )
    assert failures(sim) == ["_fail: ValueError: no such thing"] * 2
    assert alice.responses() == [100, 180, 200]


def _fail(event: Event, call: Call) -> None:
    raise ValueError("no such thing")


def _note_it(event: Event, call: Call) -> None:
    note(event[0])


@pytest.mark.parametrize("budget", [1, 64])
def test_L2_events_raised_by_handlers_queue_behind(simulate: Simulate, budget: int) -> None:
    """L2: never nested: all subscribers of the first event have had it before anyone has the second."""
    script = Script()

    @script.event("E_ONE")
    def first(event: Event) -> None:
        verbs.raise_event("E_TWO", ["from first"])
        note("first has", event[0])

    @script.event("E_ONE")
    def second(event: Event) -> None:
        verbs.raise_event("E_TWO", ["from second"])
        note("second has", event[0])

    @script.event("E_TWO")
    def third(event: Event) -> None:
        note("third has", event[0])

    sim = simulate(script, budget=budget)
    sim.at(1.0, sim.raise_event, "E_ONE", ["a"])
    noted(sim, 5.0)
    sim.expect(
        """
        1.000  * E_NOTE first has a
        1.000  * E_NOTE second has a
        1.000  * E_NOTE third has from first
        1.000  * E_NOTE third has from second
        """
    )


def test_L2_who_subscribes_during_a_delivery_gets_the_next_one(simulate: Simulate) -> None:
    """L2: who gets an event is decided when its turn comes, so a route that subscribes to its own event does not loop."""
    script = Script()

    @script.event("E_DOOR")
    def subscribe(event: Event) -> None:
        note("route", event[0])
        verbs.notify_on_event("E_DOOR", None, _note_other, timeout=10.0)

    sim = simulate(script)
    sim.at(1.0, sim.raise_event, "E_DOOR", [1])
    sim.at(2.0, sim.raise_event, "E_DOOR", [2])
    noted(sim, 5.0)
    sim.expect(
        """
        1.000  * E_NOTE route 1
        2.000  * E_NOTE route 2
        2.000  * E_NOTE other 2
        """
    )


def _note_other(event: Event, call: Call | None) -> None:
    note("other", event[0])


def test_L2_a_route_that_ends_its_call_ends_its_own_subscriptions(simulate: Simulate) -> None:
    """L2: the first of a call's two routes answers it; the second, whose turn in the same event was next, does not run."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.notify_on_event("E_DOOR", None, _busy)
        call.notify_on_event("E_DOOR", None, _note_it)
        call.wait_for_new_branches(timeout=20.0)

    sim = simulate(script)
    sim.at(1.0, sim.phone("alice").invite, "bob")
    sim.at(2.0, sim.raise_event, "E_DOOR", ["a"])
    sim.at(2.0, sim.raise_event, "E_DOOR", ["b"])
    noted(sim, 20.0)
    sim.expect(
        """
        2.000  ebr -> alice  486 Busy Here (INVITE)
        2.000  * E_NOTE busy a
        2.000  alice -> ebr  ACK sip:bob@example.org
        """,
        since=2.0,
    )


def _busy(event: Event, call: Call) -> None:
    note("busy", event[0])
    call.reply(486)


def test_L2_a_route_ends_its_own_subscription(simulate: Simulate) -> None:
    """L2: after its first event it hears no more, the other route of the call does; with the last one gone the wait is over."""
    script = registrar_script()

    @script.request("INVITE")
    def wait(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.wait_for_new_branches(timeout=20.0)
        subscriptions: dict[str, Subscription] = {}

        def once(event: Event, call: Call) -> None:
            note("once", event[0])
            call.unsubscribe(subscriptions["once"])
            call.unsubscribe(subscriptions["once"])

        def twice(event: Event, call: Call) -> None:
            note("twice", event[0])
            if event[0] == 2:
                verbs.unsubscribe(subscriptions["twice"])

        subscriptions["once"] = call.notify_on_event("E_DOOR", None, once)
        subscriptions["twice"] = call.notify_on_event("E_DOOR", None, twice)

    sim = simulate(script)
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    for number in (1, 2, 3):
        sim.at(1.0 + number, sim.raise_event, "E_DOOR", [number])
    noted(sim, 10.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        2.000  * E_NOTE once 1
        2.000  * E_NOTE twice 1
        3.000  ebr -> alice  408 Request Timeout (INVITE)
        3.000  * E_NOTE twice 2
        3.000  alice -> ebr  ACK sip:bob@example.org
        """
    )


def test_L2_who_unsubscribes_between_two_steps_of_a_delivery_is_skipped() -> None:
    """L2: of three listeners the second ends after the first was told; the third is told, the second is not."""
    bare = Bare(plain.script, budget=1)
    for number in (1, 3, 5):
        bare.feed(SubscriptionRequested(number, "E_UL_CONTACT_INSERT"))
    told: list[object] = []
    bare.on_action = lambda action: told.append((type(action).__name__, getattr(action, "subscription", None)))
    bare.feed(request("REGISTER", "bob", 1, contact="sip:bob@192.0.2.99"))
    bare.tick()
    bare.feed(SubscriptionCancelled(3))
    bare.run(until=1.0)
    assert told == [("SendDatagram", None), ("EventNotified", 1), ("SubscriptionEnded", 3), ("EventNotified", 5)]
    bare.feed(SubscriptionCancelled(3))
    assert len(told) == 4


def test_L2_a_route_looks_up_the_address_that_its_event_is_about(simulate: Simulate) -> None:
    """L2: it sees what has come, and no longer what has gone, be it unregistered or out of time."""
    script = registrar_script()

    @script.event("E_UL_CONTACT_INSERT")
    @script.event("E_UL_CONTACT_UPDATE")
    @script.event("E_UL_CONTACT_DELETE")
    def look(event: Event) -> None:
        note(event.name, len(verbs.lookup(str(event["aor"]))))

    sim = simulate(script)
    bob = sim.phone("bob")
    sim.at(1.0, bob.register, 100)
    sim.at(2.0, bob.register, 100)
    sim.at(3.0, bob.unregister)
    sim.at(4.0, bob.register, 60)
    noted(sim, 100.0)
    sim.expect(
        """
         1.000  * E_NOTE E_UL_CONTACT_INSERT 1
         2.000  * E_NOTE E_UL_CONTACT_UPDATE 1
         3.000  * E_NOTE E_UL_CONTACT_DELETE 0
         4.000  * E_NOTE E_UL_CONTACT_INSERT 1
        64.000  * E_NOTE E_UL_CONTACT_DELETE 0
        """,
        hide=("REGISTER",),
    )


# L3


def test_L3_what_comes_for_something_gone_is_a_no_op() -> None:
    """L3: a job that was cancelled, a subscription that ended, a packet that failed long after its transaction."""
    bare = Bare(plain.script)
    bare.feed(SubscriptionRequested(1, "E_DOOR", timeout=1.0))
    bare.run(until=2.0)
    before = bare.engine.sizes()
    gone = request("OPTIONS", "bob", 7)
    assert bare.feed(SubscriptionCancelled(1)) == []
    assert bare.feed(JobFinished(2, "late")) == []
    assert bare.feed(SendFailed(("192.0.2.12", 5060), 1, gone.data, "ECONNREFUSED")) == []
    assert bare.engine.sizes() == before
    assert bare.engine.deadline is None


def test_L3_a_spurious_tick_is_a_no_op() -> None:
    """L3: too early, twice, or when nothing is to come."""
    bare = Bare(plain.script)
    assert bare.feed(TimerTick()) == []
    bare.feed(SubscriptionRequested(1, "E_DOOR", timeout=5.0))
    for now in (0.0, 4.9994, 4.9994):
        bare.now = now
        assert bare.feed(TimerTick()) == []
        assert bare.engine.deadline == 5.0
    assert bare.tick() == [SubscriptionEnded(1, EXPIRED)]
    assert bare.feed(TimerTick()) == []


def test_L3_time_standing_still_stops_nothing() -> None:
    """L3: everything of one instant happens, in its order, and no timer is early."""
    bare = Bare(plain.script, budget=2)
    bare.now = 1.0
    sent: list[bytes] = []
    bare.on_action = lambda action: sent.append(action.data[:11]) if isinstance(action, SendDatagram) else None
    bare.feed(request("REGISTER", "bob", 1, contact="sip:bob@192.0.2.12"))
    bare.feed(request("INVITE", "bob", 2))
    bare.feed(request("INVITE", "nobody", 3))
    for _ in range(10):
        bare.feed(TimerTick())
    assert sent == [b"SIP/2.0 200", b"SIP/2.0 100", b"INVITE sip:", b"SIP/2.0 404"]
    assert bare.engine.deadline == 1.5


def test_L3_a_clock_that_runs_backwards_counts_as_standing_still() -> None:
    """L3: what is started then is timed from the latest instant."""
    bare = Bare(plain.script)
    bare.now = 10.0
    bare.feed(TimerTick())
    bare.now = 3.0
    bare.feed(SubscriptionRequested(1, "E_DOOR", timeout=5.0))
    assert bare.engine.deadline == 15.0


@pytest.mark.parametrize("budget", [1, 7, 64])
def test_L3_an_hour_at_once_is_caught_up_in_bounded_steps(budget: int) -> None:
    """L3: 500 subscriptions were due meanwhile: each ends, in the order of its instant, at most ``budget`` in one step."""
    bare = Bare(plain.script, budget=budget)
    numbers = range(1, 1001, 2)
    for number in numbers:
        bare.feed(SubscriptionRequested(number, "E_DOOR", timeout=1.0 + number * 7 % 1001))
    bare.now = 3600.0
    ended: list[int] = []
    steps = 0
    while (deadline := bare.engine.deadline) is not None:
        assert deadline <= bare.now, "nothing is due later than now"
        actions = bare.feed(TimerTick())
        steps += 1
        assert 0 < len(actions) <= budget
        ended += [action.subscription for action in actions if isinstance(action, SubscriptionEnded)]
    assert ended == sorted(numbers, key=lambda number: number * 7 % 1001)
    assert steps == -(-500 // budget)


def test_L3_an_hour_at_once_rings_nobody_whose_time_is_up() -> None:
    """L3: the step is too short to remove all contacts that ran out; a look-up finds none of them all the same."""
    bare = Bare(plain.script, budget=1)
    for number in range(100):
        bare.feed(request("REGISTER", f"u{number}", number, contact=f"sip:u{number}@192.0.2.12", expires=60 + number))
        bare.run(until=0.0)
    bare.now = 3600.0
    actions = bare.feed(request("INVITE", "u99", 1000))
    while not actions or not isinstance(actions[-1], SendDatagram):
        assert bare.engine.sizes()["contacts"] > 0
        actions = bare.tick()
    assert [action.data[:11] for action in actions if isinstance(action, SendDatagram)] == [b"SIP/2.0 404"]
    assert bare.engine.sizes()["contacts"] > 0
    bare.on_action = bare.acknowledge
    bare.run()
    assert not any(bare.engine.sizes().values())


def test_L3_an_hour_at_once_sends_no_burst() -> None:
    """L3: of the retransmissions that were due meanwhile one goes out, and the timers go on from there to their end."""
    bare = Bare(plain.script)
    sent: list[tuple[float, bytes]] = []
    bare.on_action = lambda action: sent.append((bare.now, action.data[:11])) if isinstance(action, SendDatagram) else None
    bare.feed(request("REGISTER", "bob", 1, contact="sip:bob@192.0.2.12", expires=7200))
    bare.feed(request("INVITE", "bob", 2))
    sent.clear()
    bare.now = 3600.0
    bare.feed(TimerTick())
    bare.run(until=3700.0)
    assert len(sent) < 20
    assert sent[0] == (3600.0, b"INVITE sip:")


def test_L3_a_timer_route_keeps_its_rhythm_when_ticks_are_late() -> None:
    """L3: an adapter's delay does not add up."""
    script = Script()

    @script.timer(10.0)
    def again() -> None:
        verbs.raise_event("E_NOTE", ["again"])

    bare = Bare(script)
    bare.feed(SubscriptionRequested(1, "E_NOTE"))
    for late in (10.25, 20.5):
        bare.now = late
        bare.feed(TimerTick())
    assert bare.engine.deadline == 30.0


def test_L3_a_timer_route_that_was_late_runs_once_and_then_in_its_period() -> None:
    """L3: an hour at once is not 360 runs of it."""
    script = Script()

    @script.timer(10.0)
    def again() -> None:
        verbs.raise_event("E_NOTE", ["again"])

    bare = Bare(script)
    bare.feed(SubscriptionRequested(1, "E_NOTE"))
    seen: list[float] = []
    bare.on_action = lambda action: seen.append(bare.now)
    bare.run(until=20.0)
    bare.now = 3600.0
    bare.feed(TimerTick())
    bare.run(until=3620.0)
    assert seen == [10.0, 20.0, 3600.0, 3610.0, 3620.0]
