"""Calls, registrations, a bad network and the host in any order: nothing raises, every INVITE gets one answer, nothing stays.

``EBR_SOAK=1`` plays many more examples, other ones each time; ``make soak`` does it for as long as asked.
"""

import os

from hypothesis import settings

from core.machine import play
from core.witness import Totals

SOAK = bool(os.environ.get("EBR_SOAK"))


def test_any_order_of_things_ends_well() -> None:
    totals = Totals()
    options = settings(
        derandomize=not SOAK,
        database=None,
        deadline=None,
        max_examples=2000 if SOAK else 80,
        stateful_step_count=60 if SOAK else 40,
    )
    play(totals, options)
    assert totals.answered >= 50, totals
    assert totals.late_branches >= 20, totals
    assert totals.cancels_in_wait >= 20, totals
    assert totals.cancel_then_200 >= 10, totals
    assert totals.ok_then_cancel >= 10, totals
    assert min(totals.lost, totals.duplicated, totals.reordered, totals.refused) >= 20, totals
