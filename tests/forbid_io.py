"""``forbid_io()``: inside the block this thread has no clock, no randomness, no files, no sockets and no imports.

Wrap ``engine.handle`` in it to show that the core is what it claims to be. The core turns an exception of a handler into a
500, so a violation is not only raised where it happens but kept, and raised again at the end of the block.
"""

import gc
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["ForbiddenError", "forbid_io"]


class ForbiddenError(AssertionError):
    """Something in a ``forbid_io()`` block asked the world outside."""


_REFUSED = (
    "import",
    "open",
    "socket.",
    "select.",
    "subprocess.",
    "tempfile.",
    "shutil.",
    "sqlite3.",
    "urllib.",
    "os.",
    "pty.",
    "mmap.",
    "time.",
    "_thread.",
    "signal.",
)
"""Prefixes of the interpreter's audit events that a pure step never causes."""

_CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
_TIME_FUNCTIONS = (
    *_CLOCKS,
    *(f"{name}_ns" for name in _CLOCKS),
    *("sleep", "gmtime", "localtime", "clock_gettime", "clock_gettime_ns", "ctime"),
)
_RANDOM_FUNCTIONS = (
    "random",
    "getrandbits",
    "randbytes",
    "randint",
    "randrange",
    "choice",
    "choices",
    "sample",
    "shuffle",
    "uniform",
)


class _Guard:
    """The state of the blocks that are open. Audit hooks cannot be removed, so one hook is added, and this is its switch."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.violations: list[str] = []
        self.hooked = False

    def applies(self) -> bool:
        return self.thread is not None and self.thread == threading.get_ident()

    def refuse(self, what: str) -> None:
        self.violations.append(what)
        raise ForbiddenError(f"{what} inside forbid_io()")

    def audit(self, event: str, args: tuple[object, ...]) -> None:
        if self.thread is not None and event.startswith(_REFUSED) and self.applies():
            self.refuse(f"{event} {args[0] if args else ''}".rstrip())


_guard = _Guard()


def _replacement(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if _guard.applies():
            _guard.refuse(f"{name}()")
        return original(*args, **kwargs)

    return guarded


def _patch_table() -> list[tuple[Any, str, Any, Any]]:
    named: list[tuple[Any, str]] = [(threading.Thread, "start")]
    named += [(time, name) for name in _TIME_FUNCTIONS]
    named += [(os, name) for name in ("urandom", "getrandom")]
    named += [(random, name) for name in _RANDOM_FUNCTIONS]
    return [
        (owner, name, getattr(owner, name), _replacement(f"{owner.__name__}.{name}", getattr(owner, name)))
        for owner, name in named
        if hasattr(owner, name)
    ]


_patches = _patch_table()


@contextmanager
def forbid_io() -> Iterator[None]:
    """Refuse, in this thread and until the end of the block: ``time.*``, ``os.urandom``, ``random.*``, opening files,
    sockets, processes, threads, and imports of modules not yet loaded. Blocks do not nest.

    The collector is off meanwhile, so that no finalizer of earlier garbage is blamed on the block.

    Raises ForbiddenError at the call itself, and at the end of the block when the code inside swallowed it.
    """
    assert _guard.thread is None, "forbid_io() blocks do not nest"
    if not _guard.hooked:
        sys.addaudithook(_guard.audit)
        _guard.hooked = True
    collecting = gc.isenabled()
    gc.disable()
    try:
        for owner, name, _, replacement in _patches:
            setattr(owner, name, replacement)
        _guard.violations = []
        _guard.thread = threading.get_ident()
        try:
            yield
        finally:
            _guard.thread = None
            for owner, name, original, _ in _patches:
                setattr(owner, name, original)
    finally:
        if collecting:
            gc.enable()
    if _guard.violations:
        raise ForbiddenError(f"inside forbid_io(), and swallowed there: {', '.join(_guard.violations)}")
