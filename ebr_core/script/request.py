"""A request as a handler sees it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, final

from ebr_core.actions import Event, EventFilter, EventValue
from ebr_core.errors import LocalProtocolError
from ebr_core.events import Subscription
from ebr_core.inputs import Address, Listener
from ebr_core.message import MessageError, Request
from ebr_core.script.call import Call, Where
from ebr_core.script.pending import READY, Pending
from ebr_core.script.runtime import Runtime
from ebr_core.transaction import ServerTransaction
from ebr_core.usrloc import Contact

__all__ = ["ServerRequest"]


@final
class ServerRequest:
    """What a ``@script.request`` handler gets. It must answer, relay or wait; else the engine answers 500.

    ``message`` is the request itself, ``source`` the address it came from.
    """

    __slots__ = ("_call", "_incoming", "_local", "_route_state", "_runtime", "_server", "message", "source")

    def __init__(
        self,
        runtime: Runtime,
        server: ServerTransaction,
        message: Request,
        source: Address,
        incoming: Listener,
        local: Address | None,
        route_state: int,
        call: Call | None = None,
    ) -> None:
        self._call: Call | None = call
        self._runtime: Final = runtime
        self._server: Final = server
        self._incoming: Final = incoming
        self._local: Final = local
        self._route_state: Final = route_state
        self.message: Final = message
        self.source: Final = source

    def __repr__(self) -> str:
        return f"<ServerRequest {self.message.method} {self.message.uri} {self.message.call_id}>"

    # Reading.

    @property
    def method(self) -> str:
        """The method, as "INVITE"."""
        return self.message.method

    @property
    def uri(self) -> str:
        """The Request-URI as text."""
        return self.message.uri

    @property
    def from_uri(self) -> str:
        """The URI of From; empty when it cannot be read."""
        try:
            return self.message.from_.uri
        except MessageError:
            return ""

    @property
    def to_uri(self) -> str:
        """The URI of To; empty when it cannot be read."""
        try:
            return self.message.to.uri
        except MessageError:
            return ""

    @property
    def to_tag(self) -> str:
        """The tag of To; empty outside a dialog."""
        return self.message.to_tag

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.message.call_id

    @property
    def aor(self) -> str:
        """The address of record that the request is about, as "user@domain": To's of a REGISTER (10.2), else the
        Request-URI's. Empty when it is no SIP URI."""
        try:
            uri = self.message.to.parse_uri() if self.message.method == "REGISTER" else self.message.request_uri
            return self._runtime.aor_of(uri)
        except MessageError:
            return ""

    @property
    def caller(self) -> str:
        """The address of record in From, as "user@domain". Nothing has authenticated it."""
        try:
            return self._runtime.aor_of(self.message.from_.parse_uri())
        except MessageError:
            return ""

    def header(self, name: str) -> str | None:
        """The first value of a header field, in any spelling of its name; None when it is not there."""
        return self.message.header(name)

    def lookup(self, aor: str | None = None) -> list[Contact]:
        """The contacts of the request's address of record, or of another one, best first (``lookup``)."""
        # Its own is no text to be read: a user part such as "sip%3Abob" would be taken for a URI, and be somebody else's.
        return self._runtime.location.lookup(self.aor) if aor is None else self._runtime.lookup(aor)

    # Answering.

    def save(self, *, received: bool = False) -> Awaitable[bool]:
        """Store the bindings of a REGISTER and answer it (``save``), now; awaiting it tells whether they were accepted.

        ``received``: also store the packet's source, and reach the contact there, for phones behind a NAT. A domain that is
        not ours gets 404 (10.3 step 1). Raises LocalProtocolError for another method or a second answer.
        """
        if self.message.method != "REGISTER":
            raise LocalProtocolError(f"save() is for REGISTER, not for {self.message.method}")
        if self._server.answered:
            raise LocalProtocolError("save() answers the REGISTER, and it was answered before")
        done = Pending(READY, None)
        done.result = self._save(received)
        return done

    def _save(self, received: bool) -> bool:
        runtime, message = self._runtime, self.message
        try:
            uri = message.to.parse_uri()
        except MessageError as error:
            self._server.answer(message, 400, error.reason)
            return False
        if not runtime.proxy.transport.owns_domain(uri.host):
            self._server.answer(message, 404)
            return False
        result = runtime.registrar.save(
            message, runtime.aor_of(uri), source=self.source, listener=self._incoming, received=received
        )
        self._server.answer(message, result.status, result.reason, result.headers)
        runtime.raise_changes(result.changes)
        return result.status < 300

    def reply(self, status: int, reason: str | None = None, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> bool:
        """Answer the request. False when it was answered before; LocalProtocolError for an impossible status or header."""
        if self._call is not None:
            return self._call.reply(status, reason, headers, body)
        if not 100 <= status <= 699:
            raise LocalProtocolError(f"a response has a status from 100 to 699, not {status}")
        return self._server.answer(self.message, status, reason, headers, body)

    def relay(self, targets: Where | Iterable[Where] | None = None, *, serial: bool = False, anywhere: bool = False) -> int:
        """Send it on: see ``Call.relay``."""
        return self._own_call().relay(targets, serial=serial, anywhere=anywhere)

    def new_transaction(self) -> Call:
        """The call of this request (``t_newtran``); an INVITE is answered 100 at once."""
        call = self._own_call()
        call.trying()
        return call

    def _own_call(self) -> Call:
        call = self._call
        if call is None:
            if self._server.answered:
                raise LocalProtocolError(f"the {self.message.method} was answered before; go on with script.run() and the like")
            call = Call(self._runtime, self._server, self.message, self._incoming, self._local, self._route_state)
            self._call = call
            self._runtime.scheduler.adopt(call, self._server)
        return call

    # Events and jobs, owned by the request's transaction.

    def raise_event(
        self, name: str, params: Mapping[str, EventValue] | Sequence[EventValue] | None = None, *, one: bool = False
    ) -> None:
        """Raise an event: see ``Script.raise_event``."""
        self._runtime.raise_event(name, params, one)

    def notify_on_event(
        self, name: str, filter: EventFilter, route: Callable[..., object], timeout: float | None = None
    ) -> Subscription:
        """See ``Call.notify_on_event``."""
        return self._own_call().notify_on_event(name, filter, route, timeout)

    def wait_for_event(self, name: str, filter: EventFilter = None, timeout: float | None = None) -> Awaitable[Event | None]:
        """See ``Call.wait_for_event``."""
        return self._own_call().wait_for_event(name, filter, timeout)

    def run(self, function: Callable[..., object], *args: object) -> Awaitable[Any]:
        """See ``Call.run``."""
        return self._own_call().run(function, *args)

    def start(self, function: Callable[..., object], *args: object) -> None:
        """See ``Call.start``."""
        self._own_call().start(function, *args)
