"""StreamFramer: the same messages for every cut of a stream, keep-alives, and an end to all that never ends."""

import sys
import tracemalloc
from collections.abc import Iterable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebr_core.config import Config
from ebr_core.message import Keepalive, MessageError, Request, Response, StreamFramer, build_response, parse_message

PING, PONG = Keepalive.PING, Keepalive.PONG
Item = Request | Response | Keepalive | MessageError


def message(number: int, *, body: bytes = b"", name: str = "Content-Length", end: bytes = b"\r\n") -> bytes:
    lines = [
        b"MESSAGE sip:bob@example.org SIP/2.0",
        b"Via: SIP/2.0/TCP 192.0.2.11;branch=z9hG4bK%d" % number,
        b"From: <sip:alice@example.org>;tag=a",
        b"To: <sip:bob@example.org>",
        b"Call-ID: %d" % number,
        b"CSeq: 1 MESSAGE",
        b"%s: %d" % (name.encode(), len(body)),
        b"",
        b"",
    ]
    return end.join(lines) + body


OK = message(7, body=b"\r\n\r\nx\n\n").replace(b"MESSAGE sip:bob@example.org SIP/2.0", b"SIP/2.0 200 OK")
BODY = b"\r\n\r\nMESSAGE sip:evil@example.org SIP/2.0\r\nContent-Length: 0\r\n\r\n"
MESSAGES = [
    *(
        message(1),
        message(2, body=BODY),
        message(3, body=b"abc", name="l"),
        OK,
        message(4, body=b"\n\n", name="CONTENT-LENGTH  "),
    ),
    message(8, body=b"ab").replace(b"Length: 2", b"Length: 000000000002"),
    *(message(5, body=b"x\n\ny", end=b"\n"), message(6, body=b"12").replace(b"Length: 2", b"Length:\r\n \t2 ")),
]


def receive(chunks: Iterable[bytes], config: Config | None = None) -> tuple[StreamFramer, list[Item]]:
    framer = StreamFramer(config)
    return framer, [item for chunk in chunks for item in framer.receive(chunk, 0.0)]


def told(items: list[Item]) -> list[object]:
    """Items as values that can be compared."""
    return [
        item if isinstance(item, Keepalive) else (item.reason, item.status) if isinstance(item, MessageError) else item.to_bytes()
        for item in items
    ]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    chunks, last = [], 0
    for place in sorted(place % (len(data) + 1) for place in places):
        chunks.append(data[last:place])
        last = place
    return [*chunks, data[last:]]


@given(st.lists(st.sampled_from(MESSAGES), max_size=6), st.lists(st.integers(0, 10_000), max_size=12))
def test_every_cut_gives_the_messages(messages: list[bytes], places: list[int]) -> None:
    framer, items = receive(cut(b"".join(messages), places))
    assert told(items) == [parse_message(each).to_bytes() for each in messages]
    assert (framer.failed, framer.deadline, framer.eof()) == (False, None, None)


def test_byte_by_byte() -> None:
    data = b"".join([each + b"\r\n\r\n" for each in MESSAGES])
    _, items = receive(data[at : at + 1] for at in range(len(data)))
    pings = [item for item in items if item is PING]
    assert (len(pings), len(items)) == (len(MESSAGES), 3 * len(MESSAGES))  # a lone CRLF at the end of a chunk is a PONG too
    assert told([item for item in items if not isinstance(item, Keepalive)]) == [
        parse_message(each).to_bytes() for each in MESSAGES
    ]


@given(st.lists(st.binary(max_size=40) | st.sampled_from([*MESSAGES, b"\r\n", b"\n", b"l: 3\r\n", b"SIP/2.0 "]), max_size=8))
def test_any_bytes_in_any_chunks(chunks: list[bytes]) -> None:
    whole, items = receive([b"".join(chunks)])
    parts, again = receive(chunks)
    assert [item for item in told(items) if item is not PONG] == [item for item in told(again) if item is not PONG]
    assert whole.failed == parts.failed
    assert [isinstance(item, MessageError) for item in items].count(True) <= len(items)
    for item in items:
        if isinstance(item, MessageError) and item.partial is not None:
            build_response(item.partial, item.status, to_tag="t").to_bytes()
    if whole.failed:
        assert isinstance(items[-1], MessageError)
        assert whole.receive(message(1), 1.0) == []


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([b"\r\n\r\n"], [PING]),
        ([b"\r\n"], [PONG]),
        ([b"\r\n", b"\r\n"], [PONG, PING]),
        ([b"\r", b"\n\r", b"\n"], [PING]),
        ([b"\r\n\r", b"\n"], [PING]),
        ([b"\r\n\r\n\r\n"], [PING, PONG]),
        ([b"\r\n\r\n\r\n", b"\r\n"], [PING, PONG, PING]),
        ([b"\r\n" + message(1) + b"\r\n\r\n"], [PONG, message(1), PING]),
        ([b"\r\n", message(1), b"\r\n"], [PONG, message(1), PONG]),
        ([b"\n\n"], [PING]),
        ([b"\r\n" * 1000], [PING] * 500),
    ],
)
def test_keepalives(chunks: list[bytes], expected: list[object]) -> None:
    framer, items = receive(chunks)
    assert told(items) == expected
    assert framer.deadline is None


def test_a_refused_message_does_not_end_the_stream() -> None:
    bad = message(1, body=b"xyz").replace(b"CSeq: 1 MESSAGE", b"CSeq: x")
    framer, items = receive([bad + message(2)])
    error, good = items
    assert isinstance(error, MessageError)
    assert isinstance(good, Request)
    assert (error.reason, error.status, good.call_id, framer.failed) == ("Malformed CSeq", 400, "2", False)
    assert error.partial is not None
    assert error.__traceback__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("data", "reason", "status"),
    [
        (message(1).replace(b"Content-Length: 0\r\n", b""), "Missing Content-Length", 400),
        (message(1).replace(b"Length: 0", b"Length: 0x"), "Malformed Content-Length", 400),
        (message(1).replace(b"Length: 0", b"Length: -1"), "Malformed Content-Length", 400),
        (message(1).replace(b"Length: 0", b"Length: 0\r\nl: 1"), "More than one Content-Length", 400),
        (message(1).replace(b"Length: 0", b"Length: 99999999999"), "Malformed Content-Length", 400),
        (message(1).replace(b"Length: 0", b"Length: 0\x0b"), "Malformed Content-Length", 400),
        (message(1).replace(b"Length: 0", b"Length: 0\rX: 1"), "CR in the header", 400),
        (message(1).replace(b"CSeq:", b"X: x\rl: 5\r\nCSeq:"), "CR in the header", 400),
        (message(1).replace(b"Length: 0", b"Length: 0\r"), "CR in the header", 400),
        (message(1).replace(b"Length: 0", b"Length: 2147483647"), "Request Entity Too Large", 413),
        (message(1).replace(b"CSeq:", b"X: y\nCSeq:"), "Mixed line ends in the header", 400),
        (message(1).replace(b"Length: 0", b"Length: 65535"), "Request Entity Too Large", 413),
        (message(1).replace(b"CSeq:", b"X: " + b"x" * 65_535 + b"\r\nCSeq:"), "Message Too Large", 513),
        (message(1).replace(b"CSeq:", b"X: x\r\n" * 11_000 + b"CSeq:"), "Message Too Large", 513),
    ],
)
@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
def test_where_the_end_is_unknown_the_stream_ends(data: bytes, reason: str, status: int, size: int) -> None:
    framer, items = receive([data[at : at + size] for at in range(0, len(data), size)] + [message(2)])
    (error,) = items
    assert isinstance(error, MessageError)
    assert (error.reason, error.status, framer.failed, framer.deadline) == (reason, status, True, None)
    assert error.partial is not None, "it cannot be answered"
    assert build_response(error.partial, status, to_tag="t").via.branch == "z9hG4bK1"


@pytest.mark.parametrize(
    "data",
    [
        *(b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n", b" MESSAGE sip:a SIP/2.0\r\n", b"\0", b":\r\n", b"x\r\n"),
        b"\xff" * 100_000,
    ],
)
def test_what_is_no_sip_ends_the_stream_at_once(data: bytes) -> None:
    framer, (error,) = receive([data])
    assert isinstance(error, MessageError)
    assert (error.reason, framer.failed) == ("Malformed start line", True)
    assert framer.eof() is None


def test_a_start_line_beyond_the_limit_is_too_long_however_it_is_cut() -> None:
    data = b"x" * 300 + b"\n"
    for chunks in ([data], [data[at : at + 1] for at in range(len(data))], [data[:200], data[200:]]):
        _, (error,) = receive(chunks, Config(max_message_size=200))
        assert isinstance(error, MessageError)
        assert (error.reason, error.status) == ("Message Too Large", 513)


def test_a_field_cut_short_is_not_answered_as_if_it_were_whole() -> None:
    data = message(12345)
    for end, call_id in ((data.index(b"12345\r\nCSeq") + 2, ""), (data.index(b"CSeq"), "12345")):
        framer, _ = receive([data[:end]])
        error = framer.eof()
        assert error is not None
        assert error.partial is not None
        assert (error.partial.call_id, error.partial.via.branch) == (call_id, "z9hG4bK12345")
    framer, _ = receive([data[: data.index(b"0.2.11")]])
    error = framer.eof()
    assert error is not None
    assert error.partial is None


def test_a_slow_message_ends_in_time() -> None:
    framer = StreamFramer(Config(message_timeout=10.0))
    assert (framer.deadline, framer.expire(1e9)) == (None, None)
    data = message(1, body=b"x" * 100)
    for at, byte in enumerate(data[:-1]):
        assert framer.receive(bytes([byte]), 5.0 + at / 100) == []
        assert framer.deadline == 15.0
        assert framer.expire(14.999) is None
    error = framer.expire(15.0)
    assert isinstance(error, MessageError)
    assert (error.status, framer.failed, framer.deadline, framer.expire(16.0)) == (400, True, None, None)
    assert error.partial is not None
    assert error.partial.call_id == "1"


def test_the_time_starts_anew_with_each_message() -> None:
    framer = StreamFramer(Config(message_timeout=10.0))
    assert len(framer.receive(message(1) + b"\r\n\r\n", 3.0)) == 2
    assert (framer.deadline, framer.failed) == (None, False)
    assert len(framer.receive(b"MESS", 8.0)) == 0
    assert framer.deadline == 18.0
    assert len(framer.receive(message(2)[4:] + b"M", 9.0)) == 1
    assert framer.deadline == 19.0


def test_the_end_of_the_stream() -> None:
    framer, _ = receive([message(1), b"\r\n"])
    assert framer.eof() is None
    framer, _ = receive([message(1), message(2)[:-3]])
    error = framer.eof()
    assert isinstance(error, MessageError)
    assert (error.status, framer.failed, framer.receive(message(3), 0.0)) == (400, True, [])


def test_memory_has_a_bound() -> None:
    config = Config(max_message_size=10_000)
    framer = StreamFramer(config)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            framer.receive(b"x" * 1000, 0.0)
            framer.receive(b"\r\n" * 1000, 0.0)
        assert framer.failed
        other = StreamFramer(config)
        for number in range(300):
            assert len(other.receive(message(number, body=b"x" * 5000), 0.0)) == 1
        assert tracemalloc.get_traced_memory()[0] - before < 40_000
    finally:
        tracemalloc.stop()


def _lines_executed(chunks: list[bytes]) -> int:
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    sys.settrace(trace)
    try:
        receive(chunks, Config(max_message_size=1 << 20, max_headers=1 << 20))
    finally:
        sys.settrace(None)
    return count


def _long(count: int) -> bytes:
    return message(1).replace(b"CSeq:", b"X-Unknown: abcdefghijklmnop\r\n" * count + b"CSeq:")


@pytest.mark.pure
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("make", [_long, lambda count: message(1) * count, lambda count: b"\r\n\r\n" * count])
def test_linear_steps(make: Any, size: int) -> None:
    def steps(count: int) -> int:
        data = make(count)
        return _lines_executed([data[at : at + size] for at in range(0, len(data), size)])

    assert steps(200) <= 2.2 * steps(100)
