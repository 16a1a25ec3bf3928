"""What is measured inside one process: parsing, a proxied call, a raised event. One call of ``measure`` is one round."""

import gc
import time

from benchmarks.messages import INVITE, calls, engine
from benchmarks.parsing import each, floor, parsing
from ebr_core import EventRaised, SubscriptionRequested, tune_gc
from ebr_core.actions import EventNotified

__all__ = ["measure"]

INTERVAL = 0.05  # seconds between calls: the timers of older ones come due all the time, as in a server


def _call(count: int) -> float:
    feed, _ = calls(count, INTERVAL)
    proxy = engine()
    handle = proxy.handle
    gc.collect()
    start = time.process_time()
    for now, input in feed:
        handle(input, now=now)
    taken = time.process_time() - start
    if proxy.counters.get("received.response") != 4 * count or proxy.sizes()["client_transactions"] > 3 * 32 / INTERVAL:
        raise RuntimeError(f"the calls did not go through: {proxy.counters}, {proxy.sizes()}")
    return taken / count * 1e6


def _raise(others: int, times: int) -> float:
    made = engine()
    for number in range(others + 1):
        wanted = {"aor": f"user{number}@example.org"}
        made.handle(SubscriptionRequested(2 * number + 1, "E_BENCHMARK", wanted), now=0.0)
    raised = [EventRaised("E_BENCHMARK", {"aor": "user0@example.org", "n": n}) for n in range(times)]
    gc.collect()
    start = time.process_time()
    for input in raised:
        actions = made.handle(input, now=1.0)
    taken = time.process_time() - start
    if len(actions) != 1 or not isinstance(actions[0], EventNotified):
        raise RuntimeError(f"one raise gave {actions}")
    return taken / times * 1e6


def measure(scale: float) -> dict[str, float]:
    """One round; ``scale`` 1.0 takes some seconds. Microseconds by name; those of ``ratio`` are none."""
    tune_gc()  # as in `ebr run`
    floors = [each(floor, INVITE, 2000)]
    found = parsing(scale)
    floors.append(each(floor, INVITE, 2000))
    found["proxied call"] = _call(int(3000 * scale) + 100)
    floors.append(each(floor, INVITE, 2000))
    times = int(5000 * scale) + 500
    alone, crowded = (min(_raise(others, times) for _ in range(2)) for others in (0, 50_000))
    found["raise, nobody else subscribed"] = alone
    found["raise, 50,000 others"] = crowded
    found["ratio of the two"] = crowded / alone
    return {"calibration": min(floors), **found}
