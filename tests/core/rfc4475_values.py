"""What the messages of RFC 4475 say: the values that the RFC points out. Of a refused message, what is known of it."""

import pytest

from ebr_core.message import MessageError, Request, Response, Uri, headers

# ---- 3.1.1 valid messages: the values that the RFC points out


def wsinv(invite: Request) -> None:
    assert (invite.method, invite.request_uri.params) == ("INVITE", {"unknownparam": None})
    assert (invite.to_uri, invite.to_tag) == ("sip:vivekg@chair-dnrc.example.com", "1918181833n")
    assert (invite.from_.display, invite.from_uri, invite.from_tag) == ('J Rosenberg \\"', "sip:jdrosen@example.com", "98asjd8")
    assert (invite.max_forwards, invite.cseq, invite.cseq_method) == (68, 9, "INVITE"), "leading zeros"
    assert invite.call_id == "wsinv.ndaksdj@192.0.2.1"
    vias = invite.read(headers.VIA)
    assert [(via.protocol, via.transport, via.host, via.params) for via in vias] == [
        ("SIP/2.0", "UDP", "192.0.2.2", {"branch": "390skdjuw"}),
        ("SIP/2.0", "TCP", "spindle.example.com", {"branch": "z9hG4bK9ikj8"}),
        ("SIP/2.0", "UDP", "192.168.255.111", {"branch": "z9hG4bK30239"}),
    ]
    assert invite.header("Subject") == ""
    assert invite.header("NewFangledHeader") == "newfangled value continued newfangled value"
    assert invite.header("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert invite.routes[0].parse_uri().params == {"lr": None, "unknownwith": "value", "unknown-no-value": None}
    (contact,) = invite.contacts
    assert (contact.display, contact.uri, contact.q) == ('Quoted string ""', "sip:jdrosen@example.com", 0.33)
    assert contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert len(invite.body) == 150


def intmeth(request: Request) -> None:
    assert request.method == request.cseq_method == "!interesting-Method0123456789_*+`.%indeed'~"
    uri = request.request_uri
    assert (uri.user, uri.host) == ("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", "example.com")
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert request.via.branch == "z9hG4bK-.!%66*_+`'~"
    assert request.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert request.from_.display == "token1~` token2'+_ token3*%!.-"
    assert request.from_.params["fromparam''~+*_!.-%"] == '"\u0440\u0430\u0431\u043e\u0442\u0430\u044e\u0449\u0438\u0439"'
    assert request.from_tag == "_token~1'+`*%!-."
    assert request.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert request.cseq == 139122385
    assert request.max_forwards == 255
    assert request.header("extensionHeader-!.%*+_`'~") == "\ufeff\u5927\u505c\u96fb"


def esc01(invite: Request) -> None:
    assert (invite.request_uri.user, invite.request_uri.host) == ("sips:user@example.com", "example.net")
    assert invite.to.parse_uri().user == "user"
    assert invite.from_.parse_uri().user == "I have spaces"
    contact = invite.contacts[0].parse_uri()
    assert (contact.user, list(contact.params)) == ("caller", ["lr", "name"])
    assert contact.equivalent(Uri.parse("sip:caller@host5.example.net;lr;name=value%2541"))
    assert not contact.equivalent(Uri.parse("sip:caller@host5.example.net;lr;name=valueA")), "never unescaped twice"


def escnull(register: Request) -> None:
    assert register.to.parse_uri().aor == "null-\0-null@example.com"
    first, second = (contact.parse_uri() for contact in register.contacts)
    assert (first.user, second.user) == ("\0", "\0\0")
    assert not first.equivalent(second)


def esc02(request: Request) -> None:
    assert request.method == request.cseq_method == "RE%47IST%45R"
    assert request.to.display == request.from_.display == "%Z%45"
    assert request.via.branch == "z9hG4bK209%fzsnel234"
    assert [contact.uri for contact in request.contacts] == ["sip:alias1@host1.example.com", "sip:alias3@host3.example.com"]
    assert request.header("C%6Fntact") == "<sip:alias2@host2.example.com>"


def lwsdisp(options: Request) -> None:
    assert (options.from_.display, options.from_uri, options.from_tag) == ("caller", "sip:caller@example.com", "323")


def longreq(invite: Request) -> None:
    assert invite.to.display == f"I have a user name of {'extreme' * 10} proportion"
    uri = invite.to.parse_uri()
    assert (uri.port, uri.params["unknownparam1"]) == (6000, f"very{'long' * 20}value")
    assert uri.params[f"longparam{'name' * 25}"] == "shortvalue"
    assert uri.params[f"very{'long' * 25}parameternamewithnovalue"] is None
    assert invite.from_uri == f"sip:{'amazinglylongcallername' * 5}@example.net"
    assert invite.from_tag == f"12{'982' * 50}424"
    assert invite.from_.params[f"unknownheaderparam{'name' * 20}"] == f"unknowheaderparam{'value' * 15}"
    assert invite.from_.params[f"unknownvalueless{'paramname' * 10}"] is None
    assert invite.call_id == f"longreq.one{'really' * 20}longcallid"
    vias = invite.read(headers.VIA)
    assert [via.host for via in vias] == [*(f"sip{n}.example.com" for n in range(33, 0, -1)), "host.example.com"]
    assert (vias[0].branch, vias[-1].received) == ("", "192.0.2.5")
    assert vias[-1].branch == f"very{'long' * 50}branchvalue"
    assert len(invite.body) == 150


def dblreq(register: Request) -> None:
    assert (register.method, register.call_id) == ("REGISTER", "dblreq.0ha0isndaksdj99sdfafnl3lk233412")
    assert (register.body, b"INVITE" in register.to_bytes()) == (b"", False)


def semiuri(options: Request) -> None:
    uri = options.request_uri
    assert (uri.user, uri.host, uri.params) == ("user;par=u@example.net", "example.com", {})
    assert options.values("accept")[1:] == [
        *("application/pkcs7-mime", "multipart/mixed", "multipart/signed", "message/sip", "message/sipfrag"),
    ]


def transports(options: Request) -> None:
    assert [via.transport for via in options.read(headers.VIA)] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def mpart01(message: Request) -> None:
    first, second = message.parts()
    assert (first.content_type, first.body) == ("text/plain", b"Hello")
    assert (second.content_type, second.body[:2], b"\0" in second.body) == ("application/octet-stream", b"\x30\x82", True)
    assert len(message.body) == 553
    assert message.routes[0].uri == "sip:127.0.0.1:5080"


def unreason(response: Response) -> None:
    assert response.status == 200
    assert response.reason.startswith("= 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e")
    assert len(response.body) == 154


def noreason(response: Response) -> None:
    assert (response.status, response.reason, response.cseq) == (100, "", 35)


# ---- 3.1.2 invalid messages, as far as there is something left to read


def scalar02(known: Request) -> None:
    assert (known.cseq, known.header("cseq")) == (-1, "36893488147419103232 REGISTER"), "the answer repeats it"


def escruri(invite: Request) -> None:
    assert invite.request_uri.header_fields == [("Route", "<sip:example.com>")]


def baddate(invite: Request) -> None:
    assert invite.header("date") == "Fri, 01 Jan 2010 16:00:00 EST"
    with pytest.raises(MessageError):
        invite.read(headers.DATE)


def regbadct(register: Request) -> None:
    with pytest.raises(MessageError):
        repr(register.contacts)


def badaspec(options: Request) -> None:
    assert options.from_.display == "Bell, Alexander"
    with pytest.raises(MessageError):
        options.to.parse_uri()


# ---- 3.2 to 3.4


def badbranch(options: Request) -> None:
    assert options.via.branch == "z9hG4bK"


def insuf(known: Request) -> None:
    assert (known.via.branch, known.cseq, known.call_id, known.from_uri, known.to_uri) == ("z9hG4bKkdj.insuf", 193942, "", "", "")


def unkscm(options: Request) -> None:
    assert (options.request_uri.scheme, options.to_uri) == ("nobodyknowsthisscheme", "sip:user@example.com")


def novelsc(options: Request) -> None:
    assert (options.request_uri.scheme, options.request_uri.host) == ("soap.beep", "")


def unksm2(register: Request) -> None:
    (contact,) = register.contacts
    uris = (register.to.parse_uri(), register.from_.parse_uri(), contact.parse_uri())
    assert [uri.scheme for uri in uris] == ["isbn", "http", "name"]
    assert register.from_tag == "3234233"


def bext01(options: Request) -> None:
    assert options.read(headers.REQUIRE) == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert options.read(headers.PROXY_REQUIRE) == ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]


def invut(invite: Request) -> None:
    assert (invite.content_type, invite.body[:8]) == ("application/unknownformat", b"<audio>\r")


def regaut01(register: Request) -> None:
    (credentials,) = register.read(headers.AUTHORIZATION)
    assert (credentials.scheme, credentials.text, register.contacts) == ("NoOneKnowsThisScheme", "opaque-data=here", [])


def bcast(response: Response) -> None:
    assert [via.host for via in response.read(headers.VIA)] == ["192.0.2.198", "255.255.255.255"]


def zeromf(options: Request) -> None:
    assert options.max_forwards == 0


def cparam01(register: Request) -> None:
    (contact,) = register.contacts
    assert (contact.params, contact.parse_uri().params) == ({"unknownparam": None}, {})


def cparam02(register: Request) -> None:
    (contact,) = register.contacts
    assert (contact.params, contact.parse_uri().params) == ({}, {"unknownparam": None})


def regescrt(register: Request) -> None:
    assert register.contacts[0].parse_uri().header_fields == [("Route", "<sip:sip.example.com>")]


def sdp01(invite: Request) -> None:
    assert [str(media) for media in invite.read(headers.ACCEPT)] == ["text/nobodyknowsthis"], "a media type has no case"


def inv2543(invite: Request) -> None:
    assert (invite.via.branch, invite.from_tag, invite.header("content-length"), invite.max_forwards) == ("", "", None, -1)
    assert invite.body.endswith(b"m=audio 49217 RTP/AVP 0\r\n"), "all that is behind the empty line"
    assert invite.record_routes[0].parse_uri().params == {"maddr": "ss1.example.com"}
    assert (invite.to_uri, invite.to.params) == ("sip:+16505552222@ss1.example.net", {"user": "phone"}), "no brackets: 20"
    number = invite.from_.parse_uri().tel
    assert number is not None
    assert number.number == "+13035551111"
