"""The torture messages of RFC 4475 and RFC 5118: what is done with each, by the parser, a stream, and an engine that proxies and
registers. The tables are in tests/core/test_rfc4475.py and test_rfc5118.py; the messages are not part of the project."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ebr_conformance.tokens import TokenStream
from ebr_core import Config, Engine, Script, ServerRequest
from ebr_core.actions import SendDatagram
from ebr_core.inputs import DatagramReceived, Listener, Started
from ebr_core.message import Keepalive, MessageError, Request, Response, StreamFramer, headers, parse_message

__all__ = ["FRAMING_LOST", "INCOMPLETE", "NEXT_HOP", "Row", "by_engine", "in_datagram", "on_stream", "passed_on", "raw"]

NEXT_HOP = ("192.0.2.50", 5060)
SENDER = ("192.0.2.200", 5060)
OWN = ("example.com", "example.net", "example.org")

FRAMING_LOST = "framing lost"
INCOMPLETE = "incomplete"

script = Script()


@script.request("REGISTER")
async def register(request: ServerRequest) -> None:
    await request.save()


@script.request()
@script.request(in_dialog=True)
def forward(request: ServerRequest) -> None:
    request.relay(f"sip:{NEXT_HOP[0]}", anywhere=True)


class Row:
    """One message: what a parser makes of it (None: it parses; else the status of its refusal), what an engine does (a status,
    "forwarded", or "dropped"), what a stream does where that differs from the parser, and a look at the values."""

    def __init__(
        self,
        name: str,
        section: str,
        refused: int | None,
        engine: int | str,
        check: Callable[..., None] | None = None,
        stream: str | None = None,
    ) -> None:
        self.name = name
        self.section = section
        self.refused = refused
        self.engine = engine
        self.check = check
        self.stream = stream


def raw(folder: str, name: str) -> bytes:
    path = Path(__file__).parents[1].parent / "shared" / "data" / folder / f"{name}.dat"
    if not path.exists():
        pytest.skip(f"../shared/data/{folder} is not there")
    return path.read_bytes()


def in_datagram(data: bytes, row: Row) -> None:
    if row.refused is not None:
        with pytest.raises(MessageError) as caught:
            parse_message(data)
        assert caught.value.status == row.refused, caught.value.reason
        return
    message = parse_message(data)
    assert message.to_bytes() in data, "not printed as it came"
    if row.check is not None:
        row.check(message)


def on_stream(data: bytes, row: Row) -> None:
    """In one piece and byte by byte: the same, but for pongs."""
    for size in (len(data), 1):
        framer = StreamFramer()
        items = [item for at in range(0, len(data), size) for item in framer.receive(data[at : at + size], 0.0)]
        first = next((item for item in items if not isinstance(item, Keepalive)), None)
        if row.stream == INCOMPLETE:
            assert (first, framer.failed, framer.deadline) == (None, False, 32.0)
            error = framer.expire(32.0)
            assert error is not None
            assert error.partial is not None
        elif row.stream == FRAMING_LOST:
            assert isinstance(first, MessageError)
            assert framer.failed
        elif row.refused is not None:
            assert isinstance(first, MessageError)
            assert (first.status, framer.failed) == (row.refused, False)
        else:
            assert isinstance(first, (Request, Response))
            assert first.to_bytes() == parse_message(data).to_bytes()
            if row.check is not None:
                row.check(first)


def by_engine(data: bytes, row: Row) -> bytes:
    """What the engine sends last, as the table has it."""
    engine = Engine(script, config=Config(domains=OWN, server=""), tokens=TokenStream(1))
    engine.handle(Started([Listener(1, "sip", "udp", ("192.0.2.77", 5060))], 1_700_000_000.0), now=0.0)
    actions = engine.handle(DatagramReceived(data, SENDER, 1), now=0.0)
    sent = [action for action in actions if isinstance(action, SendDatagram)]
    final = [each for each in sent if not each.data.startswith(b"SIP/2.0 1")]
    if row.engine == "dropped":
        assert sent == []
        assert sum(engine.counters.get(name, 0) for name in ("dropped.malformed", "dropped.stray_response")) == 1
        return b""
    (one,) = final
    if row.engine == "forwarded":
        assert one.destination != SENDER
        assert not one.data.startswith(b"SIP/2.0 ")
    else:
        assert one.destination[0] == SENDER[0]
        assert one.data[:11] == f"SIP/2.0 {row.engine}".encode(), one.data[:60]
    return one.data


def passed_on(data: bytes, sent: bytes) -> None:
    """All that is not a proxy's to change passes byte for byte."""
    came, went = parse_message(data), parse_message(sent)
    own = ("", "via", "max-forwards", "record-route", "route")
    before = [line for name, line in zip(came.names, came.lines, strict=True) if name not in own]
    after = [line for name, line in zip(went.names, went.lines, strict=True) if name not in own]
    assert after == before
    assert went.body == came.body
    assert len(went.read(headers.VIA)) == len(came.read(headers.VIA)) + 1
    assert went.max_forwards == (came.max_forwards - 1 if came.max_forwards >= 0 else 70)
    assert went.lines[0].startswith(f"{came.method if isinstance(came, Request) else ''} sip:{NEXT_HOP[0]} ")
