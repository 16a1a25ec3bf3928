"""Typed access to header fields: every one that RFC 3261 and the extensions name, what it says, and what it refuses."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebr_core.message import (
    EventPackage,
    Message,
    MessageError,
    NameAddr,
    ParamValue,
    Reason,
    Request,
    Via,
    WarningValue,
    build_request,
    format_date,
    headers,
    parse_date,
    parse_message,
)

SECTION_20 = (
    "Accept Accept-Encoding Accept-Language Alert-Info Allow Authentication-Info Authorization Call-ID Call-Info Contact "
    "Content-Disposition Content-Encoding Content-Language Content-Length Content-Type CSeq Date Error-Info Expires From "
    "In-Reply-To Max-Forwards Min-Expires MIME-Version Organization Priority Proxy-Authenticate Proxy-Authorization "
    "Proxy-Require Record-Route Reply-To Require Retry-After Route Server Subject Supported Timestamp To Unsupported "
    "User-Agent Via Warning WWW-Authenticate"
).split()
EXTENSIONS = (
    "Path Service-Route P-Asserted-Identity P-Preferred-Identity P-Associated-URI Reason Event Subscription-State Allow-Events "
    "RAck RSeq Session-Expires Min-SE Replaces Join Refer-To Referred-By Privacy Identity Identity-Info Feature-Caps Flow-Timer "
    "Security-Client Security-Server Security-Verify SIP-ETag SIP-If-Match Max-Breadth History-Info Accept-Contact "
    "Reject-Contact Request-Disposition Proxy-Authentication-Info"
).split()


def message(*fields: tuple[str, str]) -> Request:
    needed = {
        "Via": "SIP/2.0/UDP a;branch=z9hG4bKb",
        "From": "<sip:a@b>;tag=1",
        "To": "<sip:c@d>",
        "Call-ID": "e",
        "CSeq": "1 INFO",
    }
    given = {name for name, _ in fields}
    lines = [*[(name, value) for name, value in needed.items() if name not in given], *fields]
    parsed = parse_message(build_request("INFO", "sip:c@d", lines).to_bytes())
    assert isinstance(parsed, Request)
    return parsed


def test_every_field_is_there() -> None:
    assert len(SECTION_20) == 44
    assert set(headers.FIELDS) == {name.lower() for name in SECTION_20 + EXTENSIONS}
    for name in SECTION_20 + EXTENSIONS:
        field = headers.field(name)
        assert field is headers.FIELDS[name.lower()]
        assert getattr(headers, name.upper().replace("-", "_")) is field
    assert headers.field("x") is headers.SESSION_EXPIRES
    assert headers.field("X-Unknown") is None
    assert headers.field("") is None
    assert repr(headers.RETRY_AFTER) == "Field('retry-after')"


def test_what_is_missing_is_none_or_empty() -> None:
    bare = message()
    for name, field in headers.FIELDS.items():
        if name not in ("via", "from", "to", "call-id", "cseq", "content-length"):
            assert bare.read(field) in (None, []), name


# The field, its text, and what of it is asserted: the value itself, or its attributes.
READ: list[tuple[str, str, Any]] = [
    ("Accept", "application/sdp;level=1, Text/Plain ; q=0.5", ["application/sdp", "text/plain"]),
    ("Accept", "", []),
    ("Accept-Encoding", "gzip;q=0.5, *", ["gzip", "*"]),
    ("Accept-Language", "da, en-gb;q=0.8, en;q=0.7", ["da", "en-gb", "en"]),
    ("Alert-Info", "<http://e.example/ring.wav>", ["http://e.example/ring.wav"]),
    ("Allow", "INVITE, ACK,\r\n OPTIONS,,CANCEL", ["INVITE", "ACK", "OPTIONS", "CANCEL"]),
    ("Authentication-Info", 'nextnonce="473"', {"nextnonce": "473"}),
    ("Call-ID", "f-7@c.example", "f-7@c.example"),
    ("Call-Info", "<http://a/p.jpg> ;purpose=icon, <http://a/> ;purpose=info", ["http://a/p.jpg", "http://a/"]),
    ("Contact", '"Mr. W" <sip:w@a.com>;q=0.7; expires=3600, "Mr. W" <mailto:w@b.com> ;q=0.1', ["sip:w@a.com", "mailto:w@b.com"]),
    ("Contact", "*", ["*"]),
    ("Content-Disposition", "Session;handling=optional", {"value": "Session", "params": {"handling": "optional"}}),
    ("Content-Encoding", "gzip, tar", ["gzip", "tar"]),
    ("Content-Language", "fr", ["fr"]),
    ("Content-Type", 'Text/HTML; charset="ISO-8859-4"', {"full": "text/html", "params": {"charset": '"ISO-8859-4"'}}),
    ("CSeq", "4711 INFO", (4711, "INFO")),
    ("Date", "Sat, 13 Nov 2010 23:29:00 GMT", datetime(2010, 11, 13, 23, 29, tzinfo=UTC)),
    ("Error-Info", "<sip:e@c.example>", ["sip:e@c.example"]),
    ("Expires", "5", 5),
    ("Expires", "99999999999", 2**32 - 1),
    ("From", '"A. G. B" <sip:agb@c.example> ;tag=a48s', {"display": "A. G. B", "tag": "a48s"}),
    ("In-Reply-To", "1@a.example, 2@b", ["1@a.example", "2@b"]),
    ("Max-Forwards", "6", 6),
    ("Min-Expires", "60", 60),
    ("MIME-Version", "1.0", "1.0"),
    ("Organization", "An office", "An office"),
    ("Priority", "emergency", "emergency"),
    ("Proxy-Require", "foo", ["foo"]),
    ("Record-Route", "<sip:p1.example;lr>,\r\n\t<sip:p2.example;lr>", ["sip:p1.example;lr", "sip:p2.example;lr"]),
    ("Reply-To", "Bob <sip:bob@biloxi.com>", {"display": "Bob", "uri": "sip:bob@biloxi.com"}),
    ("Require", "100rel", ["100rel"]),
    ("Retry-After", "18000;duration=3600", {"seconds": 18000, "duration": 3600, "comment": None}),
    ("Retry-After", "120 (in a \\) (nested) comment;x)", {"seconds": 120, "comment": "in a ) (nested) comment;x"}),
    ("Retry-After", "5 (a\\)b) ;duration=1", {"seconds": 5, "comment": "a)b", "duration": 1}),
    ("Route", "<sip:a;lr>, <sip:b;lr>", ["sip:a;lr", "sip:b;lr"]),
    ("Server", "server/2 (a, b)", "server/2 (a, b)"),
    ("Subject", "More of it, please", "More of it, please"),
    ("Supported", "100rel , replaces", ["100rel", "replaces"]),
    ("k", "", []),
    ("Timestamp", "54.21 0.5", {"value": 54.21, "delay": 0.5}),
    ("Timestamp", "54", {"value": 54.0, "delay": None}),
    ("To", "sip:+1212@c.example;tag=287", {"uri": "sip:+1212@c.example", "tag": "287"}),
    ("Unsupported", "foo", ["foo"]),
    ("User-Agent", "phone/1.5 beta", "phone/1.5 beta"),
    ("Warning", '307 e.example "Session \\"x\\", not understood", 301 [::1]:5060 "b"', ["307", "301"]),
    ("Path", "<sip:E1.example;lr>,<sip:e2.example;lr>", ["sip:E1.example;lr", "sip:e2.example;lr"]),
    ("Service-Route", "<sip:home.example;lr>", ["sip:home.example;lr"]),
    ("P-Asserted-Identity", '"F" <sip:f@c.example>, tel:+1408', ["sip:f@c.example", "tel:+1408"]),
    ("P-Preferred-Identity", "<sip:f@c.example>", ["sip:f@c.example"]),
    ("P-Associated-URI", "<sip:u@c.example>", ["sip:u@c.example"]),
    ("Reason", 'SIP ;cause=200 ;text="Call completed elsewhere", Q.850;cause=16', ["SIP", "Q.850"]),
    ("Event", "refer;id=938", {"package": "refer", "id": "938"}),
    ("o", "presence.winfo", {"package": "presence.winfo", "id": None}),
    ("Subscription-State", "Terminated;reason=x;retry-after=5", {"state": "terminated", "reason": "x", "retry_after": 5}),
    ("Subscription-State", "active;expires=59", {"state": "active", "expires": 59, "retry_after": None}),
    ("Allow-Events", "presence, dialog", ["presence", "dialog"]),
    ("RAck", "776 1 INVITE", {"rseq": 776, "cseq": 1, "method": "INVITE"}),
    ("RSeq", "988", 988),
    ("Session-Expires", "4000;refresher=UAC", {"seconds": 4000, "refresher": "uac"}),
    ("x", "1800", {"seconds": 1800, "refresher": None}),
    ("Min-SE", "90", {"seconds": 90}),
    ("Replaces", "c@d;to-tag=7;from-tag=6;early-only", {"call_id": "c@d", "to_tag": "7", "from_tag": "6", "early_only": True}),
    ("Join", "a@b;from-tag=1;to-tag=2", {"call_id": "a@b", "to_tag": "2", "early_only": False}),
    ("Refer-To", "<sip:d@e.example?Replaces=1%402%3Bto-tag%3D3>", {"uri": "sip:d@e.example?Replaces=1%402%3Bto-tag%3D3"}),
    ("b", "<sip:r@e.example>;cid=\"x\"", {"uri": "sip:r@e.example"}),
    ("Privacy", "id;critical", ["id", "critical"]),
    ("Identity", "ab1..s-W_5=;info=<https://e.example/b>;alg=ES256;ppt=\"shaken\"", ["ab1..s-W_5="]),
    ("y", '"aB/+9Sa="', ["aB/+9Sa="]),
    ("Identity-Info", "<https://e.example/c>;alg=rsa-sha1", {"uri": "https://e.example/c"}),
    ("Feature-Caps", '*;+sip.pns="apns";+sip.pnsreg="130"', ["*"]),
    ("Flow-Timer", "120", 120),
    ("Security-Client", "tls;q=0.2, ipsec-ike;q=0.1", ["tls", "ipsec-ike"]),
    ("Security-Server", "ipsec-3gpp;alg=hmac-md5-96", ["ipsec-3gpp"]),
    ("Security-Verify", "digest;d-alg=MD5;d-ver=\"0000000000000000\"", ["digest"]),
    ("SIP-ETag", "dx200xyz", "dx200xyz"),
    ("SIP-If-Match", "dx200xyz", "dx200xyz"),
    ("Max-Breadth", "60", 60),
    ("History-Info", "<sip:a@b?Reason=SIP%3B>;index=1;foo, <sip:c@d>;index=1.1", ["sip:a@b?Reason=SIP%3B", "sip:c@d"]),
    ("a", '*;audio;+sip.instance="<urn:uuid:1>";require', ["*"]),
    ("j", "*;mobility=\"fixed\"", ["*"]),
    ("d", "proxy, no-fork", ["proxy", "no-fork"]),
    ("Proxy-Authentication-Info", "qop=auth", {"qop": "auth"}),
    ("Authorization", "NoOneKnowsThisScheme opaque-data=here, and=there", ["NoOneKnowsThisScheme"]),
    ("Proxy-Authorization", "Basic QWxh=", ["Basic"]),
    ("WWW-Authenticate", 'Digest realm="a, b", nonce="c"', ["Digest"]),
    ("Proxy-Authenticate", 'Digest realm="a", nonce="c", qop="auth,auth-int"', ["Digest"]),
    ("Via", "SIP/2.0/UDP erlang:5060;branch=z9hG4bK8, SIP/2.0/TCP [2001:db8::1]", ["erlang", "2001:db8::1"]),
    ("Content-Length", "0", 0),
]  # fmt: skip


def _said(value: Any) -> Any:
    """The part of a value in a list that the table names."""
    for name in ("full", "scheme", "uri", "host", "protocol", "digest", "value"):
        if hasattr(value, name):
            return getattr(value, name)
    return f"{value.code}" if isinstance(value, WarningValue) else value


@pytest.mark.parametrize(("name", "text", "expected"), READ)
def test_reading(name: str, text: str, expected: Any) -> None:
    field = headers.field(name)
    assert field is not None
    value: Any = message((name, text.replace("\r\n", ""))).read(field)
    if isinstance(expected, list):
        assert [_said(each) for each in value] == expected
    elif isinstance(expected, dict):
        assert {attribute: getattr(value, attribute) for attribute in expected} == expected
    else:
        assert value == expected


def test_the_table_has_every_field() -> None:
    read = {field.name for name, _, _ in READ if (field := headers.field(name)) is not None}
    assert read == set(headers.FIELDS)


REFUSED: dict[str, list[str]] = {
    "Accept": ["text", "te\u212at/x", "text/", "/x", "te xt/x", 'text/x;a="b'],
    "Allow": ["IN VITE", "a b,c"],
    "Call-ID": ["a b"],
    "Content-Disposition": ["", "a b", ";x", "a;b c=d"],
    "Content-Type": ["", "sdp", "a/b c"],
    "Date": [
        *("", "Sat, 13 Nov 2010 23:29:00 EST", "Sat, 13 Nov 2010 23:29 GMT", "Sat, 31 Feb 2010 00:00:00 GMT", "13 Nov 2010"),
        *("Sat, 13 Foo 2010 23:29:00 GMT", "Xxx, 13 Nov 2010 23:29:00 GMT", "Sat, 13 Nov 2010 24:00:00 GMT"),
        *("Sat, 1 Nov 2010 23:29:00 GMT", "Sat, 13 Nov 10 23:29:00 GMT", "Sat, 13 Nov 2010 23:9:00 GMT"),
        *("Sat, 13 Nov 0000 23:29:00 GMT", "Sat, 13 Nov 2010 23:61:00 GMT", "Sat, 13 Nov 2010 -1:29:00 GMT"),
        "\u017fat, 13 Nov 2010 23:29:00 GMT",
    ],
    "Expires": ["", "-1", "x", "1 2", "\u0661"],
    "RSeq": ["4294967296", "x"],
    "Retry-After": ["", "x", "5 (open", "5 (a) x", "-1", "5;duration=x", "5 ((a)", "1(a)2", "(a) 5", "5 (a) 6;x"],
    "Timestamp": ["", "x", "1.2.3", "1 x", "-1", "1" * 40],
    "Warning": [
        *('30 a "b"', '307 "b"', "307 a b", '307 a "b', "307 a", '307 a "b" c'),
        *('307 a "b"c"d"', '307 a"b"', '307 a b "c"', '"', '307\xa0a "b"'),
    ],
    "Event": ["", "a b"],
    "Subscription-State": ["", "active;expires=x", "a b"],
    "Reason": ['SIP;cause=x', "SIP;cause=4294967296", 'SIP;text="x'],
    "Session-Expires": ["", "x", "90;refresher=me", "90;refresher", "90;refresher=", "-1", "90;x=<y"],
    "Replaces": ["a", "a;to-tag=1", "a;from-tag=1", ";to-tag=1;from-tag=2", "a b;to-tag=1;from-tag=2"],
    "RAck": ["", "1", "1 2", "x 2 INVITE", "1 2 IN VITE", "4294967296 1 INVITE", "1 2147483648 INVITE"],
    "Identity": ['"', "\u00e9", "a b", "..;x"],
    "Privacy": ["a b"],
    "SIP-ETag": ["a b", ""],
    "Feature-Caps": ['*;+sip.pns="apns', "a b"],
    "Flow-Timer": ["x"],
    "Max-Breadth": ["-1", "x"],
    "Refer-To": ["<sip:a", '"a" sip:b', ""],
    "In-Reply-To": ["a b"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in REFUSED.items() for text in texts])
def test_refusals(name: str, text: str) -> None:
    field = headers.field(name)
    assert field is not None
    other = "X-Holder" if name == "Call-ID" else name
    holder = message((other, text))
    if name == "Call-ID":
        holder.replace("Call-ID", text)
    with pytest.raises(MessageError) as caught:
        holder.read(field)
    assert (caught.value.status, caught.value.partial) == (400, None)


def test_several_fields_are_one_list() -> None:
    several = message(("Supported", "a, b"), ("k", "c"), ("Route", "<sip:a>"), ("Route", "<sip:b>, <sip:c>"))
    assert several.read(headers.SUPPORTED) == ["a", "b", "c"]
    assert [str(route) for route in several.read(headers.ROUTE)] == ["<sip:a>", "<sip:b>", "<sip:c>"]
    twice = message(("WWW-Authenticate", 'Digest realm="a", nonce="1"'), ("WWW-Authenticate", 'Digest realm="b", nonce="2"'))
    assert [challenge.realm for challenge in twice.read(headers.WWW_AUTHENTICATE)] == ["a", "b"]


def test_preferences() -> None:
    offered = message(
        ("Accept-Language", "da, en;q=0.85, x;q=2"), ("Accept", "a/b;q=0.123"), ("Contact", "<sip:a>;q=1.;expires=9")
    )
    first, second, third = offered.read(headers.ACCEPT_LANGUAGE)
    assert (first.q, second.q) == (1.0, 0.85)
    with pytest.raises(MessageError):
        repr(third.q)
    assert [kind.q for kind in offered.read(headers.ACCEPT)] == [0.123]
    (contact,) = offered.read(headers.CONTACT)
    assert (contact.q, contact.expires) == (1.0, 9)
    plain = NameAddr.parse("<sip:a>")
    assert (plain.q, plain.expires) == (None, None)
    for text in ("q=1.1", "q=0.1234", "q", "expires=x", "expires", "expires=-1"):
        with pytest.raises(MessageError):
            repr((NameAddr.parse(f"<sip:a>;{text}").q, NameAddr.parse(f"<sip:a>;{text}").expires))


def test_events_match_by_package_and_id() -> None:
    parse = EventPackage.parse
    assert parse("refer;id=1;x=2").matches(parse("refer;id=1"))
    assert not parse("refer;id=1").matches(parse("refer"))
    assert not parse("refer").matches(parse("Refer"))
    assert not parse("presence").matches(parse("presence.winfo"))


def test_reason_of_our_own() -> None:
    reason = Reason.build(200, 'Call "completed" elsewhere')
    assert str(reason) == 'SIP;cause=200;text="Call \\"completed\\" elsewhere"'
    assert (reason.cause, reason.text) == (200, 'Call "completed" elsewhere')
    assert Reason.parse(str(reason)) == reason
    assert str(Reason.build(16, protocol="Q.850")) == "Q.850;cause=16"
    assert Reason.parse("SIP").cause is None
    assert Reason.parse("X;cause=100000").cause == 100_000  # 1*DIGIT


def test_dates() -> None:
    assert parse_date("sat,13 NOV 2010  23:29:60 gmt") == datetime(2010, 11, 13, 23, 29, 59, tzinfo=UTC)
    assert format_date(datetime(2010, 1, 3, 2, 4, 5, tzinfo=timezone(timedelta(hours=3)))) == "Sat, 02 Jan 2010 23:04:05 GMT"
    assert format_date(datetime(2010, 1, 3, 2, 4, 5)) == "Sun, 03 Jan 2010 02:04:05 GMT"  # noqa: DTZ001  # one without a zone


@given(st.datetimes(min_value=datetime(1, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # hypothesis adds the zone
def test_a_date_that_is_printed_is_read(at: datetime) -> None:
    assert parse_date(format_date(at)) == at.replace(microsecond=0)


@pytest.mark.parametrize(("name", "text", "expected"), [row for row in READ if row[1]])
def test_what_is_printed_is_read_again(name: str, text: str, expected: Any) -> None:
    field = headers.field(name)
    assert field is not None
    value: Any = message((name, text.replace("\r\n", ""))).read(field)
    if isinstance(value, (int, tuple, datetime)):
        return
    printed = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    again: Any = message((name, printed)).read(field)
    values, others = (value, again) if isinstance(value, list) else ([value], [again])
    assert list(map(str, values)) == list(map(str, others))
    if not isinstance(values[0], (NameAddr, Via)):
        assert values == others
        assert hash(values[0]) == hash(others[0])
        assert repr(values[0])


_PIECES = [*'";=,()<>\\ \t/.*', "a", "1", "sip:", "tag", "q=", "\xe9"]


@given(
    st.sampled_from(sorted(headers.FIELDS)),
    st.text(max_size=40) | st.lists(st.sampled_from(_PIECES), max_size=25).map("".join),
)
def test_any_text(name: str, text: str) -> None:
    text = "".join(character for character in text if character not in "\r\n\0").strip()
    holder = message()
    if name in ("from", "to", "cseq", "max-forwards", "call-id", "via", "content-length"):
        holder.append("X-Holder", text)
        holder.names[-1] = name
        holder.lines[-1] = f"{name}: {text}"
    else:
        holder.append(name, text)
    try:
        value = _read(holder, name)
    except MessageError as error:
        status = error.status
    else:
        status = 400
        repr(value)
    assert status == 400


def _read(holder: Message, name: str) -> Any:
    return holder.read(headers.FIELDS[name])


# RFC 6809 6.3 and RFC 3840 9 put the value of a capability into quotes, and there may be nothing empty in them.
def test_capabilities_of_opensips() -> None:
    assert ParamValue.parse('*;+a="b"c"d"').feature("+a") is None
    assert ParamValue.parse('*;+A="b\\"c"').feature("+A") == 'b"c'
    path = Path(__file__).parents[2].parent / "shared" / "data" / "opensips-parser-cases.json"
    if not path.exists():
        pytest.skip("../shared/data/opensips-parser-cases.json is not there")
    cases = json.loads(path.read_text())["feature_caps_pns"]
    for text, verdict in cases:
        found = None
        try:
            found = ParamValue.parse(f"*;{text}").feature("+sip.pns")
        except MessageError:
            assert verdict is None
        assert found == verdict, text
    assert len(cases) == 10
