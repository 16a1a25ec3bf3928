"""Fuzzes the targets with atheris, guided by coverage: ``run.py --runs 1000000 message uri stream``.

Begins with the corpus beside this file. What it finds that reaches new code goes to ``build/fuzz/<target>``, what fails to
``build/fuzz/<target>-crash-*``; the exit status is then 1. ``--seed`` puts messages of the Hypothesis strategies there first;
``--merge`` makes the corpus anew, from itself and from there, as small as it can be with the same coverage.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
CORPUS: Final = HERE / "corpus"
FOUND: Final = HERE.parents[1] / "build" / "fuzz"

NAMES: Final = ("message", "uri", "stream")
# Bytes: enough for a few of whatever it is, few enough to stay quick. Python's own limits are for the tests of limits.
LONGEST: Final = {"message": 3000, "uri": 400, "stream": 1800}
# Executions that take about ten seconds.
SHORT: Final = {"message": 12_000, "uri": 50_000, "stream": 8_000}
# Seconds for one input, on a busy machine: an ordinary one takes a millisecond.
SLOWEST: Final = 20

_PROGRESS: Final = re.compile(r"^#(\d+)\s+\S+\s+cov: (\d+) ft: (\d+) corp: (\d+)")


def fuzz(name: str, arguments: list[str]) -> None:
    """In a process of its own, which ends here: libFuzzer does not return."""
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

    with atheris.instrument_imports(include=["ebr_core.message"]):
        from fuzz.targets import TARGETS

    # A merge starts itself again, by way of the shell.
    command = shlex.join([sys.executable, str(HERE / "run.py"), "--inside", name, "--"])
    atheris.Setup([command, *arguments], TARGETS[name])
    atheris.Fuzz()


def started(name: str, arguments: list[str]) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, str(HERE / "run.py"), "--inside", name, "--", *arguments]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )


def run(name: str, runs: int, short: bool) -> bool:
    """Whether nothing was found in that many executions."""
    found = FOUND / (f"{name}-short" if short else name)
    if short:  # begins with the same inputs and the same seed every time, so that two runs on one commit agree
        shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True, exist_ok=True)
    arguments = [
        *(f"-runs={runs}", f"-seed={1 if short else 0}", f"-max_len={LONGEST[name]}", f"-timeout={SLOWEST}"),
        *(f"-artifact_prefix={found}-", f"-dict={HERE / 'tokens.dict'}", str(found), str(CORPUS / name)),
    ]
    start = time.monotonic()
    executions, last = 0, "no coverage"
    tail: list[str] = []
    with started(name, arguments) as process:
        assert process.stdout is not None
        for line in process.stdout:
            progress = _PROGRESS.match(line)
            if progress is None:
                tail = [*tail[-60:], line]
            else:
                executions = int(progress[1])
                last = f"coverage {progress[2]}, features {progress[3]}, corpus {progress[4]}"
                if not short and executions % 65_536 == 0:
                    print(f"  {name:8} {executions:10,} executions, {last}", flush=True)
    spent = time.monotonic() - start
    print(f"{name:8} {executions:10,} executions in {spent:.0f} s, {last}", flush=True)
    if process.returncode:
        print("".join(tail), file=sys.stderr)
        print(f"{name}: failed; the input is in {found}-*", file=sys.stderr)
    elif executions < runs:
        print(f"{name}: only {executions} of {runs} executions\n{''.join(tail)}", file=sys.stderr)
    return process.returncode == 0 and executions >= runs


def seed(name: str, count: int) -> None:
    """Messages that the strategies generate, some of them damaged."""
    from hypothesis import given, settings
    from hypothesis import strategies as st

    from ebr_conformance import strategies as sip

    texts = sip.uris() | sip.equivalent_uris().map("\n".join) | sip.name_addrs().map(lambda sample: sample.text)
    whole = {
        "message": sip.messages().map(lambda sample: sample.data),
        "uri": texts.map(lambda text: text.encode()),
        "stream": st.builds(lambda first, pieces: first + b"".join(pieces), st.binary(min_size=1, max_size=1), sip.streams()),
    }[name]
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    made = 0

    @settings(max_examples=count, database=None, deadline=None)
    @given(whole | sip.mutated(whole))
    def keep(data: bytes) -> None:
        nonlocal made
        if len(data) <= LONGEST[name]:
            made += 1
            (folder / f"seed-{made}").write_bytes(data)

    keep()
    print(f"{name:8} {made} seeds in {folder}")


def merge(name: str) -> bool:
    """The corpus anew: of all inputs the smallest ones that reach what all of them reach."""
    inputs, merged = FOUND / f"{name}-inputs", FOUND / f"{name}-merged"
    for folder in (inputs, merged):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for folder in (CORPUS / name, FOUND / name):
        if folder.is_dir():
            shutil.copytree(folder, inputs, dirs_exist_ok=True)
    # Which branches are reached, and not how often: a corpus ten times smaller.
    arguments = ["-merge=1", "-use_counters=0", f"-timeout={SLOWEST}", f"-artifact_prefix={FOUND / name}-"]
    with started(name, [*arguments, str(merged), str(inputs)]) as process:
        output, _ = process.communicate()
    if process.returncode or not any(merged.iterdir()):
        print(f"{name}: not merged\n{output[-4000:]}", file=sys.stderr)
        return False
    shutil.rmtree(CORPUS / name, ignore_errors=True)
    shutil.copytree(merged, CORPUS / name)
    files = list((CORPUS / name).iterdir())
    print(f"{name:8} {len(files)} files, {sum(file.stat().st_size for file in files):,} bytes")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the reading of SIP messages, URIs and streams.")
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--runs", type=int, default=1_000_000, help="executions of each target (default: 1000000)")
    parser.add_argument("--short", action="store_true", help="about ten seconds for each target, the same every time")
    parser.add_argument("--seed", type=int, metavar="COUNT", help="only make so many inputs with the strategies")
    parser.add_argument("--merge", action="store_true", help="only make the corpus anew")
    options = parser.parse_args()
    names = options.targets or NAMES
    for name in names:
        if name not in NAMES:
            parser.error(f"no target {name!r}; there are: {', '.join(NAMES)}")
    if options.seed is not None:
        for name in names:
            seed(name, options.seed)
        return 0
    if options.merge:
        return 0 if all([merge(name) for name in names]) else 1
    return 0 if all([run(name, SHORT[name] if options.short else options.runs, options.short) for name in names]) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        fuzz(sys.argv[2], sys.argv[4:])
    sys.exit(main())
