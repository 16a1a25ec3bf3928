"""URIs: their parts, their equivalence (RFC 3261 19.1.4) and their keys."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebr_core.message import MessageError, Uri


def test_all_parts() -> None:
    text = "SIP:al%69ce%2Fx:se%63ret@Example.COM:5070;Transport=TCP;lr?Subject=a&Priority=b"
    uri = Uri.parse(text)
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == ("sip", "alice/x", "se%63ret", "example.com", 5070)
    assert (uri.params, uri.headers) == ({"transport": "TCP", "lr": None}, "Subject=a&Priority=b")
    assert (uri.raw, str(uri), uri.aor) == (text, text, "alice/x@example.com")


def test_only_a_host() -> None:
    uri = Uri.parse("sips:example.com")
    assert (uri.scheme, uri.user, uri.password, uri.port, uri.params, uri.headers, uri.aor) == (
        *("sips", None, None, None, {}, "", "example.com"),
    )


def test_ipv6() -> None:
    uri = Uri.parse("sip:bob@[2001:DB8::1]:5061")
    assert (uri.host, uri.port, uri.aor) == ("2001:db8::1", 5061, "bob@2001:db8::1")
    assert Uri.parse("sip:[2001:db8:::192.0.2.1]").host == "2001:db8::192.0.2.1"


def test_a_user_may_look_like_parameters() -> None:
    uri = Uri.parse("sip:user;par=u%40example.net?x@example.com")
    assert (uri.user, uri.host, uri.params) == ("user;par=u@example.net?x", "example.com", {})


def test_escapes_are_read_once() -> None:
    assert Uri.parse("sip:%2541@a").user == "%41"
    assert Uri.parse("sip:a%00b@a").user == "a\0b"
    assert Uri.parse("sip:100%@a").user == "100%"
    assert Uri.parse("sip:%C3%A9@a").user == "é"


@pytest.mark.parametrize(
    "text", ["tel:+1-201-555-0123;phone-context=x", "urn:service:sos", "soap.beep://192.0.2.103:3002", "TEL:1"]
)
def test_other_schemes_are_kept(text: str) -> None:
    uri = Uri.parse(text)
    assert (uri.scheme, uri.raw, uri.user, uri.host, uri.aor) == (text.partition(":")[0].lower(), text, None, "", text)


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "sip",
            "sip:",
            "sip:@",
            "sip:@host",
            "sip:user@",
            "sip:a@b@c",
            "sip :host",
            "sip: host",
            "1sip:a",
            ":a",
            "sip:a b@c",
        ],
        *[
            "sip:host:",
            "sip:host:65536",
            "sip:host:-1",
            "sip:host:5060x",
            "sip:host:\u00b2",
            "sip:[::1",
            "sip:[::g]",
            "sip:[::1]x",
        ],
        *["sip:[fe80::1%25eth0]", "sip:ho\u00dft", "<sip:host>", 'sip:"a"@host', "sip:a\r\n@host", "sip:a\0@host", "sip:::1"],
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(MessageError) as caught:
        Uri.parse(text)
    assert caught.value.status == 400


EQUIVALENT = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    ("sip:biloxi.com;transport=tcp;method=REGISTER?to=a%40b", "sip:biloxi.com;method=REGISTER;transport=tcp?to=a%40b"),
    ("sip:a@b?subject=project%20x&priority=urgent", "sip:a@b?priority=urgent&subject=project%20x"),
    ("sip:a@[::ffff:192.0.2.128]", "sip:a@[::FFFF:c000:280]"),
    ("sip:a@b;x=%41", "sip:a@b;x=a"),
    ("TEL:1", "tel:1"),
]
DIFFERENT = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;maddr=192.0.2.1"),
    ("sip:bob@biloxi.com;user=phone", "sip:bob@biloxi.com"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:a:p@b", "sip:a:P@b"),
    ("sip:a:p@b", "sip:a@b"),
    ("sip:a%3Ab@c", "sip:a:b@c"),
    ("sip:a%3Bb@c", "sip:a;b@c"),
    ("sip:a@b", "sips:a@b"),
    ("sip:b", "sip:a@b"),
    ("tel:1", "tel:2"),
]


@pytest.mark.parametrize(("left", "right"), EQUIVALENT)
def test_equivalent(left: str, right: str) -> None:
    a, b = Uri.parse(left), Uri.parse(right)
    assert a.equivalent(b)
    assert b.equivalent(a)
    assert a.key == b.key


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_not_equivalent(left: str, right: str) -> None:
    a, b = Uri.parse(left), Uri.parse(right)
    assert not a.equivalent(b)
    assert not b.equivalent(a)


_PAIRS = Path(__file__).parents[2].parent / "shared" / "data" / "uri-compare.json"


@pytest.mark.skipif(not _PAIRS.exists(), reason="uri-compare.json is not in ../shared/data")
def test_equivalence_of_the_published_pairs() -> None:
    for case in json.loads(_PAIRS.read_text()):
        assert Uri.parse(case["a"]).equivalent(Uri.parse(case["b"])) is case["equal"], case


@given(st.text(alphabet=st.sampled_from("sip:abAB@%41;=&?[]1.\u00e9+-\0\r "), max_size=30))
def test_any_text_is_a_uri_or_refused(text: str) -> None:
    for candidate in (text, "sip:" + text, "sip:a@b;" + text):
        try:
            uri = Uri.parse(candidate)
        except MessageError:
            continue
        assert str(uri) == candidate
        assert uri.equivalent(uri)
        assert Uri.parse(str(uri)).key == uri.key
