"""What is shipped: the wheel, the sdist, and what a program sees that installed them."""

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAMPLE = Path(__file__).parent / "typing_sample"
PACKAGES = {"ebr_core", "ebr_net", "ebr_asyncio", "ebr_cli", "ebr_conformance"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without what this process's environment says about builds and paths; its output, or a failed test."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HATCH_", "PYTHON", "MYPY"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the pure wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, "-t", "sdist", "-t", "wheel", cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment with the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    return python


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_wheel_is_pure_by_default(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")


def test_wheel_has_only_our_packages(wheel: Path) -> None:
    assert {name.split("/")[0] for name in names_in(wheel)} == {*PACKAGES, f"ebr-{PYPROJECT['project']['version']}.dist-info"}


def test_wheel_has_no_build_leftovers(wheel: Path) -> None:
    assert [name for name in names_in(wheel) if name.endswith((".so", ".pyc", ".c", ".bak"))] == []


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_every_package_is_typed_and_regular(wheel: Path, package: str) -> None:
    names = names_in(wheel)
    assert f"{package}/py.typed" in names
    assert f"{package}/__init__.py" in names


def test_every_source_file_is_shipped(wheel: Path) -> None:
    folders = [ROOT / "ebr_core", *(ROOT / "adapters").iterdir(), *(ROOT / "conformance").iterdir()]
    sources = {
        str(path.relative_to(folder.parent))
        for folder in folders
        if folder.name in PACKAGES
        for path in folder.rglob("*.py")
        if "__pycache__" not in path.parts
    }
    assert "ebr_core/timers.py" in sources
    assert sources - set(names_in(wheel)) == set()


def test_wheel_carries_the_licence_and_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata_name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(metadata_name).decode()
        licences = [name for name in archive.namelist() if name.endswith("/licenses/LICENSE")]
    assert len(licences) == 1
    assert "\nLicense-Expression: MIT\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert required == [], "the core needs only the standard library"


def test_sdist_can_be_tested(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "Makefile", ".ci/run", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md"}
    wanted |= {"tests/conftest.py", "tests/test_packaging.py", "tests/core/test_build.py", "tests/typing_sample/embedder.py"}
    wanted |= {"ebr_core/py.typed", "adapters/ebr_net/py.typed", "conformance/ebr_conformance/py.typed"}
    assert wanted - names == set()


def test_checkout_folders_are_not_importable_once_installed(installed: Path, tmp_path: Path) -> None:
    program = (
        "import importlib.util as u, json;"
        f"print(json.dumps([n for n in {sorted({'adapters', 'conformance', 'tests', *PACKAGES})} if u.find_spec(n)]))"
    )
    assert set(json.loads(run(installed, "-I", "-c", program, cwd=tmp_path))) == PACKAGES


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_every_package_imports_alone(installed: Path, tmp_path: Path, package: str) -> None:
    where = run(installed, "-I", "-W", "error", "-c", f"import {package}; print({package}.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parents[1])


def test_entry_points_exist_and_load(installed: Path, tmp_path: Path) -> None:
    program = (
        "import json; from importlib.metadata import distribution;"
        "print(json.dumps([[e.group, e.name, e.value, callable(e.load())] for e in distribution('ebr').entry_points]))"
    )
    project = PYPROJECT["project"]
    declared = [["console_scripts", name, value, True] for name, value in project["scripts"].items()]
    declared += [
        [group, name, value, True] for group, points in project["entry-points"].items() for name, value in points.items()
    ]
    assert sorted(json.loads(run(installed, "-I", "-c", program, cwd=tmp_path))) == sorted(declared)


def test_command_runs(installed: Path, tmp_path: Path) -> None:
    assert PYPROJECT["project"]["version"] in run(installed.parent / "ebr", "--version", cwd=tmp_path)


def test_downstream_code_passes_mypy_strict(installed: Path, tmp_path: Path) -> None:
    sources = sorted(SAMPLE.glob("*.py"))
    assert sources
    options = ("--strict", "--config-file=", "--cache-dir", tmp_path / "cache", "--python-executable", installed)
    assert "Success" in run(sys.executable, "-m", "mypy", *options, *sources, cwd=tmp_path)


def test_downstream_misuse_is_seen_by_mypy(installed: Path, tmp_path: Path) -> None:
    """The sample would pass too if the package were untyped (everything ``Any``); this would not."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text('from ebr_core.timers import Timers\n\nTimers("no such argument", 1, 2, 3)\n', encoding="utf-8")
    options = ("--strict", "--config-file=", "--cache-dir", tmp_path / "cache", "--python-executable", installed)
    with pytest.raises(AssertionError, match=r"wrong\.py:3: error: .*\[call-arg\]"):
        run(sys.executable, "-m", "mypy", *options, wrong, cwd=tmp_path)
