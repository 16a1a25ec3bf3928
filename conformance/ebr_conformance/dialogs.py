"""What a virtual phone keeps: its dialogs, the calls that ring it, and the packets it sends."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from ebr_core.inputs import Address
from ebr_core.message import NameAddr, Request, Response

__all__ = ["Dialog", "Headers", "Incoming", "Packet", "host_port"]

Headers: TypeAlias = Sequence[tuple[str, str]]


class Packet(NamedTuple):
    """One datagram from a phone."""

    data: bytes
    source: Address
    destination: Address


class Dialog:
    """One dialog of a phone (RFC 3261 12), from its side."""

    __slots__ = ("ack", "call_id", "cseq", "local", "remote", "remote_tag", "route", "target")

    def __init__(self, call_id: str, local: str, remote: str, target: str, route: Sequence[str], cseq: int) -> None:
        self.call_id = call_id
        self.local = local  # the From value of our requests
        self.remote = remote  # their To value
        self.remote_tag = NameAddr.parse(remote).params.get("tag") or ""
        self.target = target
        self.route = tuple(route)
        self.cseq = cseq
        self.ack: Request | None = None  # what answers a retransmitted 2xx


class Incoming:
    """One INVITE that the phone received."""

    __slots__ = ("acknowledged", "final", "provisional", "request", "tag")

    def __init__(self, request: Request, tag: str) -> None:
        self.request = request
        self.tag = tag
        self.provisional: Response | None = None
        self.final: Response | None = None
        self.acknowledged = False

    def merges_with(self, request: Request) -> bool:
        """8.2.2.2: the same request, over another path."""
        mine = self.request
        return (mine.call_id, mine.cseq, mine.from_tag) == (request.call_id, request.cseq, request.from_tag)

    def is_acknowledged_by(self, ack: Request) -> bool:
        mine = self.request
        return (mine.call_id, mine.cseq, self.tag) == (ack.call_id, ack.cseq, ack.to_tag)


def host_port(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
