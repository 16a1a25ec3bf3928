"""Several listeners of one address family: each peer hears from the one that it knows (RFC 5658)."""

from ebr_conformance.scripts import plain
from ebr_conformance.tokens import TokenStream
from ebr_core import Config, Engine
from ebr_core.actions import SendDatagram
from ebr_core.inputs import Address, DatagramReceived, Listener, Started
from ebr_core.message import Message, build_request, parse_message

INSIDE = Listener(1, "sip", "udp", ("10.0.0.1", 5060))
OUTSIDE = Listener(2, "sip", "udp", ("192.0.2.1", 5060))
ALICE, BOB = ("10.0.0.5", 5060), ("192.0.2.12", 5060)


class Edge:
    """A proxy between two networks: Alice is inside, Bob outside."""

    def __init__(self) -> None:
        self.engine = Engine(plain.script, tokens=TokenStream(0), config=Config(domains=("example.org",)))
        self.engine.handle(Started([INSIDE, OUTSIDE], 1_700_000_000.0), now=0.0)

    def feed(self, method: str, uri: str, source: Address, *headers: tuple[str, str], to_tag: str = "") -> SendDatagram:
        """Give it a request from Alice or Bob; what it sends that is no answer to it, or else the answer."""
        fields = [
            ("Via", f"SIP/2.0/UDP {source[0]};branch=z9hG4bK{method}"),
            ("From", "<sip:someone@example.org>;tag=from"),
            ("To", f"<sip:bob@example.org>{to_tag}"),
            ("Call-ID", "one"),
            ("CSeq", f"1 {method}"),
            *headers,
        ]
        data = build_request(method, uri, fields).to_bytes()
        listener = INSIDE if source == ALICE else OUTSIDE
        actions = self.engine.handle(DatagramReceived(data, source, listener.id, listener.bound), now=1.0)
        sent = [action for action in actions if isinstance(action, SendDatagram)]
        return next((each for each in sent if each.data.startswith(method.encode())), sent[0])


def call() -> tuple[Edge, list[str]]:
    """Alice's INVITE has reached Bob; the Record-Route values that it came with."""
    edge = Edge()
    edge.feed("REGISTER", "sip:example.org", BOB, ("Contact", "<sip:bob@192.0.2.12>"))
    invite = edge.feed("INVITE", "sip:bob@example.org", ALICE)
    assert (invite.listener, invite.destination, invite.local) == (OUTSIDE.id, BOB, None)
    return edge, read(invite).values("record-route")


def read(sent: SendDatagram) -> Message:
    return parse_message(sent.data)


def test_an_invite_that_changes_the_network_is_record_routed_for_both() -> None:
    _, routes = call()
    assert [value.partition(";")[0] for value in routes] == ["<sip:192.0.2.1:5060", "<sip:10.0.0.1:5060"]


def test_requests_inside_the_dialog_leave_by_the_listener_that_their_receiver_knows() -> None:
    edge, routes = call()
    theirs = [("Route", value) for value in reversed(routes)]
    for method in ("ACK", "INFO"):
        sent = edge.feed(method, "sip:bob@192.0.2.12", ALICE, *theirs, to_tag=";tag=to")
        assert (sent.listener, sent.destination, sent.local) == (OUTSIDE.id, BOB, None)
        assert read(sent).via.sent_by == "192.0.2.1:5060"
    sent = edge.feed("BYE", "sip:alice@10.0.0.5", BOB, ("Route", ", ".join(routes)), to_tag=";tag=to")
    assert (sent.listener, sent.destination, sent.local) == (INSIDE.id, ALICE, None)
    assert read(sent).via.sent_by == "10.0.0.1:5060"


def test_a_dialog_within_one_network_stays_there() -> None:
    """With one Route value, the request goes out where it came in, from the address that it was sent to."""
    edge, routes = call()
    for routed in (("Route", routes[0]), ("Route", f"{routes[0]}, <sip:192.0.2.12;lr>")):
        sent = edge.feed("ACK", "sip:bob@192.0.2.12", BOB, routed, to_tag=";tag=to")
        assert (sent.listener, sent.destination, sent.local) == (OUTSIDE.id, BOB, OUTSIDE.bound)


def test_a_route_that_is_none_decides_nothing() -> None:
    edge, _ = call()
    sent = edge.feed("INFO", "sip:bob@192.0.2.12", ALICE, ("Route", "nonsense"), to_tag=";tag=to")
    assert (sent.listener, sent.data[:12]) == (INSIDE.id, b"SIP/2.0 403 ")
