"""The listeners, the names that are ours, and the choice of a route (RFC 3261 18.2.2, 16.6 step 7; RFC 3581)."""

from typing import Final, final

from ebr_core.errors import LocalProtocolError
from ebr_core.inputs import Address, Listener
from ebr_core.message import MessageError, Uri, Via
from ebr_core.transport.route import Route

__all__ = ["DEFAULT_PORT", "Transport"]

DEFAULT_PORT: Final = 5060

# Addresses of the machine that a wildcard socket was reached at. A machine has a few; 127.0.0.0/8 alone has 16 million.
_MOST_LEARNED: Final = 256


@final
class Transport:
    """Knows the sockets of ``Started``; sends nothing itself."""

    __slots__ = ("_addresses", "_domains", "_hosts", "_listeners", "_sent_by")

    def __init__(self, domains: tuple[str, ...]) -> None:
        self._listeners: Final[dict[int, Listener]] = {}
        self._domains: Final[dict[str, None]] = dict.fromkeys(domain.lower() for domain in domains)
        self._addresses: Final[dict[Address, Listener]] = {}
        self._hosts: Final[dict[str, None]] = {}
        self._sent_by: Final[dict[str, None]] = {}

    def start(self, listeners: tuple[Listener, ...]) -> None:
        """Take the sockets, all or none. LocalProtocolError when two share an id, a transport is not known, or an advertised
        address could not be read by anybody."""
        ids: dict[int, None] = {}
        for listener in listeners:
            if listener.id in ids or listener.id in self._listeners:
                raise LocalProtocolError(f"two listeners with the id {listener.id}")
            if listener.transport != "udp":
                raise LocalProtocolError(f"listener {listener.id}: no transport {listener.transport!r}; there is: udp")
            try:
                Uri.parse(f"sip:{self.advertised(listener)}")
            except MessageError:
                raise LocalProtocolError(f"listener {listener.id}: nobody can reach {listener.advertised}") from None
            ids[listener.id] = None
        for listener in listeners:
            self._listeners[listener.id] = listener
            self._sent_by[listener.sent_by] = None
            for host, port in (listener.bound, listener.advertised):
                self._addresses.setdefault((host.lower(), port), listener)
                self._hosts[host.lower()] = None

    def learn(self, local: Address, listener: Listener) -> None:
        """A packet was sent to this address and reached a wildcard socket: so it is ours too."""
        if local not in self._addresses and len(self._addresses) < _MOST_LEARNED:
            self._addresses[local] = listener
            self._hosts[local[0]] = None

    def listener(self, id: int) -> Listener:
        """The listener of that id; LocalProtocolError when there is none."""
        found = self._listeners.get(id)
        if found is None:
            raise LocalProtocolError(f"no listener has the id {id}; Started named {list(self._listeners)}")
        return found

    @property
    def several(self) -> bool:
        """Whether there is a choice of listeners at all."""
        return len(self._listeners) > 1

    def listener_at(self, uri: Uri) -> Listener | None:
        """The listener whose bound or advertised address this URI names."""
        return self._addresses.get((uri.host, DEFAULT_PORT if uri.port is None else uri.port))

    def owns_domain(self, host: str) -> bool:
        """Whether ``host`` (lower-case) is one of our own domains or addresses, whatever the port."""
        return host in self._domains or host in self._hosts

    def gave_out(self, sent_by: str) -> bool:
        """Whether that text is what a listener of ours writes into Via and Record-Route."""
        return sent_by in self._sent_by

    def owns(self, uri: Uri) -> bool:
        """Whether a request for this URI is for us: an own domain, or an own address with its port.

        A phone may live on our own IP address, on another port; that is not us.
        """
        if uri.scheme not in ("sip", "sips"):
            return False
        if uri.host in self._domains and uri.host not in self._hosts:
            return True
        return (uri.host, DEFAULT_PORT if uri.port is None else uri.port) in self._addresses or (
            uri.port is None and uri.host in self._domains
        )

    def response_route(self, via: Via, source: Address, listener: Listener, local: Address | None) -> Route:
        """Where the responses to a request go: to its source address, and the port that its Via asks for.

        RFC 3261 18.2.2 (unreliable, received), RFC 3581 4 (rport). ``maddr`` is ignored on purpose: it would let a stranger
        aim our responses at anybody.
        """
        if "rport" in via.params:
            return Route(source, listener, local)
        return Route((source[0], DEFAULT_PORT if via.port is None else via.port), listener, local)

    def request_route(self, next_hop: Uri, preferred: int | None, incoming: Listener, local: Address | None) -> Route | None:
        """The route to a next hop: from the ``preferred`` listener (through which a contact registered), else the one on which
        the request came in, else any of the address family. None when the host is no IP address, the transport is not ours,
        no listener fits, or the address is our own: a request to ourselves would come back, and be forked again."""
        if next_hop.scheme != "sip" or not next_hop.numeric:
            return None
        if next_hop.params and (next_hop.params.get("transport") or "udp").lower() != "udp":
            return None
        destination = (next_hop.host, DEFAULT_PORT if next_hop.port is None else next_hop.port)
        if destination in self._addresses:
            return None
        six = ":" in next_hop.host
        chosen = self._listeners.get(preferred) if preferred is not None else None
        if chosen is None or (":" in chosen.bound[0]) != six:
            chosen = incoming
        if (":" in chosen.bound[0]) == six:
            return Route(destination, chosen, local if chosen is incoming else None)
        for listener in self._listeners.values():
            if (":" in listener.bound[0]) == six:
                return Route(destination, listener)
        return None

    def advertised(self, listener: Listener) -> str:
        """The listener's sent-by text for Via and Record-Route: ``host:port``, IPv6 in brackets."""
        return listener.sent_by
