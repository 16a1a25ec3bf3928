"""The side of the engine that an adapter sees, and what every adapter feeds it the same way."""

import os
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ebr_core.actions import Action
from ebr_core.inputs import EventRaised, Input

__all__ = ["HANDLE_THRESHOLD", "EngineFactory", "SteppedEngine", "system_tokens", "threshold_event"]

HANDLE_THRESHOLD: Final = 0.05  # seconds that one `handle` may take before E_CORE_THRESHOLD tells


class SteppedEngine(Protocol):
    """What a pump needs of ``ebr_core.Engine``; a recorder or a test may stand in for it."""

    def handle(self, input: Input, *, now: float) -> list[Action]:
        """Apply one input at ``now`` (monotonic seconds)."""

    @property
    def deadline(self) -> float | None:
        """When to feed the next ``TimerTick``; at or before ``now``: work is left."""

    @property
    def last_handlers(self) -> Sequence[str]:
        """The names of the script's handlers that ran in the last step."""

    def sizes(self) -> dict[str, int]:
        """How many entries each of its containers holds."""


EngineFactory = Callable[..., SteppedEngine]
"""Called as ``factory(script, config=..., tokens=...)``."""


def system_tokens(nbytes: int) -> bytes:
    """The default source of randomness: the operating system's."""
    return os.urandom(nbytes)


def threshold_event(input: Input, engine: SteppedEngine, seconds: float) -> EventRaised | None:
    """OpenSIPS's E_CORE_THRESHOLD for a ``handle`` that took ``seconds``, or None for one that was quick enough.

    A slow handler of that very event does not raise it again, and so cannot keep itself going.
    """
    if seconds <= HANDLE_THRESHOLD or (isinstance(input, EventRaised) and input.name == "E_CORE_THRESHOLD"):
        return None
    source = ",".join(engine.last_handlers) or type(input).__name__
    return EventRaised("E_CORE_THRESHOLD", {"source": source, "time": round(seconds * 1_000_000), "extra": ""})
