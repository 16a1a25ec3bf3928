"""One run of a handler, from its start to its end, one step at a time."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, final

from ebr_core.message import Request
from ebr_core.script.pending import Pending
from ebr_core.transaction import ServerTransaction

__all__ = ["MAX_THROWS", "Task", "Work", "frames_of", "suspended_line", "text_of"]

MAX_THROWS: Final = 100
"""A cancelled handler that goes on waiting gets Cancelled again; after so many it is closed."""


class Work:
    """An entry of the engine's one ready queue."""

    __slots__ = ()


@final
class Task(Work):
    """``call``: whose handler it is, or None. ``server`` and ``message``: the request that a request handler must answer."""

    __slots__ = (
        "args",
        "began",
        "call",
        "cancelled",
        "coroutine",
        "function",
        "generation",
        "message",
        "name",
        "queued",
        "server",
        "throws",
        "waiting",
    )

    def __init__(
        self,
        function: Callable[..., object],
        args: tuple[object, ...],
        call: object,
        generation: int,
        began: float,
        server: ServerTransaction | None = None,
        message: Request | None = None,
    ) -> None:
        self.function: Callable[..., object] | None = function
        self.args: tuple[object, ...] = args
        self.call: object = call
        self.generation = generation
        self.began: Final = began
        self.server: ServerTransaction | None = server
        self.message: Request | None = message
        self.name: Final = str(getattr(function, "__qualname__", function))
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.waiting: Pending | None = None
        self.cancelled = False
        self.throws = 0
        self.queued = False

    def close(self) -> None:
        """Let go of everything it refers to."""
        self.function = None
        self.args = ()
        self.coroutine = None
        self.waiting = None
        self.server = None
        self.message = None
        self.call = None


def text_of(error: BaseException) -> str:
    """What an exception says; its class is the script's, and so is the method that is asked."""
    try:
        return str(error)
    except Exception:
        return "(its text could not be had: __str__ raised)"


def frames_of(error: BaseException) -> list[tuple[str, int, str]]:
    """(file, line, function) of each frame of an exception's traceback, outermost first; the traceback itself is let go."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return frames


def suspended_line(coroutine: object) -> list[tuple[str, int, str]]:
    """Where a coroutine is suspended: (file, line, function) of each frame, outermost first."""
    frames = []
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None:
            frames.append((frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_name))
        coroutine = getattr(coroutine, "cr_await", None)
    return frames
