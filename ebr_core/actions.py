"""What goes out: the alphabet that ``Engine.handle`` returns, and the values that travel in both directions.

An adapter performs the actions in their order. They are immutable values; two of the same class with equal fields are
equal. Numbers of jobs and subscriptions that the engine gives out are even.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, TypeAlias, final

__all__ = [
    "CANCELLED",
    "DEBUG",
    "ERROR",
    "EXPIRED",
    "INFO",
    "NOTIFIED",
    "OWNER_ENDED",
    "WARNING",
    "Action",
    "CancelJob",
    "Event",
    "EventFilter",
    "EventNotified",
    "EventValue",
    "Logged",
    "Pattern",
    "SendDatagram",
    "StartJob",
    "Stopped",
    "SubscriptionEnded",
    "Value",
]

EventValue: TypeAlias = str | int | None
"""What an attribute of an event may hold; None is JSON's null."""

# How a subscription ended.
NOTIFIED: Final = "NOTIFIED"  # it asked for one event, and got it
EXPIRED: Final = "EXPIRED"
CANCELLED: Final = "CANCELLED"
OWNER_ENDED: Final = "OWNER_ENDED"  # its transaction came to an end first

# Levels of Logged: the numbers of the standard library's logging module.
DEBUG: Final = 10
INFO: Final = 20
WARNING: Final = 30
ERROR: Final = 40


class Value:
    """Equality and repr by ``__match_args__``, written once (dataclasses cost four times as much when compiled)."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__match_args__)

    def __hash__(self) -> int:
        return hash((type(self).__name__, *(repr(getattr(self, name)) for name in self.__match_args__)))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({fields})"


@final
class Pattern(Value):
    """A shell wildcard for a filter: ``*``, ``?``, ``[a-z]``, ``[!x]``, ``[[:alpha:]]``, and ``\\`` to quote.

    Semantics of fnmatch(3) with no flags, as in OpenSIPS's ``notify_on_event``: case-sensitive, ``*`` crosses every
    character. A plain string in a filter mapping is never a pattern, because it often comes from the network.
    """

    __slots__ = ("text",)
    __match_args__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text: Final = text


EventFilter: TypeAlias = Mapping[str, str | int | Pattern] | str | Sequence[str] | None
"""What a subscription asks of an event's attributes, all of it at once: a mapping whose plain values are exact, or
OpenSIPS's ``"key=pattern"`` string or several of them. None matches every event of the name."""


@final
class Event(Value):
    """A named thing that happened, with attributes in the order of its declaration.

    ``names`` is None for positional parameters (``raise_event`` with values only), else as long as ``values``.
    ``event["aor"]`` and ``event[0]`` read a value; KeyError or IndexError when it is not there.
    """

    __slots__ = ("name", "names", "values")
    __match_args__ = ("name", "names", "values")

    def __init__(self, name: str, names: tuple[str, ...] | None = None, values: tuple[EventValue, ...] = ()) -> None:
        if names is not None and len(names) != len(values):
            raise ValueError(f"event {name}: {len(names)} attribute names for {len(values)} values")
        self.name: Final = name
        self.names: Final = names
        self.values: Final = values

    def __getitem__(self, key: str | int) -> EventValue:
        if isinstance(key, int):
            return self.values[key]
        if self.names is not None:
            for index, name in enumerate(self.names):
                if name == key:
                    return self.values[index]
        raise KeyError(f"event {self.name} has no attribute {key!r}; it has {list(self.names or ())}")

    def __contains__(self, key: object) -> bool:
        return self.names is not None and key in self.names

    def get(self, key: str, default: EventValue = None) -> EventValue:
        """The attribute's value, or ``default`` where the event has none of that name."""
        return self[key] if key in self else default

    def params(self) -> dict[str, EventValue] | list[EventValue] | None:
        """The attributes as JSON-RPC's ``params``: a dict, a list when they are positional, None when there are none."""
        if self.names is not None:
            return dict(zip(self.names, self.values, strict=True))
        return list(self.values) if self.values else None


@final
class SendDatagram(Value):
    """Send one packet from the listener's socket. ``listener`` None: from the adapter's unbound socket of the address
    family. ``local``: the source address to use on a wildcard socket, or None. On failure feed ``SendFailed``."""

    __slots__ = ("data", "destination", "listener", "local")
    __match_args__ = ("data", "destination", "listener", "local")

    def __init__(
        self,
        data: bytes,
        destination: tuple[str, int],
        listener: int | None,
        local: tuple[str, int] | None = None,
    ) -> None:
        self.data: Final = data
        self.destination: Final = destination
        self.listener: Final = listener
        self.local: Final = local


@final
class StartJob(Value):
    """Run ``function(*args)`` outside: an ``async def`` as the runtime's own task, a ``def`` in a worker thread. Feed
    ``JobFinished`` when it ends. Jobs compare by number, function's qualified name and arguments."""

    __slots__ = ("args", "function", "job")
    __match_args__ = ("job", "function", "args")

    def __init__(self, job: int, function: Callable[..., object], args: tuple[object, ...] = ()) -> None:
        self.job: Final = job
        self.function: Final = function
        self.args: Final = args


@final
class CancelJob(Value):
    """Nobody waits for this job any more: cancel it if that is possible. Its ``JobFinished`` is then ignored."""

    __slots__ = ("job",)
    __match_args__ = ("job",)

    def __init__(self, job: int) -> None:
        self.job: Final = job


@final
class EventNotified(Value):
    """An event that the host application listens to."""

    __slots__ = ("event", "subscription")
    __match_args__ = ("subscription", "event")

    def __init__(self, subscription: int, event: Event) -> None:
        self.subscription: Final = subscription
        self.event: Final = event


@final
class SubscriptionEnded(Value):
    """A subscription of the host application has ended; ``outcome`` is NOTIFIED, EXPIRED, CANCELLED or OWNER_ENDED."""

    __slots__ = ("outcome", "subscription")
    __match_args__ = ("subscription", "outcome")

    def __init__(self, subscription: int, outcome: str) -> None:
        self.subscription: Final = subscription
        self.outcome: Final = outcome


@final
class Logged(Value):
    """Something worth a line in the log. ``level`` is a number of the logging module, ``code`` a stable short name (as
    "handler-failed"), ``text`` a sentence, ``fields`` the details."""

    __slots__ = ("code", "fields", "level", "text")
    __match_args__ = ("level", "code", "text", "fields")

    def __init__(self, level: int, code: str, text: str, fields: Mapping[str, object]) -> None:
        self.level: Final = level
        self.code: Final = code
        self.text: Final = text
        self.fields: Final = fields


@final
class Stopped(Value):
    """The engine has nothing left to do after ``ShutdownRequested``: close the sockets and end."""

    __slots__ = ()
    __match_args__ = ()


Action: TypeAlias = SendDatagram | StartJob | CancelJob | EventNotified | SubscriptionEnded | Logged | Stopped
