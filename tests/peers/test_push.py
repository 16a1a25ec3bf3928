"""The push script against SIPp: phones wake up while the caller waits."""

from pathlib import Path

import pytest

from ebr_core.message import Message
from peers import scenarios as s
from peers.programs import Ebr
from peers.sipp import LATE_STAMP, SOON, StartEbr, StartSipp

pytestmark = pytest.mark.peers

PUSH = "ebr_conformance.scripts.push_notification"

SHORT_WAIT = """\
from ebr_core import Script, ServerRequest

script = Script()


@script.request("INVITE")
def call(request: ServerRequest) -> None:
    call = request.new_transaction()
    call.wait_for_new_branches(timeout=2)
    call.notify_on_event("E_UL_CONTACT_INSERT", {"aor": request.aor}, lambda event, call: call.inject_branch(event))
    call.relay(request.lookup())
"""


def lr(message: Message, server: Ebr) -> bool:
    """Whether the server, and nobody else, is on the message's recorded route, as a loose router."""
    uris = [value.parse_uri() for value in message.record_routes]
    return [(uri.host, uri.port, "lr" in uri.params) for uri in uris] == [("127.0.0.1", server.port, True)]


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_a_phone_that_registers_a_second_later_is_rung_answers_and_talks(who: str, ebr: StartEbr, sipp: StartSipp) -> None:
    server = ebr(PUSH)
    talk = [s.linger(0.2), s.bye("alice", "bob")] if who == "caller" else [s.take_bye()]
    answered = [s.expect(180), s.answer("alice", "bob"), *talk]
    alice = sipp(server, "alice", s.scenario(s.call("alice", "bob"), s.expect(100), *answered))
    server.stdout.wait_for("INVITE sip:bob@example.org")
    taken = [s.reply("bob", 180, "Ringing"), s.linger(0.2), s.reply("bob", 200, "OK"), s.expect("ACK")]
    if who == "caller":
        incoming = s.take_call(*taken, s.take_bye())
    else:
        incoming = s.take_call_and_hang_up("bob", *taken, s.linger(0.2))
    bob = sipp(server, "bob", s.register("bob", after=1.0), incoming)
    alice.wait()
    bob.wait()

    bye = ["-> BYE", "<- 200 BYE"], ["<- BYE", "-> 200 BYE"]
    if who == "callee":
        bye = bye[1], bye[0]
    assert alice.story == ["-> INVITE", "<- 100 INVITE", "<- 180 INVITE", "<- 200 INVITE", "-> ACK", *bye[0]]
    assert bob.story == ["-> REGISTER", "<- 200 REGISTER", "<- INVITE", "-> 180 INVITE", "-> 200 INVITE", "<- ACK", *bye[1]]

    # He was rung because he registered, and at once.
    assert alice.time("<- 100 INVITE") - alice.time("-> INVITE") < SOON
    assert bob.time("-> REGISTER") - alice.time("-> INVITE") > 1.0
    assert bob.time("<- 200 REGISTER") < bob.time("<- INVITE") < bob.time("-> REGISTER") + SOON

    invite, sent = bob.request("<- INVITE"), alice.request("-> INVITE")
    assert invite.uri == f"sip:bob@127.0.0.1:{bob.port}"
    assert invite.max_forwards == 69
    assert invite.body == sent.body == s.SDP.replace("\n", "\r\n").encode() + b"\r\n"
    assert [(via.partition(";")[0]) for via in invite.headers("via")] == [
        f"SIP/2.0/UDP {server.address}",
        f"SIP/2.0/UDP 127.0.0.1:{alice.port}",
    ]
    assert lr(invite, server)
    for short in ("<- 180 INVITE", "<- 200 INVITE"):
        response = alice.one(short).message
        assert response.headers("via") == sent.headers("via")
        assert lr(response, server)

    # Within the dialog: by way of the server, each time with a transaction of its own, in either direction.
    hung_up = (alice, bob) if who == "caller" else (bob, alice)
    for from_, to, method in ((alice, bob, "ACK"), (*hung_up, "BYE")):
        out, arrived = from_.request(f"-> {method}"), to.request(f"<- {method}")
        assert [value.parse_uri().port for value in out.routes] == [server.port]
        assert arrived.routes == []
        assert arrived.request_uri.port == to.port
        assert arrived.headers("via")[1:] == out.headers("via")
        assert arrived.via.port == server.port
    branches = {message.via.params["branch"] for message in (invite, bob.request("<- ACK"), hung_up[1].request("<- BYE"))}
    assert len(branches) == 3


def test_a_ringing_desk_phone_stops_when_the_woken_mobile_answers(ebr: StartEbr, sipp: StartSipp) -> None:
    server = ebr(PUSH)
    desk = sipp(server, "desk", s.register("bob"), s.lose_call("bob"))
    server.stdout.wait_for("200 OK (REGISTER)")
    talk = [s.answer("alice", "bob"), s.linger(0.5), s.bye("alice", "bob")]
    alice = sipp(server, "alice", s.scenario(s.call("alice", "bob"), s.expect(100), s.expect(180), *talk))
    server.stdout.wait_for("180 Ringing (INVITE)", 2)  # to the server, and from it
    mobile = sipp(server, "mobile", s.register("bob"), s.take_call(s.reply("bob", 200, "OK"), s.expect("ACK"), s.take_bye()))
    for agent in (alice, mobile, desk):
        agent.wait()

    # The desk phone's 487 ends there: the caller, who stayed long enough to see it, did not.
    assert desk.story[2:] == ["<- INVITE", "-> 180 INVITE", "<- CANCEL", "-> 200 CANCEL", "-> 487 INVITE", "<- ACK"]
    assert alice.story == [
        *("-> INVITE", "<- 100 INVITE", "<- 180 INVITE", "<- 200 INVITE"),
        *("-> ACK", "-> BYE", "<- 200 BYE"),
    ]
    assert desk.time("<- ACK") < alice.time("-> BYE")
    assert mobile.story[2:] == ["<- INVITE", "-> 200 INVITE", "<- ACK", "<- BYE", "-> 200 BYE"]

    # The answer goes on to the caller first, then the phone that lost falls silent.
    answer, cancelled, ended = "200 OK (INVITE)", "CANCEL sip:bob@", "487 Request"
    assert server.order(answer, cancelled, ended) == [answer, answer, cancelled, ended]
    assert -LATE_STAMP < desk.time("<- CANCEL") - mobile.time("-> 200 INVITE") < SOON
    cancel, invite, ack = (desk.request(f"<- {method}") for method in ("CANCEL", "INVITE", "ACK"))
    assert cancel.header("reason") == 'SIP ;cause=200 ;text="Call completed elsewhere"'
    assert cancel.uri == ack.uri == invite.uri
    assert cancel.headers("via") == ack.headers("via") == invite.headers("via")[:1]
    assert (cancel.cseq, cancel.to_tag) == (invite.cseq, "")
    assert ack.to_tag == desk.one("-> 487 INVITE").message.to_tag
    assert invite.via.params["branch"] != mobile.request("<- INVITE").via.params["branch"]


@pytest.mark.parametrize("script", [PUSH, "ebr_conformance.scripts.wait_for_event"])
def test_a_caller_who_gives_up_while_waiting_is_released_at_once(script: str, ebr: StartEbr, sipp: StartSipp) -> None:
    server = ebr(script)
    # Stays for more than T1 and 2*T1 after the ACK: a 487 whose ACK went unnoticed would come again.
    steps = [s.expect(100), s.linger(0.3), s.cancel("alice", "bob"), s.linger(1.7)]
    alice = sipp(server, "alice", s.scenario(s.call("alice", "bob"), *steps)).wait()
    assert sorted(alice.story[3:5]) == ["<- 200 CANCEL", "<- 487 INVITE"]
    assert [alice.story[:3], alice.story[5:]] == [["-> INVITE", "<- 100 INVITE", "-> CANCEL"], ["-> ACK"]]
    assert max(alice.time("<- 200 CANCEL"), alice.time("<- 487 INVITE")) - alice.time("-> CANCEL") < SOON
    # 9.2: one tag for both, because it is one user agent server that answers.
    assert alice.one("<- 200 CANCEL").message.to_tag == alice.one("<- 487 INVITE").message.to_tag != ""

    # Whoever wakes up now is not rung any more: the branch would leave together with his 200.
    bob = sipp(server, "bob", s.register("bob", stays=0.5)).wait()
    assert bob.story == ["-> REGISTER", "<- 200 REGISTER"]


def test_when_nobody_registers_the_caller_gets_408_on_time(ebr: StartEbr, sipp: StartSipp, tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text(SHORT_WAIT)
    server = ebr("short.py")
    steps = [s.expect(100), s.refused("alice", "bob", 408), s.linger(0.7)]
    alice = sipp(server, "alice", s.scenario(s.call("alice", "bob"), *steps)).wait()
    assert alice.story == ["-> INVITE", "<- 100 INVITE", "<- 408 INVITE", "-> ACK"]
    assert 2.0 - LATE_STAMP <= alice.time("<- 408 INVITE") - alice.time("-> INVITE") < 2.0 + SOON
    assert alice.one("<- 408 INVITE").message.to_tag
