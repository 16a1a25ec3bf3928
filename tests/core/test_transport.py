"""Which names are ours, and by which route a message leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebr_core.actions import SendDatagram
from ebr_core.config import Config
from ebr_core.environment import Environment
from ebr_core.errors import LocalProtocolError
from ebr_core.inputs import Address, Listener
from ebr_core.message import MessageError, Uri, Via
from ebr_core.transport import Route, Transport

PUBLIC = Listener(1, "sip", "udp", ("192.0.2.1", 5060))
NATTED = Listener(2, "sip", "udp", ("10.0.0.1", 5070), ("sip.example.net", 5080))
SIX = Listener(3, "sip", "udp", ("2001:db8::1", 5060))
SOURCE = ("198.51.100.7", 40000)


def transport(*listeners: Listener, domains: tuple[str, ...] = ("example.org",)) -> Transport:
    made = Transport(domains)
    made.start(listeners or (PUBLIC, NATTED, SIX))
    return made


def summary(route: Route | None) -> tuple[Address, int, Address | None] | None:
    return None if route is None else (route.destination, route.listener.id, route.local)


# The listeners.


def test_listeners_are_found_by_id() -> None:
    assert transport().listener(2) is NATTED
    with pytest.raises(LocalProtocolError, match=r"no listener has the id 9; Started named \[1, 2, 3\]"):
        transport().listener(9)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Listener(1, "sip", "udp", ("192.0.2.5", 5060)), "two listeners with the id 1"),
        (Listener(4, "sip", "udp", ("192.0.2.5", 5060), ("sip x", 5060)), "listener 4: nobody can reach"),
        (Listener(4, "sip", "udp", ("192.0.2.5", 5060), ("a\r\nb", 5060)), "listener 4: nobody can reach"),
        (Listener(4, "sip", "udp", ("192.0.2.5", 5060), ("sip.example.net", 70000)), "listener 4: nobody can reach"),
        (Listener(4, "sip", "sctp", ("192.0.2.5", 5060)), "listener 4: no transport 'sctp'; there is: udp"),
    ],
)
def test_listeners_are_taken_all_or_none(bad: Listener, message: str) -> None:
    made = Transport(())
    with pytest.raises(LocalProtocolError, match=message):
        made.start((PUBLIC, bad))
    assert not made.owns_domain("192.0.2.1")
    made.start((PUBLIC,))
    assert made.listener(1) is PUBLIC


# What is ours.


@pytest.mark.parametrize(
    ("uri", "ours"),
    [
        ("sip:bob@example.org", True),
        ("sip:bob@EXAMPLE.org;x=y", True),
        ("sips:bob@example.org", True),
        ("sip:bob@example.org:9999", True),  # a domain is ours whatever the port
        ("sip:example.org", True),
        ("sip:bob@sub.example.org", False),
        ("sip:192.0.2.1", True),
        ("sip:192.0.2.1:5060", True),
        ("sip:bob@192.0.2.1:5062", False),  # a phone beside us, on our own address
        ("sip:10.0.0.1:5070", True),
        ("sip:10.0.0.1", False),
        ("sip:sip.example.net:5080", True),
        ("sip:SIP.Example.NET:5080", True),
        ("sip:sip.example.net", False),
        ("sip:[2001:db8::1]", True),
        ("sip:[2001:db8::2]", False),
        ("tel:+123", False),
        ("http://example.org", False),
    ],
)
def test_owns(uri: str, ours: bool) -> None:
    assert transport().owns(Uri.parse(uri)) is ours


def test_a_domain_that_is_also_a_listeners_address_goes_by_its_port() -> None:
    made = transport(PUBLIC, NATTED, domains=("192.0.2.1", "SIP.example.net"))
    assert made.owns(Uri.parse("sip:192.0.2.1"))
    assert not made.owns(Uri.parse("sip:192.0.2.1:5062"))
    assert made.owns(Uri.parse("sip:sip.example.net"))  # named as a domain, so without a port too
    assert not made.owns(Uri.parse("sip:sip.example.net:5061"))


def test_domains_and_hosts_are_ours_to_register_in() -> None:
    made = transport()
    assert [host for host in ("example.org", "192.0.2.1", "sip.example.net", "2001:db8::1") if not made.owns_domain(host)] == []
    assert not made.owns_domain("example.com")


# Where responses go.


@pytest.mark.parametrize(
    ("via", "destination"),
    [
        ("SIP/2.0/UDP 192.0.2.9:5071;branch=z9hG4bK1", ("198.51.100.7", 5071)),  # 18.2.2: received, and sent-by's port
        ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", ("198.51.100.7", 5060)),
        ("SIP/2.0/UDP phone.example.com;received=203.0.113.1", ("198.51.100.7", 5060)),  # what the sender claims is no matter
        ("SIP/2.0/UDP 192.0.2.9:5071;rport", SOURCE),  # RFC 3581 4
        ("SIP/2.0/UDP 192.0.2.9:5071;rport=1;received=203.0.113.1", SOURCE),
        ("SIP/2.0/UDP 192.0.2.9:5071;maddr=203.0.113.1", ("198.51.100.7", 5071)),
    ],
)
def test_responses_go_to_the_source_of_the_request(via: str, destination: Address) -> None:
    route = transport().response_route(Via.parse(via), SOURCE, NATTED, ("10.0.0.1", 5070))
    assert summary(route) == (destination, 2, ("10.0.0.1", 5070))


# Where requests go.


@pytest.mark.parametrize(
    ("uri", "destination"),
    [
        ("sip:bob@192.0.2.9", ("192.0.2.9", 5060)),
        ("sip:bob@192.0.2.9:5071", ("192.0.2.9", 5071)),
        ("sip:bob@192.0.2.9;transport=UDP", ("192.0.2.9", 5060)),
        ("sip:bob@192.0.2.9;transport", ("192.0.2.9", 5060)),
    ],
)
def test_a_numeric_next_hop_is_reached_from_the_listener_of_the_request(uri: str, destination: Address) -> None:
    route = transport().request_route(Uri.parse(uri), None, NATTED, ("10.0.0.1", 5070))
    assert summary(route) == (destination, 2, ("10.0.0.1", 5070))


def test_a_contact_is_reached_through_the_listener_that_it_registered_at() -> None:
    route = transport().request_route(Uri.parse("sip:192.0.2.9"), 1, NATTED, ("10.0.0.1", 5070))
    assert summary(route) == (("192.0.2.9", 5060), 1, None)  # `local` is an address of the other socket


def test_a_listener_that_is_gone_is_not_preferred() -> None:
    assert summary(transport().request_route(Uri.parse("sip:192.0.2.9"), 77, PUBLIC, None)) == (("192.0.2.9", 5060), 1, None)


def test_the_address_family_decides_before_all_preferences() -> None:
    made = transport()
    six = Uri.parse("sip:[2001:db8::9]:5071")
    assert summary(made.request_route(six, 2, PUBLIC, None)) == (("2001:db8::9", 5071), 3, None)
    assert summary(made.request_route(Uri.parse("sip:192.0.2.9"), 3, SIX, None)) == (("192.0.2.9", 5060), 1, None)
    assert transport(PUBLIC).request_route(six, None, PUBLIC, None) is None


@pytest.mark.parametrize(
    "uri",
    ["sip:bob@example.com", "sip:192.0.2.9;transport=tcp", "sips:192.0.2.9", "tel:+123", "sip:1.2.3.256", "http://192.0.2.9"],
)
def test_what_we_cannot_reach_has_no_route(uri: str) -> None:
    assert transport().request_route(Uri.parse(uri), None, PUBLIC, None) is None


@given(st.text(max_size=30))
def test_no_uri_raises(text: str) -> None:
    try:
        uri = Uri.parse("sip:" + text)
    except MessageError:
        return
    made = transport()
    made.owns(uri)
    made.request_route(uri, 1, SIX, None)


# Routes and names.


def test_sent_by_is_what_the_listener_advertises() -> None:
    made = transport()
    assert [made.advertised(each) for each in (PUBLIC, NATTED, SIX)] == [
        "192.0.2.1:5060",
        "sip.example.net:5080",
        "[2001:db8::1]:5060",
    ]


def test_a_route_sends_from_its_listener() -> None:
    env = Environment(Config(), bytes)
    route = Route(SOURCE, NATTED, ("10.0.0.1", 5070))
    route.send(env, b"x")
    assert env.take_actions() == [SendDatagram(b"x", SOURCE, 2, ("10.0.0.1", 5070))]


def test_only_udp_needs_retransmissions() -> None:
    assert not Route(SOURCE, PUBLIC).reliable
    assert Route(SOURCE, Listener(4, "sip", "tcp", ("192.0.2.1", 5060))).reliable
