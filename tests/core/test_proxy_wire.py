"""What the proxy writes into messages, whom it refuses, and what it answers itself (RFC 3261 16, RFC 3581)."""

from dataclasses import dataclass

import pytest

from ebr_conformance.phones import Phone
from ebr_conformance.scripts import plain
from ebr_conformance.simulation import PROXY, Simulation
from ebr_core import Config, Script, ServerRequest
from ebr_core.inputs import Address
from ebr_core.message import NameAddr, Request, Response, Uri, Via
from row_scripts import Simulate, at_home, registrar_script

STRANGER: Address = ("192.0.2.99", 5060)


@dataclass
class Answered:
    """A call that Bob answered at 2.0, and the messages that made it."""

    alice: Phone
    bob: Phone
    invite: Request
    ok: Response


def answered_call(sim: Simulation) -> Answered:
    alice, desk = at_home(sim, answers=1.0)
    sim.run(until=5.0)
    ok = next(m for _, m in alice.received if isinstance(m, Response) and m.status == 200)
    return Answered(alice, desk, desk.requests("INVITE")[0], ok)


def by_hand(method: str, uri: str, *headers: str, branch: str = "z9hG4bKone", source: Address = STRANGER) -> bytes:
    """A request of a stranger's, written by hand; ``headers`` replace the defaults of the same names."""
    fields = {
        "Via": f"SIP/2.0/UDP {source[0]}:{source[1]};branch={branch};rport",
        "Max-Forwards": "70",
        "From": "<sip:eve@example.net>;tag=e",
        "To": "<sip:bob@example.org>",
        "Call-ID": "by-hand",
        "CSeq": f"1 {method}",
        "Contact": "<sip:eve@192.0.2.99>",
    }
    fields.update(tuple(header.split(": ", 1)) for header in headers)  # type: ignore[misc]  # two parts each
    lines = [f"{method} {uri} SIP/2.0", *(f"{name}: {value}" for name, value in fields.items()), "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


def statuses(sim: Simulation, method: str) -> list[str]:
    """The final answers to ``method`` that the engine has sent, as statuses."""
    ends = f"({method})"
    return [e.label[:3] for e in sim.trace.entries if e.source == "ebr" and e.label.endswith(ends) and e.label[0] != "1"]


# What a forwarded request carries.


def test_a_forwarded_invite_has_our_via_and_the_callers_with_received_and_rport(simulate: Simulate) -> None:
    """16.6 step 8, 18.2.1, RFC 3581 4: the caller is found behind a NAT, and the response goes the way back."""
    sim = simulate(plain.script)
    call = answered_call(sim)
    ours, theirs = (Via.parse(value) for value in call.invite.values("via"))
    sent = next(m for _, m in call.alice.sent if isinstance(m, Request) and m.method == "INVITE")
    assert (ours.host, ours.port, ours.branch[:7]) == (*PROXY, "z9hG4bK")
    assert "rport" not in ours.params  # we are no client behind a NAT: the responses come to our listener
    assert (theirs.host, theirs.port, theirs.branch) == (*call.alice.address, sent.via.branch)
    assert (theirs.received, theirs.rport) == call.alice.address
    assert ours.branch != theirs.branch
    assert [Via.parse(value).branch for value in call.ok.values("via")] == [theirs.branch]


def test_a_caller_behind_a_nat_is_answered_where_its_request_came_from(simulate: Simulate) -> None:
    """RFC 3581 4 with rport, 18.2.2 without it."""
    sim = simulate(plain.script)
    outside = ("198.51.100.7", 40001)
    with_rport = "Via: SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bKa;rport"
    sim.inject(by_hand("OPTIONS", "sip:example.org", with_rport), source=outside)
    sim.inject(by_hand("OPTIONS", "sip:example.org", "Via: SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bKb"), source=outside)
    sim.expect(
        """
        0.000  ebr -> 198.51.100.7:40001  200 OK (OPTIONS)
        0.000  ebr -> 198.51.100.7:5062   200 OK (OPTIONS)
        """
    )


def test_max_forwards_is_decremented_and_everything_else_passes(simulate: Simulate) -> None:
    """16.6 steps 1 to 3: the Request-URI is the contact, all unknown fields and the body stay."""
    sim = simulate(plain.script)
    alice, bob = sim.phone("alice"), sim.phone("bob")
    sim.send(bob.register())
    sim.run(until=1.0)
    extra = [("X-Colour", "blue ;  odd = spacing"), ("Subject", "Grüße"), ("Max-Breadth", "60")]
    sim.send(alice.request("MESSAGE", "bob", headers=[*extra, ("Content-Type", "text/plain")], body=b"hello\r\n\x00\xff"))
    sim.run(until=2.0)
    (message,) = bob.requests("MESSAGE")
    sent = next(m for _, m in alice.sent if isinstance(m, Request))
    assert (sent.max_forwards, message.max_forwards) == (70, 69)
    assert message.uri == bob.contact
    assert [message.header(name) for name, _ in extra] == [value for _, value in extra]
    assert message.body == b"hello\r\n\x00\xff"
    for name in ("from", "to", "call-id", "cseq"):
        assert message.header(name) == sent.header(name)
    assert alice.responses("MESSAGE") == [200]


def test_a_request_without_max_forwards_gets_70(simulate: Simulate) -> None:
    """16.6 step 3."""
    sim = simulate(plain.script)
    bob = sim.phone("bob")
    sim.send(bob.register())
    data = by_hand("MESSAGE", "sip:bob@example.org").replace(b"Max-Forwards: 70\r\n", b"")
    sim.at(1.0, sim.inject, data)
    sim.run(until=2.0)
    assert bob.requests("MESSAGE")[0].max_forwards == 70


def test_the_record_route_is_ours_loose_and_carries_a_token(simulate: Simulate) -> None:
    """16.6 step 4: the same in the request and in the response; another Call-ID has another token."""
    sim = simulate(plain.script)
    call = answered_call(sim)
    (value,) = call.invite.values("record-route")
    uri = Uri.parse(NameAddr.parse(value).uri)
    assert (uri.host, uri.port, "lr" in uri.params, len(uri.params.get("ebr") or "")) == (*PROXY, True, 12)
    assert call.ok.values("record-route") == [value]
    sim.send(call.alice.bye())
    sim.send(call.alice.invite("bob"))
    sim.run(until=20.0)
    (other,) = call.bob.requests("INVITE")[1].values("record-route")
    assert other != value


def test_without_record_route_the_dialog_goes_past_us(simulate: Simulate) -> None:
    """16.6 step 4 is a MAY."""
    sim = simulate(plain.script, config=Config(record_route=False))
    call = answered_call(sim)
    assert call.invite.values("record-route") == []
    sim.expect(
        """
        2.000  desk -> ebr    200 OK (INVITE)
        2.000  ebr -> alice   200 OK (INVITE)
        2.000  alice -> desk  ACK sip:bob@192.0.2.12:5060
        """,
        since=1.5,
    )


# Inside a dialog.


def test_ack_and_bye_go_through_us_by_the_dialog_token(simulate: Simulate) -> None:
    """16.4, 16.6, 16.11: our Route value is taken off, Max-Forwards goes down, and no second Record-Route is added."""
    sim = simulate(plain.script)
    call = answered_call(sim)
    sim.send(call.alice.bye())
    sim.run(until=6.0)
    sim.expect(
        """
        2.000  desk -> ebr   200 OK (INVITE)
        2.000  ebr -> alice  200 OK (INVITE)
        2.000  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        2.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        5.000  alice -> ebr  BYE sip:bob@192.0.2.12:5060
        5.000  ebr -> desk   BYE sip:bob@192.0.2.12:5060
        5.000  desk -> ebr   200 OK (BYE)
        5.000  ebr -> alice  200 OK (BYE)
        """,
        since=1.5,
    )
    for method in ("ACK", "BYE"):
        (request,) = call.bob.requests(method)
        assert (request.values("route"), request.values("record-route"), request.max_forwards) == ([], [], 69)
        assert [Via.parse(value).host for value in request.values("via")] == [PROXY[0], call.alice.address[0]]
    (ack,) = call.bob.requests("ACK")
    assert ack.via.branch != call.invite.via.branch  # 17.1.1.3: the ACK to a 2xx is a transaction of its own


def test_the_callee_hangs_up_through_us(simulate: Simulate) -> None:
    """12.1.1: the callee's route set is the Record-Route of the INVITE."""
    sim = simulate(plain.script)
    call = answered_call(sim)
    sim.send(call.bob.bye())
    sim.run(until=6.0)
    sim.expect(
        """
        5.000  desk -> ebr   BYE sip:alice@192.0.2.11:5060
        5.000  ebr -> alice  BYE sip:alice@192.0.2.11:5060
        5.000  alice -> ebr  200 OK (BYE)
        5.000  ebr -> desk   200 OK (BYE)
        """,
        since=4.0,
    )


def test_a_reinvite_goes_through_us(simulate: Simulate) -> None:
    """A re-INVITE is forwarded like any other request of the dialog; no handler sees it."""
    sim = simulate(plain.script)
    call = answered_call(sim)
    sim.send(call.alice.in_dialog("INVITE"))
    sim.run(until=6.0)
    sim.expect(
        """
        5.000  alice -> ebr  INVITE sip:bob@192.0.2.12:5060
        5.000  ebr -> desk   INVITE sip:bob@192.0.2.12:5060
        5.000  desk -> ebr   200 OK (INVITE)
        5.000  ebr -> alice  200 OK (INVITE)
        5.000  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        5.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        """,
        hide=("100",),
        since=4.0,
    )


# No open relay.


@pytest.mark.parametrize(
    "route",
    [
        "<sip:192.0.2.1:5060;lr;ebr=AAAAAAAAAAAA>",
        "<sip:192.0.2.1:5060;lr>",
        "<sip:192.0.2.1:5060;lr;ebr>",
        "<sip:example.org;lr;ebr=>",
        "<sip:192.0.2.1:5060;lr;ebr=AAAAAAAAAAAA>, <sip:203.0.113.9;lr>",
        "<sip:203.0.113.9;lr>",
    ],
)
def test_a_request_in_a_dialog_with_a_forged_token_is_refused(simulate: Simulate, route: str) -> None:
    """403, and nothing leaves for the victim; an ACK is dropped."""
    sim = simulate(plain.script)
    to, victim = "To: <sip:bob@example.org>;tag=b", "sip:victim@203.0.113.9"
    sim.inject(by_hand("BYE", victim, to, f"Route: {route}"))
    sim.inject(by_hand("ACK", victim, to, f"Route: {route}", branch="z9hG4bKtwo"))
    sim.expect("0.000  ebr -> 192.0.2.99:5060  403 Forbidden (BYE)")


def test_the_token_of_another_call_is_refused(simulate: Simulate) -> None:
    """The token is keyed over the Call-ID: one call of your own opens nothing else."""
    sim = simulate(plain.script)
    call = answered_call(sim)
    route = f"Route: {call.ok.values('record-route')[0]}"
    sim.inject(by_hand("INFO", "sip:victim@203.0.113.9", "To: <sip:bob@example.org>;tag=b", route))
    sim.run(until=6.0)
    assert statuses(sim, "INFO") == ["403"]
    sim.inject(by_hand("INFO", call.bob.contact, "To: <sip:b@x>;tag=b", route, f"Call-ID: {call.ok.call_id}", branch="z9hG4bK3"))
    sim.run(until=7.0)
    assert statuses(sim, "INFO") == ["403", "200"]


def test_a_request_in_no_dialog_of_ours_is_481(simulate: Simulate) -> None:
    """12.2.2: addressed to us, with a To tag, and without a Route."""
    sim = simulate(plain.script)
    sim.inject(by_hand("BYE", "sip:bob@example.org", "To: <sip:bob@example.org>;tag=b"))
    sim.expect("0.000  ebr -> 192.0.2.99:5060  481 Call/Transaction Does Not Exist (BYE)")


def relays_all(anywhere: bool) -> Script:
    """A script that sends every INVITE to its own Request-URI."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        request.relay(anywhere=anywhere)

    return script


@pytest.mark.parametrize(
    ("anywhere", "expected"),
    [
        (False, "0.000  ebr -> 192.0.2.99:5060  403 Forbidden (INVITE)"),
        (True, "0.000  ebr -> 203.0.113.9:5060  INVITE sip:victim@203.0.113.9"),
    ],
)
def test_a_strangers_request_uri_is_refused(simulate: Simulate, anywhere: bool, expected: str) -> None:
    """`relay()` goes to no foreign Request-URI; with `anywhere=True` the script takes that upon itself."""
    sim = simulate(relays_all(anywhere))
    sim.inject(by_hand("INVITE", "sip:victim@203.0.113.9"))
    sim.expect(expected, hide=("100",))


def test_a_preloaded_route_to_a_stranger_is_refused(simulate: Simulate) -> None:
    """Our own Request-URI does not make a foreign Route ours."""
    sim = simulate(relays_all(False))
    sim.inject(by_hand("INVITE", "sip:bob@example.org", "Route: <sip:203.0.113.9;lr>"))
    sim.expect("0.000 ebr -> 192.0.2.99:5060 403 Forbidden (INVITE)", hide=("100",))


# What the engine answers itself.


def test_options_to_us_is_200_and_an_unknown_method_405(simulate: Simulate) -> None:
    """11.2, 8.2.1: both say what there is."""
    sim = simulate(plain.script)
    alice = sim.phone("alice")
    sim.send(alice.request("OPTIONS", "sip:example.org"))
    sim.send(alice.request("OPTIONS", "sip:192.0.2.1"))
    sim.send(alice.request("FROBNICATE", "sip:example.org"))
    sim.run(until=1.0)
    assert alice.responses("OPTIONS") == [200, 200]
    assert alice.responses("FROBNICATE") == [405]
    allowed = "ACK, BYE, CANCEL, INVITE, MESSAGE, OPTIONS, PUBLISH, REFER, REGISTER, SUBSCRIBE"
    assert {", ".join(message.values("allow")) for _, message in alice.received} == {allowed}


def test_max_forwards_0_is_483_except_for_options_to_us(simulate: Simulate) -> None:
    """16.3 step 3, 11: traceroute ends here."""
    sim = simulate(plain.script)
    bob = sim.phone("bob")
    sim.send(bob.register())
    sim.run(until=1.0)
    sim.inject(by_hand("MESSAGE", "sip:bob@example.org", "Max-Forwards: 0"))
    sim.inject(by_hand("OPTIONS", "sip:example.org", "Max-Forwards: 0", branch="z9hG4bKtwo"))
    sim.inject(by_hand("MESSAGE", "sip:bob@example.org", "Max-Forwards: 1", branch="z9hG4bKthree"))
    sim.run(until=2.0)
    assert (statuses(sim, "MESSAGE"), statuses(sim, "OPTIONS")) == (["483", "200"], ["200"])
    assert [message.max_forwards for message in bob.requests("MESSAGE")] == [0]


def test_cancel_without_an_invite_is_481(simulate: Simulate) -> None:
    """9.2; a CANCEL on another branch than the INVITE's cancels nothing."""
    sim = simulate(plain.script)
    _, desk = at_home(sim)
    sim.run(until=2.0)
    sim.inject(by_hand("CANCEL", "sip:bob@example.org"))
    sim.run(until=3.0)
    assert statuses(sim, "CANCEL") == ["481"]
    assert desk.requests("CANCEL") == []
    sim.at(4.0, desk.answer)
    sim.run(until=5.0)


@pytest.mark.parametrize("uri", ["sip:bob@phone.example.net", "sips:bob@192.0.2.20", "sip:bob@192.0.2.20;transport=tcp"])
def test_a_target_without_a_way_is_500_and_logged(simulate: Simulate, uri: str) -> None:
    """There is neither DNS nor TCP here: the branch fails as a transport error does (16.9), at once."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        request.relay(uri, anywhere=True)

    sim = simulate(script)
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "bob")
    sim.run(until=10.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  ebr -> alice  500 Server Internal Error (INVITE)
        1.000  alice -> ebr  ACK sip:bob@example.org
        """
    )
    assert [(entry.code, entry.fields["uri"]) for entry in sim.logs] == [("unroutable-target", uri)]


def test_a_target_without_a_way_does_not_spoil_the_others(simulate: Simulate) -> None:
    """The phone that can be reached decides."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        request.relay(["sip:bob@phone.example.net", "sip:bob@192.0.2.12"], anywhere=True)

    sim = simulate(script)
    alice = sim.phone("alice")
    sim.phone("bob", rings=None, answers=0.25)
    sim.at(1.0, alice.invite, "bob")
    sim.run(until=10.0)
    assert alice.responses() == [100, 200]
