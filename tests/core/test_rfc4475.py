"""RFC 4475, "SIP Torture Test Messages": what its text asks of a parser, a proxy and a registrar, message by message."""

import pytest

from ebr_core.message import Keepalive, MessageError, Request, Response, StreamFramer, Uri, headers, parse_message
from torture import FRAMING_LOST, INCOMPLETE, Row, by_engine, in_datagram, on_stream, passed_on, raw

NAMES = (
    "wsinv intmeth esc01 escnull esc02 lwsdisp longreq dblreq semiuri transports mpart01 unreason noreason badinv01 clerr ncl "
    "scalar02 scalarlg quotbal ltgtruri lwsruri lwsstart trws escruri baddate regbadct badaspec baddn badvers mismatch01 "
    "mismatch02 bigcode badbranch insuf unkscm novelsc unksm2 bext01 invut regaut01 multi01 mcl01 bcast zeromf cparam01 cparam02 "
    "regescrt sdp01 inv2543"
).split()


def wsinv(m: Request) -> None:
    """Blanks wherever the grammar allows them, folding, mixed case, a Via list over several lines, escaped quotes."""
    assert (m.to_tag, m.from_tag, m.max_forwards, m.cseq, m.cseq_method) == ("1918181833n", "98asjd8", 68, 9, "INVITE")
    assert (m.from_.display, m.from_uri, m.to_uri) == (
        *('J Rosenberg \\"', "sip:jdrosen@example.com", "sip:vivekg@chair-dnrc.example.com"),
    )
    vias = m.read(headers.VIA)
    assert [(via.transport, via.host, via.branch) for via in vias] == [
        *(("UDP", "192.0.2.2", "390skdjuw"), ("TCP", "spindle.example.com", "z9hG4bK9ikj8")),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert (m.header("subject"), m.header("newfangledheader")) == ("", "newfangled value continued newfangled value")
    assert m.header("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    (contact,) = m.contacts
    assert (contact.display, contact.q, contact.params["newparam"], contact.params["secondparam"]) == (
        *('Quoted string ""', 0.33, "newvalue", None),
    )
    (route,) = m.routes
    assert route.parse_uri().params == {"lr": None, "unknownwith": "value", "unknown-no-value": None}
    assert m.request_uri.params == {"unknownparam": None}
    assert len(m.body) == 150


def intmeth(m: Request) -> None:
    """Every character that a method, a user part, a display name, a Call-ID and a field name may have."""
    assert m.method == m.cseq_method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert (m.cseq, m.max_forwards, m.from_uri) == (139122385, 255, "sip:mundane@example.com")
    assert m.request_uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert m.request_uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert m.to.display == "BEL:\x07 NUL:\0 DEL:\x7f"
    assert m.from_.display == "token1~` token2'+_ token3*%!.-"
    assert m.from_.params["fromparam''~+*_!.-%"] == '"\u0440\u0430\u0431\u043e\u0442\u0430\u044e\u0449\u0438\u0439"'
    assert (m.from_tag, m.call_id) == ("_token~1'+`*%!-.", "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{")
    assert m.header("extensionHeader-!.%*+_`'~") == "\ufeff\u5927\u505c\u96fb"


def esc01(m: Request) -> None:
    """Escapes are read once, and only where they mean something."""
    assert (m.request_uri.user, m.request_uri.host) == ("sips:user@example.com", "example.net")
    assert m.to.parse_uri().equivalent(Uri.parse("sip:user@example.com"))
    assert m.from_.parse_uri().user == "I have spaces"
    (contact,) = m.contacts
    uri = contact.parse_uri()
    assert uri.user == "caller"
    assert uri.params == {"lr": None, "name": "v%61lue%25%34%31"}
    assert uri.equivalent(Uri.parse("sip:caller@host5.example.net;name=value%25%34%31;lr"))
    assert not uri.equivalent(Uri.parse("sip:caller@host5.example.net;name=valueA;lr"))


def escnull(m: Request) -> None:
    """%00 is a character as any other; two bindings, which differ."""
    assert m.to.parse_uri().user == "null-\0-null"
    first, second = (contact.parse_uri() for contact in m.contacts)
    assert (first.user, second.user) == ("\0", "\0\0")
    assert not first.equivalent(second)


def esc02(m: Request) -> None:
    """Where a % is no escape: in a method, a display name, a branch, a field name."""
    assert m.method == "RE%47IST%45R"
    assert (m.to.display, m.via.branch) == ("%Z%45", "z9hG4bK209%fzsnel234")
    assert [contact.uri for contact in m.contacts] == ["sip:alias1@host1.example.com", "sip:alias3@host3.example.com"]
    assert m.header("C%6Fntact") == "<sip:alias2@host2.example.com>"


def lwsdisp(m: Request) -> None:
    """No blank between the display name and the bracket."""
    assert (m.from_.display, m.from_uri, m.from_tag) == ("caller", "sip:caller@example.com", "323")


def longreq(m: Request) -> None:
    assert len(m.to_bytes()) > 3000
    assert m.to.display.startswith("I have a user name of extreme")
    uri = m.to.parse_uri()
    assert (uri.port, uri.params["unknownparam1"]) == (6000, "very" + "long" * 20 + "value")
    assert m.from_uri.startswith("sip:" + "amazinglylongcallername" * 2)
    assert len(m.from_tag) > 100
    assert len(m.read(headers.VIA)) == 34
    assert m.via.host == "sip33.example.com"
    assert m.read(headers.VIA)[-1].branch.startswith("very" + "long" * 20)
    (contact,) = m.contacts
    assert contact.parse_uri().host == "host5.example.net"


def dblreq(m: Request) -> None:
    """What follows the length that was told is no part of the message."""
    assert (m.method, m.body, m.call_id) == ("REGISTER", b"", "dblreq.0ha0isndaksdj99sdfafnl3lk233412")


def semiuri(m: Request) -> None:
    """A semicolon in the user part begins no parameter of the URI."""
    assert (m.request_uri.user, m.request_uri.host, m.request_uri.params) == ("user;par=u@example.net", "example.com", {})
    assert len(m.read(headers.ACCEPT)) == 6


def transports(m: Request) -> None:
    assert [via.transport for via in m.read(headers.VIA)] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def mpart01(m: Request) -> None:
    first, second = m.parts()
    assert (first.content_type, first.body, second.content_type) == ("text/plain", b"Hello", "application/octet-stream")
    assert b"\0" in second.body
    assert second.header("Content-Transfer-Encoding") == "binary"


def unreason(m: Response) -> None:
    assert (m.status, m.reason[:13]) == (200, "= 2**3 * 5**2")
    assert m.reason.endswith("\u043f\u0440\u043e\u0441\u0442\u043e\u0435")


def noreason(m: Response) -> None:
    assert (m.status, m.reason, m.to_tag) == (100, "", "902jndnke3")


def escruri(m: Request) -> None:
    """Header fields have no place in a Request-URI; they are seen and not followed."""
    assert m.request_uri.header_fields == [("Route", "<sip:example.com>")]
    assert m.routes == []


def baddate(m: Request) -> None:
    """Only who wants the date has to mind that it is none."""
    with pytest.raises(MessageError):
        m.read(headers.DATE)


def regbadct(m: Request) -> None:
    with pytest.raises(MessageError):
        m.read(headers.CONTACT)


def badaspec(m: Request) -> None:
    """Blanks inside the brackets: read with goodwill as far as they matter to nobody, an error for who needs the URI."""
    assert (m.to.display, m.from_.display) == ("Watson, Thomas", "Bell, Alexander")
    with pytest.raises(MessageError):
        m.to.parse_uri()


def badbranch(m: Request) -> None:
    """The magic cookie alone makes no branch unique."""
    assert m.via.branch == "z9hG4bK"


def unkscm(m: Request) -> None:
    assert (m.request_uri.scheme, m.request_uri.host) == ("nobodyknowsthisscheme", "")


def novelsc(m: Request) -> None:
    assert (m.request_uri.scheme, m.uri) == ("soap.beep", "soap.beep://192.0.2.103:3002")


def unksm2(m: Request) -> None:
    assert (m.to_uri, m.from_uri) == ("isbn:2983792873", "http://www.example.com")
    assert [contact.uri for contact in m.contacts] == ["name:John_Smith"]


def bext01(m: Request) -> None:
    assert m.read(headers.REQUIRE) == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert m.read(headers.PROXY_REQUIRE) == ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]


def invut(m: Request) -> None:
    content_type = m.read(headers.CONTENT_TYPE)
    assert content_type is not None
    assert content_type.full == "application/unknownformat"


def regaut01(m: Request) -> None:
    (credentials,) = m.read(headers.AUTHORIZATION)
    assert (credentials.scheme, credentials.text) == ("NoOneKnowsThisScheme", "opaque-data=here")


def bcast(m: Response) -> None:
    """Its second Via is where nobody may send to."""
    assert [via.host for via in m.read(headers.VIA)] == ["192.0.2.198", "255.255.255.255"]


def zeromf(m: Request) -> None:
    assert m.max_forwards == 0


def cparam01(m: Request) -> None:
    """Without brackets the parameter is the field's."""
    (contact,) = m.contacts
    assert (contact.params, contact.parse_uri().params) == ({"unknownparam": None}, {})


def cparam02(m: Request) -> None:
    """Within brackets it is the URI's."""
    (contact,) = m.contacts
    assert (contact.params, contact.parse_uri().params) == ({}, {"unknownparam": None})


def regescrt(m: Request) -> None:
    """A header field in a binding is kept for who will send to it, and not followed here."""
    (contact,) = m.contacts
    assert contact.parse_uri().header_fields == [("Route", "<sip:sip.example.com>")]


def inv2543(m: Request) -> None:
    """RFC 2543: no branch, no tag of From's, no Content-Length."""
    assert (m.via.host, m.via.branch, m.from_tag, m.max_forwards) == ("iftgw.example.com", "", "", -1)
    assert m.record_routes[0].parse_uri().params == {"maddr": "ss1.example.com"}
    number = m.from_.parse_uri().tel
    assert number is not None
    assert number.number == "+13035551111"


# fmt: off
TABLE = [
    # 3.1.1: valid messages
    # The first hop of wsinv is a name in a Route; until names are resolved (RFC 3263) the engine answers 500.
    Row("wsinv", "3.1.1.1", None, 500, wsinv),
    Row("intmeth", "3.1.1.2", None, "forwarded", intmeth),
    Row("esc01", "3.1.1.3", None, "forwarded", esc01),
    Row("escnull", "3.1.1.4", None, 200, escnull),
    Row("esc02", "3.1.1.5", None, "forwarded", esc02),
    Row("lwsdisp", "3.1.1.6", None, "forwarded", lwsdisp),
    Row("longreq", "3.1.1.7", None, "forwarded", longreq),
    Row("dblreq", "3.1.1.8", None, 200, dblreq),
    Row("semiuri", "3.1.1.9", None, "forwarded", semiuri),
    Row("transports", "3.1.1.10", None, "forwarded", transports),
    Row("mpart01", "3.1.1.11", None, "forwarded", mpart01),
    Row("unreason", "3.1.1.12", None, "dropped", unreason),
    Row("noreason", "3.1.1.13", None, "dropped", noreason),
    # 3.1.2: invalid messages
    Row("badinv01", "3.1.2.1", 400, 400),
    Row("clerr", "3.1.2.2", 400, 400, None, INCOMPLETE),
    Row("ncl", "3.1.2.3", 400, 400, None, FRAMING_LOST),
    Row("scalar02", "3.1.2.4", 400, 400),
    Row("scalarlg", "3.1.2.5", 400, "dropped"),
    Row("quotbal", "3.1.2.6", 400, 400),
    Row("ltgtruri", "3.1.2.7", 400, 400),
    Row("lwsruri", "3.1.2.8", 400, 400),
    Row("lwsstart", "3.1.2.9", 400, 400),
    Row("trws", "3.1.2.10", 400, 400),
    Row("escruri", "3.1.2.11", None, "forwarded", escruri),
    Row("baddate", "3.1.2.12", None, "forwarded", baddate),
    Row("regbadct", "3.1.2.13", None, 400, regbadct),
    Row("badaspec", "3.1.2.14", None, "forwarded", badaspec),
    Row("baddn", "3.1.2.15", 400, 400, None, INCOMPLETE),
    Row("badvers", "3.1.2.16", 505, 505),
    Row("mismatch01", "3.1.2.17", 400, 400),
    Row("mismatch02", "3.1.2.18", 400, 400),
    Row("bigcode", "3.1.2.19", 400, "dropped"),
    # 3.2: transaction layer
    Row("badbranch", "3.2.1", None, "forwarded", badbranch),
    # 3.3: application layer
    Row("insuf", "3.3.1", 400, 400),
    Row("unkscm", "3.3.2", None, 416, unkscm),
    Row("novelsc", "3.3.3", None, 416, novelsc),
    Row("unksm2", "3.3.4", None, 404, unksm2),
    Row("bext01", "3.3.5", None, 420, bext01),
    Row("invut", "3.3.6", None, "forwarded", invut),
    Row("regaut01", "3.3.7", None, 200, regaut01),
    Row("multi01", "3.3.8", 400, 400),
    Row("mcl01", "3.3.9", 400, 400, None, FRAMING_LOST),
    Row("bcast", "3.3.10", None, "dropped", bcast),
    Row("zeromf", "3.3.11", None, 483, zeromf),
    Row("cparam01", "3.3.12", None, 200, cparam01),
    Row("cparam02", "3.3.13", None, 200, cparam02),
    Row("regescrt", "3.3.14", None, 200, regescrt),
    Row("sdp01", "3.3.15", None, "forwarded"),
    # 3.4: backward compatibility
    Row("inv2543", "3.4.1", None, "forwarded", inv2543, FRAMING_LOST),
]
# fmt: on
ROWS = [pytest.param(row, id=row.name) for row in TABLE]


def test_the_table_is_complete() -> None:
    assert sorted(row.name for row in TABLE) == sorted(NAMES)
    assert len(NAMES) == 49


@pytest.mark.parametrize("row", ROWS)
def test_parser(row: Row) -> None:
    in_datagram(raw("rfc4475", row.name), row)


@pytest.mark.parametrize("row", ROWS)
def test_stream(row: Row) -> None:
    on_stream(raw("rfc4475", row.name), row)


@pytest.mark.parametrize("row", ROWS)
def test_proxy_and_registrar(row: Row) -> None:
    data = raw("rfc4475", row.name)
    sent = by_engine(data, row)
    if row.engine == "forwarded":
        passed_on(data, sent)
    elif row.name in ("escnull", "cparam01", "cparam02"):
        expected = [contact.uri for contact in parse_message(data).contacts]
        assert [contact.uri for contact in parse_message(sent).contacts] == expected, "not what was registered"


def test_two_requests_in_one_datagram_are_two_on_a_stream() -> None:
    """3.1.1.8: a datagram has one message; a stream goes on behind it (7.5), until bytes come that are none."""
    data = raw("rfc4475", "dblreq")
    framer = StreamFramer()
    first, pong, second, *rest = framer.receive(data, 0.0)
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert (first.method, pong, second.method, len(second.body)) == ("REGISTER", Keepalive.PONG, "INVITE", 150)
    assert len(rest) <= 1
