"""Ladders: what went over the wire and when, as text.

Two forms. The *compact* one has a line for each message and is what tests compare::

    0.000  alice -> ebr    INVITE sip:bob@example.org
    0.000  ebr -> alice    100 Trying (INVITE)
    1.000  * E_UL_CONTACT_INSERT aor=bob@example.org

The *drawn* one has a lifeline for each party and an arrow for each message, for people.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Protocol

from ebr_core.actions import Event
from ebr_core.message import Message, Request, Response

__all__ = ["Drawing", "Entry", "Ladder", "describe_event", "label_of", "normalised", "side_by_side", "supports_drawing"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a message from ``source`` to ``target``, or, with an empty ``source``, a note.

    ``time`` is in seconds. ``hidden_by`` holds the words that hide it: its method and status, or the event's name.
    """

    time: float
    source: str
    target: str
    label: str
    hidden_by: tuple[str, ...] = ()
    lost: bool = False

    @property
    def is_note(self) -> bool:
        """Whether this is a note, such as an event, and not a message."""
        return not self.source


def label_of(message: Message) -> tuple[str, tuple[str, ...]]:
    """How a ladder calls a message, and the words that hide it: ``("180 Ringing (INVITE)", ("180", "INVITE"))``."""
    if isinstance(message, Request):
        return f"{message.method} {message.uri}", (message.method,)
    assert isinstance(message, Response)
    status = str(message.status)
    return f"{status} {message.reason} ({message.cseq_method})", (status, message.cseq_method)


def describe_event(event: Event, *, full: bool = False) -> str:
    """An event in one line. Contact events have 15 attributes: unless ``full``, of ``E_UL_`` events only ``aor`` is shown."""
    if event.names is None:
        return " ".join([event.name, *(str(value) for value in event.values)])
    pairs = zip(event.names, event.values, strict=True)
    brief = not full and event.name.startswith("E_UL_")
    return " ".join([event.name, *(f"{name}={value}" for name, value in pairs if not brief or name == "aor")])


class Ladder:
    """A list of entries in the order in which they happened."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: list[Entry] = list(entries)

    def message(
        self, time: float, source: str, target: str, label: str, hidden_by: Sequence[str] = (), *, lost: bool = False
    ) -> Entry:
        """Add a message; ``lost``: it was sent and never arrived."""
        return self._add(Entry(time, source, target, label, tuple(hidden_by), lost))

    def note(self, time: float, text: str) -> Entry:
        """Add a line that is no message; its first word (the event's name) hides it."""
        return self._add(Entry(time, "", "", text, tuple(text.split(None, 1)[:1])))

    def event(self, time: float, event: Event) -> Entry:
        """Add an event as a note."""
        return self.note(time, describe_event(event))

    def _add(self, entry: Entry) -> Entry:
        self.entries.append(entry)
        return entry

    def without(self, hide: Sequence[str] = (), *, since: float = 0.0) -> "Ladder":
        """The ladder without what ``hide`` names (statuses, methods, event names) and without what is before ``since``."""
        return Ladder(e for e in self.entries if e.time >= since and not any(word in hide for word in e.hidden_by))

    def compact(self, hide: Sequence[str] = ()) -> str:
        """The form that tests compare: one line for each entry, columns aligned, times in seconds."""
        entries = self.without(hide).entries
        times = [f"{entry.time:.3f}" for entry in entries]
        routes = ["*" if e.is_note else f"{e.source} {'-x' if e.lost else '->'} {e.target}" for e in entries]
        width = max((len(route) for e, route in zip(entries, routes, strict=True) if not e.is_note), default=0)
        digits = max(map(len, times), default=0)
        return "\n".join(
            f"{time:>{digits}}  {route} {entry.label}" if entry.is_note else f"{time:>{digits}}  {route:<{width}}  {entry.label}"
            for time, route, entry in zip(times, routes, entries, strict=True)
        )

    def draw(self, parties: Sequence[str] = (), *, ascii_only: bool = False, hide: Sequence[str] = (), width: int = 0) -> str:
        """The drawn form; ``parties`` fixes the order of the lifelines, others follow as they appear.

        ``width``: shorten labels where the drawing would need more columns; 0: as many as it takes.
        """
        entries = self.without(hide).entries
        names = list(parties)
        for entry in entries:
            names += [name for name in (entry.source, entry.target) if name and name not in names]
        lane = _lane_width(names, entries)
        if width and len(names) > 1:
            lane = min(lane, (width - 10 - len(names[-1])) // (len(names) - 1))
        drawing = Drawing(names, ascii_only=ascii_only, lane=lane)
        return "\n".join([*drawing.header(), *(line for entry in entries for line in drawing.lines(entry))])

    def __str__(self) -> str:
        return self.compact()


class Drawing:
    """Draws entries one by one, as they happen. A party not seen before gets a lifeline, and the names are written anew."""

    def __init__(self, parties: Sequence[str] = (), *, ascii_only: bool = False, lane: int = 34, most: int = 0) -> None:
        """``lane``: columns between two lifelines; a label that does not fit is shortened. ``most``: beyond so many parties
        (0: no limit, else at least 3) the one that was longest silent makes room; the first one stays."""
        self._parties = list(parties)
        self._most = most
        self._spoke = list(parties)  # the one that was longest silent is first
        self._lane = max(lane, 8)
        # The sixth is the head of the arrow of a message that got lost.
        self._bar, self._line, self._right, self._left, self._etc, self._lost = "|-><~x" if ascii_only else "│─▶◀…✗"

    def header(self) -> list[str]:
        """The names of the parties above their lifelines."""
        names = [name if len(name) < self._lane else name[: self._lane - 2] + self._etc for name in self._parties]
        return [("      ms  " + "".join(f"{name:<{self._lane}}" for name in names)).rstrip(), self._with_bars("")]

    def lines(self, entry: Entry) -> list[str]:
        """The lines that this entry adds."""
        if entry.is_note:
            return [self._with_bars(""), f"{_milliseconds(entry.time)}  * {_printable(entry.label)}", self._with_bars("")]
        lines: list[str] = []
        unseen = [name for name in (entry.source, entry.target) if name not in self._parties]
        if unseen:
            for name in dict.fromkeys(unseen):
                self._welcome(name, entry)
            lines = self.header()
        for name in dict.fromkeys((entry.source, entry.target)):
            self._spoke.remove(name)
            self._spoke.append(name)
        start, end = self._parties.index(entry.source), self._parties.index(entry.target)
        row = list(self._with_bars(_milliseconds(entry.time)))
        left, right = sorted((10 + start * self._lane, 10 + end * self._lane))
        if left == right:
            text = f" {self._left}{self._line} {_printable(entry.label)}"
            return [*lines, "".join(row[: left + 1]) + text]
        room = right - left - 1
        label = _printable(entry.label)
        if len(label) > room - 4 and label.endswith(")"):
            label = label.rpartition(" (")[0]  # the method that a response is to, mostly plain from what went before
        if len(label) > room - 4:
            label = label[: max(room - 5, 0)] + self._etc
        shaft = list(label.center(room, self._line))
        tip = self._lost if entry.lost else (self._right if start < end else self._left)
        shaft[-1 if start < end else 0] = tip
        row[left + 1 : right] = shaft
        return [*lines, "".join(row).rstrip()]

    def _welcome(self, name: str, entry: Entry) -> None:
        """A column for a new party."""
        self._spoke.append(name)
        if not self._most or len(self._parties) < self._most:
            self._parties.append(name)
            return
        for silent in self._spoke:
            if silent not in (self._parties[0], entry.source, entry.target):
                self._spoke.remove(silent)
                self._parties[self._parties.index(silent)] = name
                return

    def _with_bars(self, time: str) -> str:
        bars = (self._bar + " " * (self._lane - 1)) * len(self._parties)
        return f"{time:>8}  {bars}".rstrip()


def _printable(text: str) -> str:
    """The text without what could steer a terminal: labels come from the network."""
    return text if text.isprintable() else "".join([each if each.isprintable() else "?" for each in text])


def _milliseconds(time: float) -> str:
    return f"{round(time * 1000):>8}"


def _lane_width(names: Sequence[str], entries: Sequence[Entry]) -> int:
    """Wide enough for every name and for every label between neighbours, within reason."""
    widest = max((len(name) + 2 for name in names), default=8)
    for entry in entries:
        if not entry.is_note:
            span = abs(names.index(entry.source) - names.index(entry.target)) or 1
            widest = max(widest, -(-(len(entry.label) + 6) // span))
    return min(widest, 40)


class _Stream(Protocol):
    @property
    def encoding(self) -> str | None: ...


def supports_drawing(stream: _Stream) -> bool:
    """Whether the stream's encoding has the box drawing characters; else draw with ``ascii_only``."""
    try:
        "│─▶◀✗…".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def normalised(text: str) -> list[str]:
    """The lines of a compact ladder as they are compared: without blank lines, each run of blanks as one."""
    return [line for line in (re.sub(r"\s+", " ", line).strip() for line in text.splitlines()) if line]


def side_by_side(expected: str, actual: str) -> str:
    """Two compact ladders next to each other; ``!`` marks lines that differ, ``<`` and ``>`` those that only one has."""
    left, right = normalised(expected), normalised(actual)
    rows: list[tuple[str, str, str]] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        mark = " " if kind == "equal" else "!"
        for one, other in zip_longest(left[i1:i2], right[j1:j2]):
            rows.append((one or "", mark if one and other else "<" if one else ">", other or ""))
    width = max([len("expected"), *(len(row[0]) for row in rows)])
    lines = [f"{'expected':<{width}}   actual", *(f"{one:<{width}} {mark} {other}" for one, mark, other in rows)]
    return "\n".join(line.rstrip() for line in lines)
