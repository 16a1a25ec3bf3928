"""``--trace``: a ladder that is drawn while it happens."""

from collections.abc import Mapping, Sequence
from typing import TextIO

from ebr_conformance.dialogs import host_port
from ebr_conformance.ladder import Drawing, Entry, Ladder, describe_event, label_of, supports_drawing
from ebr_core.actions import Action, EventNotified, SendDatagram
from ebr_core.inputs import Address, DatagramReceived, EventRaised, Input
from ebr_core.message import MessageError, parse_message

__all__ = ["LadderRecorder", "Tracer"]


class LadderRecorder:
    """An observer for a Server: what it receives and sends becomes a Ladder. Times count from the first input.

    ``names``: what to call an address; others are shown as ``host:port``.
    """

    def __init__(self, names: Mapping[Address, str] | None = None) -> None:
        self.ladder = Ladder()
        self.names: dict[Address, str] = dict(names or {})
        self._start: float | None = None

    def __call__(self, input: Input, actions: Sequence[Action], now: float) -> None:
        for entry in self.entries(input, actions, now):
            self.ladder.entries.append(entry)

    def note(self, now: float, text: str) -> None:
        """Add a note to the ladder."""
        self.ladder.note(now - (now if self._start is None else self._start), text)

    def entries(self, input: Input, actions: Sequence[Action], now: float) -> list[Entry]:
        """The lines of one step."""
        if self._start is None:
            self._start = now
        time = now - self._start
        step = Ladder()
        if isinstance(input, DatagramReceived):
            self._message(step, time, self.name_of(input.source), "ebr", input.data)
        elif isinstance(input, EventRaised):
            step.note(time, f"{input.name} raised")
        for action in actions:
            if isinstance(action, SendDatagram):
                self._message(step, time, "ebr", self.name_of(action.destination), action.data)
            elif isinstance(action, EventNotified):
                step.note(time, describe_event(action.event))
        return step.entries

    def name_of(self, address: Address) -> str:
        """The name of a party."""
        return self.names.get(address) or host_port(address)

    def _message(self, step: Ladder, time: float, source: str, target: str, data: bytes) -> None:
        try:
            label, hidden_by = label_of(parse_message(data))
        except MessageError:
            label, hidden_by = f"{len(data)} bytes", ()
        step.message(time, source, target, label, hidden_by)


class Tracer:
    """An observer that draws each step on ``stream`` as it happens."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream
        self._recorder = LadderRecorder()
        # Wide enough for a Request-URI, and with an end: on a busy server, new phones appear for ever.
        self._drawing = Drawing(["ebr"], ascii_only=not supports_drawing(stream), lane=44, most=6)

    def __call__(self, input: Input, actions: Sequence[Action], now: float) -> None:
        if self._stream is None:
            return
        lines = [line for entry in self._recorder.entries(input, actions, now) for line in self._drawing.lines(entry)]
        try:
            if lines:
                print("\n".join(lines), file=self._stream, flush=True)
        except BrokenPipeError:
            # Whoever read along has gone; that is no reason to stop serving.
            self._stream = None
