"""What all forwarding shares: our Route and Record-Route entries, their tokens, and the stateless ACK (RFC 3261 16)."""

from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Final, final

from ebr_core.actions import INFO
from ebr_core.environment import Environment
from ebr_core.inputs import Address, Listener
from ebr_core.message import MessageError, Request, Uri, parse_name_addr, parse_uri
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


@final
class Proxy:
    """The forwarding of one engine. Response contexts, made by the script layer, lean on it."""

    __slots__ = ("_key", "env", "transactions", "transport")

    def __init__(self, env: Environment, transport: Transport, transactions: Transactions) -> None:
        self.env: Final = env
        self.transport: Final = transport
        self.transactions: Final = transactions
        secret = env.config.secret
        # Any secret's length will do, so it is hashed to the length of a key.
        self._key: Final[bytes] = blake2b(env.random_bytes(32) if secret is None else secret, digest_size=32).digest()

    def _keyed(self, text: str, size: int) -> str:
        digest = blake2b(text.encode("utf-8", "surrogateescape"), digest_size=size, key=self._key).digest()
        return urlsafe_b64encode(digest).decode("ascii")

    def dialog_token(self, call_id: str) -> str:
        """What our Record-Route entry carries for this Call-ID: nobody else can make it, so a Route with it is no open relay."""
        return self._keyed(call_id, 9)

    def record_routes(self, call_id: str, incoming: Listener, outgoing: Listener) -> tuple[str, ...]:
        """Our Record-Route values, topmost first: one, or two when the request leaves by another listener (RFC 5658)."""
        token = self.dialog_token(call_id)
        first = f"<sip:{self.transport.advertised(incoming)};lr;{_TOKEN_PARAMETER}={token}>"
        if incoming is outgoing:
            return (first,)
        return (f"<sip:{self.transport.advertised(outgoing)};lr;{_TOKEN_PARAMETER}={token}>", first)

    def take_own_routes(self, request: Request) -> RouteState:
        """Remove the Route values that name us (16.4), and undo a strict router's swap; say what they were."""
        state = NO_ROUTE
        own = self._own_route(request.uri, request.call_id)
        if own is not None and "lr" in own.params:
            # A strict router put our Record-Route URI into the Request-URI; the real one is the last Route.
            routes = request.values("route")
            if routes:
                try:
                    real = parse_uri(parse_name_addr(routes.pop()).uri).raw
                except MessageError:
                    return NO_ROUTE  # nobody that we record-routed sends this
                state = OWN_DIALOG if own.params.get(_TOKEN_PARAMETER) == self.dialog_token(request.call_id) else OWN_ROUTE
                request.set_uri(real)
                request.remove("route")
                for index, value in enumerate(routes):
                    request.insert(1 + index, "route", value)
        while True:
            top = request.header("route")
            if top is None:
                return state
            try:
                uri = parse_uri(parse_name_addr(request.values("route")[0]).uri)
            except (MessageError, IndexError):
                return state
            if not self.transport.owns(uri):
                return state
            request.pop_value("route")
            if uri.params.get(_TOKEN_PARAMETER) == self.dialog_token(request.call_id):
                state = OWN_DIALOG
            elif state == NO_ROUTE:
                state = OWN_ROUTE

    def _own_route(self, text: str, call_id: str) -> Uri | None:
        if _TOKEN_PARAMETER + "=" not in text:
            return None
        try:
            uri = parse_uri(text)
        except MessageError:
            return None
        return uri if self.transport.owns(uri) else None

    def next_hop(self, request: Request, target: Target) -> Uri | None:
        """The URI whose address gets the request: Path first, then a Route, then the received address, then the target itself.

        None when it cannot be parsed.
        """
        try:
            if target.path:
                return parse_uri(parse_name_addr(target.path[0]).uri)
            routes = request.values("route")
            if routes:
                return parse_uri(parse_name_addr(routes[0]).uri)
            return parse_uri(target.received or target.uri)
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
                f"no way to {target.uri}: the next hop must be an IP address, over UDP, of a listener's family",
                uri=target.uri,
                call_id=request.call_id,
            )
        return route

    def via(self, route: Route, branch: str) -> str:
        """Our Via value for a branch (16.6 step 8)."""
        return f"SIP/2.0/UDP {self.transport.advertised(route.listener)};branch={branch}"

    def forward_ack(self, ack: Request, incoming: Listener, local: Address | None) -> None:
        """Send an ACK for a 2xx on its way, without state (16.11). Only inside a dialog that we record-routed."""
        if self.take_own_routes(ack) != OWN_DIALOG:
            self.env.count("dropped.ack")
            return
        hops = ack.max_forwards if ack.max_forwards >= 0 else self.env.config.max_forwards
        target = Target(ack.uri)
        if hops < 1:
            self.env.count("dropped.ack")
            return
        route = self.route_to(ack, target, incoming, local)
        if route is None:
            return
        # 16.11: the same branch for a retransmission, another for anything else; so it is a keyed hash of the received one.
        branch = MAGIC_COOKIE + self._keyed(ack.via.branch + ack.via.sent_by + ack.from_tag + ack.call_id, 12)
        copy = forwarded(ack, uri=ack.uri, via=self.via(route, branch), max_forwards=hops - 1)
        route.send(self.env, copy.to_bytes())
