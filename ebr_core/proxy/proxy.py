"""What all forwarding shares: our Route and Record-Route entries, their tokens, and the stateless ACK (RFC 3261 16)."""

from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Final, final

from ebr_core.actions import INFO
from ebr_core.environment import Environment
from ebr_core.inputs import Address, Listener
from ebr_core.message import MessageError, NameAddr, Request, Uri
from ebr_core.proxy.forward import forwarded
from ebr_core.proxy.target import Target
from ebr_core.transaction import MAGIC_COOKIE, Transactions
from ebr_core.transport import Route, Transport

__all__ = ["Proxy", "RouteState"]

# What the Route header field of a request said about us (16.4).
NO_ROUTE: Final = 0  # it did not name us
OWN_ROUTE: Final = 1  # it named us: a preloaded route, as a phone with an outbound proxy sends it
OWN_DIALOG: Final = 2  # it named us with the token that we gave out for this Call-ID

RouteState = int

_TOKEN_PARAMETER: Final = "ebr"
_OWN_PARAMETERS: Final = f";lr;{_TOKEN_PARAMETER}="


@final
class Proxy:
    """The forwarding of one engine. Response contexts, made by the script layer, lean on it."""

    __slots__ = ("_keyed", "env", "transactions", "transport")

    def __init__(self, env: Environment, transport: Transport, transactions: Transactions) -> None:
        self.env: Final = env
        self.transport: Final = transport
        self.transactions: Final = transactions
        secret = env.config.secret
        # Any secret's length will do, so it is hashed to the length of a key.
        key = blake2b(env.random_bytes(32) if secret is None else secret, digest_size=32).digest()
        self._keyed: Final = blake2b(digest_size=9, key=key)

    def _hash(self, text: str) -> str:
        keyed = self._keyed.copy()
        keyed.update(text.encode("utf-8", "surrogateescape"))
        return urlsafe_b64encode(keyed.digest()).decode("ascii")

    def dialog_token(self, call_id: str) -> str:
        """What our Record-Route entry carries for this Call-ID: nobody else can make it, so a Route with it is no open relay."""
        return self._hash(call_id)

    def record_routes(self, call_id: str, incoming: Listener, outgoing: Listener) -> tuple[str, ...]:
        """Our Record-Route values, topmost first: one, or two when the request leaves by another listener (RFC 5658)."""
        token = self.dialog_token(call_id)
        first = f"<sip:{incoming.sent_by};lr;{_TOKEN_PARAMETER}={token}>"
        if incoming is outgoing:
            return (first,)
        return (f"<sip:{outgoing.sent_by};lr;{_TOKEN_PARAMETER}={token}>", first)

    def take_own_routes(self, request: Request) -> RouteState:
        """Remove the Route values that name us (16.4), and undo a strict router's swap; say what they were."""
        state = NO_ROUTE
        own = self._own_uri(request.uri) if _TOKEN_PARAMETER in request.uri else None
        if own is not None and "lr" in own.params:
            # A strict router put our Record-Route URI into the Request-URI; the real one is the last Route.
            routes = request.values("route")
            if routes:
                try:
                    real = Uri.parse(NameAddr.parse(routes.pop()).uri).raw
                except MessageError:
                    return NO_ROUTE  # nobody that we record-routed sends this
                state = OWN_DIALOG if own.params.get(_TOKEN_PARAMETER) == self.dialog_token(request.call_id) else OWN_ROUTE
                request.set_uri(real)
                self._set_routes(request, routes)
        while "route" in request.names:
            line = request.lines[request.names.index("route")]
            if not self._is_record_route(line, request.call_id):
                return self._take_listed_routes(request, state)
            request.pop_value("route")
            state = OWN_DIALOG
        return state

    def way_out(self, request: Request, incoming: Listener) -> Listener:
        """The listener by which a request inside a dialog leaves: the one that the last of our Route values at the top names
        (RFC 5658), for its peer may know no other. To be asked before ``take_own_routes``."""
        found = incoming
        if self.transport.several:
            for uri in self._own_uris(request.values("route")):
                found = self.transport.listener_at(uri) or found
        return found

    def _own_uris(self, values: list[str]) -> list[Uri]:
        """The URIs of the first Route values, as long as they name us."""
        own = []
        for value in values:
            try:
                uri = Uri.parse(NameAddr.parse(value).uri)
            except MessageError:
                break
            if not self.transport.owns(uri):
                break
            own.append(uri)
        return own

    def _take_listed_routes(self, request: Request, state: RouteState) -> RouteState:
        # One look at all values: a stranger may send thousands in one line, and each taken by itself costs a look at the rest.
        values = request.values("route")
        own = self._own_uris(values)
        token = self.dialog_token(request.call_id)
        for uri in own:
            if uri.params.get(_TOKEN_PARAMETER) == token:
                state = OWN_DIALOG
            elif state == NO_ROUTE:
                state = OWN_ROUTE
        if own:
            self._set_routes(request, values[len(own) :])
        return state

    def _set_routes(self, request: Request, routes: list[str]) -> None:
        request.remove("route")
        if routes:
            request.insert(1, "route", ", ".join(routes))

    def _is_record_route(self, line: str, call_id: str) -> bool:
        # Nearly every Route that names us is our own text come back, alone in its line: that is seen without parsing it.
        address, found, token = line.partition(_OWN_PARAMETERS)
        if not found or address[:12] != "Route: <sip:" or not self.transport.gave_out(address[12:]):
            return False
        return token == f"{self.dialog_token(call_id)}>"

    def _own_uri(self, text: str) -> Uri | None:
        if _TOKEN_PARAMETER + "=" not in text:
            return None
        try:
            uri = Uri.parse(text)
        except MessageError:
            return None
        return uri if self.transport.owns(uri) else None

    def next_hop(self, request: Request, target: Target) -> Uri | None:
        """The URI whose address gets the request: Path first, then a Route, then the received address, then the target itself.

        None when it cannot be parsed.
        """
        try:
            if target.path:
                return Uri.parse(NameAddr.parse(target.path[0]).uri)
            if "route" in request.names:
                routes = request.values("route")
                if routes:
                    return Uri.parse(NameAddr.parse(routes[0]).uri)
            text = target.received or target.uri
            return request.request_uri if text == request.uri else Uri.parse(text)
        except MessageError:
            return None

    def route_to(self, request: Request, target: Target, incoming: Listener, local: Address | None) -> Route | None:
        """The route for one branch, or None, logged, when there is no way to the target."""
        hop = self.next_hop(request, target)
        route = None if hop is None else self.transport.request_route(hop, target.listener, incoming, local)
        if route is None:
            self.env.count("proxy.unroutable")
            self.env.log(
                INFO,
                "unroutable-target",
                f"no way to {target.uri}: the next hop must be an IP address, not ours, over UDP, of a listener's family",
                uri=target.uri,
                call_id=request.call_id,
            )
        return route

    def via(self, route: Route, branch: str) -> str:
        """Our Via value for a branch (16.6 step 8)."""
        return f"SIP/2.0/UDP {route.listener.sent_by};branch={branch}"

    def forward_ack(self, ack: Request, incoming: Listener, local: Address | None) -> None:
        """Send an ACK for a 2xx on its way, without state (16.11). Only inside a dialog that we record-routed."""
        out = self.way_out(ack, incoming)
        if self.take_own_routes(ack) != OWN_DIALOG:
            self.env.count("dropped.ack")
            return
        # 16.6 step 3: one that has none gets the default.
        hops = ack.max_forwards if ack.max_forwards >= 0 else self.env.config.max_forwards + 1
        target = Target(ack.uri)
        if hops < 1:
            self.env.count("dropped.ack")
            return
        route = self.route_to(ack, target, out, local if out is incoming else None)
        if route is None:
            return
        # 16.11: the same branch for a retransmission, another for anything else; so it is a keyed hash of the received one.
        branch = MAGIC_COOKIE + self._hash("\n".join((ack.via.branch, ack.via.sent_by, ack.from_tag, ack.call_id)))
        copy = forwarded(ack, uri=ack.uri, via=self.via(route, branch), max_forwards=hops - 1)
        route.send(self.env, copy.to_bytes())
