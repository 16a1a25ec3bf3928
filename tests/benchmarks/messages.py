"""What the benchmarks send: three messages of the usual sizes, and whole calls with a Call-ID and branches of their own."""

from collections.abc import Callable
from hashlib import shake_256

from ebr_conformance.scripts.plain import script
from ebr_core import Config, DatagramReceived, Engine, Input, Listener, Started
from ebr_core.actions import Action, SendDatagram

__all__ = ["INVITE", "OK", "REGISTER", "Feed", "calls", "engine", "lines_with", "registration", "response"]

CALLER = ("192.0.2.11", 5060)
CALLEE = ("192.0.2.12", 5060)
USERS = 100

Feed = list[tuple[float, Input]]
"""Inputs, each with its instant."""

_SDP = (
    "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\n"
    "m=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
)


def _message(*lines: str, body: str = "") -> bytes:
    return "\r\n".join((*lines, f"Content-Length: {len(body)}", "", body)).encode()


def invite(user: str, number: int) -> bytes:
    """An INVITE as a desk phone sends it."""
    return _message(
        f"INVITE sip:{user}@example.org SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKi{number:08};rport",
        "Max-Forwards: 70",
        f'From: "Alice Example" <sip:alice@example.org>;tag=f{number:08}',
        f"To: <sip:{user}@example.org>",
        f"Call-ID: {number:08}-3848276298220188511@192.0.2.11",
        "CSeq: 314159 INVITE",
        "Contact: <sip:alice@192.0.2.11:5060>",
        "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO, UPDATE",
        "Supported: replaces, timer, outbound, path",
        "User-Agent: ExamplePhone/7.4.1 (build 20240101)",
        "Session-Expires: 1800",
        "Accept: application/sdp",
        "Content-Type: application/sdp",
        body=_SDP,
    )


def registration(user: str, number: int, contact: str = "192.0.2.12:5060", host: str = "192.0.2.12:5060") -> bytes:
    """A REGISTER of one contact for an hour."""
    return _message(
        "REGISTER sip:example.org SIP/2.0",
        f"Via: SIP/2.0/UDP {host};branch=z9hG4bKr{number:08};rport",
        "Max-Forwards: 70",
        f"From: <sip:{user}@example.org>;tag=r{number:08}",
        f"To: <sip:{user}@example.org>",
        f"Call-ID: r{number:08}@192.0.2.12",
        "CSeq: 1826 REGISTER",
        f"Contact: <sip:{user}@{contact}>;expires=3600",
        "User-Agent: ExamplePhone/7.4.1 (build 20240101)",
        "Supported: path, outbound",
    )


INVITE = invite("bob", 1)
REGISTER = registration("bob", 1)
OK = _message(
    "SIP/2.0 200 OK",
    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0123456789abcdef",
    "Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKi00000001;rport=5060;received=192.0.2.11",
    "Record-Route: <sip:192.0.2.1:5060;lr;ebr=AAAAAAAAAAAA>",
    'From: "Alice Example" <sip:alice@example.org>;tag=f00000001',
    "To: <sip:bob@example.org>;tag=t00000001",
    "Call-ID: 00000001-3848276298220188511@192.0.2.11",
    "CSeq: 314159 INVITE",
    "Contact: <sip:bob@192.0.2.12:5060>",
    "User-Agent: ExamplePhone/7.4.1",
    "Content-Type: application/sdp",
    body=_SDP[:140],
)


def lines_with(data: bytes, *names: str) -> list[str]:
    """The header lines of those names, in their order."""
    head = data[: data.index(b"\r\n\r\n")].decode()
    return [line for line in head.split("\r\n") if line.partition(":")[0] in names]


def response(request: bytes, status: str, tag: str, *more: str) -> bytes:
    """What a phone answers to a request that has no To tag yet, or has that one; without a tag, as a 100 may be."""
    lines = lines_with(request, "Via", "Record-Route", "From", "To", "Call-ID", "CSeq")
    lines = [f"{line};tag={tag}" if tag and line.startswith("To:") and ";tag=" not in line else line for line in lines]
    return _message(f"SIP/2.0 {status}", *lines, *more)


def in_dialog(method: str, answer: bytes, uri: str, via: str, cseq: int) -> bytes:
    """A request of the caller inside the dialog that a 200 has made."""
    routes = [line.removeprefix("Record-") for line in lines_with(answer, "Record-Route")]
    ids = lines_with(answer, "From", "To", "Call-ID")
    return _message(f"{method} {uri} SIP/2.0", f"Via: {via}", "Max-Forwards: 70", *routes, *ids, f"CSeq: {cseq} {method}")


def _tokens() -> Callable[[int], bytes]:
    # One digest a draw: cheap, and the same for each engine, so that what one engine was told fits every other.
    drawn = 0

    def draw(nbytes: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return shake_256(drawn.to_bytes(8, "big")).digest(nbytes)

    return draw


def engine() -> Engine:
    """A started engine with the plain script and its users registered; each one draws the same tokens."""
    made = Engine(script, tokens=_tokens(), config=Config(domains=("example.org",), secret=b"benchmark"))
    made.handle(Started([Listener(1, "sip", "udp", ("192.0.2.1", 5060))], 1.7e9), now=0.0)
    for number in range(USERS):
        made.handle(DatagramReceived(registration(f"bob{number}", number), CALLEE, 1), now=0.0)
    return made


def _sent(actions: list[Action], start: bytes) -> bytes:
    return next(action.data for action in actions if isinstance(action, SendDatagram) and action.data.startswith(start))


def calls(count: int, interval: float) -> tuple[Feed, int]:
    """INVITE 100 180 200 ACK BYE 200, ``count`` times, one every ``interval`` seconds; and how many inputs a call has.

    Played against an engine once, to learn what it writes into its messages.
    """
    proxy = engine()
    feed: Feed = []
    now = 1.0

    def step(data: bytes, source: tuple[str, int]) -> list[Action]:
        packet = DatagramReceived(data, source, 1)
        feed.append((now, packet))
        return proxy.handle(packet, now=now)

    for number in range(count):
        user = f"bob{number % USERS}"
        contact = f"Contact: <sip:{user}@192.0.2.12:5060>"
        asked = _sent(step(invite(user, number), CALLER), b"INVITE")
        step(response(asked, "100 Trying", ""), CALLEE)
        step(response(asked, "180 Ringing", f"t{number:08}", contact), CALLEE)
        answer = _sent(step(response(asked, "200 OK", f"t{number:08}", contact), CALLEE), b"SIP/2.0 200")
        uri = f"sip:{user}@192.0.2.12:5060"
        via = f"SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bK%s{number:08};rport"
        step(in_dialog("ACK", answer, uri, via % "a", 314159), CALLER)
        bye = _sent(step(in_dialog("BYE", answer, uri, via % "b", 314160), CALLER), b"BYE")
        step(response(bye, "200 OK", f"t{number:08}"), CALLEE)
        now += interval
    return feed, 7
