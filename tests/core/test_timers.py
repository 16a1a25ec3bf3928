"""Timers: order, whole milliseconds, cancelling, and what the heap keeps."""

from hypothesis import given
from hypothesis import strategies as st

from ebr_core.timers import Timer, TimerOwner, Timers


def drain(timers: Timers, now: float) -> list[int]:
    kinds = []
    while (due := timers.pop(now)) is not None:
        kinds.append(due[1])
    return kinds


def test_nothing_is_due_where_nothing_was_set() -> None:
    timers = Timers()
    assert (len(timers), timers.deadline, timers.pop(1e9)) == (0, None, None)


def test_timers_come_in_order_of_time_then_of_setting_with_their_owner() -> None:
    timers, owners = Timers(), [TimerOwner() for _ in range(4)]
    for kind, when in enumerate((2.0, 1.0, 2.0, 1.5)):
        timers.set(when, kind, owners[kind])
    assert (len(timers), timers.deadline) == (4, 1.0)
    assert timers.pop(0.999) is None
    assert timers.pop(5.0) == (owners[1], 1)
    assert timers.deadline == 1.5
    assert drain(timers, 5.0) == [3, 0, 2]
    assert len(timers) == 0
    assert timers.deadline is None


def test_a_timer_set_while_others_of_its_millisecond_fire_comes_last() -> None:
    timers = Timers()
    timers.set(1.0, 0, TimerOwner())
    timers.set(1.0, 1, TimerOwner())
    assert timers.pop(1.0) is not None
    timers.set(1.0, 2, TimerOwner())
    assert drain(timers, 1.0) == [1, 2]


def test_instants_are_rounded_up_to_whole_milliseconds_but_not_for_the_dust_of_a_sum() -> None:
    timers = Timers()
    assert timers.set(0.0101, 0, TimerOwner()).when == 0.011
    assert timers.set(0.1 + 0.2, 0, TimerOwner()).when == 0.3
    assert timers.set(1000.0005, 0, TimerOwner()).when == 1000.001
    assert timers.set(7.0, 0, TimerOwner()).when == 7.0


@given(st.floats(0, 1e8), st.floats(0, 1e5))
def test_a_tick_at_the_deadline_is_due_and_one_before_it_is_not(start: float, delay: float) -> None:
    timers = Timers()
    timer = timers.set(start + delay, 3, TimerOwner())
    deadline = timers.deadline
    assert deadline == timer.when
    assert deadline is not None
    assert -1.1e-8 <= deadline - (start + delay) <= 0.001 + 1e-6
    assert timers.pop(deadline - 0.0005) is None
    assert drain(timers, deadline) == [3]


def test_a_cancelled_timer_is_gone_at_once_with_its_owner() -> None:
    timers = Timers()
    alone = timers.set(1.0, 0, TimerOwner())
    pair = [timers.set(2.0, kind, TimerOwner()) for kind in (1, 2)]
    timers.cancel(alone)
    assert (alone.owner, timers.deadline, len(timers)) == (None, 2.0, 2)
    timers.cancel(pair[0])
    assert (timers.deadline, len(timers)) == (2.0, 1)
    timers.cancel(pair[1])
    assert (timers.deadline, len(timers), drain(timers, 9.0)) == (None, 0, [])


def test_cancelling_none_twice_or_after_firing_changes_nothing() -> None:
    timers = Timers()
    first, second = timers.set(1.0, 0, TimerOwner()), timers.set(1.0, 1, TimerOwner())
    timers.cancel(None)
    assert drain(timers, 0.9) == []
    assert timers.pop(1.0) is not None
    timers.cancel(first)
    timers.cancel(second)
    timers.cancel(second)
    assert len(timers) == 0


def test_a_millisecond_that_was_emptied_and_used_again_fires_once() -> None:
    timers = Timers()
    timers.cancel(timers.set(1.0, 0, TimerOwner()))
    timers.set(1.0, 1, TimerOwner())
    assert drain(timers, 1.0) == [1]
    assert timers.deadline is None
    timers.cancel(timers.set(1.0, 2, TimerOwner()))
    assert timers.pop(1.0) is None


def test_many_cancelled_timers_leave_the_order_of_the_others_alone() -> None:
    timers = Timers()
    for number in range(1000):
        timer = timers.set(number / 10, number, TimerOwner())
        if number % 100:
            timers.cancel(timer)
    assert len(timers) == 10
    assert drain(timers, 1000.0) == list(range(0, 1000, 100))


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=200))
def test_any_mix_of_setting_and_cancelling_agrees_with_a_sorted_list(steps: list[tuple[int, bool]]) -> None:
    timers, live = Timers(), list[tuple[int, int, Timer]]()
    for number, (tick, cancel) in enumerate(steps):
        if cancel and live:
            timers.cancel(live.pop(tick % len(live))[2])
        else:
            live.append((tick, number, timers.set(tick / 1000, number, TimerOwner())))
        assert len(timers) == len(live)
        assert timers.deadline == (min(live)[0] / 1000 if live else None)
    assert drain(timers, 1.0) == [number for _, number, _ in sorted(live)]
