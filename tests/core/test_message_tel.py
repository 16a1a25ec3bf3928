"""Telephone numbers in URIs (RFC 3966, RFC 4904), and SIP URIs with ``user=phone``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebr_core.message import MessageError, Tel, Uri


def tel(text: str) -> Tel:
    found = Uri.parse(text).tel
    assert found is not None
    return found


def test_parts() -> None:
    number = tel("tel:(201)-555.01-aF*#;Phone-Context=+1-(914);ext=12-3;isub=a%20b;x")
    assert (number.number, number.is_global, number.context, number.extension) == ("20155501AF*#", False, "+1914", "123")
    assert number.params == {"phone-context": "+1-(914)", "ext": "12-3", "isub": "a%20b", "x": None}
    assert str(number) == "(201)-555.01-aF*#;Phone-Context=+1-(914);ext=12-3;isub=a%20b;x"
    plain = tel("tel:+1-201-555-0123")
    assert (plain.number, plain.is_global, plain.context, plain.extension) == ("+12015550123", True, None, None)
    assert tel("tel:7042;phone-context=Example.COM").context == "example.com"


def test_a_sip_uri_with_a_number() -> None:
    uri = Uri.parse("sip:+1-201-555-0123;tgrp=TG%2D1;trunk-context=example.com@192.0.2.1;user=Phone")
    assert uri.user_params == {"tgrp": "TG%2D1", "trunk-context": "example.com"}
    assert uri.tel is not None
    assert (uri.tel.number, uri.tel.trunk_group) == ("+12015550123", ("TG-1", "example.com"))
    for text in ("sip:+1201@192.0.2.1", "sip:192.0.2.1;user=phone", "sip:bob@192.0.2.1;user=ip", "urn:service:sos"):
        assert Uri.parse(text).tel is None
    assert Uri.parse("sip:192.0.2.1").user_params == {}


@pytest.mark.parametrize("text", ["tel:+1;tgrp=a", "tel:+1;trunk-context=b", "tel:+1;tgrp=;trunk-context=b", "tel:+1"])
def test_half_a_trunk_group_is_none(text: str) -> None:
    assert tel(text).trunk_group is None


@pytest.mark.parametrize(
    "text",
    [
        *("tel:+", "tel:+1x", "tel:+*1", "tel:7042", "tel:7042;phone-context=", "tel:7042;phone-context", "tel:()"),
        *("tel:7042;phone-context=1.2.3", "tel:7042;phone-context=+x", "tel:xyz;phone-context=a.b", "tel:;phone-context=a.b"),
        *("tel:1+2;phone-context=a.b", "tel:(44).1234-*#+Deaf", "sip:bob@192.0.2.1;user=phone", "tel:%ff;phone-context=a.b"),
    ],
)
def test_what_is_no_number(text: str) -> None:
    """The URI itself is one; only who wants to dial has to know."""
    uri = Uri.parse(text)
    with pytest.raises(MessageError):
        repr(uri.tel)
    assert uri.equivalent(Uri.parse(text))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tel:+1-201", "TEL:+1(2)0.1", True),
        ("tel:1a;phone-context=a.b", "tel:1A;phone-context=A.B", True),
        ("tel:1;ext=1-2;phone-context=+1-2", "tel:1;PHONE-CONTEXT=+12;EXT=12", True),
        ("tel:+1;x=A", "tel:+1;x=a", True),
        ("tel:+1;x=%41", "tel:+1;x=a", True),
        ("tel:1;phone-context=+1", "tel:+1", False),
        ("tel:+1;ext=1", "tel:+1", False),
        ("tel:+1;x", "tel:+1", False),
        ("tel:+1;x=1", "tel:+1;x=2", False),
        ("tel:1;phone-context=a.b", "tel:1;phone-context=c.b", False),
        ("tel:bogus", "tel:bogus", True),
        ("tel:bogus", "tel:Bogus", False),
    ],
)
def test_equivalence(one: str, other: str, same: bool) -> None:
    """RFC 3966 4."""
    first, second = Uri.parse(one), Uri.parse(other)
    assert first.equivalent(second) is same
    assert second.equivalent(first) is same
    assert (first.key == second.key) is same


@given(st.text(st.sampled_from("+0123456789aAf*#-.();=xphone-context,%2"), max_size=30))
def test_any_text(text: str) -> None:
    try:
        number = Tel.parse(text)
    except MessageError:
        return
    assert Tel.parse(str(number)).equivalent(number)
    assert "-" not in number.number
    assert number.is_global or number.context
