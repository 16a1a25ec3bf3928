"""The load: a process of its own that keeps so many requests, or calls, in flight. Prints what they cost the server, as JSON.

Arguments: kind (OPTIONS, REGISTER, call), the server's port, its process, seconds, requests in flight, port of the callee.
"""

import json
import os
import selectors
import socket
import sys
import time
from pathlib import Path

from benchmarks.messages import in_dialog, invite, lines_with, registration, response

WARM_UP = 0.5  # seconds
SILENCE = 1.0  # seconds without a packet, after which what is in flight counts as lost
USERS = 100


def cpu(process: int) -> float:
    """CPU seconds that a process has used, all its threads together."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Load:
    """Two phones on loopback: the caller sends, the callee answers."""

    def __init__(self, kind: str, port: int, callee_port: int) -> None:
        self.kind = kind
        self.server = ("127.0.0.1", port)
        self.caller = self._bound(0)
        self.callee = self._bound(callee_port)
        self.host = f"127.0.0.1:{self.caller.getsockname()[1]}"
        self.contact = f"127.0.0.1:{callee_port}"
        self.number = 0
        self.open: set[str] = set()
        self.done = 0
        self.lost = 0

    @staticmethod
    def _bound(port: int) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        made.bind(("127.0.0.1", port))
        made.setblocking(False)
        return made

    def begin(self) -> None:
        """One more request, or call."""
        self.number += 1
        number = self.number
        if self.kind == "REGISTER":
            data = registration(f"user{number}", number, self.contact, self.host)
        elif self.kind == "OPTIONS":
            data = registration("probe", number, self.contact, self.host).replace(b"REGISTER", b"OPTIONS")
            data = data.replace(b"OPTIONS sip:example.org", b"OPTIONS sip:127.0.0.1:%d" % self.server[1])
        else:
            data = invite(f"bob{number % USERS}", number).replace(b"192.0.2.11:5060", self.host.encode())
        self.open.add(lines_with(data, "Call-ID")[0])
        self.caller.sendto(data, self.server)

    def answered(self, data: bytes) -> None:
        """A response to the caller."""
        call = lines_with(data, "Call-ID")[0]
        if call not in self.open or data[8:9] == b"1":
            return
        if data[8:11] != b"200":
            raise SystemExit(f"the server answers {data[:60]!r}")
        if self.kind == "call" and b" INVITE\r\n" in data:
            number = int(call[9:17])
            uri = f"sip:bob{number % USERS}@{self.contact}"
            via = f"SIP/2.0/UDP {self.host};branch=z9hG4bK%s{number:08};rport"
            self.caller.sendto(in_dialog("ACK", data, uri, via % "a", 314159), self.server)
            self.caller.sendto(in_dialog("BYE", data, uri, via % "b", 314160), self.server)
            return
        self.open.remove(call)
        self.done += 1
        self.begin()

    def asked(self, data: bytes) -> None:
        """A request to the callee."""
        contact = f"Contact: <sip:bob@{self.contact}>"
        if data.startswith(b"INVITE"):
            self.callee.sendto(response(data, "180 Ringing", "t", contact), self.server)
            self.callee.sendto(response(data, "200 OK", "t", contact), self.server)
        elif data.startswith(b"BYE"):
            self.callee.sendto(response(data, "200 OK", "t"), self.server)

    def run(self, seconds: float, in_flight: int) -> None:
        """Keep at it for that long."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.caller, selectors.EVENT_READ, self.answered)
            selector.register(self.callee, selectors.EVENT_READ, self.asked)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                while len(self.open) < in_flight:
                    self.begin()
                ready = selector.select(SILENCE)
                if not ready:
                    self.lost += len(self.open)
                    self.open.clear()
                for key, _ in ready:
                    for _ in range(64):
                        try:
                            data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        except BlockingIOError:
                            break
                        key.data(data)

    def register_all(self) -> None:
        """The callee's users; a server without a registrar takes it as a REGISTER like any other."""
        self.caller.settimeout(2.0)
        for number in range(USERS):
            self.caller.sendto(registration(f"bob{number}", number, self.contact, self.host), self.server)
            self.caller.recv(65536)
        self.caller.setblocking(False)


def main() -> None:
    kind, port, process, seconds, in_flight, callee = sys.argv[1:]
    load = Load(kind, int(port), int(callee))
    if kind == "call":
        load.register_all()
    load.run(WARM_UP, int(in_flight))
    done, used, start = load.done, cpu(int(process)), time.monotonic()
    load.run(float(seconds), int(in_flight))
    done, used, taken = load.done - done, cpu(int(process)) - used, time.monotonic() - start
    print(json.dumps({"done": done, "lost": load.lost, "cpu": used, "busy": used / taken}))


main()
