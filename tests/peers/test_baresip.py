"""The push script with baresip at both ends, and what they say to each other."""

from collections.abc import Callable

import pytest

from peers.baresip import Baresip
from peers.programs import Ebr

pytestmark = pytest.mark.peers


def test_a_call_to_a_phone_that_starts_later_has_sound_in_both_directions(
    ebr: Callable[..., Ebr], baresip: Callable[..., Baresip]
) -> None:
    server = ebr("ebr_conformance.scripts.push_notification")
    alice = baresip(server, "alice", registers=False, answers=False)
    alice.do("dial", "sip:bob@example.org")
    server.stdout.wait_for("100 Trying (INVITE)")
    # He may have answered before there is anybody to hear of his events.
    bob = baresip(server, "bob", registers=True, answers=True)
    established = alice.wait_for_event("CALL_ESTABLISHED")
    assert established["peeruri"] == "sip:bob@example.org"
    assert [event["type"] for event in alice.events if event.get("class") == "call"].count("CALL_ESTABLISHED") == 1

    # Every 5 s each tells the other by RTCP what it has sent; 50 RTP packets a second.
    reports = [spoken(alice), spoken(bob)]
    for report in reports:
        assert report["tx"]["lost"] == report["rx"]["lost"] == 0
        assert min(report["tx"]["sent"], report["rx"]["sent"]) > 100

    # A re-INVITE goes the way of the dialog, from the callee's side here.
    bob.do("hold")
    assert alice.wait_for_event("CALL_REMOTE_SDP")["param"] == "offer"
    assert bob.wait_for_event("CALL_REMOTE_SDP")["param"] == "answer"
    alice.do("hangup")
    assert bob.wait_for_event("CALL_CLOSED")["param"] == "Connection reset by peer"
    assert (alice.quit(), bob.quit()) == (0, 0)
    # By their own count, too: what one sent the other received, but for what was under way.
    (from_alice, to_alice), (from_bob, to_bob) = alice.packets(), bob.packets()
    assert min(from_alice, from_bob) > 100
    assert abs(from_alice - to_bob) <= 5
    assert abs(from_bob - to_alice) <= 5
    # All of it by way of the server: each request comes in and goes out.
    steps = ["INVITE sip:alice-", "ACK sip:alice-", "BYE sip:bob-"]
    assert server.order(*steps) == [step for step in steps for _ in range(2)]


def spoken(phone: Baresip) -> dict[str, dict[str, int]]:
    """The first RTCP statistics of a call under way; those at its very start count nothing yet."""
    for _ in range(3):
        stats: dict[str, dict[str, int]] = phone.wait_for_event("CALL_RTCP")["rtcp_stats"]
        if stats["tx"]["sent"] and stats["rx"]["sent"]:
            return stats
    raise AssertionError(f"{phone.user}: no sound in both directions: {stats}")
