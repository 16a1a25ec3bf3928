"""RFC 5118, "SIP Torture Test Messages for IPv6": what its text asks of a parser, a proxy and a registrar."""

import pytest

from ebr_core.message import MessageError, Request, Uri, headers
from torture import Row, by_engine, in_datagram, on_stream, passed_on, raw


def good(m: Request) -> None:
    assert (m.request_uri.host, m.request_uri.port, m.via.host) == ("2001:db8::10", None, "2001:db8::9:1")
    (contact,) = m.contacts
    assert contact.parse_uri().host == "2001:db8::1"


def bad(m: Request) -> None:
    """An address without its brackets."""
    with pytest.raises(MessageError):
        repr(m.request_uri)


def ambiguous(m: Request) -> None:
    """4.3: within the brackets 5070 is the last group of the address, and there is no port."""
    assert (m.request_uri.host, m.request_uri.port) == ("2001:db8::10:5070", None)


def unambiguous(m: Request) -> None:
    assert (m.request_uri.host, m.request_uri.port) == ("2001:db8::10", 5070)


def received(m: Request) -> None:
    """4.5: with brackets or without."""
    assert m.via.received == "2001:db8::9:255"


def in_sdp(m: Request) -> None:
    assert b"IN IP6 2001:db8::20" in m.body


def mixed_header(m: Request) -> None:
    vias = m.read(headers.VIA)
    assert [(via.host, via.port, via.transport) for via in vias] == [
        *(("2001:db8::9:1", 6050, "UDP"), ("192.0.2.1", None, "UDP"), ("2001:db8::9:255", None, "TCP")),
    ]
    assert vias[2].received == "192.0.2.200"


def mixed_sdp(m: Request) -> None:
    assert b"IN IP6" in m.body
    assert b"IN IP4" in m.body


def mapped(m: Request) -> None:
    """4.9: an IPv4 address written as IPv6."""
    assert m.via.host == "::ffff:192.0.2.10"
    (contact,) = m.contacts
    assert contact.parse_uri().equivalent(Uri.parse("sip:ted@[::ffff:c000:0202]"))


def colons(m: Request) -> None:
    """4.10: three colons, which the grammar of RFC 3261 let happen, are two."""
    assert (m.request_uri.host, m.request_uri.user) == ("2001:db8::192.0.2.1", "user")
    assert m.request_uri.equivalent(Uri.parse("sip:user@[2001:db8::192.0.2.1]"))


TABLE = [
    Row("ipv6-good", "4.1", None, 200, good),
    Row("ipv6-bad", "4.2", None, 400, bad),
    Row("port-ambiguous", "4.3", None, 200, ambiguous),
    Row("port-unambiguous", "4.4", None, 200, unambiguous),
    Row("via-received-param-with-delim", "4.5", None, "forwarded", received),
    Row("via-received-param-no-delim", "4.5", None, "forwarded", received),
    Row("ipv6-in-sdp", "4.6", None, "forwarded", in_sdp),
    Row("mult-ip-in-header", "4.7", None, "forwarded", mixed_header),
    Row("mult-ip-in-sdp", "4.8", None, "forwarded", mixed_sdp),
    Row("ipv4-mapped-ipv6", "4.9", None, "forwarded", mapped),
    Row("ipv6-bug-abnf-3-colons", "4.10", None, "forwarded", colons),
    Row("ipv6-correct-abnf-2-colons", "4.10", None, "forwarded", colons),
]
ROWS = [pytest.param(row, id=row.name) for row in TABLE]


def test_the_table_is_complete() -> None:
    assert len({row.name for row in TABLE}) == 12


@pytest.mark.parametrize("row", ROWS)
def test_parser(row: Row) -> None:
    in_datagram(raw("rfc5118/wire", row.name), row)


@pytest.mark.parametrize("row", ROWS)
def test_stream(row: Row) -> None:
    on_stream(raw("rfc5118/wire", row.name), row)


@pytest.mark.parametrize("row", ROWS)
def test_proxy_and_registrar(row: Row) -> None:
    data = raw("rfc5118/wire", row.name)
    sent = by_engine(data, row)
    if row.engine == "forwarded":
        passed_on(data, sent)
