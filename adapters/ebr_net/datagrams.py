"""Reading and sending datagrams without ever blocking, and learning of those that could not be delivered."""

import errno
import socket
import struct
from collections.abc import Iterator
from functools import lru_cache
from time import monotonic
from typing import Final

from ebr_core.actions import SendDatagram
from ebr_core.inputs import DatagramReceived, SendFailed
from ebr_net.listen import IP_PKTINFO, IP_RECVERR, IPV6_RECVERR, BoundSocket

__all__ = ["BATCH_LIMIT", "BATCH_SECONDS", "read_batch", "read_errors", "send"]

BATCH_LIMIT: Final = 64  # packets
BATCH_SECONDS: Final = 0.004

_MAX_DATAGRAM: Final = 65_535
_ANCILLARY: Final = 512  # bytes, more than the control messages asked for take
_IPV6_PKTINFO: Final = 50
_IN_PKTINFO: Final = struct.Struct("@i4s4s")  # interface, local address, destination in the header
_IN6_PKTINFO: Final = struct.Struct("@16sI")  # destination, interface
_EXTENDED_ERR: Final = struct.Struct("@IBBBBII")  # struct sock_extended_err: errno, origin, type, code, pad, info, data
_ORIGIN_ICMP: Final = 2
_ORIGIN_ICMP6: Final = 3
_MSG_ERRQUEUE: Final[int] = getattr(socket, "MSG_ERRQUEUE", 0)


def read_batch(bound: BoundSocket, limit: int = BATCH_LIMIT, seconds: float = BATCH_SECONDS) -> Iterator[DatagramReceived]:
    """The packets that have arrived, one at a time, until there are none, ``limit`` were read, or ``seconds`` have passed.

    It is lazy, so that the seconds include what the caller does with each packet: slow handlers then cannot hold the
    event loop up for a whole batch. What is left keeps the socket readable.
    """
    sock, listener, wildcard = bound.sock, bound.reads_as, bound.wildcard
    ipv4 = bound.family == socket.AF_INET
    end = monotonic() + seconds
    for count in range(limit):
        if count and monotonic() >= end:
            return
        try:
            if wildcard:
                data, ancillary, _, source = sock.recvmsg(_MAX_DATAGRAM, _ANCILLARY)
                local = _local(bound, ancillary)
            else:
                data, source = sock.recvfrom(_MAX_DATAGRAM)
                local = None
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            # An ICMP error that came after the error queue was read: telling it once clears it, the queue keeps it.
            if error.errno in (errno.EBADF, errno.ENOTSOCK):
                raise
            continue
        yield DatagramReceived(data, source if ipv4 else source[:2], listener, local)


def _local(bound: BoundSocket, ancillary: list[tuple[int, int, bytes]]) -> tuple[str, int] | None:
    if bound.listener is None:
        return None
    port = bound.listener.bound[1]
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            return socket.inet_ntop(socket.AF_INET, _IN_PKTINFO.unpack_from(data)[1]), port
        if level == socket.IPPROTO_IPV6 and kind == _IPV6_PKTINFO:
            return socket.inet_ntop(socket.AF_INET6, _IN6_PKTINFO.unpack_from(data)[0]), port
    return None


def read_errors(bound: BoundSocket, limit: int = BATCH_LIMIT) -> list[SendFailed]:
    """Empty the socket's error queue, at most ``limit`` entries. Do it at each wake-up, before reading: the socket counts
    as readable until its queue is empty. ``data`` is as much of the packet as the ICMP message quoted, perhaps none."""
    failures: list[SendFailed] = []
    if not _MSG_ERRQUEUE:
        return failures
    for _ in range(limit):
        try:
            data, ancillary, _, destination = bound.sock.recvmsg(2048, _ANCILLARY, _MSG_ERRQUEUE)
        except OSError as error:
            if error.errno in (errno.EBADF, errno.ENOTSOCK):
                raise
            break
        code = _icmp_errno(ancillary)
        # After "fragmentation needed" the kernel knows the path's MTU, and the retransmission goes through in fragments.
        if code and code != errno.EMSGSIZE and destination:
            failures.append(SendFailed(destination[:2], bound.id, data, _name(code)))
    return failures


def _icmp_errno(ancillary: list[tuple[int, int, bytes]]) -> int:
    """0 for an entry that is no ICMP error: what failed on this machine, ``send`` has reported already."""
    for level, kind, data in ancillary:
        if (level, kind) in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
            code, origin, *_ = _EXTENDED_ERR.unpack_from(data)
            return int(code) if origin in (_ORIGIN_ICMP, _ORIGIN_ICMP6) else 0
    return 0


def send(bound: BoundSocket, action: SendDatagram) -> SendFailed | None:
    """Send one packet now. A full send buffer drops it, counted in ``bound.dropped``: UDP loses packets, and SIP repeats
    them. Any other failure comes back, to be fed to the engine."""
    destination = action.destination
    if not _is_address(bound.family, destination[0]):
        return SendFailed(destination, bound.id, action.data, "EAFNOSUPPORT")
    code = errno.EINVAL
    # The first error may be that of an earlier packet, which an ICMP message left pending on the socket.
    for _ in range(3):
        try:
            if bound.wildcard and action.local is not None:
                bound.sock.sendmsg([action.data], _from(bound, action.local[0]), 0, destination)
            else:
                bound.sock.sendto(action.data, destination)
            return None
        except BlockingIOError:
            bound.dropped += 1
            return None
        except OverflowError:
            break  # no possible port
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                bound.dropped += 1
                return None
            code = error.errno or errno.EIO
    return SendFailed(destination, bound.id, action.data, _name(code))


@lru_cache(maxsize=4096)
def _is_address(family: int, host: str) -> bool:
    # A name in place of an address would make sendto() look it up, and block.
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return False
    return True


def _from(bound: BoundSocket, host: str) -> list[tuple[int, int, bytes]]:
    packed = socket.inet_pton(bound.family, host)
    if bound.family == socket.AF_INET6:
        return [(socket.IPPROTO_IPV6, _IPV6_PKTINFO, _IN6_PKTINFO.pack(packed, 0))]
    return [(socket.IPPROTO_IP, IP_PKTINFO, _IN_PKTINFO.pack(0, packed, bytes(4)))]


def _name(code: int) -> str:
    return errno.errorcode.get(code, str(code))
