"""What every test run has in common: it says which build it tests, and skips what the other build must show."""

import os
import platform
from pathlib import Path

import pytest
from hypothesis import settings

import ebr_core

BUILD = os.environ.get("EBR_BUILD", "pure")

# A busy machine must not fail a property, and two runs of the gate on one commit must agree.
settings.register_profile("ebr", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("ebr")


def pytest_report_header() -> str:
    where = Path(ebr_core.__file__).parent
    return f"ebr: {BUILD} build of {where}, {platform.python_implementation()} {platform.python_version()}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    other = "compiled" if BUILD == "pure" else "pure"
    for item in items:
        if item.get_closest_marker(other) is not None:
            item.add_marker(pytest.mark.skip(reason=f"only the {other} build can show it"))
