"""An engine that was started, and a clock moved by hand: what the tests of ``Engine.handle`` share."""

from collections.abc import Sequence
from typing import Any

from ebr_conformance.tokens import TokenStream
from ebr_core import Config, Engine, Script
from ebr_core.actions import (
    Action,
    Logged,
    SendDatagram,
)
from ebr_core.inputs import (
    DatagramReceived,
    Input,
    Listener,
    Started,
    TimerTick,
)
from ebr_core.message import Response, build_request, parse_message

LISTENER = Listener(1, "sip", "udp", ("192.0.2.1", 5060))
ALICE, BOB = ("192.0.2.11", 5060), ("192.0.2.12", 5060)


def packet(method: str, *, branch: str = "z9hG4bKa", uri: str = "sip:bob@example.org", **more: str) -> DatagramReceived:
    headers = [
        ("Via", f"SIP/2.0/UDP 192.0.2.11;branch={branch}"),
        ("From", "<sip:alice@example.org>;tag=a"),
        ("To", more.pop("to", "<sip:bob@example.org>")),
        ("Call-ID", branch),
        ("CSeq", f"1 {method}"),
        *((name.replace("_", "-"), value) for name, value in more.items()),
    ]
    return DatagramReceived(build_request(method, uri, headers).to_bytes(), ALICE, 1)


def job() -> None:
    """What a script runs outside; nobody calls it here."""


class Bench:
    """An engine that was started, and its clock."""

    def __init__(self, script: Script, *, budget: int = 64, **settings: Any) -> None:
        config = Config(domains=("example.org",), **settings)
        self.engine = Engine(script, tokens=TokenStream(0), config=config, budget=budget)
        self.now = 0.0
        self.first = self.feed(Started([LISTENER], 1_700_000_000.0))

    def feed(self, *inputs: Input) -> list[Action]:
        return [action for each in inputs for action in self.engine.handle(each, now=self.now)]

    def run(self, until: float) -> list[tuple[float, Action]]:
        """Let time go by."""
        found = []
        while (deadline := self.engine.deadline) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            found += [(self.now, action) for action in self.feed(TimerTick())]
        self.now = until
        return found


def told(actions: Sequence[Action]) -> list[str]:
    """Messages by what they are, other actions by their class."""
    words = []
    for action in actions:
        if isinstance(action, SendDatagram):
            message = parse_message(action.data)
            words.append(f"{message.status}" if isinstance(message, Response) else message.lines[0].partition(" ")[0])
        elif isinstance(action, Logged):
            words.append(f"log {action.code}")
        else:
            words.append(type(action).__name__)
    return words
