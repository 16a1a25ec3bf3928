"""The wait and pickup scripts against SIPp."""

from pathlib import Path

import pytest

from peers import scenarios as s
from peers.sipp import LATE_STAMP, SOON, StartEbr, StartSipp

pytestmark = pytest.mark.peers

SHORT_WAIT = """\
from ebr_core import Script, ServerRequest

script = Script()


@script.request("INVITE")
async def call(request: ServerRequest) -> None:
    call = request.new_transaction()
    if await call.wait_for_event("E_UL_CONTACT_INSERT", {"aor": request.aor}, timeout=1.5) is None:
        call.reply(480, "Temporarily Unavailable")
"""


def test_a_suspended_call_goes_on_when_the_callee_registers(ebr: StartEbr, sipp: StartSipp) -> None:
    server = ebr("ebr_conformance.scripts.wait_for_event")
    talk = [s.answer("alice", "bob"), s.linger(0.2), s.bye("alice", "bob")]
    alice = sipp(server, "alice", s.scenario(s.call("alice", "bob"), s.expect(100), s.expect(180), *talk))
    server.stdout.wait_for("INVITE sip:bob@example.org")
    # Somebody else's registration is not what the call waits for.
    sipp(server, "carol", s.register("carol", stays=0.3)).wait()
    taken = s.reply("bob", 180, "Ringing"), s.reply("bob", 200, "OK"), s.expect("ACK"), s.take_bye()
    bob = sipp(server, "bob", s.register("bob", after=0.5), s.take_call(*taken))
    alice.wait()
    bob.wait()

    assert alice.story == [
        *("-> INVITE", "<- 100 INVITE", "<- 180 INVITE", "<- 200 INVITE"),
        *("-> ACK", "-> BYE", "<- 200 BYE"),
    ]
    assert bob.story == [
        *("-> REGISTER", "<- 200 REGISTER", "<- INVITE", "-> 180 INVITE", "-> 200 INVITE"),
        *("<- ACK", "<- BYE", "-> 200 BYE"),
    ]
    assert bob.time("-> REGISTER") - alice.time("-> INVITE") > 0.8
    assert bob.time("<- 200 REGISTER") < bob.time("<- INVITE") < bob.time("-> REGISTER") + SOON
    assert bob.request("<- INVITE").uri == f"sip:bob@127.0.0.1:{bob.port}"


def test_everybody_who_waits_is_put_through_the_oldest_first(ebr: StartEbr, sipp: StartSipp) -> None:
    callers = 30
    server = ebr("ebr_conformance.scripts.wait_for_event")
    # No 100 is waited for: where the machine is so busy that it takes longer than T1, INVITEs may be repeated.
    talk = [s.answer("alice", "bob"), s.linger(0.2), s.bye("alice", "bob")]
    early = [s.expect(100, optional=True), s.expect(180, optional=True)]
    alice = sipp(server, "alice", s.scenario(s.call("alice", "bob"), *early, *talk), calls=callers)
    server.stdout.wait_for("100 Trying", callers)
    taken = s.reply("bob", 180, "Ringing"), s.reply("bob", 200, "OK"), s.expect("ACK"), s.take_bye()
    bob = sipp(server, "bob", s.register("bob"), s.take_calls(*taken))
    alice.wait()

    asked, rung = alice.calls("-> INVITE"), bob.calls("<- INVITE")
    assert len(asked) == callers
    assert rung == asked
    for short in ("<- 180 INVITE", "<- 200 INVITE", "-> ACK", "-> BYE", "<- 200 BYE"):
        assert sorted(alice.calls(short)) == sorted(asked), short
    for short in ("<- ACK", "<- BYE"):
        assert sorted(bob.calls(short)) == sorted(asked), short


def test_a_suspended_call_that_nobody_wakes_ends_on_time(ebr: StartEbr, sipp: StartSipp, tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text(SHORT_WAIT)
    server = ebr("short.py")
    # Stays for more than T1 after its ACK, which therefore must have been noticed.
    steps = [s.expect(100), s.refused("alice", "bob", 480), s.linger(0.7)]
    alice = sipp(server, "alice", s.scenario(s.call("alice", "bob"), *steps)).wait()
    assert alice.story == ["-> INVITE", "<- 100 INVITE", "<- 480 INVITE", "-> ACK"]
    assert 1.5 - LATE_STAMP <= alice.time("<- 480 INVITE") - alice.time("-> INVITE") < 1.5 + SOON


def test_who_dials_33_gets_the_call_that_rings_elsewhere(ebr: StartEbr, sipp: StartSipp) -> None:
    server = ebr("ebr_conformance.scripts.call_pickup")
    bob = sipp(server, "bob", s.register("bob"), s.lose_call("bob"))
    server.stdout.wait_for("200 OK (REGISTER)", 1)
    # Long enough between ringing and answer for Bob's phone to have ended before the call is up.
    taken = s.reply("charlie", 180, "Ringing"), s.linger(0.3), s.reply("charlie", 200, "OK"), s.expect("ACK"), s.take_bye()
    charlie = sipp(server, "charlie", s.register("charlie"), s.take_call(*taken))
    server.stdout.wait_for("200 OK (REGISTER)", 2)
    ringing = s.expect(100), s.expect(180), s.expect(180)
    talk = s.answer("alice", "bob"), s.linger(0.2), s.bye("alice", "bob")
    alice = sipp(server, "alice", s.scenario(s.call("alice", "bob"), *ringing, *talk))
    server.stdout.wait_for("180 Ringing (INVITE)", 2)  # to the server, and from it
    picker = sipp(server, "picker", s.scenario(s.call("charlie", "33"), s.refused("charlie", "33", 480), s.linger(0.7)))
    for agent in (alice, bob, charlie, picker):
        agent.wait()

    assert picker.story == ["-> INVITE", "<- 480 INVITE", "-> ACK"]
    assert bob.story[2:] == ["<- INVITE", "-> 180 INVITE", "<- CANCEL", "-> 200 CANCEL", "-> 487 INVITE", "<- ACK"]
    assert charlie.story[2:] == ["<- INVITE", "-> 180 INVITE", "-> 200 INVITE", "<- ACK", "<- BYE", "-> 200 BYE"]
    # Alice hears of Charlie's phone, and of the 487 nothing.
    assert alice.story == [
        *("-> INVITE", "<- 100 INVITE", "<- 180 INVITE", "<- 180 INVITE", "<- 200 INVITE"),
        *("-> ACK", "-> BYE", "<- 200 BYE"),
    ]
    assert bob.time("<- ACK") < alice.time("<- 200 INVITE")

    # The picker's refusal first, then his phone, and only then Bob's falls silent.
    steps = ["INVITE sip:33@", "480 Gone", "INVITE sip:charlie@", "CANCEL sip:bob@"]
    assert server.order(*steps) == steps
    assert -LATE_STAMP < charlie.time("<- INVITE") - picker.time("-> INVITE") < SOON
    assert -LATE_STAMP < bob.time("<- CANCEL") - picker.time("-> INVITE") < SOON

    offer = charlie.request("<- INVITE")
    assert offer.call_id == bob.request("<- INVITE").call_id == alice.request("-> INVITE").call_id
    assert offer.body == alice.request("-> INVITE").body
    assert offer.from_.parse_uri().user == "alice"
    last = [seen.message for seen in alice.seen if str(seen) in ("<- 180 INVITE", "<- 200 INVITE")]
    tags = [bob.one("-> 180 INVITE").message.to_tag, *[charlie.one("-> 180 INVITE").message.to_tag] * 2]
    assert [message.to_tag for message in last] == tags


def test_picking_up_where_nothing_rings_changes_nothing(ebr: StartEbr, sipp: StartSipp) -> None:
    server = ebr("ebr_conformance.scripts.call_pickup")
    charlie = sipp(server, "charlie", s.register("charlie", stays=1.0))
    server.stdout.wait_for("200 OK (REGISTER)")
    picker = sipp(server, "picker", s.pickup_call("charlie", "33")).wait()
    assert picker.story == ["-> INVITE", "<- 480 INVITE", "-> ACK"]
    assert charlie.wait().story == ["-> REGISTER", "<- 200 REGISTER"]
