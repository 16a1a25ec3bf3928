"""Nothing is parsed twice on the way through the engine: counted during a whole proxied call."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from benchmarks.messages import in_dialog, invite, registration, response
from ebr_conformance.scripts.plain import script
from ebr_core.actions import SendDatagram
from ebr_core.inputs import Address, DatagramReceived
from ebr_core.message import parse_message
from engine_bench import ALICE, BOB, Bench

# So long that no memory of recent URIs knows them, and each value is found in one place of one message only.
USER = "bob" + "x" * 150
URI = f"sip:{USER}@192.0.2.12:5060"

# What reads a text; to look for a name, or at the characters of a word, is not parsing.
READERS = {
    "parse",
    "_parse_uri",
    "_parse_lines",
    "parse_address",
    "parse_params",
    "parse_cseq",
    "split_top",
    "_values",
    "_headers",
}


@contextmanager
def counted(seen: Counter[tuple[str, str]]) -> Iterator[None]:
    def profile(frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if event != "call" or "message" not in code.co_filename or code.co_name not in READERS:
            return
        first = frame.f_locals[code.co_varnames[0]]
        text = first if isinstance(first, str) else f"{id(first)} {frame.f_locals[code.co_varnames[1]]}"
        if len(text) > 20:
            seen[code.co_name, text] += 1

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


class Counted:
    """An engine, and what each of its inputs made the message layer read."""

    def __init__(self) -> None:
        self.bench = Bench(script)
        self.read = 0

    def feed(self, data: bytes, source: Address) -> list[bytes]:
        seen: Counter[tuple[str, str]] = Counter()
        packet = DatagramReceived(data, source, 1)
        with counted(seen):
            actions = self.bench.feed(packet)
        assert [each for each, times in seen.items() if times > 1] == [], data[:40]
        assert seen.total() >= 3, "nothing was counted"
        self.read += seen.total()
        return [action.data for action in actions if isinstance(action, SendDatagram)]


@pytest.mark.pure
def test_a_proxied_call() -> None:
    counted = Counted()
    counted.feed(registration(USER, 1), BOB)
    trying, asked = counted.feed(invite(USER, 1), ALICE)
    assert (trying[:11], asked[:6]) == (b"SIP/2.0 100", b"INVITE")
    contact = f"Contact: <{URI}>"
    counted.feed(response(asked, "100 Trying", ""), BOB)
    (ringing,) = counted.feed(response(asked, "180 Ringing", "t1", contact), BOB)
    assert ringing.startswith(b"SIP/2.0 180")
    (answer,) = counted.feed(response(asked, "200 OK", "t1", contact), BOB)
    via = "SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bK{};rport"
    (ack,) = counted.feed(in_dialog("ACK", answer, URI, via.format("a"), 314159), ALICE)
    (bye,) = counted.feed(in_dialog("BYE", answer, URI, via.format("b"), 314160), ALICE)
    assert (ack[:4], bye[:4]) == (b"ACK ", b"BYE ")
    (ended,) = counted.feed(response(bye, "200 OK", "t1"), BOB)
    assert parse_message(ended).cseq == 314160
    assert counted.read < 100, "far more readings than a call of 8 messages needs"


@pytest.mark.pure
def test_the_count_sees_a_second_reading() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    data = invite(USER, 1)
    with counted(seen):
        message = parse_message(data)
        repr((message.contacts, message.contacts, message.via.params, message.via.params))
    assert set(seen.values()) == {1}
    assert {name for name, _ in seen} == {"_parse_lines", "parse", "parse_address", "parse_params"}
    with counted(seen):
        repr((message.values("supported"), message.values("supported"), parse_message(data)))
    again = {name for (name, _), times in seen.items() if times > 1}
    assert again == {"_parse_lines", "parse", "parse_address", "_values", "_headers", "split_top"}
