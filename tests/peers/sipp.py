"""SIPp processes, and what went over their wires by SIPp's own log."""

import re
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ebr_core.message import Request, Response, parse_message
from peers.programs import PATIENCE, Ebr, Program, free_ports

__all__ = ["LATE_STAMP", "SOON", "Seen", "Sipp", "StartEbr", "StartSipp", "read_log"]

# Seconds that a busy machine may take for what takes milliseconds on an idle one. Below T1: nothing is sent twice meanwhile.
SOON = 0.3

# SIPp stamps a message after it was sent, and may be held up in between; by then another process may have acted on it. So
# instants of two processes compare to this many seconds only; what came first is asked of the server's own trace.
LATE_STAMP = 0.05

# Of one entry: when, which way, how many bytes. The message follows after an empty line.
_ENTRY = re.compile(
    rb"-+ (\d{4}-\d\d-\d\d)\s+(\d\d:\d\d:\d\d\.\d+)\nUDP message (sent|received) [(\[](\d+)[)\]]? bytes[)\]]? ?:\n\n"
)


class Seen(NamedTuple):
    """A message that SIPp sent or received, and when (seconds, one clock for all processes)."""

    time: float
    sent: bool
    message: Request | Response

    def __str__(self) -> str:
        arrow = "->" if self.sent else "<-"
        if isinstance(self.message, Request):
            return f"{arrow} {self.message.method}"
        return f"{arrow} {self.message.status} {self.message.cseq_method}"


class Sipp:
    """One SIPp process: one user agent on the port ``port`` of 127.0.0.1 that makes ``calls`` calls, 100 a second.

    ``incoming``: what it does with calls that reach it meanwhile.
    """

    def __init__(
        self, sipp: str, folder: Path, proxy: str, name: str, main: str, incoming: str | None = None, calls: int = 1
    ) -> None:
        self.name = name
        self.port, control = free_ports(2)
        self.log = folder / f"{name}.log"
        (folder / f"{name}.xml").write_text(main, encoding="latin-1")
        command = [sipp, proxy, "-sf", f"{name}.xml", "-m", str(calls), "-r", "100", "-l", str(calls), "-nostdin", "-nd"]
        command += ["-i", "127.0.0.1", "-p", str(self.port), "-cp", str(control)]
        command += ["-trace_msg", "-message_file", self.log.name]
        command += ["-trace_err", "-error_file", f"{name}.errors"]
        if incoming is not None:
            (folder / f"{name}-incoming.xml").write_text(incoming, encoding="latin-1")
            command += ["-oocsf", f"{name}-incoming.xml"]
        self._program = Program(command, folder)

    def wait(self, timeout: float = PATIENCE) -> "Sipp":
        """Wait for the end of its scenario; the log is complete then."""
        try:
            self._program.wait(timeout)
        except AssertionError as error:
            raise AssertionError(f"{self.name}: {error}\n{self.transcript()}") from None
        return self

    def stop(self) -> None:
        """End the process, if it still runs."""
        self._program.stop(signal.SIGKILL)

    @property
    def seen(self) -> list[Seen]:
        """All messages so far, in order."""
        return read_log(self.log.read_bytes()) if self.log.exists() else []

    @property
    def story(self) -> list[str]:
        """The messages in short: ``-> INVITE``, ``<- 100 INVITE``."""
        return [str(seen) for seen in self.seen]

    def transcript(self) -> str:
        """The messages with their times, for whoever has to find out what went wrong."""
        return f"{self.name} on port {self.port}\n" + "\n".join(f"  {seen.time:.3f} {seen}" for seen in self.seen)

    def one(self, short: str) -> Seen:
        """The one message of that description. Raises AssertionError where there is none, or several."""
        found = [seen for seen in self.seen if str(seen) == short]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} times {short!r} in {self.transcript()}")
        return found[0]

    def calls(self, short: str) -> list[str]:
        """The Call-IDs of the messages of that description, in order, each once."""
        return list(dict.fromkeys(seen.message.call_id for seen in self.seen if str(seen) == short))

    def request(self, short: str) -> Request:
        """The one request of that description."""
        message = self.one(short).message
        if not isinstance(message, Request):
            raise AssertionError(f"{short!r} is no request")
        return message

    def time(self, short: str) -> float:
        """When the one message of that description passed."""
        return self.one(short).time


def read_log(data: bytes) -> list[Seen]:
    """SIPp's message log. An entry that is still being written is left out."""
    found: list[Seen] = []
    position = 0
    while (entry := _ENTRY.search(data, position)) is not None:
        date, clock, direction, size = entry.groups()
        position = entry.end() + int(size)
        if position > len(data):
            break
        instant = datetime.fromisoformat(f"{date.decode()} {clock.decode()}").astimezone()
        found.append(Seen(instant.timestamp(), direction == b"sent", parse_message(data[entry.end() : position])))
    return found


StartEbr = Callable[..., Ebr]
StartSipp = Callable[..., Sipp]
