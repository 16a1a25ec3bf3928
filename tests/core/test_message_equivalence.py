"""When two Via, From, To or Contact values mean the same (RFC 3261 17.2.3, 20.10, 20.20, 20.39, 20.42)."""

import pytest

from ebr_core.message import MessageError, NameAddr, Via


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("UDP example.org", "UDP EXAMPLE.org:5060", True),
        ("UDP example.org", "TCP example.org", True),
        ("UDP example.org", "TLS example.org", False),
        ("TLS example.org", "TLS example.org:5061", True),
        ("WS example.org", "WS example.org:80", True),
        ("WSS example.org", "WSS example.org:443", True),
        ("XYZ example.org", "SCTP example.org:5060", True),
        ("UDP example.org:5061", "UDP example.org", False),
        ("UDP example.org", "UDP example.com", False),
        ("UDP [2001:db8::1]", "UDP [2001:DB8:0::0001]:5060", True),
        ("UDP [2001:db8::1]", "UDP [2001:db8::2]", False),
        ("UDP 192.0.2.1", "UDP 192.0.2.10", False),
    ],
)
def test_same_sent_by(one: str, other: str, same: bool) -> None:
    first, second = Via.parse(f"SIP/2.0/{one};branch=z9hG4bK1"), Via.parse(f"SIP/2.0/{other};branch=z9hG4bK2")
    assert first.same_sent_by(second) is same
    assert second.same_sent_by(first) is same
    assert first.same_sent_by(first)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("SIP/2.0/UDP a;branch=z9hG4bK1;rport", "sip / 2.0 / udp A:5060 ;RPORT; branch=Z9HG4BK1", True),
        ("SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/2.0/TCP a;branch=z9hG4bK1", False),
        ("SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/3.0/UDP a;branch=z9hG4bK1", False),
        ("SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/2.0/UDP a;branch=z9hG4bK2", False),
        ("SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/2.0/UDP a;branch=z9hG4bK1;rport", False),
        ("SIP/2.0/UDP a;received=[2001:db8::1]", "SIP/2.0/UDP a;received=2001:DB8:0::1", True),
        ("SIP/2.0/UDP a;received=192.0.2.1", "SIP/2.0/UDP a;received=192.0.2.2", False),
        ('SIP/2.0/UDP a;x="Y"', 'SIP/2.0/UDP a;x="y"', False),
        ("SIP/2.0/UDP a;x=Y", "SIP/2.0/UDP a;x=y", True),
    ],
)
def test_via(one: str, other: str, same: bool) -> None:
    assert Via.parse(one).equivalent(Via.parse(other)) is same
    assert Via.parse(other).equivalent(Via.parse(one)) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('"Bob" <sip:bob@example.org>;tag=1', "sip:bob@EXAMPLE.org;TAG=1", True),
        ("<sip:bob@example.org>;tag=1", "<sip:bob@example.org>", False),
        ("<sip:bob@example.org>;tag=1", "<sip:bob@example.org>;tag=2", False),
        ("<sip:bob@example.org>;tag=1;x=y", "<sip:bob@example.org>;tag=1", True),
        ("<sip:bob@example.org>;tag=1;x=y", "<sip:bob@example.org>;tag=1;x=z", False),
        ("<sip:bob@example.org>", "<sip:Bob@example.org>", False),
        ("<sip:bob@example.org>", "<sip:bob@example.org:5060>", False),
        ("<sip:bob@example.org>;q=0.5", "<sip:bob@example.org>", False),
        ("<sip:bob@example.org>;expires=60", "<sip:bob@example.org>;expires=61", False),
        ('<sip:bob@example.org>;+sip.instance="<urn:uuid:A>"', '<sip:bob@example.org>;+sip.instance="<urn:uuid:a>"', False),
        ('<sip:bob@example.org>;+sip.instance="<urn:uuid:a>"', "<sip:bob@example.org>", True),
        ("<tel:+1-201-555>", "<tel:+1201555>", True),
    ],
)
def test_addresses(one: str, other: str, same: bool) -> None:
    assert NameAddr.parse(one).equivalent(NameAddr.parse(other)) is same
    assert NameAddr.parse(other).equivalent(NameAddr.parse(one)) is same


def test_it_is_not_transitive() -> None:
    plain, one, other = (NameAddr.parse(f"<sip:carol@example.org{text}>") for text in ("", ";x=1", ";x=2"))
    assert plain.equivalent(one)
    assert plain.equivalent(other)
    assert not one.equivalent(other)


def test_what_is_no_uri_is_refused() -> None:
    with pytest.raises(MessageError):
        NameAddr.parse("<sip:a b>").equivalent(NameAddr.parse("<sip:a>"))
