"""RFC 5118: what a parser, a proxy and a registrar must do with each of its 12 messages, and where the addresses in them end."""

import pytest

from core.rfc_cases import (
    FORWARDS,
    PARSES,
    Case,
    load,
    proxy,
    sends,
    start,
    try_datagram,
    try_forwarding,
    try_registering,
    try_stream,
)
from ebr_core.message import MessageError, Request, Uri, Via, headers, parse_message


def good(register: Request) -> None:
    assert (register.request_uri.host, register.request_uri.port) == ("2001:db8::10", None)
    assert (register.via.host, register.via.port, register.via.branch) == ("2001:db8::9:1", None, "z9hG4bKas3-111")
    (contact,) = register.contacts
    assert (contact.display, contact.parse_uri().aor) == ("Caller", "caller@2001:db8::1")


def bad(register: Request) -> None:
    assert register.contacts[0].parse_uri().host == "2001:db8::1"
    with pytest.raises(MessageError) as caught:
        repr(register.request_uri)
    assert caught.value.status == 400


def port_ambiguous(register: Request) -> None:
    assert (register.request_uri.host, register.request_uri.port) == ("2001:db8::10:5070", None)


def port_unambiguous(register: Request) -> None:
    assert (register.request_uri.host, register.request_uri.port) == ("2001:db8::10", 5070)


def received(request: Request) -> None:
    assert (request.via.host, request.via.received) == ("2001:db8::9:1", "2001:db8::9:255"), "with brackets or without"


def in_sdp(invite: Request) -> None:
    assert invite.request_uri.aor == "user@2001:db8::10"
    assert (invite.content_type, len(invite.body)) == ("application/sdp", 251)
    assert b"c=IN IP6 2001:db8::20\r\n" in invite.body


def mixed_vias(bye: Request) -> None:
    vias = bye.read(headers.VIA)
    assert [(via.transport, via.host, via.port) for via in vias] == [
        ("UDP", "2001:db8::9:1", 6050),
        ("UDP", "192.0.2.1", None),
        ("TCP", "2001:db8::9:255", None),
    ]
    assert vias[2].received == "192.0.2.200"


def mixed_sdp(invite: Request) -> None:
    lines = invite.body.split(b"\r\n")
    assert [line for line in lines if line.startswith(b"c=")] == [b"c=IN IP4 192.0.2.1", b"c=IN IP6 2001:db8::1"]


def mapped(invite: Request) -> None:
    vias = invite.read(headers.VIA)
    assert [(via.host, via.port) for via in vias] == [("::ffff:192.0.2.10", 19823), ("::ffff:192.0.2.2", None)]
    (contact,) = invite.contacts
    assert (contact.display, contact.parse_uri().host) == ("T. desk phone", "::ffff:192.0.2.2")
    assert contact.parse_uri().equivalent(Uri.parse("sip:ted@[::FFFF:c000:202]")), "RFC 5954: compared as numbers"


def colons(options: Request) -> None:
    uri = options.request_uri
    assert (uri.user, uri.host, uri.numeric) == ("user", "2001:db8::192.0.2.1", True)
    assert uri.equivalent(options.to.parse_uri())
    assert uri.equivalent(Uri.parse("sip:user@[2001:db8::c000:201]"))


ENDPOINT = 405
"""A registrar has no other method."""
NO_DIALOG = 403
"""Inside a dialog that is none of the registrar's."""

# fmt: off
CASES = (
    #    name                             section parser  proxy     registrar  values
    Case("ipv6-good",                     "4.1",  PARSES, FORWARDS, 200,       good),
    # The parser reads the Request-URI when it is asked for; every element does ask.
    Case("ipv6-bad",                      "4.2",  PARSES, 400,      400,       bad),
    Case("port-ambiguous",                "4.3",  PARSES, FORWARDS, 200,       port_ambiguous),
    Case("port-unambiguous",              "4.4",  PARSES, FORWARDS, 200,       port_unambiguous),
    Case("via-received-param-with-delim", "4.5",  PARSES, FORWARDS, NO_DIALOG, received),
    Case("via-received-param-no-delim",   "4.5",  PARSES, FORWARDS, ENDPOINT,  received),
    Case("ipv6-in-sdp",                   "4.6",  PARSES, FORWARDS, ENDPOINT,  in_sdp),
    Case("mult-ip-in-header",             "4.7",  PARSES, FORWARDS, NO_DIALOG, mixed_vias),
    Case("mult-ip-in-sdp",                "4.8",  PARSES, FORWARDS, ENDPOINT,  mixed_sdp),
    Case("ipv4-mapped-ipv6",              "4.9",  PARSES, FORWARDS, ENDPOINT,  mapped),
    Case("ipv6-bug-abnf-3-colons",        "4.10", PARSES, FORWARDS, ENDPOINT,  colons),
    Case("ipv6-correct-abnf-2-colons",    "4.10", PARSES, FORWARDS, ENDPOINT,  colons),
)
# fmt: on


def data_of(name: str) -> bytes:
    return load("rfc5118/wire", name)


def test_the_table_is_whole() -> None:
    assert len({case.name for case in CASES}) == 12


@pytest.mark.parametrize("case", CASES, ids=str)
def test_datagram(case: Case) -> None:
    try_datagram(case, data_of(case.name))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stream(case: Case) -> None:
    try_stream(case, data_of(case.name))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_proxy(case: Case) -> None:
    try_forwarding(case, data_of(case.name))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_registrar(case: Case) -> None:
    try_registering(case, data_of(case.name), ("<sip:caller@[2001:db8::1]>;expires=3600",))


# ---- for those without the data, and what one verdict does not say


def test_two_spellings_of_an_address_are_one_branch() -> None:
    """4.10: the URI with a colon too many is the other one."""
    three, two = (parse_message(data_of(f"ipv6-{name}")) for name in ("bug-abnf-3-colons", "correct-abnf-2-colons"))
    assert isinstance(three, Request)
    assert isinstance(two, Request)
    assert three.request_uri.key == two.request_uri.key


def test_received_is_printed_without_brackets() -> None:
    """4.5: be strict in what is sent."""
    data = data_of("via-received-param-with-delim")
    (packet,) = sends(start(proxy()), data, ("2001:db8::9:255", 5060))
    (line,) = [line for line in packet.data.split(b"\r\n") if line.startswith(b"Via: SIP/2.0/UDP [2001:db8::9:1]")]
    assert line.endswith((b";received=2001:db8::9:255", b";received=2001:db8::9:255;branch=z9hG4bKas3-111"))
    via = Via.parse("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bK1")
    assert str(via.stamped("2001:db8::9:255", 5060)) == "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bK1"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("sip:[2001:db8::10:5070]", "2001:db8::10:5070", None),
        ("sip:[2001:db8::10]:5070", "2001:db8::10", 5070),
        ("sip:a@[::ffff:192.0.2.2]", "::ffff:192.0.2.2", None),
        ("sip:a@[2001:db8:::192.0.2.1]", "2001:db8::192.0.2.1", None),
    ],
)
def test_where_an_address_ends(text: str, host: str, port: int | None) -> None:
    assert (Uri.parse(text).host, Uri.parse(text).port) == (host, port)


@pytest.mark.parametrize("text", ["sip:2001:db8::10", "sip:[2001:db8::10", "sip:[2001:db8::10]5070", "sip:[2001:db8::10:g]"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(MessageError):
        Uri.parse(text)
