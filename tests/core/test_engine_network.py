"""What the engine does with what the network brings, and how it ends."""

from time import process_time
from typing import Any

import pytest

from ebr_core import Call, Script, ServerRequest, sleep
from ebr_core.actions import (
    CancelJob,
    EventNotified,
    SendDatagram,
    Stopped,
)
from ebr_core.inputs import (
    DatagramReceived,
    JobFinished,
    SendFailed,
    ShutdownRequested,
    SubscriptionRequested,
)
from ebr_core.message import Response, parse_message
from engine_bench import ALICE, BOB, Bench, job, packet, told

# The network.


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0"], ids=repr)
def test_keep_alives_are_counted_and_not_answered(data: bytes) -> None:
    bench = Bench(Script())
    assert bench.feed(DatagramReceived(data, ALICE, 1)) == []
    assert bench.engine.counters == {"received.keepalive": 1}


def test_a_malformed_request_is_answered_without_keeping_anything() -> None:
    bench = Bench(Script())
    data = packet("OPTIONS").data.replace(b"CSeq: 1 OPTIONS", b"CSeq: x")
    (sent,) = bench.feed(DatagramReceived(data, ALICE, 1))
    assert isinstance(sent, SendDatagram)
    answer = parse_message(sent.data.replace(b"CSeq: x", b"CSeq: 1 OPTIONS"))
    assert isinstance(answer, Response)
    assert (answer.status, answer.reason, sent.destination) == (400, "Malformed CSeq", ALICE)
    assert answer.to_tag
    assert not any(bench.engine.sizes().values())
    assert bench.engine.counters["dropped.malformed"] == 1


@pytest.mark.parametrize(
    "data",
    [
        b"garbage",
        b"\xff" * 100,
        packet("ACK").data.replace(b"CSeq: 1", b"CSeq: x"),  # an ACK is never answered
        packet("OPTIONS").data.replace(b"Via: SIP/2.0/UDP 192.0.2.11", b"Via: nonsense"),
        b"SIP/2.0 999 No\r\n\r\n",
    ],
)
def test_other_garbage_is_dropped_and_counted(data: bytes) -> None:
    bench = Bench(Script())
    assert bench.feed(DatagramReceived(data, ALICE, 1)) == []
    assert bench.engine.counters == {"dropped.malformed": 1}


def test_a_stray_response_is_dropped_and_counted() -> None:
    bench = Bench(Script())
    data = packet("OPTIONS").data.replace(b"OPTIONS sip:bob@example.org SIP/2.0", b"SIP/2.0 200 OK")
    assert bench.feed(DatagramReceived(data, ALICE, 1)) == []
    assert bench.engine.counters == {"received.response": 1, "dropped.stray_response": 1}


def test_what_the_error_queue_returns_ends_the_branch_that_its_via_names() -> None:
    for cut in (10_000, 120):  # an ICMP error may hold but the first bytes of the packet
        bench, invite = calling_bob()
        assert told(bench.feed(SendFailed(BOB, 1, invite.data[:cut], "ECONNREFUSED"))) == ["log send-failed", "500"]
        assert bench.engine.counters["transport.send_failed"] == 1
        assert bench.feed(SendFailed(BOB, 1, invite.data[:cut], "ECONNREFUSED")) == []


def test_a_via_in_another_spelling_names_it_too() -> None:
    bench, invite = calling_bob()
    data = invite.data.replace(b"Via: ", b"v : ", 1)
    assert told(bench.feed(SendFailed(BOB, 1, data, "E"))) == ["log send-failed", "500"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.replace(b"INVITE", b"ACK", 1),  # the transaction sent an INVITE
        lambda data: data.replace(b"z9hG4bK", b"z9hG4bKx", 1),
        lambda data: data.replace(b"SIP/2.0/UDP", b"nonsense", 1),
        lambda data: data[:20],
        lambda data: b"\xff" + data,
        lambda data: b"",
    ],
)
def test_a_failed_packet_of_no_transaction_is_only_counted(spoil: Any) -> None:
    bench, invite = calling_bob()
    assert bench.feed(SendFailed(BOB, 1, spoil(invite.data), "E")) == []
    assert bench.engine.counters["transport.send_failed"] == 1


def calling_bob(**settings: Any) -> tuple[Bench, SendDatagram]:
    script = Script()

    @script.request("INVITE")
    def invite(request: ServerRequest) -> None:
        request.relay("sip:bob@192.0.2.12", anywhere=True)

    bench = Bench(script, **settings)
    actions = bench.feed(packet("INVITE"))
    assert told(actions) == ["100", "INVITE"]
    assert isinstance(actions[1], SendDatagram)
    return bench, actions[1]


# Every owner of a timer hears of it.


def test_a_silent_callee_is_408_when_timer_b_ends_and_all_timers_run_out() -> None:
    bench, _ = calling_bob()
    log = bench.run(100.0)
    assert [time for time, action in log if told([action]) == ["INVITE"]] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    answers = [time for time, action in log if told([action]) == ["408"]]
    assert answers[:3] == [32.0, 32.5, 33.5]  # nobody sends an ACK, so timer G repeats it
    assert bench.engine.counters["transactions.ack_missing"] == 1
    assert not any(bench.engine.sizes().values())
    assert bench.engine.deadline is None


def test_timer_c_and_the_end_of_its_cancel_reach_the_branch() -> None:
    bench, invite = calling_bob(timer_c=100.0)
    ringing = invite.data.replace(b"INVITE sip:bob@192.0.2.12 SIP/2.0", b"SIP/2.0 180 Ringing")
    assert told(bench.feed(DatagramReceived(ringing, BOB, 1))) == ["180"]
    log = [(time, word) for time, action in bench.run(200.0) for word in told([action])]
    assert log[:2] == [(100.0, "CANCEL"), (100.0, "408")]
    assert not any(bench.engine.sizes().values())


def test_a_branch_that_outlives_its_call_is_still_brought_to_its_end() -> None:
    script = Script()

    @script.request("INVITE")
    def invite(request: ServerRequest) -> None:
        request.relay(["sip:bob@192.0.2.12", "sip:bob@192.0.2.13"], anywhere=True)

    bench = Bench(script, wt_timer=5.0)
    _, first, second = bench.feed(packet("INVITE"))
    assert isinstance(first, SendDatagram)
    assert isinstance(second, SendDatagram)

    def answer(to: SendDatagram, line: bytes) -> list[str]:
        return told(bench.feed(DatagramReceived(line + to.data[to.data.index(b"\r\n") :], to.destination, 1)))

    assert answer(second, b"SIP/2.0 180 Ringing") == ["180"]
    assert answer(first, b"SIP/2.0 200 OK") == ["200", "CANCEL"]
    bench.run(6.0)
    assert bench.engine.sizes()["server_transactions"] == 0
    assert answer(second, b"SIP/2.0 487 Request Terminated") == ["ACK"]
    bench.run(100.0)
    assert not any(bench.engine.sizes().values())


def test_a_slow_script_gets_its_100_and_its_182_sent() -> None:
    script = Script()

    @script.request("INVITE")
    async def invite(request: ServerRequest) -> None:
        call = await hesitate(request)
        call.wait_for_new_branches(timeout=200.0)
        await sleep(70.0)
        call.reply(480)

    async def hesitate(request: ServerRequest) -> Call:
        await sleep(1.0)
        return request.new_transaction()

    bench = Bench(script)
    assert bench.feed(packet("INVITE")) == []
    log = [(time, word) for time, action in bench.run(71.0) for word in told([action])]
    assert log == [(0.2, "100"), (61.0, "182"), (71.0, "480")]


def test_a_registration_ends_to_the_second() -> None:
    script = Script()
    gone: list[object] = []

    @script.request("REGISTER")
    async def register(request: ServerRequest) -> None:
        await request.save()

    bench = Bench(script)
    bench.feed(SubscriptionRequested(1, "E_UL_CONTACT_DELETE"))
    assert told(bench.feed(packet("REGISTER", Contact="<sip:bob@192.0.2.12>;expires=60"))) == ["200"]
    gone += [(time, action.event["uri"]) for time, action in bench.run(100.0) if isinstance(action, EventNotified)]
    assert gone == [(60.0, "sip:bob@192.0.2.12")]
    assert bench.engine.sizes()["contacts"] == 0


def test_a_handler_that_waits_beyond_max_suspension_is_told() -> None:
    script = Script()

    @script.request("INVITE")
    async def invite(request: ServerRequest) -> None:
        try:
            await request.run(job)
        except TimeoutError:
            request.reply(504)

    bench = Bench(script, max_suspension=5.0)
    assert told(bench.feed(packet("INVITE"))) == ["StartJob"]
    log = [(time, word) for time, action in bench.run(5.0) for word in told([action])]
    assert log == [(0.2, "100"), (5.0, "CancelJob"), (5.0, "504")]


# The end.


def test_an_idle_engine_stops_at_once_and_only_once() -> None:
    bench = Bench(Script())
    assert bench.feed(ShutdownRequested(30.0)) == [Stopped()]
    assert bench.feed(ShutdownRequested(30.0)) == []
    assert bench.engine.deadline is None


def test_a_draining_engine_takes_nothing_new_and_lets_the_live_ones_finish() -> None:
    bench, invite = calling_bob()
    assert bench.feed(ShutdownRequested(30.0)) == []
    assert told(bench.feed(packet("OPTIONS", branch="z9hG4bKnew"))) == ["503"]
    assert bench.engine.counters["requests.refused"] == 1
    assert told(bench.feed(packet("INVITE"))) == ["100"]  # a retransmission is nothing new
    bench.now = 0.4
    answer = invite.data.replace(b"INVITE sip:bob@192.0.2.12 SIP/2.0", b"SIP/2.0 486 Busy Here")
    assert told(bench.feed(DatagramReceived(answer, BOB, 1))) == ["ACK", "486"]
    stops = [time for time, action in bench.run(2.0) if isinstance(action, Stopped)]
    assert len(stops) == 1
    assert 0.4 <= stops[0] <= 0.6


def test_a_cancel_is_taken_while_draining() -> None:
    bench, _ = calling_bob()
    bench.feed(ShutdownRequested(30.0))
    assert "503" not in told(bench.feed(packet("CANCEL")))


def test_grace_has_an_end_and_what_is_left_gets_503() -> None:
    bench, _ = calling_bob()
    bench.feed(ShutdownRequested(0.25))
    log = bench.run(0.25)
    assert told([action for time, action in log if time == 0.25])[-3:] == ["log shutdown", "503", "Stopped"]
    assert not [action for time, action in log if time < 0.25]


def test_a_second_shutdown_may_shorten_the_grace_and_never_lengthens_it() -> None:
    bench, _ = calling_bob()
    bench.feed(ShutdownRequested(20.0))
    assert bench.feed(ShutdownRequested(0.5)) == bench.feed(ShutdownRequested(10.0)) == []
    log = bench.run(5.0)
    assert [time for time, action in log if isinstance(action, Stopped)] == [0.5]
    assert told([action for time, action in log if time == 0.5])[-2:] == ["503", "Stopped"]


def test_suspended_handlers_are_closed_before_the_end() -> None:
    script = Script()
    ended: list[str] = []

    @script.startup
    async def begin() -> None:
        try:
            await script.run(job)
        finally:
            ended.append("closed")

    bench = Bench(script)
    actions = bench.feed(ShutdownRequested())
    actions += [action for _, action in bench.run(0.0)]
    assert ended == ["closed"]
    assert CancelJob(2) in actions
    assert actions[-1] == Stopped()
    assert bench.feed(JobFinished(2, "too late")) == []


# Hostile requests that once raised, or would have.


@pytest.mark.parametrize("method", ["BYE", "ACK", "OPTIONS", "foo"])
@pytest.mark.parametrize("route", ["<sip:a b>", "foo", "<foo>", "\\\0", "<sip:\tx@192.0.2.1>"])
def test_the_route_of_a_strict_router_cannot_hurt(method: str, route: str) -> None:
    bench = Bench(Script())
    data = packet(method, uri="sip:192.0.2.1;lr;ebr=x", to="<sip:bob@example.org>;tag=t", Route=route, Max_Forwards="0")
    bench.feed(data)
    plain = packet(method, branch="z9hG4bKb", uri="sip:192.0.2.1;lr;ebr=x", to="<sip:bob@example.org>;tag=t", Route=route)
    bench.feed(plain)
    assert bench.engine.counters["received.request"] == 2


@pytest.mark.parametrize(
    ("method", "uri"),
    [("INVITE", "sip:bob@example.org"), ("ACK", "sip:bob@example.org"), ("BYE", "sip:192.0.2.1;lr;ebr=x")],
    ids=["request", "ack", "strict router"],
)
def test_thousands_of_routes_that_name_us_cost_linear_time(method: str, uri: str) -> None:
    """One packet of 60 kB, with each Route value taken by a look at all that follow, held the engine up for five seconds."""

    def seconds(count: int) -> float:
        routes = ",".join(["<sip:192.0.2.1>"] * count)
        data = packet(method, uri=uri, to="<sip:bob@example.org>;tag=t", Route=routes)
        taken = []
        for _ in range(3):
            bench = Bench(Script(), max_line_length=65_535)
            began = process_time()
            bench.feed(data)
            taken.append(process_time() - began)
            assert bench.engine.counters["received.request"] == 1
        return min(taken)

    assert seconds(3600) < 30 * seconds(450)  # 8 times as many; quadratic time would be 64 times as long


def test_routes_behind_our_own_are_kept_in_their_order() -> None:
    """16.4: only what names us is taken; the request goes on by the first of the others."""
    script = Script()

    @script.request("MESSAGE")
    def message(request: ServerRequest) -> None:
        request.relay(anywhere=True)

    bench = Bench(script)
    routes = "<sip:192.0.2.1;lr>, <sip:example.org;lr>,<sip:192.0.2.61;lr>, <sip:192.0.2.1;lr>"
    (sent,) = bench.feed(packet("MESSAGE", uri="sip:bob@192.0.2.12", Route=routes))
    assert isinstance(sent, SendDatagram)
    assert sent.destination == ("192.0.2.61", 5060)
    assert parse_message(sent.data).values("route") == ["<sip:192.0.2.61;lr>", "<sip:192.0.2.1;lr>"]


def test_an_options_with_no_hop_left_is_ours_or_483() -> None:
    script = Script()

    @script.request("OPTIONS")
    def options(request: ServerRequest) -> None:
        request.relay("sip:bob@192.0.2.12", anywhere=True)

    bench = Bench(script)
    assert told(bench.feed(packet("OPTIONS", uri="sip:example.org", Max_Forwards="0"))) == ["483"]
    assert told(bench.feed(packet("OPTIONS", branch="z9hG4bKb", uri="sip:example.org", Max_Forwards="1"))) == ["OPTIONS"]
