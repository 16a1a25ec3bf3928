"""Header fields about time: Date, Retry-After, Timestamp (RFC 3261 20.17, 20.33, 20.38)."""

from datetime import UTC, datetime
from typing import Final, final

from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import parse_delta, print_params, unquote
from ebr_core.message.values import Value, number_of, seconds_of, split_value

__all__ = ["RetryAfter", "Timestamp", "format_date", "parse_date"]

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@final
class RetryAfter(Value):
    """When to try again: seconds, a comment, and how long one may then be reached, in seconds or None (20.33).

    ``comment`` has neither its own parentheses nor quoted pairs; parentheses inside it are text.
    """

    __slots__ = ("comment", "duration", "params", "seconds")

    def __init__(self, seconds: int, comment: str | None = None, params: dict[str, str | None] | None = None) -> None:
        self.seconds: Final = seconds
        self.comment: Final = comment
        self.params: Final[dict[str, str | None]] = {} if params is None else params
        self.duration: Final = seconds_of(self.params, "duration")

    @staticmethod
    def parse(text: str) -> "RetryAfter":
        """Raises MessageError (400)."""
        comment: str | None = None
        start = text.find("(")
        semicolon = text.find(";")
        if 0 <= start and (semicolon < 0 or start < semicolon):
            end = _end_of_comment(text, start)
            comment = unquote(f'"{text[start + 1 : end - 1]}"')
            seconds = parse_delta(text[:start].strip(" \t"))
            nothing, params = split_value(text[end:], "Retry-After")
        else:
            value, params = split_value(text, "Retry-After")
            seconds, nothing = parse_delta(value), ""
        if seconds < 0 or nothing:
            raise MessageError("Malformed Retry-After")
        return RetryAfter(seconds, comment, params)

    def __str__(self) -> str:
        comment = "" if self.comment is None else f" ({_escaped(self.comment)})"
        return f"{self.seconds}{comment}{print_params(self.params)}"


def _end_of_comment(text: str, start: int) -> int:
    # Comments nest (25.1); a count will do where a recursion would be as deep as the sender likes.
    depth = 0
    escaped = False
    for at in range(start, len(text)):
        character = text[at]
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if not depth:
                return at + 1
    raise MessageError("Malformed comment: no closing parenthesis")


def _escaped(comment: str) -> str:
    return comment.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").replace("\0", "\\\0")


@final
class Timestamp(Value):
    """When a request was sent, by the clock of its sender, and how long the answer took there; seconds (20.38)."""

    __slots__ = ("_text", "delay", "value")

    def __init__(self, text: str, value: float, delay: float | None) -> None:
        self._text: Final = text
        self.value: Final = value
        self.delay: Final = delay

    @staticmethod
    def parse(text: str) -> "Timestamp":
        """Raises MessageError (400)."""
        value, _, delay = text.replace("\t", " ").partition(" ")
        delay = delay.strip(" ")
        return Timestamp(text, _decimal(value), _decimal(delay) if delay else None)

    def __str__(self) -> str:
        return self._text


def _decimal(text: str) -> float:
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if len(digits) > 30 or not digits.isascii() or not digits.isdigit():
        raise MessageError("Malformed Timestamp")
    return float(f"{whole or 0}.{fraction or 0}")


def parse_date(text: str) -> datetime:
    """A SIP-date, ``Sat, 13 Nov 2010 23:29:00 GMT``, in UTC (20.17). Raises MessageError (400), for another zone too.

    In English whatever the process's locale; the name of the day is not compared with the date.
    """
    day, comma, rest = text.partition(",")
    words = [word for word in rest.replace("\t", " ").split(" ") if word]
    # Some letters of other scripts become ASCII ones in the other case.
    if not text.isascii() or not comma or day.strip(" \t").title() not in _DAYS or len(words) != 5 or words[4].upper() != "GMT":
        raise MessageError("Malformed Date")
    month, clock = words[1].title(), words[3].split(":")
    if month not in _MONTHS or len(clock) != 3 or len(words[0]) != 2 or len(words[2]) != 4:
        raise MessageError("Malformed Date")
    hour, minute, second = (number_of(part if len(part) == 2 else "", 60, "Date") for part in clock)
    try:
        # A leap second is the last one of its minute: datetime knows none.
        return datetime(
            *(number_of(words[2], 9999, "Date"), _MONTHS.index(month) + 1, number_of(words[0], 31, "Date")),
            *(hour, minute, min(second, 59)),
            tzinfo=UTC,
        )
    except ValueError:
        raise MessageError("Malformed Date") from None


def format_date(at: datetime) -> str:
    """A time as SIP-date; one that knows its zone is converted."""
    if at.tzinfo is not None:
        at = at.astimezone(UTC)
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day}, {at.day:02} {month} {at.year:04} {at.hour:02}:{at.minute:02}:{at.second:02} GMT"
