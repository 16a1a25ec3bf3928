"""Whatever comes from the network is counted or answered, never raises, and leaves nothing; misuse by the host raises."""

import logging
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebr_conformance.scripts import push_notification
from ebr_conformance.tokens import TokenStream
from ebr_core import Config, Engine
from ebr_core.actions import Action, Logged, SendDatagram, StartJob
from ebr_core.inputs import (
    Address,
    DatagramReceived,
    Input,
    JobFinished,
    Listener,
    SendFailed,
    Started,
    TimerTick,
)
from ebr_core.message import Request, build_response, parse_message

PROXY: Address = ("192.0.2.1", 5060)
ALICE: Address = ("192.0.2.11", 5060)
BOB: Address = ("192.0.2.12", 5060)
STRANGER: Address = ("198.51.100.66", 9)
STARTED = Started([Listener(1, "sip", "udp", PROXY)], 1_700_000_000.0)

_RECEIVED = ("received.keepalive", "received.request", "received.response", "dropped.malformed")
"""Each datagram is counted as one of these; one whose head could be read, and not the rest, as received and as dropped."""


def text_of(method: str, uri: str, branch: str, *fields: str, to_tag: str = "", body: str = "") -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bK{branch};rport",
        "Max-Forwards: 70",
        "From: Alice <sip:alice@example.org>;tag=a1",
        f"To: <{uri}>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: call-{branch}",
        f"CSeq: 1 {method}",
        *fields,
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


def invite(branch: str = "invite", user: str = "bob") -> bytes:
    body = "v=0\r\no=- 0 0 IN IP4 192.0.2.11\r\n"
    return text_of("INVITE", f"sip:{user}@example.org", branch, "Contact: <sip:alice@192.0.2.11>", body=body)


REGISTER = text_of("REGISTER", "sip:bob@example.org", "reg", "Contact: <sip:bob@192.0.2.12>;q=0.5", "Expires: 600")
OPTIONS = text_of("OPTIONS", "sip:example.org", "options")
MESSAGE = text_of("MESSAGE", "sip:bob@example.org", "message", body="hello")
BYE = text_of("BYE", "sip:bob@192.0.2.12", "bye", "Route: <sip:192.0.2.1:5060;lr;ebr=forged>", to_tag="b1")
CANCEL = text_of("CANCEL", "sip:bob@example.org", "invite")
ACK = text_of("ACK", "sip:bob@example.org", "invite", to_tag="b1")
RINGING = (
    b"SIP/2.0 180 Ringing\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKy\r\n"
    b"From: <sip:alice@example.org>;tag=a1\r\nTo: <sip:bob@example.org>;tag=b1\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
)
MESSAGES = (invite(), REGISTER, OPTIONS, MESSAGE, BYE, CANCEL, ACK, RINGING)


class Host:
    """An engine with the documented push script, and the checks that hold after every input."""

    def __init__(self, *, config: Config | None = None) -> None:
        settings = Config(domains=("example.org",)) if config is None else config
        self.engine = Engine(push_notification.script, config=settings, tokens=TokenStream(1))
        self.now = 0.0
        self.fed = 0
        self.jobs: list[int] = []
        self.engine.handle(STARTED, now=0.0)

    def datagram(self, data: bytes, source: Address = STRANGER) -> list[bytes]:
        """What the engine sends for it."""
        before = self._count()
        actions = self.feed(DatagramReceived(data, source, 1))
        assert self._count() > before, "not counted"
        return [action.data for action in actions if isinstance(action, SendDatagram)]

    def _count(self) -> int:
        return sum(self.engine.counters.get(name, 0) for name in _RECEIVED)

    def feed(self, input: Input) -> list[Action]:
        actions = self.engine.handle(input, now=self.now)
        self.jobs += [action.job for action in actions if isinstance(action, StartJob)]
        for action in actions:
            assert not (isinstance(action, Logged) and action.level >= logging.ERROR), action
        self.fed += 1
        # One packet makes a handful of entries: a transaction, a handler, subscriptions, their timers and index entries.
        assert sum(self.engine.sizes().values()) <= 60 * self.fed
        return actions

    def run_out(self) -> None:
        """The clock runs to the end, and nothing is left."""
        for _ in range(100_000):
            while self.jobs:
                self.feed(JobFinished(self.jobs.pop()))
            deadline = self.engine.deadline
            if deadline is None:
                break
            self.now = max(self.now, deadline)
            self.feed(TimerTick())
        assert not any(self.engine.sizes().values()), self.engine.sizes()
        assert self.engine.deadline is None


def statuses(sent: Sequence[bytes]) -> list[int]:
    """By their start lines: an answer repeats what could not be read of the request."""
    return [int(data[8:11]) for data in sent if data.startswith(b"SIP/2.0 ")]


# ---- bytes


@given(st.lists(st.binary(max_size=300), max_size=6))
@settings(max_examples=150)
def test_random_bytes_are_dropped(packets: list[bytes]) -> None:
    host = Host()
    for data in packets:
        assert host.datagram(data) == []
    assert not any(host.engine.sizes().values())
    assert host.engine.deadline is None


@pytest.mark.parametrize("data", MESSAGES, ids=["INVITE", "REGISTER", "OPTIONS", "MESSAGE", "BYE", "CANCEL", "ACK", "180"])
def test_every_prefix_of_a_message_is_answered_or_counted(data: bytes) -> None:
    host = Host()
    head = data.index(b"\r\n\r\n") + 4
    for length in range(len(data)):
        sent = host.datagram(data[:length], ALICE)
        assert statuses(sent) in ([], [400], [400, 400]), data[:length]
        assert len(sent) <= 1
        if length < head:
            continue
        # The head is whole and the body is not: there is enough to answer, except an ACK or a response.
        assert statuses(sent) == [400] or data in (ACK, RINGING), data[:length]
    assert not any(host.engine.sizes().values()), "a piece of a message made a transaction"
    host.datagram(data, ALICE)
    host.run_out()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (invite() + b" " * 2000, 413),
        (OPTIONS.replace(b"Content-Length: 0\r\n", b"X: y\r\n" * 60), 513),
        (OPTIONS.replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1), 505),
        (OPTIONS.replace(b"CSeq: 1 ", b"CSeq: 99999999999 "), 400),
        (OPTIONS.replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"), 400),
        (OPTIONS.replace(b"Content-Length: 0", b"Content-Length: 5"), 400),
    ],
)
def test_what_cannot_be_read_but_can_be_answered_is_answered(data: bytes, status: int) -> None:
    host = Host(config=Config(domains=("example.org",), max_message_size=1500, max_headers=50))
    assert statuses(host.datagram(data, ALICE)) == [status]
    assert host.engine.counters["dropped.malformed"] == 1
    assert not any(host.engine.sizes().values())


_MARKS = [b"", b"\r\n", b"\0", b"\xff\xfe", b"\xc3\xa9", *(bytes([each]) for each in b'"<>;,=:@ \t%[]\\()')]
_WORDS = [
    b"-1",
    b"4294967296",
    b"9" * 400,
    b"sip:",
    b"sips:x",
    b"tel:+1",
    b"*",
    b";lr",
    b";tag=",
    b"\r\n ",
    b"\r\nVia: ",
    b"[::1]",
]
ODD = st.sampled_from(_MARKS) | st.sampled_from(_WORDS)
EDITS = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 12), ODD), min_size=1, max_size=5)


def edited(data: bytes, edits: Sequence[tuple[int, int, bytes]]) -> bytes:
    """At each place, so many bytes are replaced by others."""
    for place, length, piece in edits:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + length :]
    return data


@given(st.lists(st.tuples(st.sampled_from(MESSAGES), EDITS), min_size=1, max_size=6))
@settings(max_examples=250)
def test_mutated_messages_do_no_harm(items: list[tuple[bytes, list[tuple[int, int, bytes]]]]) -> None:
    host = Host()
    for data, edits in items:
        host.datagram(data, ALICE)
        host.datagram(edited(data, edits), BOB)
    host.run_out()


def ringing() -> tuple[Host, bytes]:
    """Bob's phone rings: the host, and the INVITE as Bob got it."""
    host = Host()
    host.datagram(REGISTER, BOB)
    sent = host.datagram(invite(), ALICE)
    (received,) = [data for data in sent if data.startswith(b"INVITE")]
    return host, received


def response_to(received: bytes, status: int, tag: str = "b1") -> bytes:
    request = parse_message(received)
    assert isinstance(request, Request)
    contact = [("Contact", "<sip:bob@192.0.2.12>")]
    return build_response(request, status, to_tag=tag, headers=contact).to_bytes()


@given(st.lists(st.tuples(st.sampled_from([100, 180, 200, 302, 401, 486, 603]), EDITS), min_size=1, max_size=6))
@settings(max_examples=150)
def test_mutated_responses_on_a_live_branch_do_no_harm(items: list[tuple[int, list[tuple[int, int, bytes]]]]) -> None:
    host, received = ringing()
    for status, edits in items:
        host.datagram(edited(response_to(received, status), edits), BOB)
    host.run_out()


@given(st.integers(0, 2000), EDITS)
@settings(max_examples=100)
def test_whatever_an_error_queue_returns_is_taken(length: int, edits: list[tuple[int, int, bytes]]) -> None:
    host, received = ringing()
    host.feed(SendFailed(BOB, 1, edited(received, edits)[:length], "ECONNREFUSED"))
    host.feed(SendFailed(("", -1), None, received[length:], ""))
    host.run_out()


# ---- what was not asked for


def test_a_response_without_its_transaction_is_dropped() -> None:
    host, received = ringing()
    before = host.engine.sizes()
    answer = response_to(received, 200)
    spoofed = [
        answer.replace(b"z9hG4bK", b"z9hG4bKz", 1),
        answer.replace(b"CSeq: 1 INVITE", b"CSeq: 1 CANCEL"),
        answer.replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE"),
        response_to(invite(), 200),  # the caller's own branch
        RINGING,
    ]
    for data in spoofed:
        assert host.datagram(data) == []
    assert host.engine.counters["dropped.stray_response"] == len(spoofed)
    assert host.engine.sizes() == before
    assert statuses(host.datagram(answer, BOB)) == [200], "the call is as it was"
    assert statuses(host.datagram(answer.replace(b"SIP/2.0 200", b"SIP/2.0 299", 1), BOB)) == [299], "13.3.1.4: each 2xx"
    host.run_out()


def test_a_response_after_the_end_of_its_transaction_is_dropped() -> None:
    host, received = ringing()
    host.datagram(response_to(received, 200), BOB)
    host.run_out()
    assert host.datagram(response_to(received, 200), BOB) == []
    assert host.engine.counters["dropped.stray_response"] == 1
    assert not any(host.engine.sizes().values())


def test_a_flood_of_cancels_finds_nothing_and_leaves_nothing() -> None:
    host, _ = ringing()
    for number in range(500):
        assert statuses(host.datagram(text_of("CANCEL", "sip:bob@example.org", f"flood{number}"))) == [481]
    assert host.engine.sizes()["server_transactions"] == 502, "one each, the INVITE and the REGISTER"
    assert host.engine.sizes()["client_transactions"] == 1, "Bob still rings"
    host.run_out()


def test_one_cancel_repeated_is_one_cancel() -> None:
    host, received = ringing()
    host.datagram(response_to(received, 180), BOB)
    first = host.datagram(CANCEL, ALICE)
    assert [data.partition(b" ")[0] for data in first] == [b"SIP/2.0", b"CANCEL"]
    for _ in range(200):
        assert host.datagram(CANCEL, ALICE) == first[:1]
    assert host.engine.sizes()["client_transactions"] == 2, "the INVITE, and one CANCEL"
    host.run_out()


def test_a_flood_of_acks_is_dropped_and_counted() -> None:
    host, _ = ringing()
    before = host.engine.sizes()
    for number in range(500):
        ack = text_of("ACK", "sip:bob@192.0.2.12", f"flood{number}", "Route: <sip:192.0.2.1:5060;lr;ebr=forged>", to_tag="b1")
        assert host.datagram(ack) == []
    assert host.engine.counters["dropped.ack"] == 500
    assert host.engine.sizes() == before
    host.run_out()


def test_an_ack_before_the_final_response_changes_nothing() -> None:
    host, received = ringing()
    assert host.datagram(ACK, ALICE) == []
    assert statuses(host.datagram(response_to(received, 486), BOB)) == []  # held: a late branch may come
    host.run_out()


# ---- time


def test_time_that_runs_backwards_stands_still() -> None:
    host, twin = ringing()[0], ringing()[0]
    ticks = [0.2, 0.1, 0.5, -3.0, 0.0, 1.5, 1.499, 3.5]
    for index, now in enumerate(ticks):
        latest = max(ticks[: index + 1])
        assert host.engine.handle(TimerTick(), now=now) == twin.engine.handle(TimerTick(), now=latest)
        assert host.engine.deadline == twin.engine.deadline
    early = host.engine.handle(DatagramReceived(invite("second", "carol"), ALICE, 1), now=-1e9)
    assert early == twin.engine.handle(DatagramReceived(invite("second", "carol"), ALICE, 1), now=3.5)
    assert host.engine.deadline == twin.engine.deadline


def test_time_that_jumps_fires_everything_in_bounded_steps() -> None:
    host, _ = ringing()
    for number in range(200):
        host.datagram(text_of("OPTIONS", "sip:example.org", f"jump{number}"))
    host.now = 100_000.0
    steps = 0
    while (deadline := host.engine.deadline) is not None and deadline <= host.now:
        host.feed(TimerTick())
        steps += 1
    assert 201 / 64 <= steps < 20, "64 timers a step"
    host.run_out()
