"""The core does no I/O, by construction: what its modules may import, what importing it loads, and the guard for its steps."""

import ast
import gc
import importlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from forbid_io import ForbiddenError, forbid_io

ROOT = Path(__file__).parents[1]
CORE = ROOT / "ebr_core"
SOURCES = sorted(CORE.rglob("*.py"))

ALLOWED = {
    "__future__",
    "base64",
    "binascii",
    "bisect",
    "collections",
    "collections.abc",
    "contextvars",  # which engine's handler is running
    "dataclasses",
    "datetime",  # showing a wall time; ruff bans now() and today()
    "enum",
    "functools",
    "gc",  # ebr_core.tune_gc()
    "hashlib",
    "heapq",
    "hmac",
    "inspect",  # what kind of function a handler is
    "ipaddress",
    "itertools",
    "math",
    "operator",
    "re",
    "sys.intern",
    "types",
    "typing",
}
"""The standard modules that a module of the core may import directly. Adding one is a decision about purity."""

FORBIDDEN = {"asyncio", "socket", "select", "selectors", "ssl", "random", "secrets", "uuid", "subprocess", "multiprocessing"}
"""What ``import ebr_core`` must not load, however indirectly. (The interpreter itself loads time, os and threading.)"""


def imports_of(source: str) -> list[str]:
    """The names of the modules that ``source`` imports, anywhere in it; a call of ``__import__`` or the like by its name."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "sys":
            found += [f"sys.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Name) and node.id in ("__import__", "open", "exec", "eval", "compile", "print"):
            found.append(f"{node.id}()")
    return found


def not_allowed(source: str) -> list[str]:
    return [name for name in imports_of(source) if name not in ALLOWED and name.split(".")[0] != "ebr_core"]


def test_sources_are_found() -> None:
    assert CORE / "timers.py" in SOURCES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_direct_imports_are_on_the_allow_list(path: Path) -> None:
    assert not_allowed(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", ["time"]),
        ("def f():\n    from os import urandom", ["os"]),
        ("import math, asyncio.events", ["asyncio.events"]),
        ("from . import x", ["."]),
        ("from sys import intern, modules", ["sys.modules"]),
        ("open('x')", ["open()"]),
        ("__import__('socket')", ["__import__()"]),
        ("from ebr_core.timers import Timers\nimport heapq", []),
        ("from ebr_corelib import x", ["ebr_corelib"]),
    ],
)
def test_the_allow_list_is_enforced(source: str, found: list[str]) -> None:
    assert not_allowed(source) == found


def loaded_by(statement: str) -> set[str]:
    """What a fresh interpreter, without site-packages, has in ``sys.modules`` after ``statement``."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_importing_the_core_loads_nothing_that_does_io() -> None:
    loaded = loaded_by("import ebr_core")
    assert "ebr_core.timers" in loaded
    assert "ebr_core.engine" in loaded
    assert loaded & FORBIDDEN == set()


def test_a_forbidden_import_would_be_seen() -> None:
    assert "selectors" in loaded_by("import asyncio") & FORBIDDEN


@pytest.mark.parametrize(
    "call",
    [
        lambda: time.time(),
        lambda: time.monotonic(),
        lambda: time.sleep(0),
        lambda: os.urandom(1),
        lambda: random.random(),
        lambda: Path(__file__).read_bytes(),
        lambda: socket.socket(),
        lambda: os.listdir("."),
        lambda: threading.Thread(target=int).start(),
        lambda: importlib.import_module("this"),
    ],
    ids=["time", "monotonic", "sleep", "urandom", "random", "open", "socket", "listdir", "thread", "import"],
)
def test_forbid_io_refuses(call: object) -> None:
    assert callable(call)
    with pytest.raises(ForbiddenError, match="swallowed"), forbid_io(), pytest.raises(ForbiddenError, match="inside"):
        call()


def test_forbid_io_lets_the_first_violation_out_as_it_is() -> None:
    with pytest.raises(ForbiddenError, match=r"^time\.time\(\) inside"), forbid_io():
        time.time()


def test_forbid_io_reports_what_was_swallowed() -> None:
    def careless() -> int:
        try:
            return len(os.urandom(1))
        except Exception:
            return 0

    with pytest.raises(ForbiddenError, match=r"swallowed there: os\.urandom\(\)"), forbid_io():
        careless()


def test_forbid_io_lets_pure_code_pass() -> None:
    with forbid_io():
        total = sum(range(10))
    assert total == 45


def test_forbid_io_is_over_after_its_block() -> None:
    before = time.time
    with forbid_io():
        assert not gc.isenabled()
    assert time.time is before
    assert gc.isenabled()
    assert len(os.urandom(4)) == 4
    assert Path(__file__).stat().st_size > 0


def test_forbid_io_leaves_other_threads_alone() -> None:
    start, done = threading.Event(), threading.Event()
    seen: list[bytes] = []

    def work() -> None:
        start.wait(10)
        seen.append(os.urandom(4))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    with forbid_io():
        start.set()
        assert done.wait(10)
    thread.join()
    assert len(seen[0]) == 4


def test_forbid_io_does_not_nest() -> None:
    with pytest.raises(AssertionError, match="nest"), forbid_io(), forbid_io():
        pass
