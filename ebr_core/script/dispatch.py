"""What to do with a request: absorb it, forward it inside its dialog, or hand it to a route (RFC 3261 16.3, 16.4, 9.2)."""

from collections.abc import Callable
from typing import Final, final

from ebr_core.actions import DEBUG
from ebr_core.environment import Environment
from ebr_core.inputs import Address, Listener
from ebr_core.message import MessageError, Request
from ebr_core.proxy.proxy import OWN_DIALOG
from ebr_core.script.call import Call
from ebr_core.script.request import ServerRequest
from ebr_core.script.runtime import Runtime
from ebr_core.script.script import Script
from ebr_core.transaction import ServerTransaction, Transactions
from ebr_core.transport import Transport

__all__ = ["Dispatcher"]


@final
class Dispatcher:
    """Takes every request that was received, and starts the handlers."""

    __slots__ = ("_env", "_runtime", "_script", "_transactions", "_transport", "draining")

    def __init__(self, script: Script, runtime: Runtime) -> None:
        self._script: Final = script
        self._runtime: Final = runtime
        self._env: Final[Environment] = runtime.env
        self._transport: Final[Transport] = runtime.proxy.transport
        self._transactions: Final[Transactions] = runtime.proxy.transactions
        self.draining = False  # new requests get 503

    def receive(self, request: Request, source: Address, listener: Listener, local: Address | None) -> None:
        """A request that was parsed."""
        request.stamp_received(source[0], source[1])
        if request.method == "ACK":
            if self._transactions.receive_ack(request):
                self._runtime.proxy.forward_ack(request, listener, local)
            return
        route = self._transport.response_route(request.via, source, listener, local)
        server = self._transactions.receive_request(request, route)
        if server is None:
            return  # a retransmission
        if request.method == "CANCEL":
            self._cancel(server, request, source, listener, local)
        elif self.draining or len(self._runtime.scheduler.ready) > self._env.config.max_ready:
            self._env.count("requests.refused")
            server.answer(request, 503, headers=[("Retry-After", "10")])
        else:
            self._request(server, request, source, listener, local)

    def _request(
        self, server: ServerTransaction, request: Request, source: Address, listener: Listener, local: Address | None
    ) -> None:
        try:
            scheme = request.request_uri.scheme
        except MessageError as error:
            server.answer(request, error.status, error.reason)
            return
        if scheme not in ("sip", "sips", "tel"):
            server.answer(request, 416)  # 16.3 step 2
            return
        in_dialog = bool(request.to_tag)
        out = self._runtime.proxy.way_out(request, listener) if in_dialog else listener
        route_state = self._runtime.proxy.take_own_routes(request)
        if request.max_forwards == 0 and not (request.method == "OPTIONS" and self._is_us(request)):
            server.answer(request, 483)  # 16.3 step 3
            return
        required = request.values("proxy-require") if "proxy-require" in request.names else []
        if required:
            server.answer(request, 420, headers=[("Unsupported", ", ".join(required))])  # 16.3 step 5
            return
        if out is not listener:
            listener, local = out, None
        handlers = self._script.dialog_requests if in_dialog else self._script.requests
        handler = handlers.get(request.method) or handlers.get("*")
        if in_dialog and handler is None:
            self._in_dialog(server, request, listener, local, route_state)
        elif handler is None:
            self._without_handler(server, request)
        else:
            self._handle(handler, server, request, source, listener, local, route_state)

    def _handle(
        self,
        handler: Callable[..., object],
        server: ServerTransaction,
        request: Request,
        source: Address,
        listener: Listener,
        local: Address | None,
        route_state: int,
    ) -> None:
        call = None
        if request.method == "INVITE":
            call = Call(self._runtime, server, request, listener, local, route_state)
        view = ServerRequest(self._runtime, server, request, source, listener, local, route_state, call)
        self._runtime.scheduler.start(handler, (view,), call, server, request)

    def _in_dialog(
        self, server: ServerTransaction, request: Request, listener: Listener, local: Address | None, route_state: int
    ) -> None:
        if route_state != OWN_DIALOG:
            # Nobody that we record-routed sends this: not our dialog if it is addressed to us, no relay for strangers if not.
            server.answer(request, 481 if self._transport.owns(request.request_uri) else 403)
            return
        Call(self._runtime, server, request, listener, local, route_state).relay()

    def _without_handler(self, server: ServerTransaction, request: Request) -> None:
        allowed = [("Allow", ", ".join(self._allowed()))]
        if request.method == "OPTIONS" and self._is_us(request):
            server.answer(request, 200, headers=[*allowed, ("Accept", "*/*")])  # 11.2
        else:
            server.answer(request, 405, headers=allowed)

    def _is_us(self, request: Request) -> bool:
        """Whether the Request-URI names the server itself, and not one of its users (11)."""
        uri = request.request_uri
        return uri.user is None and self._transport.owns(uri)

    def _allowed(self) -> list[str]:
        methods = ["ACK", "BYE", "CANCEL", "OPTIONS"]
        methods += (method for method in self._script.requests if method not in methods and method != "*")
        return sorted(methods)

    def _cancel(
        self, server: ServerTransaction, cancel: Request, source: Address, listener: Listener, local: Address | None
    ) -> None:
        invite = self._transactions.find_cancelled(cancel)
        if invite is None:
            server.answer(cancel, 481)  # 9.2
            return
        # 9.2: the tag of the 200 and of the 487 should be the same.
        if not invite.to_tag:
            invite.to_tag = self._env.token()
        server.to_tag = invite.to_tag
        server.answer(cancel, 200)
        call = invite.user
        if isinstance(call, Call):
            call.cancelled(cancel.header("reason") or "")
        handler = self._script.requests.get("CANCEL")
        if handler is not None:
            self._env.log(DEBUG, "cancel", f"CANCEL of {cancel.call_id}")
            view = ServerRequest(self._runtime, server, cancel, source, listener, local, 0)
            self._runtime.scheduler.start(handler, (view,))
