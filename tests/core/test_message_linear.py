"""No message takes more than linear time or memory, whatever makes it long: doubling it costs at most 2.2 times."""

import sys
import tracemalloc
from types import FrameType
from typing import Any

import pytest

from long_messages import SHAPES, read_everything

STEPS = 150
LIMIT = 2.2


def lines_executed(data: bytes) -> int:
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read_everything(data)
    finally:
        sys.settrace(before)
    return count


def peak_bytes(data: bytes) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        read_everything(data)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.pure
@pytest.mark.parametrize("shape", SHAPES)
def test_steps(shape: str) -> None:
    make = SHAPES[shape]
    read_everything(make(2 * STEPS))  # what is remembered of the first time is not counted
    once, twice = lines_executed(make(STEPS)), lines_executed(make(2 * STEPS))
    assert once > 500, "the trace saw nothing"
    assert twice <= LIMIT * once, (once, twice)


@pytest.mark.parametrize("shape", SHAPES)
def test_memory(shape: str) -> None:
    make = SHAPES[shape]
    read_everything(make(2 * STEPS))
    once, twice = peak_bytes(make(STEPS)), peak_bytes(make(2 * STEPS))
    assert twice <= LIMIT * once, (once, twice)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_read_and_not_just_refused(shape: str) -> None:
    """All but those that are malformed on purpose parse, so that what is measured is the whole of the reading."""
    malformed = {"an open quotation": 3, "open brackets": 3, "almost boundaries": 1}
    assert read_everything(SHAPES[shape](STEPS)) <= malformed.get(shape, 0)
