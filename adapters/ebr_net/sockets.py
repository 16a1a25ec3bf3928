"""All datagram sockets of one server."""

import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Final, final

from ebr_core.actions import SendDatagram
from ebr_core.inputs import Input, Listener, SendFailed
from ebr_net.datagrams import read_batch, read_errors, send
from ebr_net.listen import BoundSocket, ListenError, ListenSpec, bind_all, open_unbound, parse_listen

__all__ = ["Sockets", "receive"]


@final
class Sockets:
    """The bound sockets, and one unbound socket for each address family that something was sent to without a listener.

    ``watch`` is called with each socket as it is opened: the adapter's loop reads it with ``receive`` when it is readable.
    Raises ListenError for an address that is malformed, and for none at all.
    """

    def __init__(self, listen: Sequence[str | ListenSpec], watch: Callable[[BoundSocket], None]) -> None:
        specs = (listen,) if isinstance(listen, str) else listen
        self._specs: Final = [parse_listen(each) if isinstance(each, str) else each for each in specs]
        if not self._specs:
            raise ListenError("a server needs at least one address to listen on")
        self._watch: Final = watch
        self._bound: list[BoundSocket] = []  # the listener's id is the index
        self._unbound: Final[dict[int, BoundSocket]] = {}  # by address family

    def __iter__(self) -> Iterator[BoundSocket]:
        yield from self._bound
        yield from self._unbound.values()

    @property
    def listeners(self) -> list[Listener]:
        """The bound sockets with their real ports; empty before ``open``."""
        return [each.listener for each in self._bound if each.listener is not None]

    @property
    def dropped(self) -> int:
        """How many packets full send buffers did not take."""
        return sum(each.dropped for each in self)

    def open(self) -> None:
        """Bind every address, or none. Raises ListenError."""
        self._bound = bind_all(self._specs)
        for each in self._bound:
            self._watch(each)

    def send(self, action: SendDatagram) -> SendFailed | None:
        """Send from the listener's socket, or with listener None from the unbound one of the family; see ``ebr_net.send``."""
        if action.listener is not None:
            return send(self._bound[action.listener], action)
        family = socket.AF_INET6 if ":" in action.destination[0] else socket.AF_INET
        bound = self._unbound.get(family)
        if bound is None:
            try:
                bound = self._unbound[family] = open_unbound(family, reads_as=0)
            except OSError:
                return SendFailed(action.destination, None, action.data, "EAFNOSUPPORT")
            self._watch(bound)
        return send(bound, action)

    def close(self) -> None:
        """Close every socket; a second time is a no-op."""
        for each in self:
            each.close()


def receive(bound: BoundSocket) -> Iterator[Input]:
    """What a readable socket holds: first what could not be delivered, then a batch of packets; as lazy as ``read_batch``."""
    yield from read_errors(bound)
    yield from read_batch(bound)
