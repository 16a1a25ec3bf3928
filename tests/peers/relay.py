"""A port in front of another one, UDP and TCP: what passes is kept as it is, and passed on."""

import re
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from peers.programs import PATIENCE, free_ports

__all__ = ["Passed", "Relay", "split_stream"]

_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*([0-9]+)[ \t]*\r$", re.IGNORECASE | re.MULTILINE)


class Passed(NamedTuple):
    """A message that passed. ``up``: towards the port behind the relay."""

    up: bool
    tcp: bool
    data: bytes


class _Stream:
    """One TCP connection by way of the relay. The first socket is the client's, the second one leads on."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.up = b""
        self.down = b""

    def take(self, end: socket.socket, data: bytes) -> None:
        """What came in at that end goes out at the other one."""
        if end is self.client:
            self.up += data
        else:
            self.down += data
        (self.server if end is self.client else self.client).sendall(data)


class Relay:
    """Listens on ``port`` of 127.0.0.1 and passes everything on to ``target``, a port of 127.0.0.1, and back.

    The port behind it sees each UDP client at a port of its own. ``target`` may be set until the first packet comes.
    """

    def __init__(self, target: int = 0) -> None:
        self.target = target
        (self.port,) = free_ports(1)
        self._changed = threading.Condition()
        self._datagrams: list[Passed] = []
        self._streams: list[_Stream] = []
        self._clients: dict[tuple[str, int], socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", self.port))
        self._door = socket.create_server(("127.0.0.1", self.port))
        self._bell, self._wire = socket.socketpair()
        self._watch(self._front, self._from_client)
        self._watch(self._door, self._accept)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def passed(self) -> list[Passed]:
        """The messages so far: the datagrams in order, then each TCP connection's, up and down. Keep-alives are left out."""
        with self._changed:
            found = list(self._datagrams)
            for stream in self._streams:
                found += [Passed(True, True, data) for data in split_stream(stream.up)]
                found += [Passed(False, True, data) for data in split_stream(stream.down)]
        return [passed for passed in found if passed.data.strip(b"\r\n\0")]

    @property
    def streams(self) -> list[bytes]:
        """What went over the TCP connections, each direction of each of them."""
        with self._changed:
            return [data for stream in self._streams for data in (stream.up, stream.down)]

    def wait_for(self, start: str, count: int = 1, *, up: bool | None = None, timeout: float = PATIENCE) -> bytes:
        """The ``count``-th message whose text begins so, or has such a CSeq: "INVITE", "200 REGISTER". Raises AssertionError."""
        found: list[bytes] = []

        def there() -> bool:
            found[:] = [passed.data for passed in self.passed if up in (None, passed.up) and _is(passed.data, start)]
            return len(found) >= count

        with self._changed:
            if not self._changed.wait_for(there, timeout):
                raise AssertionError(f"{len(found)} of {count} {start!r} in:\n{self.transcript()}")
        return found[count - 1]

    def transcript(self) -> str:
        """The first lines of what passed."""
        lines = [f"  {'->' if passed.up else '<-'} {passed.data.splitlines()[0]!r}" for passed in self.passed]
        return "\n".join([f"relay on port {self.port} to port {self.target}", *lines])

    def close(self) -> None:
        """Stop passing."""
        self._wire.close()
        self._thread.join(PATIENCE)
        for end in (self._front, self._door, self._bell, *self._clients.values()):
            end.close()
        for stream in self._streams:
            stream.client.close()
            stream.server.close()
        self._selector.close()

    # In the thread.

    def _watch(self, end: socket.socket, take: Callable[[], None]) -> None:
        self._selector.register(end, selectors.EVENT_READ, take)

    def _run(self) -> None:
        self._selector.register(self._bell, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                with suppress(OSError):  # whoever has gone meanwhile gets no more
                    key.data()

    def _from_client(self) -> None:
        data, client = self._front.recvfrom(65_535)
        server = self._clients.get(client)
        if server is None:
            server = self._clients[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.connect(("127.0.0.1", self.target))
            self._watch(server, lambda: self._from_server(server, client))
        self._keep(Passed(True, False, data))
        server.send(data)

    def _from_server(self, server: socket.socket, client: tuple[str, int]) -> None:
        data = server.recv(65_535)
        self._keep(Passed(False, False, data))
        self._front.sendto(data, client)

    def _keep(self, passed: Passed) -> None:
        with self._changed:
            self._datagrams.append(passed)
            self._changed.notify_all()

    def _accept(self) -> None:
        client, _ = self._door.accept()
        stream = _Stream(client, socket.create_connection(("127.0.0.1", self.target), PATIENCE))
        with self._changed:
            self._streams.append(stream)
        for end in (client, stream.server):
            self._watch(end, partial(self._from_stream, stream, end))

    def _from_stream(self, stream: _Stream, end: socket.socket) -> None:
        data = b""
        try:
            data = end.recv(65_535)
        finally:
            if not data:
                self._selector.unregister(end)
                (stream.server if end is stream.client else stream.client).shutdown(socket.SHUT_WR)
        with self._changed:
            stream.take(end, data)
            self._changed.notify_all()


def split_stream(data: bytes) -> list[bytes]:
    """The messages of a TCP stream by the plainest of readings: to the empty line, and Content-Length bytes more.

    Line ends between messages are skipped, a message that is not complete is left out.
    """
    messages: deque[bytes] = deque()
    while (end := (data := data.lstrip(b"\r\n")).find(b"\r\n\r\n")) >= 0:
        found = _LENGTH.search(data, 0, end + 2)
        size = end + 4 + (int(found.group(1)) if found is not None else 0)
        if size > len(data):
            break
        messages.append(data[:size])
        data = data[size:]
    return list(messages)


def _is(data: bytes, short: str) -> bool:
    # "INVITE" is a request, "200 INVITE" a response.
    start, _, rest = data.decode("utf-8", "replace").partition("\r\n")
    status, _, method = short.rpartition(" ")
    if not status:
        return start.startswith(method + " ") and start.endswith(" SIP/2.0")
    found = re.search(r"^CSeq *: *\d+ +(\S+)\r?$", rest, re.MULTILINE | re.IGNORECASE)
    return start.startswith(f"SIP/2.0 {status}") and found is not None and found.group(1) == method
