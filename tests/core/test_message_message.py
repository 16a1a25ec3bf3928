"""Messages: reading fields on demand, changing lines, Via and name-addr, and the builders."""

import pytest

from ebr_core.errors import LocalProtocolError
from ebr_core.message import (
    Message,
    MessageError,
    NameAddr,
    Request,
    Response,
    Via,
    build_ack,
    build_cancel,
    build_request,
    build_response,
    canonical_name,
    display_name,
    is_ip_address,
    parse_message,
    reason_phrase,
    unquote,
)

HEADERS = [
    ("via", "SIP/2.0/UDP a.example.com;branch=z9hG4bK1;rport, SIP/2.0/TCP b.example.com;branch=z9hG4bK2"),
    ("Via", "SIP/2.0/UDP c.example.com;branch=z9hG4bK3"),
    ("max-forwards", "70"),
    ("from", '"A, \\"B\\"" <sip:a@example.com>;tag=ft'),
    ("to", "<sip:b@example.com>"),
    ("i", "call-1"),
    ("cseq", "7 INVITE"),
    ("route", "<sip:p1.example.com;lr>,<sip:p2.example.com;lr>"),
    ("route", "<sip:p3.example.com;lr>"),
    ("record-route", "<sip:r1.example.com;lr>"),
    ("contact", '"X, <y>" <sip:x@192.0.2.1>;q=0.5;+sip.instance="<urn:uuid:1;2>", sip:y@192.0.2.2;expires=60'),
    ("expires", "120"),
    ("timestamp", "54"),
    ("c", "Application/SDP ; charset=x"),
]


def invite() -> Request:
    message = parse_message(build_request("INVITE", "sip:b@example.com", HEADERS, b"body").to_bytes())
    assert isinstance(message, Request)
    return message


def test_build_request_prints_the_usual_names() -> None:
    lines = invite().to_bytes().decode().split("\r\n")
    names = [line.partition(":")[0] for line in lines[1:-2]]
    assert names == [
        *["Via", "Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Route", "Route", "Record-Route", "Contact"],
        *["Expires", "Timestamp", "Content-Type", "Content-Length"],
    ]
    assert lines[0] == "INVITE sip:b@example.com SIP/2.0"
    assert lines[-3:] == ["Content-Length: 4", "", "body"]


def test_built_messages_are_read_like_received_ones() -> None:
    built = build_request("INVITE", "sip:b@example.com", HEADERS, b"body")
    for name in ("call_id", "cseq", "cseq_method", "from_tag", "to_tag", "max_forwards", "method", "uri", "lines", "names"):
        assert getattr(built, name) == getattr(invite(), name), name
    assert built.via.branch == "z9hG4bK1"


@pytest.mark.parametrize(
    ("method", "uri", "headers"),
    [
        ("IN VITE", "sip:a", []),
        ("INVITE", "sip:a b", []),
        ("INVITE", "", []),
        ("INVITE", "sip:a\r\nX: 1", []),
        ("INVITE", "sip:a", [("Subject", "a\nb")]),
        ("INVITE", "sip:a", [("Sub ject", "a")]),
        ("INVITE", "sip:a", [("Subject", "\ud800")]),
        ("INVITE", "sip:a", [("CSeq", "x")]),
    ],
)
def test_build_request_refuses(method: str, uri: str, headers: list[tuple[str, str]]) -> None:
    with pytest.raises(LocalProtocolError):
        build_request(method, uri, headers)


def test_reading_fields() -> None:
    message = invite()
    assert message.header("Route") == "<sip:p1.example.com;lr>,<sip:p2.example.com;lr>"
    assert message.headers("route") == ["<sip:p1.example.com;lr>,<sip:p2.example.com;lr>", "<sip:p3.example.com;lr>"]
    assert message.values("route") == ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>", "<sip:p3.example.com;lr>"]
    assert message.header("v") == message.headers("via")[0]
    assert message.header("subject") is None
    assert message.headers("no such") == []
    assert [route.uri for route in message.routes] == [f"sip:p{n}.example.com;lr" for n in (1, 2, 3)]
    assert [route.uri for route in message.record_routes] == ["sip:r1.example.com;lr"]
    assert (message.from_.display, message.from_.uri, message.from_.tag) == ('A, "B"', "sip:a@example.com", "ft")
    assert message.to.tag == ""
    assert message.from_ is message.from_
    assert (message.expires, message.content_type) == (120, "application/sdp")
    first, second = message.contacts
    assert (first.display, first.uri, first.params["q"]) == ("X, <y>", "sip:x@192.0.2.1", "0.5")
    assert unquote(first.params["+sip.instance"] or "") == "<urn:uuid:1;2>"
    assert (second.uri, second.params) == ("sip:y@192.0.2.2", {"expires": "60"})


@pytest.mark.parametrize(
    ("text", "expected"), [("x", None), ("-1", None), ("0", 0), ("9" * 30, 2**32 - 1), ("4294967296", 2**32 - 1)]
)
def test_expires(text: str, expected: int | None) -> None:
    message = invite()
    message.replace("expires", text)
    assert message.expires == expected


def test_replace_insert_append_remove() -> None:
    message = invite()
    message.replace("max-forwards", "69")
    message.replace("subject", "new")
    message.insert(1, "via", "SIP/2.0/UDP d.example.com;branch=z9hG4bK0")
    message.append("x-one", "1")
    message.remove("Record-Route")
    message.replace("Call-ID", "call-2")
    message.replace("to", "<sip:b@example.com>;tag=tt")
    message.replace("contact", "*")
    message.set_body(b"longer", "text/plain")
    assert (message.max_forwards, message.via.branch, message.call_id, message.to_tag) == (69, "z9hG4bK0", "call-2", "tt")
    assert message.to.tag == "tt"
    assert message.header("contact") == "*"
    assert [str(contact) for contact in message.contacts] == ["*"]
    again = parse_message(message.to_bytes())
    assert again.lines == message.lines
    assert again.names == message.names
    assert again.body == b"longer"
    assert again.lines[-2:] == ["Subject: new", "X-One: 1"]
    assert again.headers("record-route") == []
    message.remove("max-forwards")
    assert message.max_forwards == -1


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\rb", "a\0b"])
def test_header_injection_is_refused(value: str) -> None:
    message = invite()
    before = list(message.lines)
    with pytest.raises(LocalProtocolError):
        message.replace("Via", value)
    with pytest.raises(LocalProtocolError):
        message.replace("Subject", value)
    with pytest.raises(LocalProtocolError):
        message.insert(1, "Subject", value)
    with pytest.raises(LocalProtocolError):
        message.append(value, "x")
    with pytest.raises(LocalProtocolError):
        message.set_uri(value)
    with pytest.raises(LocalProtocolError):
        build_response(message, 200, value)
    with pytest.raises(LocalProtocolError):
        build_response(message, 200, to_tag=value)
    with pytest.raises(LocalProtocolError):
        build_response(message, 200, headers=[("Subject", value)])
    with pytest.raises(LocalProtocolError):
        build_cancel(message, [("Reason", value)])
    assert message.lines == before


def test_insert_keeps_the_start_line_first() -> None:
    with pytest.raises(LocalProtocolError):
        invite().insert(0, "Subject", "x")


def test_set_uri() -> None:
    message = invite()
    assert message.request_uri.host == "example.com"
    message.set_uri("sip:c@192.0.2.9:5080")
    assert (message.request_uri.host, message.lines[0]) == ("192.0.2.9", "INVITE sip:c@192.0.2.9:5080 SIP/2.0")
    with pytest.raises(LocalProtocolError):
        message.set_uri("sip:c d")


def test_pop_value() -> None:
    message = invite()
    assert message.pop_value("route") == "<sip:p1.example.com;lr>"
    assert [route.uri for route in message.routes] == ["sip:p2.example.com;lr", "sip:p3.example.com;lr"]
    assert message.pop_value("Route") == "<sip:p2.example.com;lr>"
    assert message.pop_value("Route") == "<sip:p3.example.com;lr>"
    assert message.pop_value("Route") is None
    assert "route" not in message.names
    assert len(message.names) == len(message.lines)


def test_pop_value_follows_via() -> None:
    message = invite()
    for branch in ("z9hG4bK1", "z9hG4bK2", "z9hG4bK3"):
        assert message.via.branch == branch
        message.pop_value("via")
    assert message.via.host == ""


def test_pop_value_skips_empty_values_and_folding() -> None:
    text = b"Route:\r\n ,,<sip:a>\r\n , ,<sip:b>\r\nRoute: <sip:c>\r\n"
    data = invite().to_bytes().replace(b"Expires: 120\r\n", text)
    message = parse_message(data)
    popped = []
    while (value := message.pop_value("route")) is not None:
        popped.append(value)
    assert popped[-3:] == ["<sip:a>", "<sip:b>", "<sip:c>"]


def test_copy_is_independent() -> None:
    for message in (invite(), build_response(invite(), 200)):
        original: Message = message
        copy = original.copy()
        assert type(copy) is type(original)
        before = original.to_bytes()
        assert copy.to_bytes() == before
        copy.pop_value("via")
        copy.replace("call-id", "other")
        assert original.to_bytes() == before
        assert (original.call_id, original.via.branch, copy.via.branch) == ("call-1", "z9hG4bK1", "z9hG4bK2")


def test_stamp_received() -> None:
    message = invite()
    message.stamp_received("192.0.2.7", 40000)
    assert message.via.received == "192.0.2.7"
    assert message.via.rport == 40000
    expected = "Via: SIP/2.0/UDP a.example.com;branch=z9hG4bK1;rport=40000;received=192.0.2.7"
    assert message.lines[1] == expected + ", SIP/2.0/TCP b.example.com;branch=z9hG4bK2"
    assert len(parse_message(message.to_bytes()).values("via")) == 3


@pytest.mark.parametrize(
    ("via", "host", "stamped"),
    [
        ("SIP/2.0/UDP 192.0.2.1", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1"),
        ("SIP/2.0/UDP 192.0.2.1;rport", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1;rport=9;received=192.0.2.1"),
        ("SIP/2.0/UDP 192.0.2.1", "192.0.2.2", "SIP/2.0/UDP 192.0.2.1;received=192.0.2.2"),
        ("SIP/2.0/UDP 192.0.2.1;received=9.9.9.9;rport=1", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1;received=192.0.2.1;rport=9"),
        (
            "SIP / 2.0 / udp [2001:DB8::1] : 5070 ; ttl=1",
            "2001:db8::2",
            "SIP/2.0/UDP [2001:DB8::1]:5070;ttl=1;received=2001:db8::2",
        ),
    ],
)
def test_stamp_received_cases(via: str, host: str, stamped: str) -> None:
    message = invite()
    message.remove("via")
    message.insert(1, "via", via)
    message.stamp_received(host, 9)
    assert message.lines[1] == "Via: " + stamped
    assert str(message.via) == stamped


def test_via() -> None:
    via = Via.parse("SIP/2.0/UDP Host.Example.COM:5060;branch=z9hG4bKa;received=[2001:db8::9];rport=5")
    assert (via.sent_by, via.received, via.rport, via.port) == ("host.example.com:5060", "2001:db8::9", 5, 5060)
    assert Via("UDP", "::1", 5060, {"branch": "b", "rport": None}).sent_by == "[::1]:5060"
    assert str(Via("UDP", "::1", 5060, {"branch": "b", "rport": None})) == "SIP/2.0/UDP [::1]:5060;branch=b;rport"
    for text in (
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0/UDP a b",
        "SIP/2.0/UDP [::g]",
        "SIP/2.0/U@P a",
        "x",
        "SIP/2.0/UDP a:-1",
    ):
        with pytest.raises(MessageError):
            Via.parse(text)


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("sip:a@b;tag=1;x", "", "sip:a@b", {"tag": "1", "x": None}),
        ("<sip:a@b;tag=1>;Tag=2", "", "sip:a@b;tag=1", {"tag": "2"}),
        ("Anna B <sip:a@b>", "Anna B", "sip:a@b", {}),
        ('"a\\\\" <sip:a@b> ; x = "1;2" ; y', "a\\", "sip:a@b", {"x": '"1;2"', "y": None}),
        ('"<sip:evil@b>;tag=9" <sip:a@b>', "<sip:evil@b>;tag=9", "sip:a@b", {}),
        ("*", "", "*", {}),
    ],
)
def test_name_addr(text: str, display: str, uri: str, params: dict[str, str | None]) -> None:
    address = NameAddr.parse(text)
    assert (address.display, address.uri, address.params) == (display, uri, params)
    again = NameAddr.parse(str(address))
    assert (again.display, again.uri, again.params) == (display, uri, params)


@pytest.mark.parametrize(
    "text", ["", "<>", "<sip:a", '"a" sip:a@b', '"a <sip:a@b>', '"a"x<sip:a@b>', "<sip:a@b>x", "sip:a@b?x=1", ";tag=1"]
)
def test_name_addr_refuses(text: str) -> None:
    with pytest.raises(MessageError):
        NameAddr.parse(text)


def test_name_addr_quotes_what_it_prints() -> None:
    assert str(NameAddr('x" <sip:evil>', "sip:a@b", {"q": "1"})) == '"x\\" <sip:evil>" <sip:a@b>;q=1'


def test_build_response() -> None:
    request = invite()
    ringing = build_response(request, 180, to_tag="tt", headers=[("contact", "<sip:x@y>")], body=b"ab")
    assert isinstance(ringing, Response)
    assert ringing.lines == [
        "SIP/2.0 180 Ringing",
        *request.lines[1:3],
        request.lines[4],
        "To: <sip:b@example.com>;tag=tt",
        *request.lines[6:8],
        "Record-Route: <sip:r1.example.com;lr>",
        "Contact: <sip:x@y>",
        "Content-Length: 2",
    ]
    again = parse_message(ringing.to_bytes())
    for name in ("call_id", "cseq", "cseq_method", "from_tag", "to_tag", "max_forwards", "names", "body"):
        assert getattr(again, name) == getattr(ringing, name), name
    assert [contact.uri for contact in ringing.contacts] == ["sip:x@y"]


def test_build_response_by_status() -> None:
    request = invite()
    assert "timestamp" in build_response(request, 100).names
    assert "timestamp" not in build_response(request, 200).names
    assert "record-route" not in build_response(request, 100).names
    assert "record-route" not in build_response(request, 300).names
    assert build_response(request, 404, "Nobody").lines[0] == "SIP/2.0 404 Nobody"
    assert build_response(request, 499).reason == "Bad Request"
    with pytest.raises(LocalProtocolError):
        build_response(request, 700)


def test_build_response_keeps_the_tag_of_the_request() -> None:
    request = invite()
    request.replace("to", "<sip:b@example.com>;tag=old")
    assert build_response(request, 200, to_tag="new").to_tag == "old"
    assert build_response(request, 200, to_tag="new").header("to") == "<sip:b@example.com>;tag=old"


def test_build_cancel() -> None:
    request = invite()
    cancel = build_cancel(request, [("Reason", "SIP;cause=200")])
    assert cancel.lines == [
        "CANCEL sip:b@example.com SIP/2.0",
        "Via: SIP/2.0/UDP a.example.com;branch=z9hG4bK1;rport",
        request.lines[4],
        "To: <sip:b@example.com>",
        "Call-ID: call-1",
        "CSeq: 7 CANCEL",
        *request.lines[8:10],
        "Max-Forwards: 70",
        "Reason: SIP;cause=200",
        "Content-Length: 0",
    ]
    again = parse_message(cancel.to_bytes())
    for name in ("call_id", "cseq", "cseq_method", "from_tag", "to_tag", "max_forwards", "names"):
        assert getattr(again, name) == getattr(cancel, name), name


def test_build_ack() -> None:
    request = invite()
    ack = build_ack(request, build_response(request, 486, to_tag="tt"))
    assert (ack.method, ack.cseq, ack.cseq_method, ack.to_tag) == ("ACK", 7, "ACK", "tt")
    assert ack.headers("via") == ["SIP/2.0/UDP a.example.com;branch=z9hG4bK1;rport"]
    assert ack.header("to") == "<sip:b@example.com>;tag=tt"
    assert len(ack.routes) == 3
    assert isinstance(parse_message(ack.to_bytes()), Request)


def test_names() -> None:
    assert [canonical_name(name) for name in ("v", "VIA", "x-FOO", "call-ID", "a b", "")] == [
        "via",
        "via",
        "x-foo",
        "call-id",
        "",
        "",
    ]
    assert [display_name(name) for name in ("www-authenticate", "l", "x-foo-bar", "X-FOO", "mIn-se")] == [
        *["WWW-Authenticate", "Content-Length", "X-Foo-Bar", "X-FOO", "Min-SE"]
    ]


def test_reason_phrases() -> None:
    assert [reason_phrase(status) for status in (100, 487, 299, 650)] == ["Trying", "Request Terminated", "OK", "Busy Everywhere"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.1", True),
        ("::1", True),
        ("[2001:db8::1]", True),
        ("192.0.2.256", False),
        ("192.0.2", False),
        ("1.2.3.4.5", False),
        ("example.com", False),
        ("fe80::1%eth0", False),
        ("1.2.3.\u00b2", False),
        ("", False),
    ],
)
def test_is_ip_address(host: str, expected: bool) -> None:
    assert is_ip_address(host) is expected
