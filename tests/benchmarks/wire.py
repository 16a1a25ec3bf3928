"""CPU time for each request through real sockets, over loopback, at saturation. One call of ``measure`` is one round."""

import json
import subprocess
import sys
from pathlib import Path

__all__ = ["KINDS", "measure"]

HERE = Path(__file__).parent
KINDS = ("OPTIONS", "REGISTER", "call")
IN_FLIGHT = {"OPTIONS": 64, "REGISTER": 64, "call": 16}
CALLEE = 45071
SIPPY = 45060
PATIENCE = 30.0  # seconds that one load may take beyond its own


def measure(interpreter: list[str], server: str, seconds: float, environment: dict[str, str]) -> dict[str, dict[str, float]]:
    """Figures by kind of load: the server's CPU microseconds for each, how many a second, how busy it was, what was lost.

    ``environment`` is the server's.
    """
    command = [*interpreter, str(HERE / server), *((str(SIPPY), str(CALLEE)) if "sippy" in server else ())]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                assert process.stderr is not None
                said = process.stderr.read().strip().splitlines()
                raise RuntimeError(f"{server} does not start: {said[-1] if said else 'it says nothing'}")
            return {kind: _load(kind, port, process.pid, seconds) for kind in KINDS}
        finally:
            process.kill()


def _load(kind: str, port: str, process: int, seconds: float) -> dict[str, float]:
    arguments = (kind, port, str(process), str(seconds), str(IN_FLIGHT[kind]), str(CALLEE))
    finished = subprocess.run(
        [sys.executable, str(HERE / "load.py"), *arguments], capture_output=True, text=True, timeout=seconds + PATIENCE
    )
    if finished.returncode:
        raise RuntimeError(f"the {kind} load failed: {finished.stderr.strip()}")
    found = json.loads(finished.stdout)
    if not found["done"]:
        raise RuntimeError(f"the server answered no {kind}")
    return {
        "us": found["cpu"] / found["done"] * 1e6,
        "rate": found["done"] / seconds,
        "busy": found["busy"],
        "lost": found["lost"],
    }
