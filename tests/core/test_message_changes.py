"""A message that is edited, stamped, forwarded or answered changes where it was asked to, and in no other byte."""

from collections.abc import Callable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from ebr_conformance.strategies import Sample, messages, requests, uris
from ebr_core.message import Request, Response, build_response, canonical_name, parse_message
from ebr_core.message.grammar import unfold
from fuzz.checks import check_message

MESSAGES = settings(max_examples=30)

AnyMessage = Request | Response


def request_of(sample: Sample) -> Request:
    request = parse_message(sample.data)
    assert isinstance(request, Request)
    return request


def kept_of(message: AnyMessage, *changed: str) -> list[tuple[str, str]]:
    """All lines but the start line and those of these names."""
    pairs = zip(message.names[1:], message.lines[1:], strict=True)
    return [(name, line) for name, line in pairs if name not in changed]


CHANGED = st.sampled_from(["Subject", "s", "X-Own", "CONTACT", "k", "Max-Forwards", "Via", "Route", "Expires", "CSeq", "To", "i"])
LISTS = frozenset({"via", "contact", "route", "record-route", "path", "supported", "require", "allow", "warning", "accept"})
CORE = frozenset({"via", "from", "to", "call-id", "cseq"})
NEW = {"cseq": "7 INFO", "max-forwards": "17", "to": "<sip:new@example.org>;tag=new", "via": "SIP/2.0/TCP new;branch=new"}


@given(messages(), CHANGED, st.integers(1, 6))
@MESSAGES
def test_a_field_is_changed_and_no_other_byte(sample: Sample, spelling: str, place: int) -> None:
    name = canonical_name(spelling)
    value = NEW.get(name, "<sip:new>")
    for change in changes(spelling, value, min(place, len(sample.fields) + 1)):
        message = parse_message(sample.data)
        before = kept_of(message, name)
        change(message)
        assert kept_of(message, name) == before
        assert message.lines[0] == sample.data.partition(b"\r\n")[0].decode("utf-8", "surrogateescape")
        assert message.body == sample.body
        if CORE - set(message.names) or max(message.names.count(each) for each in ("cseq", "to", "call-id", "max-forwards")) > 1:
            continue  # what cannot stand alone any more, or stands there twice
        if message.cseq_method == sample.method or isinstance(message, Response):
            check_message(message)


def changes(spelling: str, value: str, place: int) -> Iterator[Callable[[AnyMessage], None]]:
    name = canonical_name(spelling)

    def replace(message: AnyMessage) -> None:
        values = message.headers(name)
        message.replace(spelling, value)
        assert message.headers(name) == [value, *values[1:]]

    def append(message: AnyMessage) -> None:
        values = message.headers(name)
        message.append(spelling, value)
        assert message.headers(name) == [*values, value]

    def insert(message: AnyMessage) -> None:
        message.insert(place, spelling, value)
        assert message.names[place] == name
        assert unfold(message.lines[place].partition(":")[2]) == value

    def remove(message: AnyMessage) -> None:
        message.remove(spelling)
        assert message.header(name) is None
        assert name not in message.names

    yield replace
    yield append
    yield insert
    if name not in CORE:
        yield remove


@given(messages())
@MESSAGES
def test_values_are_taken_one_by_one(sample: Sample) -> None:
    for name in LISTS & {name for name, _ in sample.fields}:
        message = parse_message(sample.data)
        before = kept_of(message, name)
        values = message.values(name)
        popped: list[str] = []
        while (value := message.pop_value(name)) is not None:
            popped.append(value)
            assert message.values(name) == values[len(popped) :]
        assert popped == values
        assert kept_of(message, name) == before


@given(requests(), uris(), st.integers(0, 255))
@MESSAGES
def test_forwarding_changes_what_a_proxy_must_and_no_other_byte(sample: Sample, uri: str, hops: int) -> None:
    request = request_of(sample)
    ours = [("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours"), ("Record-Route", "<sip:192.0.2.1;lr>")]
    forwarded = request.forwarded(uri, ours, hops)
    assert (forwarded.uri, str(forwarded.request_uri), forwarded.max_forwards) == (uri, uri, hops)
    assert forwarded.lines[0] == f"{sample.method} {uri} SIP/2.0"
    assert forwarded.lines[1:3] == [f"{name}: {value}" for name, value in ours]
    assert kept_of(forwarded, "max-forwards")[2:] == kept_of(request, "max-forwards")
    assert forwarded.headers("max-forwards") == [str(hops)]
    assert (forwarded.via.branch, forwarded.body) == ("z9hG4bKours", sample.body)
    check_message(forwarded)
    assert request.to_bytes() == sample.data

    copy = request.copy()
    copy.set_uri(uri)
    assert copy.lines[1:] == request.lines[1:]
    assert (copy.lines[0], copy.uri) == (forwarded.lines[0], uri)
    assert request.to_bytes() == sample.data


@given(requests(), st.sampled_from(["192.0.2.1", "198.51.100.7", "2001:db8::1"]), st.integers(1, 65535))
@MESSAGES
def test_noting_the_source_changes_the_top_via_only(sample: Sample, host: str, port: int) -> None:
    request = request_of(sample)
    via = request.via
    stamped = request.copy()
    stamped.stamp_received(host, port)
    assert kept_of(stamped, "via") == kept_of(request, "via")
    assert stamped.values("via")[1:] == request.values("via")[1:]
    assert [line for name, line in zip(stamped.names, stamped.lines, strict=True) if name == "via"][1:] == [
        line for name, line in zip(request.names, request.lines, strict=True) if name == "via"
    ][1:]
    if stamped.lines != request.lines:
        assert stamped.via.received == host
        assert stamped.via.rport == (port if "rport" in via.params else None)
    else:
        assert (via.host, "received" in via.params) == (host, False)
    unchanged = {name: value for name, value in stamped.via.params.items() if name not in ("received", "rport")}
    assert unchanged == {name: value for name, value in via.params.items() if name not in ("received", "rport")}
    check_message(stamped)


@given(requests(), st.sampled_from([100, 180, 200, 302, 404, 606]))
@MESSAGES
def test_a_response_goes_back_the_way_of_its_request(sample: Sample, status: int) -> None:
    request = request_of(sample)
    response = build_response(request, status, to_tag="ours")
    copied = ("via", "from", "call-id", "cseq")
    assert [line for name, line in zip(response.names, response.lines, strict=True) if name in copied] == [
        line for name, line in zip(request.names, request.lines, strict=True) if name in copied
    ]
    again = parse_message(response.to_bytes())
    assert (again.call_id, again.cseq, again.cseq_method) == (sample.call_id, sample.cseq, sample.method)
    assert again.to_tag == (sample.to.params.get("tag") or "ours")
    assert again.to_uri == sample.to.uri
    check_message(response)
