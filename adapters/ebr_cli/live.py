"""Virtual phones on real loopback sockets."""

import asyncio
import socket
from collections.abc import Callable, Sequence

from ebr_conformance.dialogs import Packet
from ebr_conformance.phones import Phone
from ebr_conformance.tokens import TokenStream
from ebr_core.inputs import Address

__all__ = ["LivePhones"]


class LivePhones:
    """Phones of one domain, each with a UDP socket on 127.0.0.1, driven by the running asyncio loop. ``close`` them all."""

    def __init__(self, proxy: Address, domain: str, tokens: TokenStream) -> None:
        self._proxy = proxy
        self._domain = domain
        self._tokens = tokens
        self._loop = asyncio.get_running_loop()
        self._lines: list[_Line] = []
        self._changed = asyncio.Event()

    def add(self, name: str, *, user: str | None = None, rings: float | None = 0.0, answers: float | None = None) -> Phone:
        """A phone on a port of its own; its behaviour as in ``Phone``."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        address: Address = sock.getsockname()
        phone = Phone(name, address, self._domain, self._proxy, self._tokens, user=user, rings=rings, answers=answers)
        self._lines.append(_Line(phone, sock, self._loop, self._changed))
        return phone

    def do(self, phone: Phone, what: Callable[[], Sequence[Packet]]) -> float:
        """Let the phone do something now; returns the time (the loop's)."""
        line = next(line for line in self._lines if line.phone is phone)
        phone.now = self._loop.time()
        line.send(what())
        return phone.now

    def changed(self) -> None:
        """Have ``until`` look again, because of something that no phone saw."""
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition()`` is true; it is looked at whenever a phone has received something."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def close(self) -> None:
        """Close all sockets."""
        for line in self._lines:
            line.close()
        self._lines.clear()


class _Line:
    """One phone and its socket."""

    def __init__(self, phone: Phone, sock: socket.socket, loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
        self.phone = phone
        self._sock = sock
        self._loop = loop
        self._changed = changed
        self._timer: asyncio.TimerHandle | None = None
        loop.add_reader(sock, self._on_readable)

    def send(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            self._sock.sendto(packet.data, packet.destination)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.phone.deadline is not None:
            self._timer = self._loop.call_at(self.phone.deadline, self._on_timer)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _on_readable(self) -> None:
        try:
            data, source = self._sock.recvfrom(65_536)
        except (BlockingIOError, ConnectionError):
            return
        self.send(self.phone.receive(data, self._loop.time(), source))
        self._changed.set()

    def _on_timer(self) -> None:
        self._timer = None
        self.send(self.phone.tick(max(self._loop.time(), self.phone.deadline or 0.0)))
