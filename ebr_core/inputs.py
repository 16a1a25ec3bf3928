"""What comes in: the alphabet of ``Engine.handle``.

Inputs are immutable values; two of the same class with equal fields are equal. Times are absolute monotonic seconds and
travel beside an input (``handle(input, now=...)``), never in it, except for ``wall``: seconds since 1970-01-01 UTC.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias, final

from ebr_core.actions import EventFilter, EventValue, Value

__all__ = [
    "Address",
    "DatagramReceived",
    "EventRaised",
    "Input",
    "JobFinished",
    "JobResult",
    "Listener",
    "SendFailed",
    "ShutdownRequested",
    "Started",
    "SubscriptionCancelled",
    "SubscriptionRequested",
    "TimerTick",
    "WallClockStepped",
]

Address: TypeAlias = tuple[str, int]
"""A numeric IP address (IPv6 without brackets or scope) and a port."""

JobResult: TypeAlias = "bool | int | float | str | bytes | list[JobResult] | dict[str, JobResult] | None"
"""What a job may give back: values that a journal can hold."""


@final
class Listener(Value):
    """A bound socket: ``id`` (small int, unique), ``purpose`` ("sip"), ``transport`` ("udp"), the ``bound`` address, and the
    ``advertised`` host and port, which go into Via and Record-Route in its place; ``sent_by`` is their text."""

    __slots__ = ("advertised", "bound", "id", "purpose", "sent_by", "transport")
    __match_args__ = ("id", "purpose", "transport", "bound", "advertised")

    def __init__(self, id: int, purpose: str, transport: str, bound: Address, advertised: Address | None = None) -> None:
        self.id: Final = id
        self.purpose: Final = purpose
        self.transport: Final = transport
        self.bound: Final = bound
        self.advertised: Final[Address] = bound if advertised is None else advertised
        host, port = self.advertised
        self.sent_by: Final = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@final
class Started(Value):
    """The first input: the sockets are bound. Runs the startup routes."""

    __slots__ = ("listeners", "wall")
    __match_args__ = ("listeners", "wall")

    def __init__(self, listeners: Sequence[Listener], wall: float) -> None:
        self.listeners: Final = tuple(listeners)
        self.wall: Final = wall


@final
class DatagramReceived(Value):
    """One UDP packet. ``local`` is the address it was sent to, where the platform tells (a wildcard socket has many)."""

    __slots__ = ("data", "listener", "local", "source")
    __match_args__ = ("data", "source", "listener", "local")

    def __init__(self, data: bytes, source: Address, listener: int, local: Address | None = None) -> None:
        self.data: Final = data
        self.source: Final = source
        self.listener: Final = listener
        self.local: Final = local


@final
class SendFailed(Value):
    """A datagram could not be delivered: an ICMP error, or the send itself failed. ``data`` is what is known of the packet
    (its start is enough: the branch of its Via names the transaction); ``error`` is a short text such as "ECONNREFUSED"."""

    __slots__ = ("data", "destination", "error", "listener")
    __match_args__ = ("destination", "listener", "data", "error")

    def __init__(self, destination: Address, listener: int | None, data: bytes, error: str) -> None:
        self.destination: Final = destination
        self.listener: Final = listener
        self.data: Final = data
        self.error: Final = error


@final
class JobFinished(Value):
    """The answer to ``StartJob``: its result, or ``error`` as (name of the exception's type, its text)."""

    __slots__ = ("error", "job", "result")
    __match_args__ = ("job", "result", "error")

    def __init__(self, job: int, result: JobResult = None, error: tuple[str, str] | None = None) -> None:
        self.job: Final = job
        self.result: Final = result
        self.error: Final = error


@final
class EventRaised(Value):
    """The host application raises an event. ``params``: a mapping of attribute names to values (its order is kept), a
    sequence of unnamed values, or None."""

    __slots__ = ("name", "params")
    __match_args__ = ("name", "params")

    def __init__(self, name: str, params: Mapping[str, EventValue] | Sequence[EventValue] | None = None) -> None:
        self.name: Final = name
        self.params: Final = params


@final
class SubscriptionRequested(Value):
    """The host application listens to an event: each match comes out as ``EventNotified``, the end as
    ``SubscriptionEnded``. ``subscription`` is an odd number of the host's choice; ``timeout`` in seconds or None; ``once``
    ends it with the first match."""

    __slots__ = ("filter", "name", "once", "subscription", "timeout")
    __match_args__ = ("subscription", "name", "filter", "timeout", "once")

    def __init__(
        self,
        subscription: int,
        name: str,
        filter: EventFilter = None,
        timeout: float | None = None,
        once: bool = False,
    ) -> None:
        self.subscription: Final = subscription
        self.name: Final = name
        self.filter: Final = filter
        self.timeout: Final = timeout
        self.once: Final = once


@final
class SubscriptionCancelled(Value):
    """The host application no longer listens."""

    __slots__ = ("subscription",)
    __match_args__ = ("subscription",)

    def __init__(self, subscription: int) -> None:
        self.subscription: Final = subscription


@final
class TimerTick(Value):
    """``now`` has reached ``engine.deadline``, or the last step left work. A spurious one is a no-op."""

    __slots__ = ()
    __match_args__ = ()


@final
class WallClockStepped(Value):
    """The system's clock was set; ``wall`` is the new time of day at ``now``."""

    __slots__ = ("wall",)
    __match_args__ = ("wall",)

    def __init__(self, wall: float) -> None:
        self.wall: Final = wall


@final
class ShutdownRequested(Value):
    """Take no new transactions, let the live ones finish for at most ``grace`` seconds, then give up and send ``Stopped``."""

    __slots__ = ("grace",)
    __match_args__ = ("grace",)

    def __init__(self, grace: float = 0.0) -> None:
        self.grace: Final = grace


Input: TypeAlias = (
    DatagramReceived
    | TimerTick
    | SendFailed
    | JobFinished
    | EventRaised
    | SubscriptionRequested
    | SubscriptionCancelled
    | Started
    | WallClockStepped
    | ShutdownRequested
)
