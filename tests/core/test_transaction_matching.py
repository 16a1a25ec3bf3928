"""What a server transaction says, and to which transaction a message belongs (RFC 3261 17.1.3, 17.2.3)."""

import pytest

from ebr_core.actions import SendDatagram
from ebr_core.message import Request, parse_message
from ebr_core.transaction import (
    NOTHING,
    TransactionUser,
)
from ebr_core.transaction import tables as t
from transaction_bench import UDP, Bench, request

# What a server says, and says again.


def test_a_retransmission_gets_the_newest_response_and_is_counted() -> None:
    bench = Bench()
    bench.start_server("INVITE", UDP)
    for status in (None, 100, 180, 486):
        if status is not None:
            bench.respond(status)
            bench.taken()
        assert bench.transactions.receive_request(request(), UDP) is None
        assert [line.split()[1] for line in bench.taken()] == ([] if status is None else [str(status)])
    assert bench.env.counters["transactions.retransmissions_received"] == 4


def test_a_second_final_response_is_not_sent_except_another_2xx() -> None:
    bench = Bench()
    server = bench.start_server("INVITE", UDP)
    assert not server.answered
    assert bench.respond(200)
    assert (server.answered, server.final_status) == (True, 200)
    assert [bench.respond(status) for status in (180, 486, 200)] == [False, False, True]
    assert [line.split()[1] for line in bench.taken()] == ["200", "200"]
    assert server.final_status == 200


def test_own_responses_share_one_tag_and_say_who_made_them() -> None:
    bench = Bench()
    server = bench.start_server("INVITE", UDP)
    for status in (100, 180, 404):
        bench.respond(status)
    sent = [parse_message(each.data) for each in bench.env.take_actions() if isinstance(each, SendDatagram)]
    assert [each.to_tag for each in sent] == ["", server.to_tag, server.to_tag]
    assert server.to_tag
    assert [each.header("server") for each in sent] == [None, "ebr", "ebr"]


def test_a_request_with_a_tag_keeps_it_in_its_answer() -> None:
    bench = Bench()
    bye = request("BYE", to="<sip:bob@example.org>;tag=theirs")
    server = bench.transactions.receive_request(bye, UDP)
    assert server is not None
    server.answer(bye, 481)
    (sent,) = bench.env.take_actions()
    assert isinstance(sent, SendDatagram)
    assert parse_message(sent.data).to_tag == "theirs"
    assert server.to_tag == ""


def test_a_server_that_stays_unanswered_is_forgotten() -> None:
    bench = Bench()
    server = bench.start_server("MESSAGE", UDP)
    assert len(bench.transactions.unanswered()) == 1
    bench.transactions.end_unanswered(server)
    assert server.state == t.TERMINATED
    assert len(bench.transactions.unanswered()) == 0
    assert bench.empty()
    assert bench.taken() == []


def test_unanswered_counts_what_still_owes_a_final_response() -> None:
    bench = Bench()
    bench.start_server("INVITE", UDP)
    bench.respond(180)
    assert len(bench.transactions.unanswered()) == 1
    bench.respond(404)
    assert len(bench.transactions.unanswered()) == 0


# Matching.


@pytest.mark.parametrize(
    "other",
    [
        request("BYE"),  # the method is part of the match (17.2.3)
        request(sent_by="192.0.2.9:5061"),
        request(branch="z9hG4bKX"),  # branches are compared as they are
    ],
    ids=["method", "sent-by", "branch"],
)
def test_a_request_that_differs_in_the_match_is_another_transaction(other: Request) -> None:
    bench = Bench()
    bench.start_server("INVITE", UDP)
    assert bench.transactions.receive_request(other, UDP) is not None
    assert bench.transactions.sizes()["server_transactions"] == 2


def test_with_the_cookie_only_branch_sent_by_and_method_count() -> None:
    bench = Bench()
    bench.start_server("INVITE", UDP)
    twin = request(call_id="c9", cseq="7", from_tag="z", uri="sip:carol@example.org")
    assert bench.transactions.receive_request(twin, UDP) is None


@pytest.mark.parametrize("branch", ["", "1", "z9hg4bkx", "z9hG4bK"], ids=["none", "old", "almost the cookie", "only the cookie"])
def test_a_request_of_rfc_2543_matches_by_its_fields(branch: str) -> None:
    bench = Bench()

    def new(**more: str) -> bool:
        return bench.transactions.receive_request(request("INVITE", branch, **more), UDP) is not None

    assert new()
    assert not new()
    for name, value in {"cseq": "2", "call_id": "c2", "from_tag": "z", "uri": "sip:x@y", "sent_by": "192.0.2.8"}.items():
        assert new(**{name: value}), name
    assert bench.transactions.sizes()["server_transactions"] == 6


def test_the_ack_and_the_cancel_of_rfc_2543_find_their_invite() -> None:
    bench = Bench()
    server = bench.transactions.receive_request(request(branch="1"), UDP)
    assert server is not None
    assert bench.transactions.find_cancelled(request("CANCEL", "1")) is server
    server.answer(request(branch="1"), 486)
    assert not bench.transactions.receive_ack(request("ACK", "1", to="<sip:bob@example.org>;tag=b"))
    assert server.state == t.CONFIRMED


def test_an_ack_for_nobody_here_is_passed_on() -> None:
    bench = Bench()
    bench.start_server("INVITE", UDP)
    assert bench.transactions.receive_ack(request("ACK", "z9hG4bKother"))
    assert not bench.transactions.receive_ack(request("ACK"))  # too early; its INVITE is not answered
    bench.respond(200)
    assert bench.transactions.receive_ack(request("ACK"))  # 6026 8.7: for a 2xx, on the INVITE's own branch


def test_a_cancel_finds_its_invite_by_branch_and_sent_by() -> None:
    bench = Bench()
    server = bench.start_server("INVITE", UDP)
    assert bench.transactions.find_cancelled(request("CANCEL")) is server
    assert bench.transactions.find_cancelled(request("CANCEL", "z9hG4bKother")) is None
    assert bench.transactions.find_cancelled(request("CANCEL", sent_by="192.0.2.9:5061")) is None
    assert bench.transactions.receive_request(request("CANCEL"), UDP) is not None  # a transaction of its own


def test_a_response_is_matched_by_branch_and_method() -> None:
    bench = Bench()
    invite = bench.start_client("INVITE", UDP)
    cancel = bench.transactions.send_request(request("CANCEL"), "z9hG4bKx", UDP, None)
    find = bench.transactions.find_client
    assert find("z9hG4bKx", "INVITE") is invite
    assert find("z9hG4bKx", "CANCEL") is cancel
    assert [find("z9hG4bKx", "BYE"), find("z9hG4bKx", "ACK"), find("z9hG4bKx CANCEL", "INVITE"), find("", "INVITE")] == [None] * 4


def test_a_client_keeps_its_user_until_it_can_tell_it_nothing_more() -> None:
    bench = Bench()
    user = TransactionUser()
    client = bench.transactions.send_request(request(), "z9hG4bKx", UDP, user)
    bench.client = client
    bench.receive(486)
    assert client.user is user
    bench.run(40.0)
    assert client.user is None


def test_an_abandoned_client_is_gone_with_its_timers() -> None:
    bench = Bench()
    client = bench.transactions.send_request(request(), "z9hG4bKx", UDP, TransactionUser())
    bench.transactions.abandon(client)
    bench.transactions.abandon(client)
    assert (client.state, client.user, client.request) == (t.TERMINATED, None, None)
    assert bench.empty()
    bench.client = client
    assert bench.receive(200) == NOTHING
