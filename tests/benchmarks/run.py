"""The benchmarks: parsing, a proxied call and a raised event in memory, time against length, and a server behind real sockets,
beside sippy.

Runs each part in this interpreter and, where there is one, in that of the compiled build, round by round in turn. Prints
medians with the least and the greatest; nothing here fails for being slow.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))  # the benchmarks are in no package

from benchmarks import wire

ROOT = Path(__file__).parents[2]
IDLE = 0.72  # µs for the calibration on the machine that the marks are for, idle, Debian's Python 3.11.2

MARKS = {
    "core fields of the INVITE": {"pure": 8.0, "compiled": 4.0},
    "forward the INVITE": {"pure": 3.0, "compiled": 3.0},
    "ratio: memory of a parsed INVITE to its bytes": {"pure": 3.0, "compiled": 3.0},
    "proxied call": {"pure": 200.0, "compiled": 90.0},
    "ratio of the two": {"pure": 1.5, "compiled": 1.5},
}
SIPPY = "sippy: core fields of the INVITE"
FASTER = {"pure": 4.0, "compiled": 8.0}  # than sippy, at least

Table = dict[str, dict[str, list[float]]]
"""Figures by their name and build, one for each round."""


def _interpreters(compiled: Path) -> dict[str, list[str]]:
    """How to run each build. Without the checkout on its path, the compiled one finds what is installed."""
    found = {"pure": [sys.executable]}
    if compiled.exists():
        found["compiled"] = [str(compiled), "-P"]
    return found


def _environment(build: str) -> dict[str, str]:
    paths = [str(ROOT / "tests")]
    if build == "pure":
        paths += [str(ROOT), str(ROOT / "adapters"), str(ROOT / "conformance")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "EBR_BUILD": build}


def _round(interpreter: list[str], build: str, scale: float, part: str = "memory") -> dict[str, float | str]:
    output = subprocess.run(
        [*interpreter, __file__, "--worker", str(scale), "--part", part],
        env=_environment(build),
        capture_output=True,
        text=True,
        timeout=600,
    )
    if output.returncode:
        raise SystemExit(f"bench: the {build} build: {output.stderr.strip()}")
    found: dict[str, float | str] = json.loads(output.stdout)
    return found


def _worker(scale: float, part: str) -> None:
    import ebr_core.engine  # not in the process that only starts the others
    from benchmarks.memory import measure
    from benchmarks.parsing import growth

    suffix = Path(str(ebr_core.engine.__file__)).suffix
    build = "compiled" if suffix in (".so", ".pyd") else "pure"
    who = f"{platform.python_implementation()} {platform.python_version()}"
    print(json.dumps({"build": build, "python": who, **(growth(scale) if part == "growth" else measure(scale))}))


def _spread(values: list[float]) -> str:
    middle = statistics.median(values)
    digits = 2 if middle < 20 else 0
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _print(title: str, builds: list[str], rows: list[list[str]]) -> None:
    width = max(len(row[0]) for row in rows) + 2
    print(f"\n{title}")
    print(" " * width + "".join(f"{build:<46}" for build in builds))
    for row in rows:
        print(f"{row[0]:<{width}}" + "".join(f"{cell:<46}" for cell in row[1:]).rstrip())


def _in_memory(interpreters: dict[str, list[str]], rounds: int, scale: float) -> None:
    builds = list(interpreters)
    heads = dict.fromkeys(builds, "")
    figures: Table = {}
    multiples: Table = {}
    for _ in range(rounds):
        for build, interpreter in interpreters.items():
            found = _round(interpreter, build, scale)
            if found.pop("build") != build:
                raise SystemExit(f"bench: {interpreter[0]} does not run the {build} build")
            heads[build] = f"{build}, {found.pop('python')}"
            for name, value in found.items():
                figures.setdefault(name, {}).setdefault(build, []).append(float(value))
                multiples.setdefault(name, {}).setdefault(build, []).append(float(value) / float(found["calibration"]))
    # sippy is interpreted: it is measured beside the pure build only, and compared with both.
    if sippy := figures.pop(SIPPY, None):
        ours = figures["core fields of the INVITE"]
        figures["ratio: sippy's time for these fields to ours"] = {
            build: [theirs / each for theirs, each in zip(sippy["pure"], ours[build], strict=True)] for build in builds
        }
        figures[SIPPY] = {"pure": sippy["pure"]}
    rows = []
    for name, each in figures.items():
        plain = name == "calibration" or name.startswith("ratio")
        times = {} if plain else {build: statistics.median(multiples[name][build]) for build in each}
        cells = [_spread(each[build]) + ("" if plain else f" = {times[build]:.1f} x") for build in builds if build in each]
        rows.append([name, *cells])
        if name.startswith("ratio: sippy"):
            medians = {build: statistics.median(each[build]) for build in builds}
            rows.append(["", *(f"mark {FASTER[b]:g}: {'met' if medians[b] >= FASTER[b] else 'not met'}" for b in builds)])
        if name in MARKS:
            cells = []
            for build in builds:
                mark, value = MARKS[name][build], statistics.median(each[build])
                scaled = value if plain else IDLE * times[build]
                said = "met" if value <= mark else "not met" if scaled > mark else "met at the idle machine's calibration"
                cells.append(f"mark {mark:g}: {said}" + ("" if plain else f" ({scaled:.0f} at {IDLE})"))
            rows.append(["", *cells])
    title = f"In memory, CPU µs; multiples of the calibration (median of {rounds} rounds, least to greatest)"
    _print(title, list(heads.values()), rows)


def _growth(interpreters: dict[str, list[str]], scale: float) -> None:
    builds = list(interpreters)
    rows: dict[str, list[str]] = {}
    for build, interpreter in interpreters.items():
        found = _round(interpreter, build, scale, "growth")
        for name, value in found.items():
            if name not in ("build", "python"):
                rows.setdefault(name, [name]).append(f"{float(value):.1f}")
    title = "Everything in one long message read, forwarded and answered: CPU ns for each of its bytes, short and 8 times as long"
    _print(title, builds, list(rows.values()))


def _through_sockets(interpreters: dict[str, list[str]], rounds: int, seconds: float) -> None:
    if not Path("/proc/self/stat").exists():
        print("\nThrough sockets: not measured, there is no /proc to read a server's CPU time from")
        return
    os.environ["PYTHONPATH"] = _environment("pure")["PYTHONPATH"]  # for the load, which is always this interpreter's
    servers = {f"ebr {build}": ([*each], "server_ebr.py", build) for build, each in interpreters.items()}
    if find_spec("sippy") is None:
        print("\nsippy is not installed, so there is no comparison: pip install 'ebr[bench]'")
    else:
        servers["sippy"] = ([sys.executable], "server_sippy.py", "pure")
    table: dict[str, dict[str, list[dict[str, float]]]] = {kind: {} for kind in wire.KINDS}
    for _ in range(rounds):
        for name, (interpreter, server, build) in servers.items():
            try:
                found = wire.measure(interpreter, server, seconds, _environment(build))
            except RuntimeError as error:
                print(f"{name}: {error}")
                continue
            for kind, figures in found.items():
                table[kind].setdefault(name, []).append(figures)
    rows = []
    for kind, each in table.items():
        cells = []
        for name in servers:
            of = each.get(name, [])
            if not of:
                cells.append("-")
                continue
            rate, busy = statistics.median(f["rate"] for f in of), statistics.median(f["busy"] for f in of)
            lost = sum(f["lost"] for f in of)
            cells.append(
                f"{_spread([f['us'] for f in of])}, {rate:.0f}/s, {busy:.0%} busy" + (f", {lost:.0f} LOST" if lost else "")
            )
        rows.append([kind, *cells])
    title = f"Through UDP over loopback, server's CPU µs for each (median of {rounds} interleaved rounds of {seconds:g} s)"
    _print(title, list(servers), rows)
    print(
        "ebr: stateful answers; REGISTER stores a new binding for each; the call is looked up, record-routed, INVITE to BYE.\n"
        "sippy: stateful answers; REGISTER keeps a dict entry; the call goes to a fixed address, its ACK hop by hop."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds: about half a minute")
    parser.add_argument("--rounds", type=int, help="how many rounds (5; 2 with --quick)")
    parser.add_argument("--part", choices=("memory", "growth", "sockets"), help="only one of the parts")
    parser.add_argument(
        "--compiled",
        type=Path,
        default=ROOT / ".venv-compiled" / "bin" / "python",
        help="the interpreter in which the compiled build is installed (%(default)s); left out if it does not exist",
    )
    parser.add_argument("--worker", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        _worker(arguments.worker, arguments.part or "memory")
        return
    rounds = arguments.rounds or (2 if arguments.quick else 5)
    interpreters = _interpreters(arguments.compiled)
    print(f"{platform.platform()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    if "compiled" not in interpreters:
        print(f"no compiled build: {arguments.compiled} does not exist (`make bench` builds it)")
    if arguments.part in (None, "memory"):
        _in_memory(interpreters, rounds, 0.2 if arguments.quick else 1.0)
    if arguments.part in (None, "growth"):
        _growth(interpreters, 0.2 if arguments.quick else 1.0)
    if arguments.part in (None, "sockets"):
        _through_sockets(interpreters, rounds, 1.0 if arguments.quick else 3.0)


if __name__ == "__main__":
    main()
