"""RFC 4475: what a parser, a proxy and a registrar must do with each of its 49 messages, and what each of them says."""

import pytest

from core import rfc4475_values as says
from core.rfc_cases import (
    BOB,
    FORWARDS,
    NOTHING,
    PARSES,
    Case,
    Today,
    fetch,
    load,
    proxy,
    registrar,
    sends,
    start,
    try_datagram,
    try_forwarding,
    try_registering,
    try_stream,
)
from ebr_core.message import MessageError, NameAddr, Request, StreamFramer, parse_message

UNKNOWN_METHOD = Today(405, rfc="501 for a method that is not known at all (21.5.2), 405 for one that is; ours says 405 to both")
STRICT_ROUTE = Today(FORWARDS, rfc="a Route without lr goes into the Request-URI, and that to the end of Route (16.6 step 6)")
NO_SIP_AOR = Today(404, rfc="400: the To of a REGISTER is a SIP or SIPS URI; ours looks for the domain first")
HOPS_FIRST = Today(483, rfc="an endpoint takes the request as if hops were left; ours counts them before it knows its role")
PROXY_ROLE = Today(420, rfc="420 too, but naming the options of Require; ours names those of Proxy-Require, as a proxy")
ENDPOINT = 405
"""A registrar has no other method; as an endpoint it would look at the rest, and no endpoint is built here."""
TWO_REQUESTS = ("request", "pong", "request", "400", "closed")
"""On a stream the octets behind the REGISTER are a request too, and what its Content-Length leaves over ends the stream."""

# fmt: off
CASES = (
    #    name          section     parser  proxy         registrar       values
    Case("wsinv",      "3.1.1.1",  PARSES, FORWARDS,     403,            says.wsinv),  # a dialog that is none of the registrar's
    Case("intmeth",    "3.1.1.2",  PARSES, FORWARDS,     UNKNOWN_METHOD, says.intmeth),
    Case("esc01",      "3.1.1.3",  PARSES, FORWARDS,     ENDPOINT,       says.esc01),
    Case("escnull",    "3.1.1.4",  PARSES, FORWARDS,     200,            says.escnull),
    Case("esc02",      "3.1.1.5",  PARSES, FORWARDS,     UNKNOWN_METHOD, says.esc02),
    Case("lwsdisp",    "3.1.1.6",  PARSES, FORWARDS,     ENDPOINT,       says.lwsdisp),
    Case("longreq",    "3.1.1.7",  PARSES, FORWARDS,     ENDPOINT,       says.longreq),
    Case("dblreq",     "3.1.1.8",  PARSES, FORWARDS,     200,            says.dblreq, stream=TWO_REQUESTS),
    Case("semiuri",    "3.1.1.9",  PARSES, FORWARDS,     ENDPOINT,       says.semiuri),
    Case("transports", "3.1.1.10", PARSES, FORWARDS,     ENDPOINT,       says.transports),
    Case("mpart01",    "3.1.1.11", PARSES, STRICT_ROUTE, ENDPOINT,       says.mpart01),
    Case("unreason",   "3.1.1.12", PARSES, NOTHING,      NOTHING,        says.unreason),  # to no request of ours: see below
    Case("noreason",   "3.1.1.13", PARSES, NOTHING,      NOTHING,        says.noreason),
    Case("badinv01",   "3.1.2.1",  400,    400,          400),
    # On a stream the rest may still come; it is waited for until the time is up.
    Case("clerr",      "3.1.2.2",  400,    400,          400,            stream=("waits",)),
    Case("ncl",        "3.1.2.3",  400,    400,          400,            stream=("400", "closed")),
    Case("scalar02",   "3.1.2.4",  400,    400,          400,            says.scalar02),
    Case("scalarlg",   "3.1.2.5",  400,    NOTHING,      NOTHING),  # discarded
    Case("quotbal",    "3.1.2.6",  400,    400,          400),
    Case("ltgtruri",   "3.1.2.7",  400,    400,          400),
    Case("lwsruri",    "3.1.2.8",  400,    400,          400),
    Case("lwsstart",   "3.1.2.9",  400,    400,          400),
    Case("trws",       "3.1.2.10", 400,    400,          400),
    Case("escruri",    "3.1.2.11", PARSES, FORWARDS,     ENDPOINT,       says.escruri),  # but without the headers: see below
    Case("baddate",    "3.1.2.12", PARSES, FORWARDS,     ENDPOINT,       says.baddate),  # nobody here needs the date
    Case("regbadct",   "3.1.2.13", PARSES, FORWARDS,     400,            says.regbadct),
    Case("badaspec",   "3.1.2.14", PARSES, FORWARDS,     ENDPOINT,       says.badaspec),  # To has no routing information
    # The file has no empty line at its end: see below for the message of the RFC.
    Case("baddn",      "3.1.2.15", 400,    400,          400,            stream=("waits",)),
    Case("badvers",    "3.1.2.16", 505,    505,          505),
    Case("mismatch01", "3.1.2.17", 400,    400,          400),
    Case("mismatch02", "3.1.2.18", 400,    400,          400),  # 501 would be better, 400 is acceptable
    Case("bigcode",    "3.1.2.19", 400,    NOTHING,      NOTHING),  # dropped
    Case("badbranch",  "3.2.1",    PARSES, FORWARDS,     ENDPOINT,       says.badbranch),  # matched as RFC 2543 does: see below
    Case("insuf",      "3.3.1",    400,    400,          400,            says.insuf),
    Case("unkscm",     "3.3.2",    PARSES, 416,          416,            says.unkscm),
    Case("novelsc",    "3.3.3",    PARSES, 416,          416,            says.novelsc),
    Case("unksm2",     "3.3.4",    PARSES, FORWARDS,     NO_SIP_AOR,     says.unksm2),
    Case("bext01",     "3.3.5",    PARSES, 420,          PROXY_ROLE,     says.bext01),
    Case("invut",      "3.3.6",    PARSES, FORWARDS,     ENDPOINT,       says.invut),
    Case("regaut01",   "3.3.7",    PARSES, FORWARDS,     200,            says.regaut01),  # it does not look at it
    Case("multi01",    "3.3.8",    400,    400,          400),
    Case("mcl01",      "3.3.9",    400,    400,          400,            stream=("400", "closed")),
    Case("bcast",      "3.3.10",   PARSES, NOTHING,      NOTHING,        says.bcast),
    Case("zeromf",     "3.3.11",   PARSES, 483,          HOPS_FIRST,     says.zeromf),
    Case("cparam01",   "3.3.12",   PARSES, FORWARDS,     200,            says.cparam01),
    Case("cparam02",   "3.3.13",   PARSES, FORWARDS,     200,            says.cparam02),
    Case("regescrt",   "3.3.14",   PARSES, FORWARDS,     200,            says.regescrt),
    Case("sdp01",      "3.3.15",   PARSES, FORWARDS,     ENDPOINT,       says.sdp01),
    # 18.3: on a stream there must be a Content-Length.
    Case("inv2543",    "3.4.1",    PARSES, FORWARDS,     ENDPOINT,       says.inv2543, stream=("400", "closed")),
)
# fmt: on

BINDINGS = {
    "escnull": ("<sip:%00@host5.example.com>;expires=3600", "<sip:%00%00@host5.example.com>;expires=3600"),
    "dblreq": ("<sip:j.user@host.example.com>;expires=3600",),
    "regaut01": (),
    "cparam01": ("<sip:+19725552222@gw1.example.net>;expires=3600",),
    "cparam02": ("<sip:+19725552222@gw1.example.net;unknownparam>;expires=3600",),
    "regescrt": ("<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=3600",),
}
"""What the registrar has after those that it accepts: the parameters where they were, escapes as they were."""


def data_of(name: str) -> bytes:
    return load("rfc4475", name)


def test_the_table_is_whole() -> None:
    assert len({case.name for case in CASES}) == 49
    assert {case.name for case in CASES if case.registrar == 200} == BINDINGS.keys()


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
    try_registering(case, data_of(case.name), BINDINGS.get(case.name, ()))


# ---- what one verdict does not say


def test_escaped_headers_do_not_go_on() -> None:
    """3.1.2.11: neither in the Request-URI, nor as header fields."""
    data = data_of("escruri").replace(b"INVITE sip:user@example.com?", b"INVITE sip:us?er@192.0.2.12?")
    (packet,) = sends(start(proxy(None)), data)
    assert packet.data.startswith(b"INVITE sip:us?er@192.0.2.12 SIP/2.0\r\n"), "a ? in the user part is the user's"
    assert (packet.destination, b"\r\nRoute:" in packet.data) == (BOB, False)


def test_a_display_name_with_a_comma_needs_quotes() -> None:
    """3.1.2.15: it must not be passed on as it is, and so is refused; the file ends too soon to show it."""
    data = data_of("baddn") + b"\r\n"
    with pytest.raises(MessageError) as caught:
        parse_message(data)
    assert (caught.value.status, "quotes" in caught.value.reason, caught.value.partial is not None) == (400, True, True)
    assert [packet.data[:11] for packet in sends(start(proxy()), data)] == [b"SIP/2.0 400"]
    assert isinstance(parse_message(data.replace(b"Bell, Alexander", b"Bell A.").replace(b"Watson, ", b"")), Request)


def test_a_branch_that_is_nothing_but_the_cookie_identifies_nothing() -> None:
    """3.2.1: RFC 2543's rules tell such requests apart, and a retransmission is one."""
    engine, data = start(proxy()), data_of("badbranch")
    assert len(sends(engine, data)) == 1
    assert sends(engine, data) == []
    assert len(sends(engine, data.replace(b"badbranch.", b"another."))) == 1
    assert len(sends(engine, data.replace(b"CSeq: 8", b"CSeq: 9"))) == 1


def test_the_unsupported_options_are_named() -> None:
    """3.3.5: a proxy answers to Proxy-Require, not to Require."""
    (answer,) = sends(start(proxy()), data_of("bext01"))
    assert parse_message(answer.data).values("unsupported") == ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]


def test_only_the_expiry_out_of_range() -> None:
    """3.1.2.4: could be taken for the default. It is taken for the longest time that there is (20.19)."""
    data = data_of("scalar02").replace(b"36893488147419103232", b"1")
    with pytest.raises(MessageError):
        parse_message(data)  # Max-Forwards; 400 was asked for because of CSeq only, and is no worse here
    engine = start(registrar())
    assert len(sends(engine, data.replace(b"Max-Forwards: 300", b"Max-Forwards: 70"))) == 1
    assert fetch(engine, "sip:user@example.com") == ["<sip:user@host129.example.com>;expires=4294967295"]


def test_a_null_does_not_shorten_a_name() -> None:
    """3.1.1.4."""
    engine = start(registrar())
    sends(engine, data_of("escnull"))
    assert fetch(engine, "sip:null-@example.com") == []
    assert len(fetch(engine, "sip:null-%00-null@example.com")) == 2


@pytest.mark.parametrize("name", ["unreason", "bcast"])
def test_responses_to_a_request_of_ours(name: str) -> None:
    """3.1.1.12, 3.3.10: the reason phrase goes on as it came; a response goes where its request came from, whatever its Vias."""
    engine = start(proxy())
    (invite,) = sends(engine, data_of("baddate"))
    request, response = parse_message(invite.data), data_of(name)
    head, _, rest = response.partition(b"\r\n")
    old = next(line for line in rest.split(b"\r\n") if line.startswith(b"Via: "))
    answer = rest.replace(old, b"Via: " + request.values("via")[0].encode() + b"\r\nVia: SIP/2.0/UDP 255.255.255.255", 1)
    (sent,) = sends(engine, head + b"\r\n" + answer.replace(b"CSeq: 35 ", b"CSeq: 1392934 "), BOB)
    assert sent.data.startswith(head + b"\r\n")
    assert sent.destination == ("192.0.2.11", 5060)


def test_a_stream_that_ends_too_soon() -> None:
    """3.1.2.2: the connection is to be closed, and what came can be answered."""
    framer = StreamFramer()
    assert framer.receive(data_of("clerr"), 0.0) == []
    error = framer.eof()
    assert error is not None
    assert error.partial is not None
    assert (error.status, error.partial.call_id) == (400, "clerr.0ha0isndaksdjweiafasdk3")


def test_a_message_that_is_not_in_the_rfc() -> None:
    """It came with the others: a start line without a version, and no Via to answer by."""
    data = data_of("test")
    with pytest.raises(MessageError) as caught:
        parse_message(data)
    assert (caught.value.status, caught.value.partial) == (400, None)
    assert sends(start(proxy()), data) == []


def test_brackets_missing_where_they_must_not() -> None:
    """3.1.2.13, for those without the data: the text behind the ? would be the header field's or the URI's."""
    with pytest.raises(MessageError):
        NameAddr.parse("sip:user@example.com?Route=%3Csip:sip.example.com%3E")
    assert NameAddr.parse("<sip:user@example.com?Route=%3Csip:sip.example.com%3E>").parse_uri().headers
