"""Where a server listens: reading the operator's text, and binding the sockets."""

import errno
import ipaddress
import re
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from ebr_core.errors import EbrError
from ebr_core.inputs import Address, Listener

__all__ = ["BoundSocket", "ListenError", "ListenSpec", "bind", "bind_all", "open_unbound", "parse_advertise", "parse_listen"]

# <linux/in.h>, <linux/in6.h>: the socket module of Python 3.11 names only some of these.
IP_PKTINFO: Final = 8
IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
IPV6_RECVPKTINFO: Final = 49

RECEIVE_BUFFER: Final = 4 * 1024 * 1024  # bytes asked for; the kernel silently gives what its own limit allows

_EXPECTED = "expected udp:HOST:PORT, as udp:192.0.2.1:5060 or udp:[2001:db8::1]:5060"


class ListenError(EbrError, ValueError):
    """An address to listen on, or to advertise, is malformed or cannot be had. The text is one line, fit for an operator."""


@final
@dataclass(frozen=True, slots=True)
class ListenSpec:
    """One address to listen on. ``host`` has no brackets; port 0 lets the system choose. ``advertised`` goes into Via and
    Record-Route instead of the bound address; its port 0 stands for the bound port."""

    transport: str
    host: str
    port: int
    advertised: tuple[str, int] | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"


@final
class BoundSocket:
    """A non-blocking datagram socket. ``id`` is the listener's number, None for an unbound one; packets that arrive are
    reported as those of ``reads_as``; ``dropped`` counts what a full send buffer did not take."""

    __slots__ = ("dropped", "family", "id", "listener", "reads_as", "sock", "wildcard")

    def __init__(self, sock: socket.socket, *, listener: Listener | None, reads_as: int, wildcard: bool = False) -> None:
        self.sock: Final = sock
        self.family: Final = sock.family
        self.listener: Final = listener
        self.id: Final = None if listener is None else listener.id
        self.reads_as: Final = reads_as
        self.wildcard: Final = wildcard
        self.dropped = 0

    def fileno(self) -> int:
        """For the loop that watches it; -1 once closed."""
        return self.sock.fileno()

    def close(self) -> None:
        """Close it; a second time is a no-op."""
        self.sock.close()


def parse_listen(text: str) -> ListenSpec:
    """Read ``udp:HOST:PORT``, with OpenSIPS's ``as HOST[:PORT]`` behind it for the advertised address. Raises ListenError."""
    address, *advertised = re.split(r"\s+as\s+", text.strip(), maxsplit=1)
    transport, colon, rest = address.partition(":")
    if not colon:
        raise ListenError(f"{text!r} is no address to listen on: {_EXPECTED}")
    if transport.lower() != "udp":
        raise ListenError(f"{text!r}: the transport {transport!r} is not supported: {_EXPECTED}")
    host, port = _host_and_port(rest, f"{text!r} is no address to listen on: {_EXPECTED}")
    if port is None:
        raise ListenError(f"{text!r} has no port: {_EXPECTED}")
    return ListenSpec("udp", host, port, parse_advertise(advertised[0]) if advertised else None)


def parse_advertise(text: str) -> tuple[str, int]:
    """Read ``HOST[:PORT]``; the port is 0, "the bound one", where none is given. Raises ListenError."""
    complaint = f"{text!r} cannot be advertised: expected HOST or HOST:PORT, as sip.example.org or [2001:db8::1]:5060"
    host, port = _host_and_port(text.strip(), complaint)
    if port == 0 or _is_wildcard(host):
        raise ListenError(f"{text!r} cannot be advertised: nobody can send to it")
    return host, port or 0


def _host_and_port(text: str, complaint: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^\[\]:\s/]+))(?::([0-9]{1,5}))?", text)
    if match is None:
        if _is_ipv6(text):
            return text, None
        raise ListenError(complaint)
    bracketed, plain, port = match.groups()
    if (bracketed and not _is_ipv6(bracketed)) or (port and int(port) > 65535):
        raise ListenError(complaint)
    return bracketed or plain, int(port) if port else None


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def bind(spec: ListenSpec, id: int) -> BoundSocket:
    """Bind one UDP socket as the listener number ``id``. A host name is looked up, once. Raises ListenError."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(spec.host, spec.port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise ListenError(f"cannot listen on {spec}: {_reason(error)}") from None
    try:
        sock = socket.socket(family, kind)
    except OSError as error:
        raise ListenError(f"cannot listen on {spec}: {_reason(error)}") from None
    try:
        _prepare(sock)
        wildcard = _is_wildcard(str(address[0]))
        if wildcard and sys.platform == "linux":
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        sock.bind(address)
        bound: Address = sock.getsockname()[:2]
        listener = Listener(id, "sip", spec.transport, bound, _advertised(spec, family, bound, wildcard))
        return BoundSocket(sock, listener=listener, reads_as=id, wildcard=wildcard)
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen on {spec}: {_reason(error)}") from None
    except BaseException:
        sock.close()
        raise


def bind_all(specs: Iterable[ListenSpec]) -> list[BoundSocket]:
    """Bind every address, as listeners 0, 1, ...: all of them, or none and a ListenError."""
    bound: list[BoundSocket] = []
    try:
        for spec in specs:
            bound.append(bind(spec, len(bound)))
    except BaseException:
        for each in bound:
            each.close()
        raise
    return bound


def open_unbound(family: int, reads_as: int) -> BoundSocket:
    """The socket for ``SendDatagram`` with listener None; the system gives it a port with its first packet.

    What is answered to that port must not be lost: it counts as received by the listener ``reads_as``. Raises OSError
    where the machine does not have the address family.
    """
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        _prepare(sock)
    except BaseException:
        sock.close()
        raise
    return BoundSocket(sock, listener=None, reads_as=reads_as)


def _prepare(sock: socket.socket) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    # No SO_REUSEADDR: on a UDP socket it would let a second server take the port over without a word.
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if sys.platform == "linux":
        # Without it an unconnected socket is never told that a port is closed or a host unreachable.
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def _advertised(spec: ListenSpec, family: int, bound: Address, wildcard: bool) -> Address:
    if spec.advertised is not None:
        host, port = spec.advertised
        return host, port or bound[1]
    return (_own_address(family), bound[1]) if wildcard else bound


def _own_address(family: int) -> str:
    """What stands in for a wildcard, which no peer could answer to: the source address of the default route."""
    probe, loopback = ("2001:db8::1", "::1") if family == socket.AF_INET6 else ("192.0.2.1", "127.0.0.1")
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((probe, 9))  # only chooses a route: nothing is sent
        except OSError:
            return loopback
        return str(sock.getsockname()[0])


def _reason(error: Exception) -> str:
    code = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
    if code == errno.EADDRINUSE:
        return "the address is in use by another socket"
    if code == errno.EADDRNOTAVAIL:
        return "no interface of this machine has that address"
    if code == errno.EACCES:
        return "not permitted (a port below 1024 needs privileges)"
    return str(getattr(error, "strerror", None) or error)
