"""Misuse by the host raises LocalProtocolError (FilterError for a filter), and changes nothing."""

from typing import Any

import pytest

from ebr_conformance.tokens import TokenStream
from ebr_core import Config, Engine, LocalProtocolError, Script, ServerRequest
from ebr_core.actions import Action, EventNotified, SendDatagram
from ebr_core.errors import FilterError
from ebr_core.inputs import (
    Address,
    DatagramReceived,
    EventRaised,
    Input,
    JobFinished,
    Listener,
    SendFailed,
    Started,
    SubscriptionCancelled,
    SubscriptionRequested,
    TimerTick,
)

PROXY: Address = ("192.0.2.1", 5060)
STARTED = Started([Listener(1, "sip", "udp", PROXY)], 1_700_000_000.0)
OPTIONS = (
    b"OPTIONS sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKo;rport\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:example.org>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)
PACKET = DatagramReceived(OPTIONS, ("192.0.2.11", 5060), 1)


def holding() -> Script:
    """Suspends every OPTIONS for ten seconds."""
    script = Script()

    @script.request("OPTIONS")
    async def hold(request: ServerRequest) -> None:
        await request.wait_for_event("E_NEVER", timeout=10.0)
        request.reply(200)

    return script


def engine_of(script: Script) -> Engine:
    return Engine(script, config=Config(domains=("example.org",)), tokens=TokenStream(1))


def started() -> Engine:
    engine = engine_of(holding())
    engine.handle(STARTED, now=0.0)
    engine.handle(SubscriptionRequested(1, "E_THERE"), now=0.0)
    engine.handle(PACKET, now=1.0)
    return engine


MISUSES: list[tuple[Any, type[Exception]]] = [
    (STARTED, LocalProtocolError),
    (DatagramReceived(OPTIONS, ("192.0.2.11", 5060), 2), LocalProtocolError),
    (EventRaised("", {}), LocalProtocolError),
    (EventRaised("E_X", "text"), LocalProtocolError),
    (EventRaised("E_X", {"rate": 1.5}), LocalProtocolError),  # type: ignore[dict-item]  # that is the point
    (EventRaised("E_X", [True]), LocalProtocolError),
    (SubscriptionRequested(2, "E_X"), LocalProtocolError),
    (SubscriptionRequested(1, "E_X"), LocalProtocolError),
    (SubscriptionRequested(3, ""), LocalProtocolError),
    (SubscriptionRequested(3, "E_X", timeout=0.0), LocalProtocolError),
    (SubscriptionRequested(3, "E_X", timeout=-1.0), LocalProtocolError),
    (SubscriptionRequested(3, "E_X", timeout=float("nan")), LocalProtocolError),
    (SubscriptionRequested(3, "E_UL_CONTACT_INSERT", {"aro": "bob"}), FilterError),
    (SubscriptionRequested(3, "E_X", "no equals sign"), FilterError),
]


@pytest.mark.parametrize(("misuse", "error"), MISUSES, ids=[str(number) for number in range(len(MISUSES))])
def test_misuse_raises_and_changes_nothing(misuse: Any, error: type[Exception]) -> None:
    """Afterwards the engine does what one does that was never misused."""
    engine, twin = started(), started()
    with pytest.raises(error):
        engine.handle(misuse, now=1.0)
    assert (engine.sizes(), engine.counters, engine.deadline) == (twin.sizes(), twin.counters, twin.deadline)
    rest: list[tuple[float, Input]] = [
        (1.0, TimerTick()),
        (2.0, SubscriptionRequested(3, "E_X")),
        (2.0, EventRaised("E_X", {"rate": 1})),
        (3.0, SubscriptionCancelled(3)),
        (11.0, TimerTick()),
        (50.0, TimerTick()),
    ]
    sent = 0
    for now, input in rest:
        actions = engine.handle(input, now=now)
        assert actions == twin.handle(input, now=now)
        assert engine.deadline == twin.deadline
        sent += sum(isinstance(action, SendDatagram | EventNotified) for action in actions)
    assert sent == 2, "the event, and the answer to the OPTIONS"


@pytest.mark.parametrize(("misuse", "error"), MISUSES, ids=[str(number) for number in range(len(MISUSES))])
def test_misuse_at_a_deadline_loses_and_delays_nothing(misuse: Any, error: type[Exception]) -> None:
    """What was due when the host misused the engine still comes, and the deadline says that it is due."""
    engine, twin = started(), started()
    with pytest.raises(error):
        engine.handle(misuse, now=11.0)
    assert engine.deadline is not None
    assert engine.deadline <= 11.0
    assert engine.handle(TimerTick(), now=11.0) == twin.handle(TimerTick(), now=11.0)


@pytest.mark.parametrize("misuse", [EventRaised(""), SubscriptionRequested(2, "E_X"), STARTED], ids=repr)
def test_what_a_timer_sends_is_not_held_back_by_misuse(misuse: Input) -> None:
    """The 100 of an INVITE is due when the host misuses the engine, and nothing else is to come for a minute."""
    script = Script()

    @script.request("INVITE")
    async def hold(request: ServerRequest) -> None:
        await request.wait_for_event("E_NEVER")

    engine = engine_of(script)
    engine.handle(STARTED, now=0.0)
    invite = DatagramReceived(OPTIONS.replace(b"OPTIONS", b"INVITE"), ("192.0.2.11", 5060), 1)
    assert engine.handle(invite, now=1.0) == []
    with pytest.raises(LocalProtocolError):
        engine.handle(misuse, now=1.2)
    assert engine.deadline is not None
    assert engine.deadline <= 1.2, "an adapter would not come back in time"
    (trying,) = engine.handle(TimerTick(), now=1.2)
    assert isinstance(trying, SendDatagram)
    assert trying.data.startswith(b"SIP/2.0 100 ")


@pytest.mark.parametrize(
    "input",
    [
        TimerTick(),
        PACKET,
        EventRaised("E_X"),
        JobFinished(2),
        SendFailed(("192.0.2.11", 5060), 1, OPTIONS, "ECONNREFUSED"),
        SubscriptionRequested(1, "E_X"),
    ],
    ids=lambda input: type(input).__name__,
)
def test_nothing_comes_before_started(input: Input) -> None:
    engine = engine_of(holding())
    with pytest.raises(LocalProtocolError, match="the first input is Started, not"):
        engine.handle(input, now=5.0)
    assert (engine.deadline, engine.counters, any(engine.sizes().values())) == (None, {}, False)
    engine.handle(STARTED, now=0.0)
    engine.handle(PACKET, now=0.0)
    assert engine.deadline == 10.0, "its clock had not begun to run"


@pytest.mark.parametrize(
    "listeners",
    [
        [Listener(1, "sip", "udp", PROXY), Listener(1, "sip", "udp", ("192.0.2.2", 5060))],
        [Listener(1, "sip", "udp", PROXY), Listener(2, "sip", "carrier pigeon", PROXY)],
    ],
    ids=["twice", "transport"],
)
def test_a_start_that_is_refused_can_be_mended(listeners: list[Listener]) -> None:
    engine = engine_of(holding())
    with pytest.raises(LocalProtocolError):
        engine.handle(Started(listeners, 0.0), now=0.0)
    with pytest.raises(LocalProtocolError, match="the first input is Started"):
        engine.handle(TimerTick(), now=0.0)
    engine.handle(STARTED, now=0.0)
    engine.handle(PACKET, now=0.0)
    assert engine.sizes()["server_transactions"] == 1


def test_an_engine_takes_a_step_at_least() -> None:
    with pytest.raises(LocalProtocolError, match="at least 1, not 0"):
        Engine(Script(), tokens=bytes, budget=0)


def test_handle_is_not_called_from_inside_handle() -> None:
    script = Script()
    errors: list[str] = []

    def reenter() -> list[Action]:
        return engine.handle(TimerTick(), now=99.0)

    @script.request("OPTIONS")
    def options(request: ServerRequest) -> None:
        with pytest.raises(LocalProtocolError) as caught:
            reenter()
        errors.append(str(caught.value))
        request.reply(200)

    engine = engine_of(script)
    engine.handle(STARTED, now=0.0)
    (answer,) = engine.handle(PACKET, now=0.0)
    assert isinstance(answer, SendDatagram)
    assert answer.data.startswith(b"SIP/2.0 200 ")
    assert len(errors) == 1
    assert "from inside handle()" in errors[0]
    assert engine.deadline == 32.0, "the clock did not follow the inner call"


def test_tokens_that_call_back_are_refused_too() -> None:
    """The host's own function runs inside ``handle``."""
    engines: list[Engine] = []
    refused: list[LocalProtocolError] = []
    stream = TokenStream(1)

    def tokens(nbytes: int) -> bytes:
        if engines:
            try:
                engines[0].handle(TimerTick(), now=0.0)
            except LocalProtocolError as error:
                refused.append(error)
        return stream(nbytes)

    engine = Engine(Script(), config=Config(domains=("example.org",)), tokens=tokens)
    engine.handle(STARTED, now=0.0)
    engines.append(engine)
    (answer,) = engine.handle(PACKET, now=0.0)
    assert isinstance(answer, SendDatagram)
    assert len(refused) == 1


@pytest.mark.parametrize(
    "input",
    [
        JobFinished(2, "result"),
        JobFinished(1, error=("OSError", "")),
        SubscriptionCancelled(1),
        SubscriptionCancelled(2),
        SendFailed(("192.0.2.11", 5060), 7, b"", "ECONNREFUSED"),
        TimerTick(),
    ],
    ids=repr,
)
def test_what_is_long_gone_is_a_no_op(input: Input) -> None:
    engine = engine_of(holding())
    engine.handle(STARTED, now=0.0)
    assert engine.handle(input, now=1.0) == []
    assert engine.deadline is None
    assert not any(engine.sizes().values())
