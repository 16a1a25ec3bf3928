"""Retransmissions and time-outs: each timer to its millisecond, over both kinds of transport."""

import pytest

from ebr_core.actions import SendDatagram
from ebr_core.message import Request, parse_message
from ebr_core.transaction import (
    NOTHING,
    RESPONSE,
    TIMED_OUT,
)
from ebr_core.transaction import tables as t
from ebr_core.transport import Route
from transaction_bench import TCP, UDP, Bench, request

# Timers, to the millisecond.


def test_timer_a_doubles_without_a_cap_until_timer_b() -> None:
    bench = Bench()
    bench.start_client("INVITE", UDP)
    bench.run(40.0)
    assert bench.times("INVITE") == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.told == [(32.0, TIMED_OUT)]
    assert bench.empty()


def test_timer_e_doubles_up_to_t2_until_timer_f() -> None:
    bench = Bench()
    bench.start_client("BYE", UDP)
    bench.run(40.0)
    assert bench.times("BYE") == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.told == [(32.0, TIMED_OUT)]
    assert bench.empty()


def test_timer_e_goes_by_t2_once_a_provisional_has_come() -> None:
    bench = Bench()
    bench.start_client("BYE", UDP)
    bench.run(0.6)
    assert bench.receive(100) == RESPONSE
    bench.run(40.0)
    assert bench.times("BYE") == [0.0, 0.5, 4.6, 8.6, 12.6, 16.6, 20.6, 24.6, 28.6]
    assert bench.told == [(32.0, TIMED_OUT)]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_nothing_is_sent_twice_over_a_reliable_transport(method: str) -> None:
    bench = Bench()
    bench.start_client(method, TCP)
    bench.run(40.0)
    assert bench.times(method) == [0.0]
    assert bench.told == [(32.0, TIMED_OUT)]
    assert bench.empty()


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_fr_timeout_replaces_timers_b_and_f(method: str) -> None:
    bench = Bench(fr_timeout=2.0)
    bench.start_client(method, UDP)
    bench.run(40.0)
    assert bench.times(method) == [0.0, 0.5, 1.5]
    assert bench.told == [(2.0, TIMED_OUT)]


def test_all_intervals_scale_with_t1() -> None:
    bench = Bench(t1=0.1, t2=0.4)
    bench.start_client("BYE", UDP)
    bench.run(40.0)
    assert bench.times("BYE")[:6] == [0.0, 0.1, 0.3, 0.7, 1.1, 1.5]
    assert bench.told == [(6.4, TIMED_OUT)]


def test_a_provisional_ends_timers_a_and_b_of_an_invite() -> None:
    bench = Bench()
    client = bench.start_client("INVITE", UDP)
    bench.run(0.7)
    assert (client.waiting, client.provisional) == (True, False)
    bench.receive(100)
    assert (client.waiting, client.provisional) == (False, True)
    bench.run(1000.0)
    assert bench.times("INVITE") == [0.0, 0.5]
    assert bench.told == []
    assert len(bench.env.timers) == 0  # how long to wait is the transaction user's choice: a proxy's Timer C


@pytest.mark.parametrize(
    ("method", "status", "route", "settings", "lasts"),
    [
        ("INVITE", 486, UDP, {}, 32.0),  # D
        ("INVITE", 486, TCP, {}, 0.0),
        ("INVITE", 486, UDP, {"timer_d": 40.0}, 40.0),
        ("INVITE", 486, UDP, {"wt_timer": 5.0}, 5.0),
        ("INVITE", 486, TCP, {"wt_timer": 5.0}, 0.0),
        ("BYE", 200, UDP, {}, 5.0),  # K
        ("BYE", 404, UDP, {"t4": 3.0}, 3.0),
        ("BYE", 200, TCP, {}, 0.0),
        ("INVITE", 200, UDP, {}, 32.0),  # M
        ("INVITE", 200, TCP, {}, 32.0),  # M goes for both (6026 8.4)
    ],
)
def test_timers_d_k_and_m_end_a_client(method: str, status: int, route: Route, settings: dict[str, float], lasts: float) -> None:
    bench = Bench(**settings)
    bench.start_client(method, route)
    bench.run(0.25)
    bench.receive(status)
    assert bench.env.timers.deadline == 0.25 + lasts
    assert bench.transactions.sizes() == {"client_transactions": 1, "server_transactions": 0}
    bench.run(0.25 + lasts)
    assert bench.empty()
    assert bench.told == []


def test_each_retransmission_of_a_failure_gets_the_same_ack() -> None:
    bench = Bench()
    bench.start_client("INVITE", UDP)
    bench.taken()
    bench.receive(486)
    first = bench.env.take_actions()
    assert bench.receive(486) == NOTHING
    assert bench.env.take_actions() == first
    (ack,) = first
    assert isinstance(ack, SendDatagram)
    message = parse_message(ack.data)
    assert isinstance(message, Request)
    assert (message.method, message.via.branch, message.cseq, message.to_tag) == ("ACK", "z9hG4bKx", 1, "b")


def test_an_invite_may_be_sent_again_out_of_turn_only_before_any_response() -> None:
    bench = Bench()
    client = bench.start_client("INVITE", UDP)
    bench.taken()
    client.retransmit_now()
    assert bench.taken() == ["INVITE sip:bob@example.org SIP/2.0"]
    bench.receive(180)
    client.retransmit_now()
    assert bench.taken() == []


def test_timer_g_doubles_up_to_t2_until_timer_h() -> None:
    bench = Bench()
    bench.start_server("INVITE", UDP)
    bench.respond(486)
    bench.run(40.0)
    assert bench.times("SIP/2.0 486") == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.env.counters["transactions.ack_missing"] == 1
    assert bench.empty()


def test_timer_g_is_for_unreliable_transports_and_timer_h_for_all() -> None:
    bench = Bench(wt_timer=1.0)  # which is for transactions that have ended; this one misses its ACK
    bench.start_server("INVITE", TCP)
    bench.respond(486)
    bench.run(31.999)
    assert bench.times("SIP/2.0 486") == [0.0]
    assert not bench.empty()
    bench.run(32.0)
    assert bench.empty()


def test_an_ack_ends_timer_g() -> None:
    bench = Bench()
    server = bench.start_server("INVITE", UDP)
    bench.respond(486)
    bench.run(0.6)
    assert not bench.transactions.receive_ack(request("ACK"))
    assert server.state == t.CONFIRMED
    bench.run(40.0)
    assert bench.times("SIP/2.0 486") == [0.0, 0.5]
    assert "transactions.ack_missing" not in bench.env.counters


@pytest.mark.parametrize(
    ("method", "status", "route", "settings", "lasts"),
    [
        ("INVITE", 486, UDP, {}, 5.0),  # I
        ("INVITE", 486, TCP, {}, 0.0),
        ("BYE", 200, UDP, {}, 32.0),  # J
        ("BYE", 404, TCP, {}, 0.0),
        ("BYE", 200, UDP, {"wt_timer": 5.0}, 5.0),
        ("BYE", 200, TCP, {"wt_timer": 5.0}, 0.0),
        ("INVITE", 200, UDP, {}, 32.0),  # L
        ("INVITE", 200, TCP, {}, 32.0),
        ("INVITE", 200, UDP, {"wt_timer": 5.0}, 5.0),
    ],
)
def test_timers_i_j_and_l_end_a_server(method: str, status: int, route: Route, settings: dict[str, float], lasts: float) -> None:
    bench = Bench(**settings)
    server = bench.start_server(method, route)
    bench.run(0.25)
    bench.respond(status)
    if (method, status) == ("INVITE", 486):
        server.acknowledge()
    assert bench.env.timers.deadline == 0.25 + lasts
    bench.run(0.25 + lasts)
    assert bench.empty()
