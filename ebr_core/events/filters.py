"""Filters: from what the user writes to a list of conditions, all of which an event must meet."""

from collections.abc import Mapping, Sequence
from typing import Final, final

from ebr_core.actions import EventFilter, EventValue, Pattern
from ebr_core.errors import FilterError
from ebr_core.events.catalogue import attributes_of
from ebr_core.events.pattern import Glob

__all__ = ["Condition", "compile_filter", "text_of"]


@final
class Condition:
    """One attribute and what its text must be: ``text`` itself, or what ``glob`` matches. ``key`` is lower-case."""

    __slots__ = ("glob", "key", "text")

    def __init__(self, key: str, text: str, glob: Glob | None = None) -> None:
        self.key: Final = key
        self.text: Final = text
        self.glob: Final = glob

    def matches(self, text: str) -> bool:
        """Whether the attribute's text meets the condition."""
        return text == self.text if self.glob is None else self.glob.matches(text)

    def __repr__(self) -> str:
        return f"<Condition {self.key}{'==' if self.glob is None else '='}{self.text}>"


def text_of(value: EventValue) -> str | None:
    """What a filter sees of an attribute: an int as its decimal text; None, for null, meets no condition."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        try:
            return str(int(value))
        except ValueError:  # the interpreter refuses to print more than some thousand digits
            return None
    return None


def compile_filter(name: str, filter: EventFilter) -> tuple[Condition, ...]:
    """The conditions of a subscription to the event ``name``, without repetitions; none matches every event.

    A mapping's plain values are exact; a string is OpenSIPS's ``key=pattern``, cut at its first ``=``. Raises FilterError
    for a string without key or ``=``, for a value of another type, and for a key that a declared event does not have.
    """
    if filter is None:
        return ()
    conditions = _read(filter)
    known = attributes_of(name)
    if known is not None:
        for condition in conditions:
            if condition.key not in known:
                raise FilterError(f"{name} has no attribute {condition.key!r}; it has {', '.join(known)}")
    if len(conditions) < 2:
        return tuple(conditions)
    once = {(condition.key, condition.text, condition.glob is None): condition for condition in conditions}
    return tuple(once.values())


def _read(filter: object) -> list[Condition]:
    if isinstance(filter, str):
        return [_from_text(filter)]
    if isinstance(filter, Mapping):
        return [_from_item(key, value) for key, value in filter.items()]
    if isinstance(filter, Sequence) and not isinstance(filter, bytes | bytearray):
        return [_from_text(item) for item in filter]
    raise FilterError(f"a filter is a mapping, a string, a sequence of strings or None, not {filter!r}")


def _from_item(key: object, value: object) -> Condition:
    if not isinstance(key, str) or not key:
        raise FilterError(f"the key of a filter is the name of an attribute, not {key!r}")
    if isinstance(value, Pattern):
        return _pattern(key, value.text)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise FilterError(f"the filter on {key} wants a str, an int or a Pattern, not {value!r}")
    text = text_of(value)
    if text is None:
        raise FilterError(f"the filter on {key} is a number too long to print")
    return Condition(key.lower(), text)


def _from_text(item: object) -> Condition:
    if not isinstance(item, str):
        raise FilterError(f"a filter in a sequence is a string such as 'aor=*@example.org', not {item!r}")
    key, separator, value = item.partition("=")
    if not separator or not key:
        raise FilterError(f"the filter {item!r} is not of the form 'key=value'")
    return _pattern(key, value)


def _pattern(key: str, text: object) -> Condition:
    if not isinstance(text, str):
        raise FilterError(f"the pattern on {key} is a string, not {text!r}")
    glob = Glob(text)
    # Without wildcards it is an exact filter, and those are found by one look-up.
    if glob.literal is not None:
        return Condition(key.lower(), glob.literal)
    return Condition(key.lower(), text, glob)
