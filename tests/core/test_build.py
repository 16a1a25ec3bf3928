"""Which build is under test, and that it is the one that was asked for (environment variable EBR_BUILD).

A stale extension module beside its source wins over the source silently; then a "pure" run tests yesterday's code.
"""

import importlib
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import ebr_core

PACKAGE = Path(ebr_core.__file__).parent
BUILD = os.environ.get("EBR_BUILD", "pure")


def module_names() -> list[str]:
    """Every module of the core that mypyc compiles: all but the ``__init__`` files."""
    paths = sorted(path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    return [".".join(path.with_suffix("").parts) for path in paths]


def origin(name: str) -> str:
    file = importlib.import_module(name).__file__
    assert file is not None
    return file


def test_build_is_named() -> None:
    assert BUILD in ("pure", "compiled"), f"EBR_BUILD={BUILD}: expected pure or compiled"


def test_modules_are_found() -> None:
    names = module_names()
    assert "ebr_core.timers" in names
    assert "ebr_core.engine" in names


@pytest.mark.pure
def test_pure_build_has_no_extension_modules() -> None:
    stale = sorted(str(path) for suffix in EXTENSION_SUFFIXES for path in PACKAGE.rglob(f"*{suffix}"))
    assert stale == [], "extension modules shadow the sources: run `make clean`"


@pytest.mark.pure
def test_pure_build_runs_the_sources_of_this_checkout() -> None:
    assert Path(__file__).parents[2] / "ebr_core" == PACKAGE
    print(f"pure: {origin('ebr_core.engine')}")
    assert [name for name in module_names() if not origin(name).endswith(".py")] == []


@pytest.mark.compiled
def test_compiled_build_runs_the_installed_extension_modules() -> None:
    assert not PACKAGE.is_relative_to(Path(__file__).parents[2] / "ebr_core")
    print(f"compiled: {origin('ebr_core.engine')}")
    interpreted = [name for name in module_names() if not origin(name).endswith(tuple(EXTENSION_SUFFIXES))]
    assert interpreted == []


@pytest.mark.compiled
def test_helpers_come_from_the_same_wheel() -> None:
    helpers = importlib.import_module("ebr_conformance")
    assert helpers.__file__ is not None
    assert Path(helpers.__file__).parent.parent == PACKAGE.parent
