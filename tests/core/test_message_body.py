"""Multipart bodies, and the DTMF bodies of INFO."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebr_core.config import Config
from ebr_core.errors import LocalProtocolError
from ebr_core.message import (
    BodyPart,
    Dtmf,
    MessageError,
    Request,
    build_multipart,
    build_request,
    parse_message,
    parse_multipart,
)

MIXED = "multipart/mixed;boundary=b"
TWO = (
    b"nobody reads the preamble\r\n"
    b"--b\r\nContent-Type: Application/SDP; charset=x\r\nc-odd :  a\r\n\tb\r\n\r\nv=0\r\n\r\n"
    b"--b \t\r\n\r\nplain text\r\n--bc is no delimiter"
    b"\r\n--b--\r\nnor the epilogue\r\n--b\r\n"
)


def test_two_parts() -> None:
    first, second = parse_multipart(TWO, MIXED)
    assert (first.content_type, first.body, first.parts) == ("application/sdp", b"v=0\r\n", ())
    assert first.fields == (("Content-Type", "Application/SDP; charset=x"), ("c-odd", "a b"))
    assert (first.header("C-ODD"), first.header("c"), first.header("x"), first.header("")) == (
        *("a b", "Application/SDP; charset=x", None, None),
    )
    assert (second.content_type, second.fields, second.body) == ("text/plain", (), b"plain text\r\n--bc is no delimiter")


def test_bare_line_feeds() -> None:
    body = TWO.replace(b"\r\n", b"\n")
    assert [part.body for part in parse_multipart(body, MIXED)] == [b"v=0\n", b"plain text\n--bc is no delimiter"]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ('multipart/mixed; boundary="a b:c"', b"a b:c"),
        ('Multipart/Related;type="x;boundary=no";Boundary=x', b"x"),
        ("multipart/alternative;boundary=(.+)", b"(.+)"),
        ("multipart/x; boundary=" + "a" * 70, b"a" * 70),
        (r'multipart/x; boundary="\a"', b"a"),
    ],
)
def test_boundaries(content_type: str, boundary: bytes) -> None:
    (part,) = parse_multipart(b"--" + boundary + b"\r\n\r\nx\r\n--" + boundary + b"--", content_type)
    assert part.body == b"x"


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (TWO, "multipart/mixed", "Malformed boundary"),
        (TWO, "multipart/mixed;boundary", "Malformed boundary"),
        (TWO, 'multipart/mixed;boundary=""', "Malformed boundary"),
        (TWO, 'multipart/mixed;boundary="b "', "Malformed boundary"),
        (TWO, "multipart/mixed;boundary=" + "b" * 71, "Malformed boundary"),
        (TWO, "multipart/mixed;boundary=c", "without a delimiter"),
        (b"", MIXED, "without a delimiter"),
        (b"--b--", MIXED, "without a delimiter"),
        (b"--b\r\n\r\nx", MIXED, "without a last delimiter"),
        (b"--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b", MIXED, "without a last delimiter"),
        (b"--b\r\nX: y\r\n--b--", MIXED, "without an empty line"),
        (b"--b\r\nno field\r\n\r\nx\r\n--b--", MIXED, "Malformed field"),
        (b"--b\r\n: y\r\n\r\nx\r\n--b--", MIXED, "Malformed field"),
        (b"--b\r\n folded: y\r\n\r\nx\r\n--b--", MIXED, "Malformed field"),
        (b"--b\r\nX: a\rY: b\r\n\r\nx\r\n--b--", MIXED, "Malformed field"),
        (b"--b\r\nX: a\0\r\n\r\nx\r\n--b--", MIXED, "Malformed field"),
    ],
)
def test_refused(body: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(MessageError, match=reason) as caught:
        parse_multipart(body, content_type)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"--b\r\nX: y\r\n\r\n--b--", (("X", "y"),)),
        (b"--b\r\nX: y\r\n\r\n\r\n--b--", (("X", "y"),)),
        (b"--b\nX: y\nZ:\n\n--b--", (("X", "y"), ("Z", ""))),
        (b"--b\r\n\r\n--b--", ()),
        (b'--b\r\nX: "\\\0"\r\n\r\n--b--', (("X", '"\\\0"'),)),
    ],
)
def test_a_part_may_end_with_its_fields(body: bytes, fields: tuple[tuple[str, str], ...]) -> None:
    """RFC 2046 5.1.1: the CRLF and the octets behind the fields are optional; the CRLF of the delimiter is not theirs."""
    (part,) = parse_multipart(body, MIXED)
    assert (part.fields, part.body) == (fields, b"")


def nested(depth: int) -> tuple[bytes, str]:
    part = BodyPart([], b"the inmost")
    for level in range(depth):
        body = build_multipart([part, BodyPart([], b"beside")], f"level{level}")
        part = BodyPart([("Content-Type", f"multipart/mixed;boundary=level{level}")], body)
    return part.body, part.header("content-type") or ""


def test_parts_in_parts() -> None:
    body, content_type = nested(3)
    parts = parse_multipart(body, content_type)
    for _ in range(2):
        assert [part.content_type for part in parts] == ["multipart/mixed", "text/plain"]
        parts = list(parts[0].parts)
    assert [part.body for part in parts] == [b"the inmost", b"beside"]


def test_limits() -> None:
    assert parse_multipart(*nested(4))
    with pytest.raises(MessageError, match="too deep"):
        parse_multipart(*nested(5))
    assert parse_multipart(*nested(2), Config(max_multipart_depth=2, max_body_parts=4))
    with pytest.raises(MessageError, match="too deep"):
        parse_multipart(*nested(2), Config(max_multipart_depth=1))
    with pytest.raises(MessageError, match="too deep"):
        parse_multipart(*nested(101), Config(max_multipart_depth=10_000, max_body_parts=10_000))
    with pytest.raises(MessageError, match="Too many body parts"):
        parse_multipart(*nested(2), Config(max_body_parts=3))
    with pytest.raises(MessageError, match="Too many body parts"):
        parse_multipart(b"--b\r\n\r\n\r\n" * 5 + b"--b--", MIXED, Config(max_body_parts=4))
    with pytest.raises(MessageError, match="Too many fields"):
        parse_multipart(b"--b\r\nX: y\r\nX: y\r\n\r\n\r\n--b--", MIXED, Config(max_headers=1))


_BODIES = st.binary(max_size=30).filter(lambda body: b"--b" not in body)


@given(st.lists(st.tuples(st.sampled_from(["text/plain", "application/SDP"]), _BODIES), min_size=1, max_size=5))
def test_what_is_built_is_read(parts: list[tuple[str, bytes]]) -> None:
    built = build_multipart([BodyPart([("content-type", kind)], body) for kind, body in parts], "b")
    read = parse_multipart(built, MIXED)
    assert [(part.content_type, part.body) for part in read] == [(kind.lower(), body) for kind, body in parts]


@given(st.lists(st.sampled_from([b"--b", b"--", b"\r\n", b"\n", b"\r", b"x: y", b" ", b"\0", b"\xff", b"b"]), max_size=25))
def test_any_body(pieces: list[bytes]) -> None:
    try:
        parts = parse_multipart(b"".join(pieces), MIXED)
    except MessageError:
        return
    assert parts


def test_build_refuses() -> None:
    for parts, boundary in (([], "b"), ([BodyPart([], b"x--b")], "b"), ([BodyPart([], b"")], "ends "), ([BodyPart([], b"")], "")):
        with pytest.raises(LocalProtocolError):
            build_multipart(parts, boundary)
    with pytest.raises(LocalProtocolError):
        build_multipart([BodyPart([("Content-Type", "a\r\nb")], b"")], "b")


def request(body: bytes, *fields: tuple[str, str]) -> Request:
    headers = [("Via", "SIP/2.0/UDP a;branch=z9hG4bKb"), ("From", "<sip:a>;tag=1"), ("To", "<sip:b>"), ("Call-ID", "c")]
    data = build_request("INFO", "sip:b", [*headers, ("CSeq", "1 INFO"), *fields], body).to_bytes()
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def test_the_parts_of_a_message() -> None:
    assert [part.body for part in request(TWO, ("Content-Type", MIXED)).parts()] == [
        *(b"v=0\r\n", b"plain text\r\n--bc is no delimiter"),
    ]
    (whole,) = request(b"v=0", ("c", "application/sdp"), ("e", "identity")).parts()
    assert (whole.content_type, whole.body) == ("application/sdp", b"v=0")
    assert whole.fields == (("Content-Type", "application/sdp"), ("Content-Encoding", "identity"))
    assert request(b"", ("Content-Type", "text/plain")).parts() == []
    with pytest.raises(MessageError):
        request(b"", ("Content-Type", MIXED)).parts()
    with pytest.raises(MessageError, match="Too many"):
        request(TWO, ("Content-Type", MIXED)).parts(Config(max_body_parts=1))


@pytest.mark.parametrize(
    ("content_type", "body", "signal", "duration"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", "5", 160),
        ("application/dtmf-relay", b"Signal= 5\nDuration= 160", "5", 160),
        ("Application/DTMF-Relay; charset=x", b"\r\n  SIGNAL = *\rduration=0\r\n", "*", 0),
        ("application/dtmf-relay", b"Duration=250\r\nSignal=#", "#", 250),
        ("application/dtmf-relay", b"Signal=d", "D", None),
        ("application/dtmf-relay", b"Signal=10\r\nDuration=100\r\nX=y", "*", 100),
        ("application/dtmf-relay", b"Signal=11", "#", None),
        ("application/dtmf-relay", b"Signal=12", "A", None),
        ("application/dtmf-relay", b"Signal=16", "R", None),
        ("application/dtmf-relay", b"Signal=!", "R", None),
        ("application/hook-flash", b"signal=hf", "R", None),
        ("application/hook-flash", b"", "R", None),
        ("application/dtmf", b"7", "7", None),
        ("application/dtmf", b" 11\r\n", "#", None),
        ("application/dtmf", b"*", "*", None),
    ],
)
def test_dtmf(content_type: str, body: bytes, signal: str, duration: int | None) -> None:
    dtmf = Dtmf.parse(content_type, body)
    assert (dtmf.signal, dtmf.duration) == (signal, duration)
    assert Dtmf.parse("application/dtmf-relay", dtmf.to_bytes()) == dtmf
    assert hash(dtmf) == hash(Dtmf(signal, duration))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"Signal=5"),
        *(("application/dtmf-relay", body) for body in (b"", b"Duration=5", b"Signal", b"Signal=", b"Signal=17", b"Signal=E")),
        *(("application/dtmf-relay", b"Signal=1\r\nDuration=" + text) for text in (b"", b"x", b"-1", b"70000", b"9999999")),
        *(("application/dtmf-relay", b"Signal=" + text) for text in (b"\xff", b"\xc2\xb2", b"55", b"5 5")),
        *(("application/dtmf", body) for body in (b"", b"55", b"Signal=5", b"x" * 2000)),
    ],
)
def test_dtmf_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(MessageError):
        Dtmf.parse(content_type, body)


def test_dtmf_of_our_own() -> None:
    assert Dtmf("R", 100).to_bytes() == b"Signal=16\r\nDuration=100\r\n"
    assert Dtmf("#").to_bytes() == b"Signal=#\r\n"
    assert Dtmf("1", 5) != Dtmf("1")
    for signal, duration in (("", None), ("12", None), ("x", None), ("1", -1), ("1", 70_000)):
        with pytest.raises(LocalProtocolError):
            Dtmf(signal, duration)


@given(st.text(max_size=30), st.binary(max_size=40))
def test_any_dtmf(content_type: str, body: bytes) -> None:
    for kind in (content_type, "application/dtmf", "application/dtmf-relay"):
        for text in (body, b"Signal=" + body, b"Signal=1\nDuration=" + body):
            try:
                dtmf = Dtmf.parse(kind, text)
            except MessageError:
                continue
            assert dtmf.signal in "0123456789*#ABCDR"
