"""URIs: their parts, their equivalence (RFC 3261 19.1.4) and their keys."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebr_core.errors import LocalProtocolError
from ebr_core.message import MessageError, NameAddr, Uri


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
    ("sip:a@b;tr%61nsport=tcp;%6C%72", "sip:a@b;lr;transport=%74cp"),
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
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;se%63urity=off"),
    ("sip:carol@chicago.com;x=value%2541", "sip:carol@chicago.com;x=valueA"),
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


def test_names_of_parameters_are_read_without_their_escapes() -> None:
    uri = Uri.parse("sip:a@b;%6C%72;n%61me=v%61lue;%3b=1;LR=2")
    assert uri.params == {"lr": None, "name": "v%61lue", "%3b": "1"}
    assert str(uri) == "sip:a@b;%6C%72;n%61me=v%61lue;%3b=1;LR=2"


def test_header_fields_are_unescaped_once() -> None:
    uri = Uri.parse("sip:a@b?Subject=project%20x%2520&to=alice%40atlanta.com&body=&=x&Route=%3Csip:c%3E")
    assert uri.header_fields == [
        *(("Subject", "project x%20"), ("to", "alice@atlanta.com"), ("body", ""), ("Route", "<sip:c>")),
    ]
    assert Uri.parse("sip:a@b").header_fields == []


def test_build() -> None:
    uri = Uri.build(
        "Example.org",
        "j@\u00e9 %41;x=1",
        password="p:w",
        port=5070,
        params={"transport": "tcp", "lr": None, "x y": "a;b"},
        headers=[("Subject", "a & b"), ("To", "<sip:x@y>")],
    )
    assert str(uri) == (
        "sip:j%40%C3%A9%20%2541;x=1:p%3Aw@Example.org:5070;transport=tcp;lr;x%20y=a%3Bb?Subject=a%20%26%20b&To=%3Csip:x%40y%3E"
    )
    assert (uri.user, uri.host, uri.port) == ("j@\u00e9 %41;x=1", "example.org", 5070)
    assert uri.header_fields == [("Subject", "a & b"), ("To", "<sip:x@y>")]
    assert str(Uri.build("2001:db8::1", scheme="sips")) == "sips:[2001:db8::1]"
    assert str(Uri.build("[2001:db8::1]", "a", port=1)) == "sip:a@[2001:db8::1]:1"


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            {"host": ""},
            {"host": "a b"},
            {"host": "a;b"},
            {"host": "a?b"},
            {"host": "a@b"},
            {"host": "a:b"},
            {"host": "a", "port": -1},
        ),
        *(
            {"host": "a", "port": 65_536},
            {"host": "a", "user": ""},
            {"host": "a", "password": "x"},
            {"host": "a", "scheme": "tel"},
        ),
        *({"host": "a:5060"}, {"host": "a\r\nb"}, {"host": "[::1]x"}, {"host": "b@c", "user": "a"}, {"host": "a;lr"}),
    ],
)
def test_build_refuses(arguments: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        Uri.build(**arguments)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10),
    st.text(st.characters(max_codepoint=300), max_size=8),
)
def test_what_is_built_is_read(user: str, value: str) -> None:
    uri = Uri.build("example.org", user, headers=[("x", value)])
    assert (uri.user, uri.header_fields) == (user, [("x", value)])
    assert uri.equivalent(Uri.parse(str(uri)))


# -- verdicts of others, read where they are

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def _load(name: str) -> Any:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"../shared/data/{name} is not there")
    return json.loads(path.read_text())


def test_equivalence_of_the_published_pairs() -> None:
    cases = _load("uri-compare.json")
    for case in cases:
        first, second = Uri.parse(case["a"]), Uri.parse(case["b"])
        assert first.equivalent(second) is case["equal"], case
        assert second.equivalent(first) is case["equal"], case
        assert not case["equal"] or first.key == second.key, case
    assert len(cases) == 17


# RFC 8599 defines pn-prid, pn-param and pn-purr with a value. To RFC 3261 25.1 a parameter that a parser does not know may come
# without one: the URI stands, and whether it can wake a phone is the registrar's question. (OpenSIPS lets pn-provider be empty.)
_PUSH = ("pn-prid=", "pn-prid", "pn-param=", "pn-param", "pn-purr=", "pn-purr")
OPENSIPS_OVERRIDES = {f"sip:alice@atlanta.org;{name}{more}": True for name in _PUSH for more in ("", ";foo=bar")}


def test_uris_of_opensips() -> None:
    cases = _load("opensips-parser-cases.json")["uri_parse"]
    for text, verdict in cases:
        # A % without its two digits ("lenient-ok") is not in the grammar; OpenSIPS takes it for itself, and so do we.
        expected = OPENSIPS_OVERRIDES.get(text, bool(verdict))
        try:
            Uri.parse(text)
            found = True
        except MessageError:
            found = False
        assert found is expected, text
    assert len(cases) == 28


# RFC 3966 3: after its first character no + may stand in a number, and a local one has a phone-context. As a URI of its scheme
# the text is well-formed; as a number it is none.
PJSIP_NO_NUMBER = {"tel:(44).1234-*#+Deaf"}


def test_uris_of_pjsip() -> None:
    cases = _load("pjsip-uri-cases.json")["cases"]
    for case in cases:
        try:
            address = NameAddr.parse(case["input"]) if "<" in case["input"] else None
            uri = Uri.parse(case["input"] if address is None else address.uri)
            found = True
        except MessageError:
            found = False
        assert found is case["valid"], case
        if found and uri.scheme == "tel":
            if case["input"] in PJSIP_NO_NUMBER:
                with pytest.raises(MessageError):
                    repr(uri.tel)
            else:
                assert uri.tel is not None
    assert len(cases) == 24


def _respelled(text: str, choices: list[bool], fold: bool) -> str:
    """Some characters escaped, in digits of either case, and where ``fold`` some in the other case."""
    spelled = []
    for index, character in enumerate(text):
        if choices[index % len(choices)]:
            code = f"%{ord(character):02x}"
            spelled.append(code.upper() if choices[(index + 1) % len(choices)] else code)
        else:
            spelled.append(character.swapcase() if fold and choices[(index + 2) % len(choices)] else character)
    return "".join(spelled)


_PARTS = st.text("abcXYZ019-_.!~*'()", min_size=1, max_size=6)
_NAMES = st.sampled_from(["transport", "user", "method", "ttl", "maddr", "lr", "x-y", "tag"])


@given(
    _PARTS,
    st.lists(st.tuples(_NAMES, _PARTS), max_size=4, unique_by=lambda pair: pair[0]),
    st.lists(st.tuples(_PARTS, _PARTS), max_size=3),
    st.lists(st.booleans(), min_size=1, max_size=7),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60)
def test_two_spellings_of_a_uri(
    user: str, params: list[tuple[str, str]], fields: list[tuple[str, str]], choices: list[bool], random: Random
) -> None:
    """19.1.4: case, but not of the user; escapes of unreserved characters; the order of parameters and of header fields."""

    def print_uri(scheme: str, user: str, params: list[tuple[str, str]], fields: list[tuple[str, str]]) -> str:
        text = f"{scheme}:{user}@Example.org" + "".join(f";{name}={value}" for name, value in params)
        return text + ("?" + "&".join(f"{name}={value}" for name, value in fields) if fields else "")

    other_params = [(_respelled(name, choices, True), _respelled(value, choices, True)) for name, value in params]
    other_fields = [(_respelled(name, choices, True), _respelled(value, choices, False)) for name, value in fields]
    random.shuffle(other_params)
    random.shuffle(other_fields)
    one = Uri.parse(print_uri("sip", user, params, fields))
    other = Uri.parse(print_uri("SIP", _respelled(user, choices, False), other_params, other_fields).replace("Exa", "eXA"))
    assert one.key == other.key
    assert one.equivalent(other)
    assert other.equivalent(one)


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
