"""Shell wildcards as fnmatch(3) understands them with no flags, in linear time.

A pattern is cut at its stars into segments of fixed length. The first is tied to the start of the value, the last to
its end, and each of the others takes the leftmost place left to it, which is all the backtracking that stars need.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias, final

from ebr_core.errors import FilterError

__all__ = ["MAX_PATTERN", "Glob", "quote"]

MAX_PATTERN: Final = 1024
"""The longest pattern, in characters."""

_PUNCTUATION: Final = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS: Final = "0123456789"
_CONTROLS: Final = "".join(map(chr, (*range(32), 127)))

# The C locale's classes: SIP's tokens are ASCII, and nothing beyond it belongs to a class.
_CLASSES: Final[dict[str, str]] = {
    "alnum": _LOWER + _UPPER + _DIGITS,
    "alpha": _LOWER + _UPPER,
    "blank": " \t",
    "cntrl": _CONTROLS,
    "digit": _DIGITS,
    "graph": _LOWER + _UPPER + _DIGITS + _PUNCTUATION,
    "lower": _LOWER,
    "print": _LOWER + _UPPER + _DIGITS + _PUNCTUATION + " ",
    "punct": _PUNCTUATION,
    "space": " \t\n\v\f\r",
    "upper": _UPPER,
    "xdigit": _DIGITS + "abcdefABCDEF",
}


@final
class _Set:
    """What stands between ``[`` and ``]``."""

    __slots__ = ("_members", "_negated", "_ranges")

    def __init__(self, members: str, ranges: Sequence[tuple[str, str]], negated: bool) -> None:
        self._members: Final = members
        self._ranges: Final = tuple(ranges)
        self._negated: Final = negated

    def lists(self, char: str) -> bool:
        if char in self._members:
            return True
        for low, high in self._ranges:
            if low <= char <= high:
                return True
        return False

    def matches(self, char: str) -> bool:
        return self.lists(char) != self._negated


_Unit: TypeAlias = "str | _Set | None"
"""What one character must be: itself, one of a set, or (None) anything."""


@final
class _Segment:
    """What stands between two stars."""

    __slots__ = ("length", "literal", "units")

    def __init__(self, units: Sequence[_Unit]) -> None:
        self.length: Final = len(units)
        plain = [unit for unit in units if isinstance(unit, str)]
        self.literal: Final[str | None] = "".join(plain) if len(plain) == len(units) else None
        self.units: Final[tuple[_Unit, ...]] = () if self.literal is not None else tuple(units)

    def stands_at(self, text: str, start: int) -> bool:
        """Whether ``text`` matches here; it must be long enough."""
        if self.literal is not None:
            return text.startswith(self.literal, start)
        for unit in self.units:
            if not _fits(unit, text[start]):
                return False
            start += 1
        return True

    def find(self, text: str, start: int, end: int) -> int:
        """The leftmost place within ``text[start:end]``, or -1."""
        if self.literal is not None:
            return text.find(self.literal, start, end)
        # Shift-and: bit k of `state` says that the first k+1 units match what ends here. No character is looked at twice,
        # whatever the units are; trying each place anew would multiply the two lengths.
        masks: dict[str, int] = {}
        last = 1 << (self.length - 1)
        state = 0
        for at in range(start, end):
            char = text[at]
            mask = masks.get(char, -1)
            if mask < 0:
                mask = 0
                for position, unit in enumerate(self.units):
                    if _fits(unit, char):
                        mask |= 1 << position
                masks[char] = mask
            state = ((state << 1) | 1) & mask
            if state & last:
                return at - self.length + 1
        return -1

    def runs(self) -> list[str]:
        """Its stretches of plain characters, in order; the first and the last also when empty."""
        if self.literal is not None:
            return [self.literal]
        runs = [""]
        for unit in self.units:
            if isinstance(unit, str):
                runs[-1] += unit
            else:
                runs.append("")
        return runs


def _fits(unit: _Unit, char: str) -> bool:
    if unit is None:
        return True
    if isinstance(unit, str):
        return unit == char
    return unit.matches(char)


@final
class Glob:
    """A compiled pattern, the semantics of fnmatch(3) with flags 0 in the C locale, over characters instead of bytes.

    ``*`` matches any run of characters (``/`` and a leading dot too), ``?`` any one, ``[a-z]``, ``[!x]``, ``[^x]`` and
    ``[[:alpha:]]`` one of a set; a backslash quotes; an unterminated ``[`` stands for itself. What fnmatch(3) can match
    with nothing (a trailing backslash, an unknown class) matches nothing here. Raises FilterError beyond MAX_PATTERN.

    ``never`` says that nothing matches.
    """

    __slots__ = ("_least", "_segments", "never", "text")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_PATTERN:
            raise FilterError(f"a pattern of {len(text)} characters; {MAX_PATTERN} are allowed")
        segments = _parse(text)
        self.text: Final = text
        self.never: Final = segments is None
        self._segments: Final[tuple[_Segment, ...]] = () if segments is None else tuple(segments)
        self._least: Final[int] = sum(segment.length for segment in self._segments)

    @property
    def literal(self) -> str | None:
        """The one value that matches when there is no wildcard at all, else None."""
        return self._segments[0].literal if len(self._segments) == 1 else None

    @property
    def prefix(self) -> str:
        """What each match starts with."""
        return self._segments[0].runs()[0] if self._segments else ""

    @property
    def suffix(self) -> str:
        """What each match ends with."""
        return self._segments[-1].runs()[-1] if self._segments else ""

    @property
    def affix_only(self) -> bool:
        """Whether everything with its prefix or, the other being empty, its suffix matches: ``text*`` or ``*text``."""
        if len(self._segments) != 2:
            return False
        first, last = self._segments
        return first.literal is not None and last.literal is not None and (first.length == 0 or last.length == 0)

    def matches(self, text: str) -> bool:
        """Whether the whole of ``text`` matches. Linear in its length."""
        if self.never or len(text) < self._least:
            return False
        segments = self._segments
        first = segments[0]
        if len(segments) == 1:
            return len(text) == self._least and first.stands_at(text, 0)
        last = segments[-1]
        end = len(text) - last.length
        if not first.stands_at(text, 0) or not last.stands_at(text, end):
            return False
        start = first.length
        for index in range(1, len(segments) - 1):
            segment = segments[index]
            start = segment.find(text, start, end)
            if start < 0:
                return False
            start += segment.length
        return True

    def runs(self) -> list[str]:
        """Stretches of plain characters, each of which every match contains."""
        return [run for segment in self._segments for run in segment.runs() if run]


def quote(text: str) -> str:
    """A pattern that matches ``text`` and nothing else."""
    return "".join(["\\" + char if char in "\\*?[" else char for char in text])


def _parse(text: str) -> list[_Segment] | None:
    """The segments between the stars, or None for a pattern that matches nothing."""
    segments: list[_Segment] = []
    units: list[_Unit] = []
    # Two stars side by side are one. A long row of unterminated brackets must not be read to its end again and again.
    unterminated = False
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "*":
            if units or not segments:
                segments.append(_Segment(units))
                units = []
        elif char == "?":
            units.append(None)
        elif char == "\\":
            if at == len(text):
                return None
            units.append(text[at])
            at += 1
        elif char == "[" and not unterminated:
            parsed = _SetParser(text, at)
            if parsed.never:
                return None
            if parsed.result is None:
                unterminated = parsed.plain
                units.append("[")
            else:
                units.append(parsed.result)
                at = parsed.at
        else:
            units.append(char)
    segments.append(_Segment(units))
    return segments


@final
class _SetParser:
    """Reads what follows a ``[``: ``result`` is the set and ``at`` where the pattern goes on; or ``result`` is None because
    nothing closes it, and the ``[`` stands for itself; or ``never``. ``plain``: if nothing closes this one, nothing closes
    any later one."""

    __slots__ = ("at", "never", "plain", "result", "text")

    def __init__(self, text: str, at: int) -> None:
        self.text: Final = text
        self.at = at
        self.never = False
        self.plain = True
        self.result: _Set | None = None
        self._read()

    def _peek(self, ahead: int = 0) -> str:
        """The character there, or an empty string past the end."""
        return self.text[self.at + ahead : self.at + ahead + 1]

    def _read(self) -> None:
        negated = self._peek() in ("!", "^")
        if negated:
            self.at += 1
        members: list[str] = []
        ranges: list[tuple[str, str]] = []
        dead = False  # C gives up where it meets an unknown class, unless an earlier member has matched
        first = True
        while True:
            char = self._peek()
            self.at += 1
            if char == "":
                self._unterminated(_Set("".join(members), ranges, False), dead)
                return
            if char == "]" and not first:
                break
            first = False
            if char == "\\":
                char = self._peek()
                self.at += 1
                if char == "":
                    self.never = True
                    return
            elif char == "[":
                name = self._named()
                if name is not None:
                    self.plain = False  # its bracket may close a set that begins at a later "["
                    if name not in _CLASSES:
                        dead = True
                    elif not dead:
                        members.append(_CLASSES[name])
                    continue
            if self._peek() == "-" and self._peek(1) not in ("", "]"):
                high = self._peek(1)
                self.at += 2
                if high == "\\":
                    high = self._peek()
                    self.at += 1
                if high == "":
                    self.never = True
                    return
                if not dead:
                    ranges.append((char, high))
            else:
                if not dead:
                    members.append(char)
                # A range without an end: here too, C gives up.
                dead = dead or (self._peek() == "-" and self._peek(1) == "")
        self.never = dead and negated
        self.result = _Set("".join(members), ranges, negated)

    def _named(self) -> str | None:
        """The name in ``:name:]``, read past; None when this is an ordinary ``[``."""
        if self._peek() != ":":
            return None
        end = self.at + 1
        while end < len(self.text) and "a" <= self.text[end] < "z":
            end += 1
        if self.text[end : end + 2] != ":]":
            return None
        name = self.text[self.at + 1 : end]
        self.at = end + 2
        return name

    def _unterminated(self, seen: _Set, dead: bool) -> None:
        self.never = dead and not seen.lists("[")
        self.plain = self.plain and not dead
