"""Any grammatical message is read as it was meant, and printed as it came."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebr_conformance.strategies import (
    Sample,
    SampleAddress,
    SampleVia,
    bodies,
    equivalent_uris,
    header_fields,
    messages,
    mutated,
    name_addrs,
    streams,
    uris,
    vias,
)
from ebr_conformance.strategies.fields import VALUES
from ebr_conformance.strategies.parts import Spacing, spacings
from ebr_core.message import (
    MessageError,
    NameAddr,
    Request,
    Response,
    Uri,
    Via,
    canonical_name,
    parse_message,
)
from ebr_core.message.body import build_multipart, parse_multipart
from ebr_core.message.fields import parse_address, parse_cseq
from ebr_core.message.framer import Keepalive, StreamFramer
from ebr_core.message.grammar import decode_text, unfold
from ebr_core.message.headers import FIELDS
from fuzz.checks import check_message, check_name_addr, check_value, check_via, core_of, readable
from fuzz.targets import TARGETS

PLAIN = (
    b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:a>\r\nCall-ID: 1\r\n"
    b"CSeq: 1 OPTIONS\r\n\r\n"
)
MESSAGES = settings(max_examples=30)


def squeezed(text: str) -> str:
    """Without blanks: a message may have more or fewer of them."""
    return "".join(text.split())


# ---- what was put in comes out


@given(messages())
@MESSAGES
def test_values_in_are_values_out(sample: Sample) -> None:
    message = parse_message(sample.data)
    if isinstance(message, Request):
        assert (message.method, message.uri) == (sample.method, sample.uri)
        assert str(message.request_uri) == sample.uri
    else:
        assert (message.status, message.reason) == (sample.status, sample.reason)
    assert (message.call_id, message.cseq, message.cseq_method) == (sample.call_id, sample.cseq, sample.method)
    assert message.max_forwards == (-1 if sample.max_forwards is None else sample.max_forwards)
    assert message.body == sample.body
    assert message.names[1:] == [name for name, _ in sample.fields]
    assert [squeezed(unfold(line.partition(":")[2])) for line in message.lines[1:]] == [
        squeezed(value) for _, value in sample.fields
    ]
    for address, uri, tag, put in (
        (message.from_, message.from_uri, message.from_tag, sample.from_),
        (message.to, message.to_uri, message.to_tag, sample.to),
    ):
        assert (address.display, address.uri, address.params) == (put.display, put.uri, put.params)
        assert (uri, tag) == (put.uri, put.params.get("tag") or "") == (address.uri, address.tag)
    read = [Via.parse(text) for text in message.values("v")]
    assert str(message.via) == str(read[0])
    assert [(via.transport, via.host, via.port, via.branch, via.params) for via in read] == [
        (via.transport, via.host, via.port, via.branch, via.params) for via in sample.vias
    ]


@given(name_addrs())
def test_addresses_in_are_addresses_out(sample: SampleAddress) -> None:
    address = NameAddr.parse(sample.text)
    assert (address.display, address.uri, address.params) == (sample.display, sample.uri, sample.params)
    assert parse_address(sample.text) == (sample.uri, sample.params.get("tag") or "")
    assert str(address.parse_uri()) == sample.uri
    check_name_addr(address)


@given(vias())
def test_vias_in_are_vias_out(sample: SampleVia) -> None:
    via = Via.parse(sample.text)
    assert (via.protocol, via.transport, via.host, via.port) == ("SIP/2.0", sample.transport, sample.host, sample.port)
    assert (via.branch, via.params) == (sample.branch, sample.params)
    check_via(via)


@given(header_fields(), messages())
@MESSAGES
def test_any_field_fits_into_any_message(line: str, sample: Sample) -> None:
    head, end, body = sample.data.partition(b"\r\n\r\n")
    message = parse_message(head + b"\r\n" + line.encode() + end + body)
    spelling, _, value = line.partition(":")
    assert message.lines[-1] == line
    assert message.names[-1] == canonical_name(spelling.rstrip(" \t"))
    assert message.headers(spelling)[-1] == unfold(value)
    assert message.headers(spelling.swapcase()) == message.headers(spelling)


ANY_FIELD = st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name]))


@given(ANY_FIELD, spacings())
def test_every_grammatical_value_of_a_field_is_read(field: tuple[str, str], spacing: Spacing) -> None:
    name, value = field
    message = parse_message(PLAIN)
    message.lines.append(f"{name}: {spacing.apply(value)}")
    message.names.append(name)
    read = FIELDS[name].read(message)
    assert read is not None
    for each in read if isinstance(read, list) else [read]:
        check_value(each)


@given(bodies())
def test_a_multipart_body_is_read_and_built_again(drawn: tuple[str, bytes]) -> None:
    media_type, body = drawn
    if not media_type.startswith("multipart/"):
        with pytest.raises(MessageError):
            parse_multipart(body, media_type)
        return
    parts = parse_multipart(body, media_type)
    assert parts
    again = parse_multipart(build_multipart(parts, "new"), "Multipart/mixed; boundary=new")
    assert [(part.fields, part.body, len(part.parts)) for part in again] == [
        (part.fields, part.body, len(part.parts)) for part in parts
    ]
    # All that is in the parts was in the body, in this order.
    at = 0
    for part in parts:
        at = body.index(b"\r\n\r\n" + part.body + b"\r\n--", at) + 1


# ---- what is printed


@given(messages())
@MESSAGES
def test_a_message_is_printed_as_it_came(sample: Sample) -> None:
    message = parse_message(sample.data)
    assert message.to_bytes() == sample.data
    check_message(message)
    assert message.copy().to_bytes() == sample.data


@given(messages(stream=True), st.sampled_from([b"", b"\r\n", b"\r\n\r\n", b"\n"]), st.binary(max_size=4))
@MESSAGES
def test_line_ends_before_and_bytes_behind_a_message_are_nothing(sample: Sample, before: bytes, behind: bytes) -> None:
    message = parse_message(before + sample.data + behind)
    assert message.to_bytes() == sample.data
    assert message.body == sample.body


@given(messages())
@MESSAGES
def test_bare_line_feeds_become_line_ends(sample: Sample) -> None:
    head, _, body = sample.data.partition(b"\r\n\r\n")
    message = parse_message(head.replace(b"\r\n", b"\n") + b"\n\n" + body)
    assert message.to_bytes() == sample.data
    assert core_of(message) == core_of(parse_message(sample.data))


# ---- what is damaged


@given(mutated(messages()))
@settings(max_examples=80)
def test_a_damaged_message_is_refused_or_read(data: bytes) -> None:
    TARGETS["message"](data)


@given(st.integers(0, 255), streams().map(b"".join) | mutated(streams(max_size=2).map(b"".join)))
@settings(max_examples=40)
def test_a_stream_is_the_same_however_it_is_cut(size: int, data: bytes) -> None:
    TARGETS["stream"](bytes([size]) + data)


@given(streams())
@settings(max_examples=25)
def test_messages_of_a_stream_are_those_that_went_in(pieces: list[bytes]) -> None:
    framer = StreamFramer()
    found = [item for item in framer.receive(b"".join(pieces), 0.0) if not isinstance(item, Keepalive)]
    sent = [parse_message(piece) for piece in pieces if len(piece) > 4]
    assert [core_of(item) for item in found if not isinstance(item, MessageError)] == [core_of(message) for message in sent]
    assert not framer.failed
    assert framer.deadline is None
    # A PING that was cut in two is a PONG and a PING: so whole pieces give one item each.
    framer = StreamFramer()
    for piece in pieces:
        (item,) = framer.receive(piece, 0.0)
        if piece == b"\r\n\r\n":
            assert item is Keepalive.PING
        elif piece == b"\r\n":
            assert item is Keepalive.PONG
        else:
            assert isinstance(item, Request | Response)
            assert item.to_bytes() == piece


READERS: tuple[Callable[[str], object], ...] = (Uri.parse, NameAddr.parse, Via.parse, parse_cseq, parse_address)


@pytest.mark.parametrize("read", READERS, ids=("Uri", "NameAddr", "Via", "CSeq", "address"))
@given(text=st.text(max_size=30) | mutated(uris().map(str.encode)).map(decode_text) | header_fields())
def test_no_text_does_harm(read: Callable[[str], object], text: str) -> None:
    value = readable(lambda: read(text))
    if isinstance(value, Uri):
        assert str(value) == text
    elif isinstance(value, Via):
        check_via(value)
    elif isinstance(value, NameAddr):
        check_name_addr(value)


@given(st.binary(max_size=60))
def test_bytes_are_no_message(data: bytes) -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(data)
    assert caught.value.partial is None


# ---- URIs


@given(equivalent_uris())
def test_equivalent_uris_have_equal_keys(pair: tuple[str, str]) -> None:
    one, other = Uri.parse(pair[0]), Uri.parse(pair[1])
    assert one.key == other.key
    assert one.equivalent(other)
    assert other.equivalent(one)


@given(uris(), uris())
def test_equivalence_is_symmetric_and_a_matter_of_keys(one_text: str, other_text: str) -> None:
    one, other = Uri.parse(one_text), Uri.parse(other_text)
    assert str(one) == one_text
    assert one.equivalent(one)
    assert one.equivalent(other) == other.equivalent(one)
    assert one.key == other.key or not one.equivalent(other)
