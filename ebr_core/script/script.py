"""Script: a table of handlers, and the verbs that act on the engine whose handler is running."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, final

from ebr_core.actions import DEBUG, ERROR, INFO, WARNING, Event, EventFilter, EventValue, Logged
from ebr_core.errors import LocalProtocolError
from ebr_core.events import Subscription
from ebr_core.message import is_token
from ebr_core.script.runtime import running
from ebr_core.usrloc import Contact

__all__ = ["Log", "Script", "sleep"]

Handler = TypeVar("Handler", bound=Callable[..., object])


@final
class Log:
    """``script.log.info("text", key=value)``: a line in the log of the engine that runs the handler."""

    __slots__ = ()

    def debug(self, text: str, **fields: object) -> None:
        """A line for whoever looks for a fault."""
        _say(DEBUG, text, fields)

    def info(self, text: str, **fields: object) -> None:
        """A line for the operator."""
        _say(INFO, text, fields)

    def warning(self, text: str, **fields: object) -> None:
        """Something that should not be, and was dealt with."""
        _say(WARNING, text, fields)

    def error(self, text: str, **fields: object) -> None:
        """Something that went wrong."""
        _say(ERROR, text, fields)


@final
class Script:
    """Routes, as decorated functions; ``def`` and ``async def`` both.

    One script may serve several engines: its verbs act on the engine whose handler is running, and raise
    LocalProtocolError outside one.
    """

    def __init__(self) -> None:
        self.requests: Final[dict[str, Callable[..., object]]] = {}
        self.dialog_requests: Final[dict[str, Callable[..., object]]] = {}
        self.events: Final[list[tuple[str, Callable[..., object]]]] = []
        self.startups: Final[list[Callable[..., object]]] = []
        self.timers: Final[list[tuple[float, Callable[..., object]]]] = []
        self.log: Final = Log()

    # Routes.

    def request(self, *methods: str, in_dialog: bool = False) -> Callable[[Handler], Handler]:
        """``handler(request)`` for these methods outside a dialog, or inside one that we record-routed (``in_dialog=True``;
        it must then ``relay()``). Without a method: for every method that has no handler of its own.

        A CANCEL handler only observes: the CANCEL is answered and acted upon before it runs. ACK never starts a handler.
        Raises LocalProtocolError for a method that has a handler already, and for ACK.
        """
        table = self.dialog_requests if in_dialog else self.requests

        def register(handler: Handler) -> Handler:
            for method in methods or ("*",):
                if not is_token(method):
                    raise LocalProtocolError(f"{method!r} is not a method")
                if method.upper() == "ACK":
                    raise LocalProtocolError("an ACK never starts a handler; take its INVITE")
                if method in table:
                    raise LocalProtocolError(f"two handlers for {method}: {_name(table[method])} and {_name(handler)}")
                table[method] = handler
            return handler

        return register

    def event(self, name: str) -> Callable[[Handler], Handler]:
        """``handler(event)`` for every event of that name (OpenSIPS's ``event_route``); any number of them."""

        def register(handler: Handler) -> Handler:
            self.events.append((name, handler))
            return handler

        return register

    def startup(self, handler: Handler) -> Handler:
        """``handler()`` once, when the engine has started (``startup_route``)."""
        self.startups.append(handler)
        return handler

    def timer(self, seconds: float) -> Callable[[Handler], Handler]:
        """``handler()`` every so many seconds (``timer_route``). Raises LocalProtocolError for less than a millisecond."""
        if not 0.001 <= seconds <= 1e10:
            raise LocalProtocolError(f"a timer route needs a period of 1 ms or more (and below 300 years), not {seconds!r}")

        def register(handler: Handler) -> Handler:
            self.timers.append((seconds, handler))
            return handler

        return register

    # Verbs.

    @property
    def state(self) -> dict[Any, Any]:
        """A dict of the engine's own for whatever the script keeps; it lives as long as the engine."""
        return running().state

    def stat(self, name: str) -> int:
        """A statistic of the engine, as "dropped.malformed"; 0 before it was first counted."""
        return running().env.counters.get(name, 0)

    def lookup(self, aor: str) -> list[Contact]:
        """The contacts of an address of record ("user@domain", or a URI), best first; those that have expired are not there."""
        return running().lookup(aor)

    def raise_event(
        self, name: str, params: Mapping[str, EventValue] | Sequence[EventValue] | None = None, *, one: bool = False
    ) -> None:
        """Raise an event (``raise_event``): delivered after the handler's step, in order. ``one``: to its oldest subscriber
        only. Raises LocalProtocolError for values that are neither int, str nor None."""
        running().raise_event(name, params, one)

    def notify_on_event(
        self, name: str, filter: EventFilter, route: Callable[..., object], timeout: float | None = None
    ) -> Subscription:
        """``route(event, None)`` for each match until ``timeout`` seconds have passed; it belongs to no call.

        Raises FilterError, and LocalProtocolError for an impossible timeout.
        """
        return running().notify_on_event(name, filter, route, timeout, None)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End what ``notify_on_event`` gave, before its time; one that has ended is a no-op."""
        running().unsubscribe(subscription)

    def wait_for_event(self, name: str, filter: EventFilter = None, timeout: float | None = None) -> Awaitable[Event | None]:
        """Await the next match; None when ``timeout`` seconds have passed. It belongs to no call."""
        return running().wait_for_event(name, filter, timeout, None)

    def run(self, function: Callable[..., object], *args: object) -> Awaitable[Any]:
        """Run ``function(*args)`` outside the engine, now, and await its result. Raises JobFailed when it fails."""
        return running().start_job(function, args, None, False)


def sleep(seconds: float) -> Awaitable[None]:
    """Await that so many seconds of the engine's clock pass; in a simulation that is virtual time.

    Raises LocalProtocolError outside a handler, or for a negative number.
    """
    return running().sleep(seconds)


def _say(level: int, text: str, fields: dict[str, object]) -> None:
    # Not by Environment.log: a script's fields may well be called "code" or "level".
    running().env.outbox.append(Logged(level, "script", text, fields))


def _name(handler: Callable[..., object]) -> str:
    return str(getattr(handler, "__qualname__", handler))
