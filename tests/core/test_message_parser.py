"""parse_message: what it reads, what it refuses, and that nothing else ever comes out of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebr_core.config import Config
from ebr_core.message import MessageError, Request, Response, build_response, parse_message

INVITE = (
    b"INVITE sip:bob@biloxi.example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP pc33.atlanta.example.com:5070;branch=z9hG4bK776asdhds;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"To: Bob <sip:bob@biloxi.example.com>\r\n"
    b'From: "Alice; <tag=no>" <sip:alice@atlanta.example.com;tag=no>;x=1;tag=1928301774\r\n'
    b"Call-ID: a84b4c76e66710@pc33.atlanta.example.com\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Contact: <sip:alice@pc33.atlanta.example.com>\r\n"
    b"X-Odd: caf\xc3\xa9 \xff\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"v=0\n"
)
OK = (
    b"SIP/2.0 200 OK\r\n"
    b"Via: SIP/2.0/UDP server10.biloxi.com;branch=z9hG4bKnashds8;received=192.0.2.3\r\n"
    b"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds;received=192.0.2.1\r\n"
    b"To: Bob <sip:bob@biloxi.com>;tag=a6c85cf\r\n"
    b"From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
    b"Call-ID: a84b4c76e66710\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Content-Length: 0\r\n\r\n"
)
COMPACT = (
    b"REGISTER sip:biloxi.com SIP/2.0\r\n"
    b"v:SIP/2.0/TCP [2001:DB8::1]:5061;Branch=z9hG4bK1\r\n"
    b"f : <sip:bob@biloxi.com>;TAG=1\r\n"
    b"t:<sip:bob@biloxi.com>\r\n"
    b"i:x@y\r\n"
    b"CSEQ:  0001 \t REGISTER\r\n"
    b"m:<sip:bob@192.0.2.4>\r\n"
    b"l:0\r\n\r\n"
)


def request(data: bytes, config: Config | None = None) -> Request:
    message = parse_message(data, config)
    assert isinstance(message, Request)
    return message


def refused(data: bytes, config: Config | None = None) -> MessageError:
    with pytest.raises(MessageError) as caught:
        parse_message(data, config)
    return caught.value


def test_invite() -> None:
    invite = request(INVITE)
    assert (invite.method, invite.uri) == ("INVITE", "sip:bob@biloxi.example.com")
    assert invite.lines[2] == "Max-Forwards: 70"
    assert invite.names[:5] == ["", "via", "max-forwards", "to", "from"]
    via = invite.via
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "pc33.atlanta.example.com", 5070, "z9hG4bK776asdhds")
    assert via.sent_by == "pc33.atlanta.example.com:5070"
    assert via.params["rport"] is None
    assert via.rport is None
    assert (invite.call_id, invite.cseq, invite.cseq_method) == ("a84b4c76e66710@pc33.atlanta.example.com", 314159, "INVITE")
    assert (invite.from_tag, invite.to_tag, invite.max_forwards) == ("1928301774", "", 70)
    assert invite.body == b"v=0\n"
    assert invite.to_bytes() == INVITE


def test_response() -> None:
    ok = parse_message(OK)
    assert isinstance(ok, Response)
    assert (ok.status, ok.reason, ok.to_tag, ok.max_forwards) == (200, "OK", "a6c85cf", -1)
    assert ok.via.received == "192.0.2.3"
    assert ok.to_bytes() == OK


def test_status_line_without_a_reason() -> None:
    for line in (b"SIP/2.0 200", b"SIP/2.0 200 "):
        message = parse_message(OK.replace(b"SIP/2.0 200 OK", line))
        assert isinstance(message, Response)
        assert (message.status, message.reason) == (200, "")


def test_compact_forms_blanks_and_case() -> None:
    register = request(COMPACT)
    assert register.names == ["", "via", "from", "to", "call-id", "cseq", "contact", "content-length"]
    assert (register.via.transport, register.via.host, register.via.sent_by) == ("TCP", "2001:DB8::1", "[2001:db8::1]:5061")
    assert (register.via.branch, register.from_tag, register.cseq, register.call_id) == ("z9hG4bK1", "1", 1, "x@y")
    assert register.to_bytes() == COMPACT


def test_folding_is_read_and_kept() -> None:
    data = INVITE.replace(b"CSeq: 314159 INVITE", b"CSeq:\r\n 314159\r\n\tINVITE").replace(b"Via: SIP", b"Via:\r\n  SIP")
    invite = request(data)
    assert (invite.cseq, invite.via.branch) == (314159, "z9hG4bK776asdhds")
    assert invite.header("cseq") == "314159 INVITE"
    assert len(invite.lines) == len(request(INVITE).lines)
    assert invite.to_bytes() == data


def test_bare_line_feeds() -> None:
    head, blank, body = INVITE.partition(b"\r\n\r\n")
    invite = request(head.replace(b"\r\n", b"\n") + b"\n\n" + body)
    assert invite.to_bytes() == INVITE
    assert request(head.replace(b"\r\n", b"\n") + b"\n\r\n" + body).body == body
    # A CRLF pair in the body is no end of a header that ended before.
    late = request(head.replace(b"\r\n", b"\n").replace(b"Length: 4", b"Length: 8") + b"\n\nv=0\n" + blank)
    assert late.body == b"v=0\n\r\n\r\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"CSeq:", b"X: y\nCSeq:"), (b"\r\nCSeq:", b"\nCSeq:"), (b"\r\nContent-Length: 4\r\n\r\n", b"\nContent-Length: 4\n\n")],
)
def test_a_mixture_of_line_ends_is_refused(old: bytes, new: bytes) -> None:
    """Who takes only CRLF for a line end would see other fields, or on a stream another message."""
    assert old in INVITE
    assert refused(INVITE.replace(old, new, 1)).reason == "Mixed line ends in the header"


def test_leading_line_ends_are_skipped() -> None:
    assert request(b"\r\n\r\n" + INVITE).to_bytes() == INVITE


def test_body_is_cut_at_content_length_and_whole_without_one() -> None:
    assert request(INVITE + b"more").body == b"v=0\n"
    assert request(INVITE.replace(b"Content-Length: 4\r\n", b"") + b"more").body == b"v=0\nmore"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Content-Length: 4", b"Content-Length: 5"),
        (b"Content-Length: 4", b"Content-Length: -1"),
        (b"Content-Length: 4", b"Content-Length: 4\r\nl: 4"),
        (b"Max-Forwards: 70", b"Max-Forwards: 256"),
        (b"Max-Forwards: 70", b"Max-Forwards: seventy"),
        (b"Max-Forwards: 70", b"Max-Forwards: 70\r\nMax-Forwards: 7"),
        (b"CSeq: 314159", b"CSeq: 2147483648"),
        (b"CSeq: 314159", b"CSeq: \xc2\xb2"),
        (b"CSeq: 314159 INVITE", b"CSeq: 314159"),
        (b"CSeq: 314159 INVITE", b"CSeq: 314159 BYE"),
        (b"CSeq: 314159 INVITE", b"CSeq: 1 INVITE\r\nCSeq: 1 INVITE"),
        (b"Call-ID: a84b4c76e66710@pc33.atlanta.example.com", b"Call-ID: "),
        (b"Call-ID:", b"i: 1\r\nCall-ID:"),
        (b"To: Bob", b"t: <sip:a@b>\r\nTo: Bob"),
        (b"From: ", b"From: \r\nFrom: "),
        (b"To: Bob <", b'To: "Bob <'),
        (b"To: Bob <", b"To: Alison, Bob <"),
        (b";rport", b";rport,"),
        (b";rport", b";rport ,\r\n ,SIP/2.0/UDP a"),
        (b";rport", b";;,;,,"),
        (b"Contact: ", b"Contact "),
        (b"Contact: ", b"Con tact: "),
        (b"Contact: ", b": "),
        (b"Contact: ", b"Contact: \0"),
        (b"X-Odd: ", b"X-Odd: \rVia: SIP/2.0/UDP evil"),
        (b"SIP/2.0/UDP pc33", b"SIP/2.0 UDP pc33"),
        (b"example.com:5070;", b"example.com:65536;"),
        (b"INVITE sip", b"INVITE  sip"),
        (b"INVITE sip", b" INVITE sip"),
        (b"INVITE sip", b"INV(ITE sip"),
        (b"sip:bob@biloxi.example.com SIP", b"<sip:bob@biloxi.example.com> SIP"),
        (b"\r\n\r\n", b"\r\n"),
    ],
)
def test_refused_with_400(old: bytes, new: bytes) -> None:
    assert old in INVITE
    assert refused(INVITE.replace(old, new, 1)).status == 400


@pytest.mark.parametrize("name", [b"Via", b"From", b"To", b"Call-ID", b"CSeq"])
def test_required_fields(name: bytes) -> None:
    error = refused(INVITE.replace(name + b":", b"X-Gone:", 1))
    assert (error.status, error.reason) == (400, "Missing " + name.decode())


def test_a_nul_may_stand_in_a_quoted_pair() -> None:
    assert request(INVITE.replace(b'"Alice', b'"\\\0Alice')).from_.display.startswith("\0Alice")


@pytest.mark.parametrize("code", [b"099", b"700", b"20", b"2000", b"2x0", b""])
def test_impossible_status(code: bytes) -> None:
    error = refused(OK.replace(b"200", code, 1))
    assert error.status == 400
    assert error.partial is None


def test_other_versions() -> None:
    error = refused(INVITE.replace(b"com SIP/2.0\r\n", b"com SIP/7.0\r\n"))
    assert error.status == 505
    assert error.partial is not None
    assert refused(OK.replace(b"SIP/2.0 200", b"SIP/3.0 200")).status == 505
    assert request(INVITE.replace(b"com SIP/2.0\r\n", b"com sip/2.0\r\n")).method == "INVITE"


def test_limits() -> None:
    assert parse_message(INVITE, Config(max_message_size=len(INVITE))).cseq == 314159
    for size, status in ((len(INVITE) - 1, 413), (len(INVITE) - 4, 413), (len(INVITE) - 5, 513), (1, 513)):
        assert refused(INVITE, Config(max_message_size=size)).status == status, size
    assert parse_message(INVITE, Config(max_headers=9)).cseq == 314159
    assert refused(INVITE, Config(max_headers=8)).status == 513
    longest = max(len(line) for line in request(INVITE).lines)
    assert parse_message(INVITE, Config(max_line_length=longest)).cseq == 314159
    assert refused(INVITE, Config(max_line_length=longest - 1)).status == 513


def test_folding_counts_for_a_line_and_not_for_a_field() -> None:
    folded = INVITE.replace(b"X-Odd: ", b"X-Odd: " + b"a\r\n " * 100)
    assert parse_message(folded, Config(max_headers=9)).cseq == 314159
    assert refused(folded, Config(max_line_length=200)).status == 513


@pytest.mark.parametrize(
    "field", [b"X-Odd: ", b"Contact: <sip:a>,<sip:b>", b'Contact: "<', b"From: <sip:a;a;a;a;a>", b"Contact: <sip:a;b?x=1>"]
)
def test_the_parameters_of_one_value_are_counted(field: bytes) -> None:
    name, _, start = field.partition(b": ")
    for count, refusal in ((9, False), (11, True)):
        value = start + b";p=1" * (count - start.count(b";")) + (b'">;a <sip:a>' if b'"' in start else b"")
        lines = [line for line in INVITE.split(b"\r\n") if not line.startswith(name + b":")]
        data = b"\r\n".join([lines[0], name + b": " + value, *lines[1:]])
        if refusal:
            error = refused(data, Config(max_params=10))
            assert (error.status, error.reason) == (513, "Too Many Parameters")
        elif b'"' not in start:
            assert parse_message(data, Config(max_params=10)).header(name.decode()) == value.decode()
    many = b"Contact: " + b",".join([b"<sip:a;b>;c"] * 50)
    assert len(request(INVITE.replace(b"X-Odd:", many + b"\r\nX-Odd:"), Config(max_params=10)).contacts) == 51


def test_partial_request_is_enough_for_an_answer() -> None:
    error = refused(INVITE.replace(b"Max-Forwards: 70", b"Max-Forwards: x").replace(b"X-Odd: ", b"X-Odd\r\n folded "))
    assert error.partial is not None
    answer = parse_message(build_response(error.partial, error.status, error.reason, to_tag="t").to_bytes())
    assert isinstance(answer, Response)
    assert (answer.status, answer.reason, answer.via.branch) == (400, "Malformed header field", "z9hG4bK776asdhds")
    assert (answer.from_tag, answer.to_tag, answer.cseq_method) == ("1928301774", "t", "INVITE")


def test_no_partial_without_a_way_back() -> None:
    assert refused(b"").partial is None
    assert refused(b"\r\n\r\n").partial is None
    assert refused(INVITE.replace(b"Via: SIP/2.0/UDP", b"Via: what")).partial is None


def expect_status(error: MessageError) -> None:
    assert error.status in (400, 413, 505, 513)


def read_all(data: bytes) -> None:
    """Parse and read everything; MessageError is the only thing allowed to come out."""
    try:
        message = parse_message(data)
    except MessageError as error:
        expect_status(error)
        if error.partial is not None:
            build_response(error.partial, 400, to_tag="x").to_bytes()
        return
    again = parse_message(message.to_bytes())
    assert again.lines == message.lines
    assert again.body == message.body
    for name in ("from_", "to", "contacts", "routes", "record_routes", "expires", "content_type", "request_uri"):
        try:
            repr(getattr(message, name, None))
        except MessageError as error:
            expect_status(error)
    if isinstance(message, Request):
        message.stamp_received("192.0.2.1", 5060)
        assert parse_message(message.to_bytes()).via.branch == message.via.branch
        assert parse_message(build_response(message, 200, to_tag="x").to_bytes()).call_id == message.call_id


@given(st.binary(max_size=300))
def test_random_bytes(data: bytes) -> None:
    read_all(data)
    read_all(b"OPTIONS sip:a SIP/2.0\r\n" + data + b"\r\n\r\n")


_PIECES = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b",", b";", b":", b'"', b"<", b">", b"\\", b"%", b"@", b"[", b"\xff"]
_PIECES += [b"=", b"1", b"Via: ", b"t:", b";tag=", b"SIP/2.0", b"\r\n ", b"a" * 50, b"\xc2\xb2", b"\xed\xb3\xbf"]


@given(
    st.sampled_from([INVITE, OK, COMPACT]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), st.sampled_from(_PIECES)), min_size=1, max_size=5),
)
def test_mutations(data: bytes, edits: list[tuple[float, int, bytes]]) -> None:
    for where, cut, piece in edits:
        at = int(where * len(data))
        data = data[:at] + piece + data[at + cut :]
    read_all(data)


@pytest.mark.parametrize(
    "piece", [b'"', b"\\", b'\\"', b"<", b",", b";", b"=", b"%", b"\r\n ", b"\n", b"\r", b"a:\r\n", b'<"', b" "]
)
def test_huge_repetitions_are_refused_or_read(piece: bytes) -> None:
    # A quadratic step anywhere would take minutes here.
    filler = piece * (60_000 // len(piece))
    for old in (b"Bob", b"Alice", b"branch=", b"x=1", b"bob@", b"X-Odd:", b"Contact: "):
        try:
            message = parse_message(INVITE.replace(old, old + filler, 1), Config(max_headers=100_000))
            message.values("contact")
            message.pop_value("via")
            repr(message.to)
            repr(message.contacts)
            assert isinstance(message, Request)
            repr(message.request_uri.key)
        except MessageError as error:
            expect_status(error)
