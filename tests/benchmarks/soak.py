"""Plays the stateful machine of tests/core with other examples each time, for as long as asked: ``soak.py --minutes 60``.

Stops with the failing steps and exit status 1 at the first thing that is wrong.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))  # the tests' own helpers are in no package

try:
    from hypothesis import HealthCheck, settings

    from core.machine import play
    from core.witness import Totals
except ImportError as error:
    sys.exit(f"soak: {error}; it needs what `pip install 'ebr[test]'` brings")

ROUND = settings(
    max_examples=100,
    stateful_step_count=80,
    deadline=None,
    derandomize=False,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def resident() -> str:
    """What the process holds in memory, where the platform tells: it must not grow."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return "unknown"
    return f"{pages * os.sysconf('SC_PAGE_SIZE') / 2**20:.0f} MiB"


def main() -> int:
    parser = argparse.ArgumentParser(description="Play random calls over a bad network, and look for what goes wrong.")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long, at least one round (default: 60)")
    minutes: float = parser.parse_args().minutes
    totals = Totals()
    start = time.monotonic()
    rounds = 0
    while rounds == 0 or time.monotonic() - start < 60 * minutes:
        play(totals, ROUND)
        rounds += 1
        print(f"{(time.monotonic() - start) / 60:7.1f} min  {resident()}  {totals}", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AssertionError as error:
        # Hypothesis has put the shortest steps that fail into the notes.
        print(error, *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
        sys.exit(1)
