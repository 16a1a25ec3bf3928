"""The parts of the proxy one by one: the choice of the best response, the forwarded copy, targets, our own Route values."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebr_core.actions import SendDatagram
from ebr_core.inputs import Listener
from ebr_core.message import Request, parse_message
from ebr_core.proxy import Target
from ebr_core.proxy.choice import best_status
from ebr_core.proxy.forward import forwarded
from ebr_core.proxy.proxy import NO_ROUTE, OWN_DIALOG, OWN_ROUTE
from ebr_core.transport import Route
from proxy_bench import INSIDE, UDP, Bench, request, target

# The best response (16.7 step 6).


@pytest.mark.parametrize(
    ("statuses", "best"),
    [
        ([486], 486),
        ([404, 603, 302], 603),  # a 6xx before all
        ([500, 404, 302], 302),  # else the lowest class
        ([486, 404], 486),  # within a class the first that came
        ([404, 486], 404),
        ([404, 401], 401),  # what tells the caller how to try again
        ([404, 407, 401], 407),
        ([486, 415], 415),
        ([486, 420], 420),
        ([486, 484], 484),
        ([484, 407], 407),
        ([408, 480], 480),  # 408 and 487 say least
        ([487, 408], 408),
        ([487, 486], 486),
        ([503, 500], 500),
        ([503, 580], 580),
        ([503], 503),
        ([606, 600], 606),
        ([503, 487], 487),
    ],
)
def test_best_status(statuses: list[int], best: int) -> None:
    assert statuses[best_status(statuses)] == best


def test_there_is_no_best_of_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        best_status([])


@given(st.lists(st.integers(300, 699), min_size=1, max_size=8), st.integers(0, 7))
def test_the_best_stays_the_best_without_another(statuses: list[int], index: int) -> None:
    best = best_status(statuses)
    others = [status for at, status in enumerate(statuses) if at == best or at != index]
    assert others[best_status(others)] == statuses[best]


# The copy that is sent on (16.6).


def test_only_the_necessary_lines_change() -> None:
    original = parse_message(
        b"INVITE sip:bob@example.org SIP/2.0\r\n"
        b"v: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKup\r\n"
        b"X-Odd :  kept \xff as it is\r\n"
        b"Max-Forwards: 70\r\n"
        b"f: <sip:alice@example.org>;tag=a\r\nt: <sip:bob@example.org>\r\ni: c1\r\nCSeq: 1 INVITE\r\n"
        b"Route: <sip:192.0.2.50;lr>\r\nl: 4\r\n\r\nbody"
    )
    assert isinstance(original, Request)
    before = original.to_bytes()
    copy = forwarded(
        original,
        uri="sip:bob@192.0.2.21",
        via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKdown",
        routes=("<sip:p1;lr>", "<sip:p2;lr>"),
        record_routes=("<sip:out;lr>", "<sip:in;lr>"),
        max_forwards=69,
    )
    assert copy.to_bytes().split(b"\r\n") == [
        b"INVITE sip:bob@192.0.2.21 SIP/2.0",
        b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKdown",
        b"Record-Route: <sip:out;lr>",
        b"Record-Route: <sip:in;lr>",
        b"Route: <sip:p1;lr>",
        b"Route: <sip:p2;lr>",
        b"v: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKup",
        b"X-Odd :  kept \xff as it is",
        b"Max-Forwards: 69",
        b"f: <sip:alice@example.org>;tag=a",
        b"t: <sip:bob@example.org>",
        b"i: c1",
        b"CSeq: 1 INVITE",
        b"Route: <sip:192.0.2.50;lr>",
        b"l: 4",
        b"",
        b"body",
    ]
    assert original.to_bytes() == before
    assert copy.via.branch == "z9hG4bKdown"


def test_a_request_without_max_forwards_gets_one() -> None:
    copy = forwarded(request(), uri="sip:b@192.0.2.21", via="SIP/2.0/UDP h;branch=z9hG4bKd", max_forwards=70)
    assert copy.headers("max-forwards") == ["70"]


@pytest.mark.parametrize(
    ("uri", "sent"),
    [
        ("sip:b@192.0.2.21?Route=%3Csip:x%3E", "sip:b@192.0.2.21"),
        ("sip:b?x@192.0.2.21;lr?a=b&c=d?e", "sip:b?x@192.0.2.21;lr"),
        ("sip:192.0.2.21?", "sip:192.0.2.21"),
        ("sip:b?x@192.0.2.21", "sip:b?x@192.0.2.21"),
        ("http://b/?x", "http://b/?x"),
        ("sip:b:?x", "sip:b:?x"),
    ],
)
def test_header_fields_of_a_uri_do_not_go_into_a_request_uri(uri: str, sent: str) -> None:
    """16.6 step 2, 19.1.1; what is no SIP URI is not ours to cut."""
    copy = forwarded(request(), uri=uri, via="SIP/2.0/UDP h;branch=z9hG4bKd", max_forwards=70)
    assert (copy.uri, copy.lines[0]) == (sent, f"INVITE {sent} SIP/2.0")


# Targets.


def test_a_target_is_a_device_by_name_or_by_uri() -> None:
    assert target(21).device == "sip:bob@192.0.2.21"
    assert target(21, device="<urn:uuid:1>").device == "<urn:uuid:1>"
    assert target(21) == target(21, device="sip:bob@192.0.2.21")


@pytest.mark.parametrize(
    ("more", "same"),
    [
        ({}, True),
        ({"q": 5}, True),
        ({"device": "d"}, True),
        ({"path": ("<sip:p;lr>",)}, False),
        ({"received": "sip:198.51.100.7:40000"}, False),
        ({"listener": 2}, False),
    ],
)
def test_the_same_flow_is_the_same_way_whatever_the_name(more: dict[str, object], same: bool) -> None:
    assert target(21).same_flow(target(21, **more)) is same
    assert target(21).reaches(target(21, **more)) is (same or "device" not in more)


def test_a_device_is_reached_on_another_flow_too() -> None:
    assert target(21, device="d").reaches(target(22, device="d"))
    assert not target(21, device="d").same_flow(target(22, device="d"))
    assert not target(21).reaches(target(22))


# Our own Route values and their tokens (16.4, 16.6 step 4).


def own(bench: Bench, call_id: str = "c1", host: str = "192.0.2.1") -> str:
    return f"sip:{host};lr;ebr={bench.proxy.dialog_token(call_id)}"


def taken(message: Request, bench: Bench | None = None) -> tuple[int, str, list[str]]:
    bench = bench or Bench()
    state = bench.proxy.take_own_routes(message)
    return state, message.uri, message.values("route")


def test_a_token_is_for_one_call_and_one_key() -> None:
    bench = Bench()
    token = bench.proxy.dialog_token("c1")
    assert token == Bench().proxy.dialog_token("c1")
    assert token != bench.proxy.dialog_token("c2")
    assert len(token) >= 12
    assert bench.proxy.dialog_token("\udcff")  # a Call-ID that is no UTF-8


@pytest.mark.parametrize(
    ("routes", "state", "left"),
    [
        ((), NO_ROUTE, []),
        (("<sip:192.0.2.50;lr>",), NO_ROUTE, ["<sip:192.0.2.50;lr>"]),
        (("<sip:192.0.2.1;lr>",), OWN_ROUTE, []),
        (("<sip:192.0.2.1;lr>", "<sip:192.0.2.50;lr>"), OWN_ROUTE, ["<sip:192.0.2.50;lr>"]),
        (("<OWN>",), OWN_DIALOG, []),
        (("<OWN>, <sip:192.0.2.50;lr>",), OWN_DIALOG, ["<sip:192.0.2.50;lr>"]),
        (("<OWN>", "<OWN>", "<sip:192.0.2.50;lr>"), OWN_DIALOG, ["<sip:192.0.2.50;lr>"]),  # a double Record-Route
        (("<sip:192.0.2.1;lr>", "<OWN>"), OWN_DIALOG, []),
        (("<OWN>", "<sip:192.0.2.1;lr>"), OWN_DIALOG, []),
        (("<sip:192.0.2.50;lr>", "<OWN>"), NO_ROUTE, ["<sip:192.0.2.50;lr>", "<OWN>"]),  # only from the top
        (("<sip:192.0.2.1;lr;ebr=AAAAAAAAAAAA>",), OWN_ROUTE, []),  # forged
        (("<OTHER>",), OWN_ROUTE, []),  # stolen from another call
        (("", ",", "<OWN>"), OWN_DIALOG, []),
    ],
)
def test_route_values_that_name_us_are_taken_out(routes: Sequence[str], state: int, left: list[str]) -> None:
    bench = Bench()

    def filled(text: str) -> str:
        return text.replace("OWN", own(bench)).replace("OTHER", own(bench, "c2"))

    message = request("BYE", "sip:bob@192.0.2.21", to_tag="t")
    for value in routes:
        message.append("Route", filled(value))
    assert taken(message, bench) == (state, "sip:bob@192.0.2.21", [filled(value) for value in left])


def test_the_swap_of_a_strict_router_is_undone() -> None:
    bench = Bench()
    message = request("BYE", own(bench), to_tag="t", Route="<sip:192.0.2.50>, <sip:bob@192.0.2.21>")
    assert taken(message, bench) == (OWN_DIALOG, "sip:bob@192.0.2.21", ["<sip:192.0.2.50>"])


def test_the_swap_is_undone_before_our_second_record_route_is_taken() -> None:
    bench = Bench()
    message = request("BYE", own(bench), to_tag="t", Route=f"<{own(bench, host='10.0.0.1:5070')}>, <sip:bob@192.0.2.21>")
    assert taken(message, bench) == (OWN_DIALOG, "sip:bob@192.0.2.21", [])


def test_a_swap_with_a_forged_token_opens_no_dialog() -> None:
    message = request("BYE", "sip:192.0.2.1;lr;ebr=AAAAAAAAAAAA", to_tag="t", Route="<sip:bob@192.0.2.21>")
    assert taken(message) == (OWN_ROUTE, "sip:bob@192.0.2.21", [])


@pytest.mark.parametrize(
    "uri",
    [
        "sip:192.0.2.1;ebr=x",  # no `lr`: not of our making
        "sip:192.0.2.50;lr;ebr=x",  # not ours
        "sip:192.0.2.1;lr",
        "sip:bob@192.0.2.1:x;lr;ebr=x",
    ],
)
def test_another_request_uri_is_no_swap(uri: str) -> None:
    message = request("BYE", uri, to_tag="t", Route="<sip:bob@192.0.2.21>")
    assert taken(message) == (NO_ROUTE, uri, ["<sip:bob@192.0.2.21>"])


def test_our_uri_without_a_route_is_the_target_itself() -> None:
    bench = Bench()
    uri = own(bench)
    assert taken(request("BYE", uri, to_tag="t"), bench) == (NO_ROUTE, uri, [])


GARBAGE = (
    *("<sip:a b>", "<>", "<", '"', "foo", "<foo>", "sip:", "*"),
    *("<sip:\t@192.0.2.1>", "\\\0", "<sip:x@192.0.2.1:99999>", "\udcff"),
)


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_route_that_cannot_be_read_stays_and_never_raises(garbage: str) -> None:
    bench = Bench()
    message = request("BYE", "sip:bob@192.0.2.21", to_tag="t", Route=garbage)
    assert taken(message, bench) == (NO_ROUTE, "sip:bob@192.0.2.21", [garbage])
    swapped = request("BYE", own(bench), to_tag="t", Route=garbage)
    assert taken(swapped, bench) == (NO_ROUTE, own(bench), [garbage])
    route = bench.proxy.route_to(message, target(21), UDP, None)
    assert route is None
    assert bench.proxy.next_hop(request(), target(21, path=(garbage,))) is None


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20), max_size=4))
def test_no_route_values_raise(values: list[str]) -> None:
    bench = Bench()
    for uri in ("sip:bob@192.0.2.21", own(bench)):
        message = request("ACK", uri, to_tag="t")
        for value in values:
            message.append("Route", value)
        bench.proxy.forward_ack(message, UDP, None)


# Record-Route, Via, next hops.


def test_one_record_route_per_listener_and_the_outgoing_one_on_top() -> None:
    proxy = Bench().proxy
    token = proxy.dialog_token("c1")
    assert proxy.record_routes("c1", UDP, UDP) == (f"<sip:192.0.2.1:5060;lr;ebr={token}>",)
    assert proxy.record_routes("c1", UDP, INSIDE) == (
        f"<sip:10.0.0.1:5070;lr;ebr={token}>",
        f"<sip:192.0.2.1:5060;lr;ebr={token}>",
    )


def test_via_names_the_listener_that_sends() -> None:
    proxy = Bench().proxy
    assert proxy.via(Route(("192.0.2.9", 5060), INSIDE), "z9hG4bK1") == "SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1"


@pytest.mark.parametrize(
    ("place", "route", "hop"),
    [
        (target(21), "", "192.0.2.21"),
        (target(21, received="sip:198.51.100.7:40000"), "", "198.51.100.7"),
        (target(21, received="sip:198.51.100.7:40000"), "<sip:192.0.2.50;lr>", "192.0.2.50"),
        (target(21, path=("<sip:192.0.2.60;lr>", "<sip:192.0.2.61;lr>")), "<sip:192.0.2.50;lr>", "192.0.2.60"),
    ],
)
def test_path_then_route_then_received_then_the_uri_itself(place: Target, route: str, hop: str) -> None:
    message = request(Route=route) if route else request()
    found = Bench().proxy.next_hop(message, place)
    assert found is not None
    assert found.host == hop


def test_what_cannot_be_reached_is_logged_and_counted() -> None:
    bench = Bench()
    assert bench.proxy.route_to(request(), Target("sip:bob@phone.example.com"), UDP, None) is None
    bench.take()
    assert [(each.code, each.fields["uri"]) for each in bench.logged] == [("unroutable-target", "sip:bob@phone.example.com")]
    assert bench.env.counters["proxy.unroutable"] == 1


# ACK to a 2xx (16.11).


def ack(bench: Bench, *, branch: str = "z9hG4bKack", hops: str = "70", route: str | None = None) -> Request:
    more = {"Max_Forwards": hops} if hops else {}
    return request("ACK", "sip:bob@192.0.2.21", branch=branch, to_tag="t", Route=route or f"<{own(bench)}>", **more)


def forward(bench: Bench, message: Request, incoming: Listener = UDP) -> Request | None:
    bench.env.take_actions()
    bench.proxy.forward_ack(message, incoming, None)
    sent = [each for each in bench.env.take_actions() if isinstance(each, SendDatagram)]
    if not sent:
        return None
    assert [each.destination for each in sent] == [("192.0.2.21", 5060)]
    copy = parse_message(sent[0].data)
    assert isinstance(copy, Request)
    return copy


def test_an_ack_inside_our_dialog_is_sent_on_without_our_route() -> None:
    bench = Bench()
    copy = forward(bench, ack(bench))
    assert copy is not None
    assert (copy.uri, copy.values("route"), copy.max_forwards) == ("sip:bob@192.0.2.21", [], 69)
    assert [value.partition(";")[0] for value in copy.values("via")] == ["SIP/2.0/UDP 192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.11"]


def test_a_retransmitted_ack_has_the_branch_of_the_first_and_no_other_one_has() -> None:
    bench = Bench()
    branches = []
    for branch in ("z9hG4bK1", "z9hG4bK1", "z9hG4bK2"):
        copy = forward(bench, ack(bench, branch=branch))
        assert copy is not None
        branches.append(copy.via.branch)
    assert branches[0] == branches[1] != branches[2]
    assert branches[0].startswith("z9hG4bK")


def test_an_ack_without_max_forwards_gets_one() -> None:
    bench = Bench()
    copy = forward(bench, ack(bench, hops=""))
    assert copy is not None
    assert 1 <= copy.max_forwards <= 70


@pytest.mark.parametrize(
    ("hops", "route", "dropped"),
    [
        ("0", None, 1),
        ("70", "<sip:192.0.2.1;lr;ebr=AAAAAAAAAAAA>", 1),  # a stranger's: we are no open relay
        ("70", "<sip:192.0.2.50;lr>", 1),
        ("70", "<OWN>, <sip:phone.example.com;lr>", 0),  # ours, and there is no way to go
    ],
)
def test_other_acks_are_dropped(hops: str, route: str | None, dropped: int) -> None:
    bench = Bench()
    message = ack(bench, hops=hops, route=None if route is None else route.replace("OWN", own(bench)))
    assert forward(bench, message) is None
    assert bench.env.counters.get("dropped.ack", 0) == dropped
