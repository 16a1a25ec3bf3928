"""The one door: what ``Engine.handle`` promises about steps, deadlines, and inputs that mean nothing any more."""

import math

import pytest

from ebr_conformance.tokens import TokenStream
from ebr_core import Engine, LocalProtocolError, Script, ServerRequest, sleep
from ebr_core.actions import (
    CANCELLED,
    EXPIRED,
    NOTIFIED,
    Event,
    EventNotified,
    SendDatagram,
    StartJob,
    SubscriptionEnded,
)
from ebr_core.inputs import (
    DatagramReceived,
    EventRaised,
    Input,
    JobFinished,
    SendFailed,
    Started,
    SubscriptionCancelled,
    SubscriptionRequested,
    TimerTick,
    WallClockStepped,
)
from ebr_core.message import parse_message
from engine_bench import ALICE, BOB, LISTENER, Bench, job, packet

# Before and beside the rules.


def test_a_budget_is_at_least_one_step() -> None:
    with pytest.raises(LocalProtocolError, match="at least 1, not 0"):
        Engine(Script(), tokens=bytes, budget=0)


def test_the_first_input_is_started_and_only_the_first() -> None:
    engine = Engine(Script(), tokens=TokenStream(0))
    with pytest.raises(LocalProtocolError, match="the first input is Started, not TimerTick"):
        engine.handle(TimerTick(), now=0.0)
    engine.handle(Started([LISTENER], 0.0), now=0.0)
    with pytest.raises(LocalProtocolError, match="was started before"):
        engine.handle(Started([LISTENER], 0.0), now=0.0)


def test_a_start_that_was_refused_can_be_tried_again() -> None:
    engine = Engine(Script(), tokens=TokenStream(0))
    with pytest.raises(LocalProtocolError, match="two listeners"):
        engine.handle(Started([LISTENER, LISTENER], 0.0), now=0.0)
    assert engine.handle(Started([LISTENER], 0.0), now=0.0) == []


@pytest.mark.parametrize("wall", [math.nan, math.inf, -1.0, 1e12])
def test_a_wall_time_that_is_no_date_is_refused(wall: float) -> None:
    engine = Engine(Script(), tokens=TokenStream(0))
    with pytest.raises(LocalProtocolError, match="wall time"):
        engine.handle(Started([LISTENER], wall), now=0.0)
    engine.handle(Started([LISTENER], 0.0), now=0.0)
    with pytest.raises(LocalProtocolError, match="wall time"):
        engine.handle(WallClockStepped(wall), now=0.0)


def test_routes_that_cannot_be_are_refused_where_they_are_written() -> None:
    script = Script()
    for method in ("", "IN VITE", "INVITE\r\nX: y"):
        with pytest.raises(LocalProtocolError, match="is not a method"):
            script.request(method)(print)
    for period in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(LocalProtocolError, match="period of 1 ms or more"):
            script.timer(period)


def test_a_packet_of_an_unknown_listener_is_refused_before_anything_happens() -> None:
    script = Script()
    script.timer(1.0)(lambda: None)
    bench = Bench(script)
    bench.now = 5.0
    with pytest.raises(LocalProtocolError, match="no listener has the id 7"):
        bench.feed(DatagramReceived(b"\r\n", ALICE, 7))
    assert bench.engine.deadline == 1.0
    assert bench.engine.counters == {}


def test_handle_is_not_to_be_called_from_inside() -> None:
    script = Script()
    engines: list[Engine] = []
    errors: list[str] = []

    @script.startup
    def again() -> None:
        try:
            engines[0].handle(TimerTick(), now=0.0)
        except LocalProtocolError as error:
            errors.append(str(error))

    engines.append(Engine(script, tokens=TokenStream(0)))
    engines[0].handle(Started([LISTENER], 0.0), now=0.0)
    assert errors == ["handle() was called from inside handle(); queue the input and feed it afterwards"]
    assert engines[0].handle(TimerTick(), now=0.0) == []


@pytest.mark.parametrize(
    "refused",
    [
        EventRaised(""),
        EventRaised("E", [1.5]),  # type: ignore[list-item]
        SubscriptionRequested(2, "E"),
        SubscriptionRequested(1, ""),
        SubscriptionRequested(1, "E", timeout=0.0),
        SubscriptionRequested(1, "E", "no equals sign"),
    ],
    ids=repr,
)
def test_what_was_due_is_not_lost_when_an_input_is_refused(refused: Input) -> None:
    bench = Bench(Script())
    bench.feed(SubscriptionRequested(9, "E", timeout=1.0))
    bench.now = 2.0
    with pytest.raises((LocalProtocolError, ValueError)):
        bench.feed(refused)
    deadlines = [bench.engine.deadline]
    assert bench.feed(TimerTick()) == [SubscriptionEnded(9, EXPIRED)]
    deadlines.append(bench.engine.deadline)
    assert deadlines == [2.0, None]
    assert not any(bench.engine.sizes().values())


# Time.


def test_the_deadline_is_the_next_timer_and_a_tick_there_is_due() -> None:
    bench = Bench(Script())
    bench.feed(SubscriptionRequested(1, "E", timeout=0.3), SubscriptionRequested(3, "E", timeout=0.1))
    assert bench.engine.deadline == 0.1
    bench.now = 0.0999
    assert bench.feed(TimerTick()) == []
    bench.now = 0.1
    assert bench.feed(TimerTick()) == [SubscriptionEnded(3, EXPIRED)]
    assert bench.engine.deadline == 0.3


def test_time_that_runs_backwards_stands_still() -> None:
    bench = Bench(Script())
    bench.now = 100.0
    bench.feed(TimerTick())
    bench.now = 50.0
    bench.feed(SubscriptionRequested(1, "E", timeout=1.0))
    assert bench.engine.deadline == 101.0
    assert bench.feed(TimerTick()) == []


def test_a_timer_route_runs_once_after_a_jump_and_then_on_its_period() -> None:
    script = Script()
    ran: list[float] = []
    bench: list[Bench] = []

    @script.timer(10.0)
    def tick() -> None:
        ran.append(bench[0].now)

    bench.append(Bench(script))
    bench[0].run(25.0)
    bench[0].now = 3600.0
    bench[0].feed(TimerTick())
    bench[0].run(3615.0)
    assert ran == [10.0, 20.0, 3600.0, 3610.0]
    assert not any(bench[0].engine.sizes().values())  # a route of the script's is not work under way


def test_the_wall_clock_is_what_is_shown_and_never_moves_a_timer() -> None:
    script = Script()

    @script.request("REGISTER")
    async def register(request: ServerRequest) -> None:
        await request.save()

    bench = Bench(script)
    bench.feed(SubscriptionRequested(1, "E", timeout=60.0))

    def date(branch: str) -> str | None:
        (sent,) = bench.feed(packet("REGISTER", branch=branch))
        assert isinstance(sent, SendDatagram)
        return parse_message(sent.data).header("date")

    assert date("z9hG4bK1") == "Tue, 14 Nov 2023 22:13:20 GMT"
    bench.now = 10.0
    assert bench.feed(WallClockStepped(0.0)) == []
    assert date("z9hG4bK2") == "Thu, 01 Jan 1970 00:00:00 GMT"
    bench.now = 15.0
    assert date("z9hG4bK3") == "Thu, 01 Jan 1970 00:00:05 GMT"
    assert bench.run(60.0)[-1] == (60.0, SubscriptionEnded(1, EXPIRED))


# Bounded steps.


def test_so_many_steps_and_no_more_in_one_call() -> None:
    script = Script()
    ran: list[int] = []

    @script.event("E")
    def listen(event: Event) -> None:
        ran.append(len(ran))

    bench = Bench(script, budget=3)
    for _ in range(10):
        bench.feed(EventRaised("E"))
    assert ran == list(range(10))  # one each: there was room
    before = len(ran)
    for number in range(7):
        bench.feed(SubscriptionRequested(2 * number + 1, "E"))
    counts = [len([each for each in bench.feed(EventRaised("E")) if isinstance(each, EventNotified)]) + len(ran) - before]
    while bench.engine.deadline is not None:
        assert bench.engine.deadline <= bench.now
        done = len(ran)
        counts.append(len([each for each in bench.feed(TimerTick()) if isinstance(each, EventNotified)]) + len(ran) - done)
    assert counts == [3, 3, 2]


def test_so_many_timers_and_no_more_in_one_call() -> None:
    bench = Bench(Script(), budget=3)
    for number in range(7):
        bench.feed(SubscriptionRequested(2 * number + 1, "E", timeout=1.0))
    bench.now = 5.0
    counts = []
    while bench.engine.deadline is not None:
        counts.append(len(bench.feed(TimerTick())))
    assert counts == [3, 3, 1]


def test_a_timer_that_is_due_comes_before_the_input() -> None:
    bench = Bench(Script())
    bench.feed(SubscriptionRequested(1, "E", timeout=1.0))
    bench.now = 1.0
    assert bench.feed(EventRaised("E")) == [SubscriptionEnded(1, EXPIRED)]


def test_a_step_says_which_handlers_ran() -> None:
    script = Script()

    @script.event("E")
    def listen(event: Event) -> None:
        pass

    @script.startup
    async def begin() -> None:
        await sleep(1.0)

    bench = Bench(script)
    names = [bench.engine.last_handlers]
    bench.feed(EventRaised("E"), EventRaised("E"))
    names.append(bench.engine.last_handlers)
    bench.feed(TimerTick())
    names.append(bench.engine.last_handlers)
    place = "test_a_step_says_which_handlers_ran.<locals>."
    assert names == [(place + "begin",), (place + "listen",), ()]


# Inputs that mean nothing any more.


@pytest.mark.parametrize(
    "late",
    [
        TimerTick(),
        JobFinished(2, "result"),
        JobFinished(99, None, ("OSError", "gone")),
        SubscriptionCancelled(7),
        SubscriptionCancelled(2),
        SendFailed(BOB, 1, b"", "ECONNREFUSED"),
        EventRaised("E_NOBODY_LISTENS", {"a": 1}),
        WallClockStepped(5.0),
    ],
    ids=repr,
)
def test_an_input_for_something_gone_is_a_no_op(late: Input) -> None:
    bench = Bench(Script())
    sizes = bench.engine.sizes()
    assert bench.feed(late) == []
    assert (bench.engine.deadline, bench.engine.sizes()) == (None, sizes)


def test_a_job_is_answered_once() -> None:
    script = Script()
    results: list[object] = []

    @script.startup
    async def begin() -> None:
        results.append(await script.run(job))
        results.append(await script.run(job))

    bench = Bench(script)
    assert bench.first == [StartJob(2, job)]
    assert bench.feed(JobFinished(2, "first")) == [StartJob(4, job)]
    assert bench.feed(JobFinished(2, "again")) == []
    assert results == ["first"]
    bench.feed(JobFinished(4, 5))
    assert results == ["first", 5]
    assert bench.engine.sizes()["jobs"] == 0


# Subscriptions of the host.


def test_a_subscription_hears_each_match_until_it_is_cancelled() -> None:
    bench = Bench(Script())
    bench.feed(SubscriptionRequested(1, "E", {"a": "x"}))
    assert bench.feed(EventRaised("E", {"a": "y"})) == []
    for _ in range(2):
        assert bench.feed(EventRaised("E", {"a": "x"})) == [EventNotified(1, Event("E", ("a",), ("x",)))]
    assert bench.feed(SubscriptionCancelled(1)) == [SubscriptionEnded(1, CANCELLED)]
    assert bench.feed(SubscriptionCancelled(1), EventRaised("E", {"a": "x"})) == []


def test_a_subscription_for_one_event_ends_with_it_and_frees_its_number() -> None:
    bench = Bench(Script())
    bench.feed(SubscriptionRequested(1, "E", once=True, timeout=60.0))
    with pytest.raises(LocalProtocolError, match="in use"):
        bench.feed(SubscriptionRequested(1, "E"))
    assert bench.feed(EventRaised("E", [1])) == [EventNotified(1, Event("E", None, (1,))), SubscriptionEnded(1, NOTIFIED)]
    assert bench.engine.deadline is None
    bench.feed(SubscriptionRequested(1, "E"))
    assert bench.engine.sizes()["subscriptions"] == 1


def test_a_subscription_cancelled_while_its_event_waits_hears_nothing() -> None:
    bench = Bench(Script(), budget=1)
    for number in (1, 3, 5):
        bench.feed(SubscriptionRequested(number, "E"))
    assert [type(each) for each in bench.feed(EventRaised("E"))] == [EventNotified]
    assert bench.feed(SubscriptionCancelled(3)) == [SubscriptionEnded(3, CANCELLED), EventNotified(5, Event("E"))]
    bench.run(0.0)
    assert bench.engine.sizes()["raises"] == 0
