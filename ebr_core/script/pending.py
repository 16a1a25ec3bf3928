"""What a handler can await: the result of a job, an event, the end of a sleep."""

from collections.abc import Generator
from typing import Any, Final, final

from ebr_core.errors import JobFailed
from ebr_core.timers import Timer, TimerOwner

__all__ = ["EVENT", "JOB", "READY", "SLEEP", "TIME_UP", "TOO_LONG", "Pending"]

# Kinds.
READY: Final = 0
JOB: Final = 1
EVENT: Final = 2
SLEEP: Final = 3

# Kinds of its timer.
TIME_UP: Final = 0
TOO_LONG: Final = 1  # Config.max_suspension


@final
class Pending(TimerOwner):
    """Began when it was made, whether or not somebody awaits it; one handler may. ``await`` gives the result, raises
    JobFailed when the job failed, and TimeoutError after ``Config.max_suspension``."""

    __slots__ = (
        "abandoned",
        "call",
        "detached",
        "done",
        "error",
        "job",
        "kind",
        "result",
        "subscription",
        "task",
        "timer",
        "too_long",
    )

    def __init__(self, kind: int, call: object) -> None:
        self.kind: Final = kind
        self.call: object = call  # whose wait it is, None for nobody's
        self.done = kind == READY
        self.result: Any = None
        # An exception object would carry its traceback, and that the handler's frame; the facts are enough.
        self.error: tuple[str, str] | None = None
        self.too_long = False
        self.abandoned = False  # its transaction ended first
        self.detached = False  # `start`: nobody waits for the result
        self.job = 0
        self.subscription: object = None
        self.timer: Timer | None = None
        self.task: object = None

    def __await__(self) -> Generator["Pending", None, Any]:
        if not self.done:
            yield self
        if self.too_long:
            raise TimeoutError("the handler was suspended for longer than max_suspension")
        if self.error is not None:
            raise JobFailed(self.error[0], self.error[1])
        return self.result
