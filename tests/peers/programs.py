"""Programs as child processes: what they print is read at once, every wait is bounded, each is stopped by its own process."""

import errno
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

__all__ = ["Ebr", "Program", "free_ports"]

PATIENCE = 10.0  # seconds for what takes milliseconds on an idle machine


class Output:
    """The lines that a process prints, collected by a thread: a pipe that nobody reads would stop the process."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._changed = threading.Condition()
        self._lines: list[str] = []
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def lines(self) -> list[str]:
        """What was printed so far."""
        with self._changed:
            return list(self._lines)

    def wait_for(self, text: str, count: int = 1, timeout: float = PATIENCE) -> str:
        """The ``count``-th line that holds ``text``, as soon as it is there. Raises AssertionError when it does not come."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self._with(text)) >= count, timeout)
            found = self._with(text)
            if len(found) < count:
                raise AssertionError(f"{len(found)} of {count} lines with {text!r} in:\n" + "\n".join(self._lines))
            return found[count - 1]

    def close(self) -> None:
        """Take what is left; the process has ended."""
        self._thread.join(PATIENCE)
        self._stream.close()

    def _with(self, text: str) -> list[str]:
        return [line for line in self._lines if text in line]

    def _read(self) -> None:
        for line in self._stream:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class Program:
    """A running program. Nobody may signal it but by this object."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None, *, typed: bool = False
    ) -> None:
        """``typed``: it reads commands, from ``type``; else its standard input is empty."""
        self.command = command
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE if typed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=None if environment is None else {**os.environ, **environment},
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout = Output(self._process.stdout)
        self.stderr = Output(self._process.stderr)

    def type(self, line: str) -> None:
        """Give it one line of input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait(self, timeout: float = PATIENCE) -> int:
        """The exit code of a program that ends by itself. Raises AssertionError when it does not."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command[0]} has not ended after {timeout} s") from None

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = PATIENCE) -> int:
        """Have it end, by force if need be; returns its exit code. May be called again."""
        if self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout)
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # what it did not read before it ended
                self._process.stdin.close()
        self.stdout.close()
        self.stderr.close()
        return self._process.returncode


class Ebr(Program):
    """``ebr run`` on a port of its own, for the domain example.org, drawing what passes on ``stdout``."""

    def __init__(self, script: str, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "ebr_cli", "run", script, "--listen", "udp:127.0.0.1:0"]
        super().__init__(
            [*command, "--domain", "example.org", "--trace", *options],
            folder,
            {"PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        try:
            line = self.stderr.wait_for("listening on udp 127.0.0.1:")
        except AssertionError:
            self.stop()
            raise
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert found is not None
        self.port = int(found.group(1))

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def order(self, *texts: str) -> list[str]:
        """Which of these texts passed, in the server's own order: what leaves in one step has no order by others' clocks."""
        return [text for line in self.stdout.lines for text in texts if text in line]


def free_ports(count: int, spacing: int = 1) -> list[int]:
    """Port numbers, ``spacing`` apart or more, that were free on 127.0.0.1 a moment ago, for UDP and for TCP.

    Below those that the system gives to whoever asks for any: between now and the start of a program it gives away many.
    """
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            tcp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            port = random.randrange(20_000, 32_000)
            if any(abs(port - other) < spacing for other in ports):
                continue
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            ports.append(port)
    return ports
