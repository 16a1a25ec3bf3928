"""What is fuzzed: functions of bytes that return nothing, and raise where an invariant does not hold.

They need no fuzzer: the tests replay the corpus through them, pure and compiled.
"""

from collections.abc import Callable
from typing import Final

from ebr_core.config import Config
from ebr_core.message import (
    MessageError,
    NameAddr,
    Request,
    Tel,
    Uri,
    build_ack,
    build_cancel,
    build_response,
    parse_message,
)
from ebr_core.message.body import Dtmf, build_multipart, parse_multipart
from ebr_core.message.framer import Keepalive, StreamFramer
from ebr_core.message.grammar import decode_text, encode_text
from ebr_core.message.headers import FIELDS
from fuzz.checks import AnyMessage, check_message, check_name_addr, check_refusal, check_value, check_via, core_of, readable

__all__ = ["TARGETS"]

_OUR_VIA: Final = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours"
_OUR_ROUTE: Final = "<sip:192.0.2.1;lr>"


def fuzz_message(data: bytes) -> None:
    """One datagram: parsed, read, changed, answered, forwarded."""
    try:
        message = parse_message(data)
    except MessageError as error:
        check_refusal(error)
        return
    check_message(message)
    printed = message.to_bytes()
    received = data.lstrip(b"\r\n")
    if b"\n" not in received.partition(b"\r\n\r\n")[0].replace(b"\r\n", b""):
        # Line ends that are a bare LF become CRLF; nothing else changes.
        assert received.startswith(printed), "printed otherwise than received"
    _read_all(message)
    _read_body(message)
    _change(message)
    if isinstance(message, Request):
        _answer(message)
        _forward(message)
    assert message.to_bytes() == printed, "a copy shares its lines with the original"


def _read_all(message: AnyMessage) -> None:
    for name in set(message.names):
        values = message.values(name)
        assert all(values), "an empty value"
        assert len(message.headers(name)) == (message.names.count(name) if name else 0)
    for addresses in (
        readable(lambda: message.contacts),
        readable(lambda: message.routes),
        readable(lambda: message.record_routes),
        [message.from_, message.to],
    ):
        for address in addresses or []:
            check_name_addr(address)
            uri = readable(address.parse_uri)
            if uri is not None:
                _check_uri(uri)
    for name in set(message.names) & FIELDS.keys():
        field = FIELDS[name]
        value = readable(lambda field=field: message.read(field))  # type: ignore[misc]  # read at once, of this field
        for each in value if isinstance(value, list) else [value]:
            check_value(each)
    check_via(message.via)
    assert message.expires is None or 0 <= message.expires < 2**32
    content_type = message.content_type
    assert content_type is None or content_type == content_type.lower()


def _read_body(message: AnyMessage) -> None:
    content_type = message.header("content-type") or ""
    dtmf = readable(lambda: Dtmf.parse(content_type, message.body))
    assert dtmf is None or Dtmf.parse("application/dtmf-relay", dtmf.to_bytes()) == dtmf
    parts = readable(lambda: parse_multipart(message.body, content_type))
    if parts and b"\0" not in message.body and b"--fuzz" not in message.body:
        again = parse_multipart(build_multipart(parts, "fuzz"), "multipart/mixed;boundary=fuzz")
        assert [part.body for part in again] == [part.body for part in parts]
        assert [part.content_type for part in again] == [part.content_type for part in parts]
        assert [len(part.parts) for part in again] == [len(part.parts) for part in parts]


def _change(message: AnyMessage) -> None:
    copy: AnyMessage = message.copy()
    before = len(copy.values("via"))
    top = copy.pop_value("via")
    assert top is not None
    assert len(copy.values("via")) == before - 1
    copy.insert(1, "Via", top)
    assert str(copy.via) == str(message.via), "the Via that was taken and put back"
    check_message(copy)
    routes = message.values("route")
    popped: list[str] = []
    while (value := copy.pop_value("route")) is not None:
        popped.append(value)
    assert popped == routes
    copy.remove("contact")
    copy.replace("Subject", "changed")
    copy.set_body(b"new", "text/plain")
    assert (copy.header("subject"), copy.content_type, copy.body) == ("changed", "text/plain", b"new")
    check_message(copy)


def _answer(request: Request) -> None:
    response = build_response(request, 200, to_tag="ours", headers=[("Contact", _OUR_ROUTE)], body=b"x")
    check_message(response)
    assert response.to_tag == (request.to_tag or "ours")
    assert core_of(response)[2:7] == core_of(request)[2:7]
    if request.method == "INVITE":
        for built in (build_cancel(request), build_ack(request, response)):
            check_message(built)
            assert len(built.values("via")) == 1
            assert (built.uri, built.call_id, built.cseq) == (request.uri, request.call_id, request.cseq)
            assert str(built.via) == str(request.via)


def _forward(request: Request) -> None:
    stamped = request.copy()
    stamped.stamp_received("192.0.2.99", 4242)
    check_message(stamped)
    assert (stamped.via.host, stamped.via.port, stamped.via.branch) == (request.via.host, request.via.port, request.via.branch)
    assert len(stamped.values("via")) == len(request.values("via"))

    forwarded = stamped.forwarded("sip:next@192.0.2.2", [("Via", _OUR_VIA), ("Record-Route", _OUR_ROUTE)], 69)
    check_message(forwarded)
    assert (forwarded.uri, forwarded.max_forwards) == ("sip:next@192.0.2.2", 69)
    assert forwarded.via.branch == "z9hG4bKours"
    kept = [line for line, name in zip(stamped.lines[1:], stamped.names[1:], strict=True) if name != "max-forwards"]
    passed = [line for line, name in zip(forwarded.lines[3:], forwarded.names[3:], strict=True) if name != "max-forwards"]
    assert passed == kept, "forwarding changed a line"


def fuzz_uri(data: bytes) -> None:
    """One URI, or two with a line feed between them: parsed, compared, printed."""
    text, _, other_text = decode_text(data).partition("\n")
    uri = readable(lambda: Uri.parse(text))
    other = readable(lambda: Uri.parse(other_text))
    address = readable(lambda: NameAddr.parse(text))
    if address is not None:
        check_name_addr(address)
    if uri is None:
        return
    assert str(uri) == text
    assert encode_text(str(uri)) == encode_text(text)
    _check_uri(uri)
    if other is not None:
        _check_uri(other)
        same = uri.equivalent(other)
        assert same == other.equivalent(uri), "equivalence is symmetric"
        assert not same or uri.key == other.key, "equivalent URIs have equal keys"


def _check_uri(uri: Uri) -> None:
    text = str(uri)
    again = Uri.parse(text)
    assert (again.scheme, again.user, again.password, again.host) == (uri.scheme, uri.user, uri.password, uri.host)
    assert (again.port, again.params, again.headers, again.key) == (uri.port, uri.params, uri.headers, uri.key)
    assert uri.equivalent(again)
    assert uri.scheme == uri.scheme.lower()
    scheme, _, rest = text.partition(":")
    assert uri.equivalent(Uri.parse(f"{scheme.swapcase()}:{rest}")), "a scheme has no case"
    assert uri.port is None or 0 <= uri.port <= 65_535
    if uri.scheme in ("sip", "sips"):
        assert uri.host == uri.host.lower() != ""
        assert uri.aor
        assert uri.numeric in (True, False)
        built = Uri.build(uri.host, uri.user, scheme=uri.scheme, port=uri.port, headers=uri.header_fields)
        assert (built.user, built.host, built.port, built.header_fields) == (uri.user, uri.host, uri.port, uri.header_fields)
        assert built.password is None
        assert all(name == name.lower() for name in uri.user_params)
    tel = readable(lambda: uri.tel)
    if tel is not None:
        assert tel.equivalent(Tel.parse(str(tel)))
        assert tel.is_global or tel.context
        assert tel.extension is None or "ext" in tel.params
        assert tel.trunk_group is None or "tgrp" in tel.params


# Small, so that a few bytes reach them.
_STREAM_LIMITS: Final = Config(max_message_size=1500, max_headers=20)

Item = tuple[object, ...]


def fuzz_stream(data: bytes) -> None:
    """The bytes of a connection; the first one says how they are cut. However they are, the same comes out."""
    size, data = (data[0] if data else 0) + 1, data[1:]
    whole = _received([data], thorough=True)
    assert _received([data[at : at + size] for at in range(0, len(data), size)]) == whole, f"cut into pieces of {size}"
    if len(data) < 200:
        assert _received([data[at : at + 1] for at in range(len(data))]) == whole, "cut into single bytes"
    if b"\n" not in data.replace(b"\r\n", b""):
        at = 0
        for item in whole:
            if item[0] == "message":
                at = data.find(item[1], at)  # type: ignore[arg-type]  # the printed message
                assert at >= 0, "printed otherwise than received"


def _received(chunks: list[bytes], thorough: bool = False) -> list[Item]:
    framer = StreamFramer(_STREAM_LIMITS)
    items: list[Item] = []
    pongs = 0
    for now, chunk in enumerate(chunks):
        assert not framer.failed or framer.deadline is None
        failed = framer.failed
        found = framer.receive(chunk, float(now))
        assert not (failed and found), "a stream that has failed went on"
        for number, item in enumerate(found):
            if isinstance(item, MessageError):
                check_refusal(item)
                last = framer.failed and number == len(found) - 1
                # How much of the rest can be read depends on what has arrived.
                items.append(("end" if last else "error", item.reason, item.status))
            elif isinstance(item, Keepalive):
                # A PONG may turn out to be one half of a PING that was cut in two.
                pongs += item is Keepalive.PONG
                if item is Keepalive.PING:
                    items.append(("ping",))
            else:
                printed = item.to_bytes()
                if thorough:
                    check_message(item)
                    again = StreamFramer(_STREAM_LIMITS).receive(printed, 0.0)
                    # Line ends that were bare LF may have made it too long.
                    assert len(printed) > 1500 or [type(each) for each in again] == [type(item)], "other ends than before"
                items.append(("message", printed, core_of(item)))
    assert pongs <= 1 + len(chunks) + len(items)
    if not framer.failed:
        deadline = framer.deadline
        assert framer.expire(-1.0) is None
        error = framer.eof() if deadline is None else framer.expire(deadline)
        assert (error is None) == (deadline is None), "a deadline, and no message has begun"
        items.append(("open", deadline is None))
        assert framer.failed
    assert framer.deadline is None
    assert framer.receive(b"OPTIONS", 1e6) == []
    assert framer.expire(1e9) is None
    assert framer.eof() is None
    return items


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "message": fuzz_message,
    "uri": fuzz_uri,
    "stream": fuzz_stream,
}
"""By the names of their folders in the corpus."""
