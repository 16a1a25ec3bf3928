"""An engine without phones, for numbers that phones would be too slow for: packets made from templates, fed at their time."""

from collections.abc import Callable
from heapq import heappop, heappush

from ebr_conformance.tokens import TokenStream
from ebr_core import (
    Action,
    Config,
    DatagramReceived,
    Engine,
    Input,
    JobFinished,
    Listener,
    Script,
    SendDatagram,
    Started,
    StartJob,
    TimerTick,
)

__all__ = ["Bare", "request"]

PEER = ("192.0.2.99", 5060)


def request(
    method: str, user: str, number: int, *, contact: str = "", expires: int = 3600, branch: str | None = None, to_tag: str = ""
) -> DatagramReceived:
    """A request to ``user``; everything in it that must be unique comes from ``number``."""
    uri = "sip:example.org" if method in ("REGISTER", "OPTIONS") else f"sip:{user}@example.org"
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bK{number if branch is None else branch}",
        "Max-Forwards: 70",
        f"From: <sip:peer@example.org>;tag={number}",
        f"To: <sip:{user}@example.org>{to_tag}",
        f"Call-ID: {number}@192.0.2.99",
        f"CSeq: 1 {method}",
        "Content-Length: 0",
    ]
    if contact:
        lines[-1:-1] = [f"Contact: <{contact}>", f"Expires: {expires}"]
    return DatagramReceived("\r\n".join([*lines, "", ""]).encode(), PEER, 1)


class Bare:
    """``engine`` at the time ``now``; ``on_action`` sees each action; jobs end at once."""

    def __init__(self, script: Script, *, config: Config | None = None, budget: int = 64) -> None:
        settings = Config(domains=("example.org",)) if config is None else config
        self.engine = Engine(script, config=settings, tokens=TokenStream(1), budget=budget)
        self.now = 0.0
        self.on_action: Callable[[Action], object] = _ignore
        self._agenda: list[tuple[float, int, Input]] = []
        self._count = 0
        self.feed(Started([Listener(1, "sip", "udp", ("192.0.2.1", 5060))], 1_700_000_000.0))

    def at(self, time: float, input: Input) -> None:
        """Feed this at ``time``."""
        self._count += 1
        heappush(self._agenda, (time, self._count, input))

    def feed(self, input: Input) -> list[Action]:
        """Feed this now."""
        actions = self.engine.handle(input, now=self.now)
        for action in actions:
            if isinstance(action, StartJob):
                self.at(self.now, JobFinished(action.job))
            self.on_action(action)
        return actions

    def tick(self) -> list[Action]:
        """Feed the tick that the engine asks for, at its time."""
        deadline = self.engine.deadline
        assert deadline is not None, "the engine waits for nothing"
        self.now = max(self.now, deadline)
        return self.feed(TimerTick())

    def run(self, until: float | None = None) -> None:
        """Let time pass, to ``until``, or until nothing is left to happen."""
        while True:
            deadline = self.engine.deadline
            if self._agenda and (deadline is None or self._agenda[0][0] <= deadline):
                time, _, input = self._agenda[0]
                if until is not None and time > until:
                    break
                heappop(self._agenda)
                self.now = max(self.now, time)
                self.feed(input)
            elif deadline is not None and (until is None or deadline <= until):
                self.tick()
            else:
                break
        if until is not None:
            self.now = max(self.now, until)

    def acknowledge(self, action: Action) -> None:
        """As ``on_action``: each final response to an INVITE that is not a 2xx gets its ACK."""
        if isinstance(action, SendDatagram) and action.data.startswith((b"SIP/2.0 3", b"SIP/2.0 4", b"SIP/2.0 5", b"SIP/2.0 6")):
            if b"\r\nCSeq: 1 INVITE\r\n" in action.data:
                number = int(action.data.partition(b"branch=z9hG4bK")[2].partition(b"\r\n")[0].partition(b";")[0])
                self.at(self.now, request("ACK", "nobody", number, to_tag=";tag=x"))


def _ignore(action: Action) -> None:
    pass
