"""The torture messages of RFC 4475 and RFC 5118: what is asked of each of them, and how they are tried."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ebr_conformance.tokens import TokenStream
from ebr_core import Config, Engine, Script, ServerRequest
from ebr_core.actions import SendDatagram
from ebr_core.inputs import DatagramReceived, Listener, Started
from ebr_core.message import (
    Keepalive,
    Message,
    MessageError,
    Request,
    Response,
    StreamFramer,
    build_request,
    headers,
    parse_message,
)

__all__ = ["ALICE", "BOB", "Case", "Today", "fetch", "proxy", "registrar", "sends", "try_datagram", "try_forwarding"]
__all__ += ["FORWARDS", "NOTHING", "PARSES", "load", "start", "try_registering", "try_stream"]

PROXY, ALICE, BOB = ("192.0.2.1", 5060), ("192.0.2.11", 5060), ("192.0.2.12", 5060)
DATA = Path(__file__).parents[2].parent / "shared" / "data"

PARSES = 0
"""Of a parser: the message is well-formed, or near enough."""
FORWARDS = 1
"""Of a proxy: on to Bob, with nothing changed but what 16.6 changes."""
NOTHING = 2
"""Of an element: no packet goes out."""


@dataclass(frozen=True)
class Today:
    """What an element does as long as the part that is to do better has not been built: ``verdict``, instead of ``rfc``."""

    verdict: int
    rfc: str


@dataclass(frozen=True)
class Case:
    """One message. A verdict is one of the names above, or the status of the response.

    ``parser``: what ``parse_message`` makes of the datagram. ``proxy``: of an engine that relays everything. ``registrar``: of
    one that serves REGISTER alone, for example.com. ``check``: gets the message as it was parsed, or what is known of a
    refused one. ``stream``: what comes out of a connection, where that is not what ``parser`` says.
    """

    name: str
    section: str
    parser: int
    proxy: int | Today
    registrar: int | Today
    check: Callable[[Any], None] | None = None
    stream: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def load(folder: str, name: str) -> bytes:
    """The bytes of a message; skips the test where there are none."""
    path = DATA / folder / f"{name}.dat"
    if not path.exists():
        pytest.skip(f"../shared/data/{folder}/{name}.dat is not there")
    return path.read_bytes()


# -- the parser


def try_datagram(case: Case, data: bytes) -> None:
    """It parses, and then prints as it came, or is refused, as the table says."""
    known: Message | None
    try:
        known = parse_message(data)
        status = PARSES
        assert data.startswith(known.to_bytes())
        assert _troubles(known) <= {400}
    except MessageError as error:
        status = error.status
        known = error.partial
    assert status == case.parser
    if case.check is not None:
        case.check(known)


def _troubles(message: Message) -> set[int]:
    """Reads every field; the status of whatever comes out instead of a value."""
    found = set()
    for field in headers.FIELDS.values():
        try:
            message.read(field)
        except MessageError as error:
            found.add(error.status)
    return found


def try_stream(case: Case, data: bytes) -> None:
    """The same in one piece and byte by byte, and the values of what was parsed are the same as in a datagram."""
    expected = list(case.stream)
    if not expected:
        parsed = "request" if not data.startswith(b"SIP/2.0 ") else "response"
        expected = [str(case.parser) if case.parser != PARSES else parsed]
    for size in (len(data), 1):
        framer = StreamFramer()
        found = [item for at in range(0, len(data), size) for item in framer.receive(data[at : at + size], 0.0)]
        words = [_word(item) for item in found]
        if framer.failed:
            words.append("closed")
        elif framer.deadline is not None:
            words.append("waits")
            late = framer.expire(framer.deadline)
            assert late is not None
            assert (late.status, late.partial is not None, framer.failed) == (400, True, True)
        assert words == expected
        if case.check is not None and isinstance(found[0] if found else None, Request | Response):
            case.check(found[0])


def _word(item: Request | Response | Keepalive | MessageError) -> str:
    if isinstance(item, MessageError):
        return str(item.status)
    return item.value if isinstance(item, Keepalive) else "request" if isinstance(item, Request) else "response"


# -- the elements


def proxy(where: str | None = f"sip:{BOB[0]}") -> Script:
    """Whatever comes goes to Bob. ``where``: None for the Request-URI that it has."""
    script = Script()

    @script.request("*")
    def relay(request: ServerRequest) -> None:
        request.relay(where, anywhere=True)

    @script.request("*", in_dialog=True)
    def relay_in_dialog(request: ServerRequest) -> None:
        request.relay(where, anywhere=True)

    return script


def registrar() -> Script:
    """It registers users of example.com, and knows no other method."""
    script = Script()

    @script.request("REGISTER")
    async def register(request: ServerRequest) -> None:
        await request.save()

    return script


def start(script: Script) -> Engine:
    """An engine with one socket, responsible for example.com and for the Route of ``wsinv``."""
    config = Config(domains=("example.com", "services.example.com"))
    engine = Engine(script, config=config, tokens=TokenStream(0))
    engine.handle(Started([Listener(1, "sip", "udp", PROXY)], 1_700_000_000.0), now=0.0)
    return engine


def sends(engine: Engine, data: bytes, source: tuple[str, int] = ALICE) -> list[SendDatagram]:
    """What leaves the engine for it, but for 100."""
    actions = engine.handle(DatagramReceived(data, source, 1), now=0.0)
    sent = [action for action in actions if isinstance(action, SendDatagram)]
    return [action for action in sent if not action.data.startswith(b"SIP/2.0 100 ")]


def _verdict(engine: Engine, data: bytes) -> tuple[int, bytes]:
    sent = sends(engine, data)
    assert len(sent) <= 1
    if not sent:
        return NOTHING, b""
    answer = sent[0].data
    if not answer.startswith(b"SIP/2.0 "):
        return FORWARDS, answer
    assert sent[0].destination[0] == ALICE[0]
    return int(answer[8:11]), answer


def _now(verdict: int | Today) -> int:
    return verdict.verdict if isinstance(verdict, Today) else verdict


def try_forwarding(case: Case, data: bytes) -> None:
    """The proxy answers it, or sends it on: the same header fields, in the same spelling and order, and the same body."""
    verdict, packet = _verdict(start(proxy()), data)
    assert verdict == _now(case.proxy)
    if verdict != FORWARDS:
        return
    before, after = parse_message(data), parse_message(packet)
    assert isinstance(before, Request)
    assert isinstance(after, Request)
    assert (after.method, after.uri, after.body) == (before.method, f"sip:{BOB[0]}", before.body)
    assert after.max_forwards == (before.max_forwards - 1 if before.max_forwards >= 0 else 70)  # 16.6 step 3
    assert _fields(after) == _fields(before)
    mine, *vias = after.values("via")
    assert mine.startswith("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK")
    assert vias[1:] == before.values("via")[1:]
    assert vias[0] == str(before.via.stamped(ALICE[0], ALICE[1]))  # 18.2.1
    assert after.values("route") == [route for route in before.values("route") if "services.example.com" not in route]  # 16.4
    records = before.values("record-route")
    assert after.values("record-route")[-len(records) :] == records or not records


def _fields(message: Message) -> list[str]:
    changed = ("via", "max-forwards", "route", "record-route")
    return [line for name, line in zip(message.names, message.lines, strict=True) if name not in ("", *changed)]


def try_registering(case: Case, data: bytes, bindings: tuple[str, ...]) -> None:
    """The registrar answers; the contacts that it then has are those, in the 200 and in that of a later fetch."""
    engine = start(registrar())
    verdict, packet = _verdict(engine, data)
    assert verdict == _now(case.registrar)
    if verdict == 200:
        assert parse_message(packet).headers("contact") == list(bindings)
        assert fetch(engine, parse_message(data).to_uri) == list(bindings)


def fetch(engine: Engine, aor: str) -> list[str]:
    """The Contact values of an address of record, as the registrar tells who asks for them (10.2.3)."""
    fields = [
        ("Via", f"SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK{len(aor)}"),
        ("From", "<sip:alice@example.com>;tag=a"),
        ("To", f"<{aor}>"),
        ("Call-ID", "fetch"),
        ("CSeq", "1 REGISTER"),
    ]
    (answer,) = sends(engine, build_request("REGISTER", "sip:example.com", fields).to_bytes())
    response = parse_message(answer.data)
    assert isinstance(response, Response)
    assert response.status == 200
    return response.headers("contact")
