"""A program that embeds the core and moves its bytes itself: what it writes must pass ``mypy --strict`` as it stands."""

from collections.abc import Iterator

from ebr_core import Config, Engine, Script
from ebr_core.actions import Action, SendDatagram
from ebr_core.inputs import DatagramReceived, Input, Listener, Started, TimerTick

script = Script()


def no_tokens(n: int) -> bytes:
    return bytes(n)


def start() -> Engine:
    engine = Engine(script, config=Config(), tokens=no_tokens)
    engine.handle(Started([Listener(0, "sip", "udp", ("192.0.2.1", 5060))], wall=0.0), now=0.0)
    return engine


def pump(engine: Engine, packets: Iterator[tuple[bytes, tuple[str, int]]], now: float) -> list[SendDatagram]:
    sent: list[SendDatagram] = []
    for data, source in packets:
        received: Input = DatagramReceived(data, source, listener=0)
        actions: list[Action] = engine.handle(received, now=now)
        sent += [action for action in actions if isinstance(action, SendDatagram)]
    deadline: float | None = engine.deadline
    if deadline is not None and deadline <= now:
        engine.handle(TimerTick(), now=now)
    return sent
