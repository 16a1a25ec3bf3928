"""Timers as calendar buckets: one dict entry for each millisecond that has timers, a heap of those milliseconds.

Setting and cancelling cost a dict operation whatever the number of timers; a cancelled timer is gone at once, with all
that it referred to.
"""

from heapq import heapify, heappop, heappush
from math import ceil
from typing import Final, final

__all__ = ["Timer", "TimerOwner", "Timers"]


class TimerOwner:
    """Whatever owns a timer; the engine looks at its class to know whom to tell."""

    __slots__ = ()


@final
class Timer:
    """One pending timer. ``kind`` is the owner's own name for it; ``tick`` the millisecond at which it is due."""

    __slots__ = ("kind", "owner", "tick")

    def __init__(self, tick: int, kind: int, owner: TimerOwner) -> None:
        self.tick = tick
        self.kind: Final = kind
        self.owner: TimerOwner | None = owner

    @property
    def when(self) -> float:
        """The instant at which the timer is due, in seconds of the engine's clock."""
        return self.tick / 1000


@final
class Timers:
    """All timers of one engine, in order of their instant, and within a millisecond in order of setting."""

    __slots__ = ("_buckets", "_count", "_ticks")

    def __init__(self) -> None:
        self._buckets: Final[dict[int, Timer | dict[Timer, None]]] = {}
        self._ticks: Final[list[int]] = []  # a heap; holds every key of _buckets, and some that are gone
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def set(self, when: float, kind: int, owner: TimerOwner) -> Timer:
        """A timer for the first whole millisecond that is not before ``when`` (absolute seconds)."""
        # A sum such as 0.1 + 0.2 may lie a hair above its millisecond; that hair is no reason to be a millisecond late.
        tick = ceil(when * 1000 - 1e-5)
        timer = Timer(tick, kind, owner)
        bucket = self._buckets.get(tick)
        if bucket is None:
            self._buckets[tick] = timer
            heappush(self._ticks, tick)
        elif isinstance(bucket, Timer):
            self._buckets[tick] = {bucket: None, timer: None}
        else:
            bucket[timer] = None
        self._count += 1
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Forget a timer; one that is None, has fired or was cancelled already is a no-op."""
        if timer is None or timer.owner is None:
            return
        timer.owner = None
        self._count -= 1
        bucket = self._buckets[timer.tick]
        if not isinstance(bucket, Timer):
            del bucket[timer]
            if bucket:
                return
        del self._buckets[timer.tick]
        # The heap still names the millisecond. When such names are the majority, drop them all at once.
        if len(self._ticks) > 64 and len(self._ticks) > 2 * len(self._buckets):
            self._ticks[:] = self._buckets
            heapify(self._ticks)

    @property
    def deadline(self) -> float | None:
        """The instant of the earliest timer, or None. O(1) over the life of the timers."""
        ticks = self._ticks
        while ticks:
            if ticks[0] in self._buckets:
                return ticks[0] / 1000
            heappop(ticks)
        return None

    def pop(self, now: float) -> tuple[TimerOwner, int] | None:
        """Take out the next timer due at ``now``, as its owner and its kind; None when none is due."""
        ticks = self._ticks
        while ticks:
            tick = ticks[0]
            bucket = self._buckets.get(tick)
            if bucket is None:
                heappop(ticks)
                continue
            # Dividing gives the very float that `deadline` promised; multiplying `now` would not.
            if tick / 1000 > now:
                return None
            if isinstance(bucket, Timer):
                timer = bucket
                del self._buckets[tick]
                heappop(ticks)
            else:
                timer = next(iter(bucket))
                del bucket[timer]
                if not bucket:
                    del self._buckets[tick]
                    heappop(ticks)
            self._count -= 1
            owner, timer.owner = timer.owner, None
            assert owner is not None  # a timer in a bucket is pending
            return owner, timer.kind
        return None
