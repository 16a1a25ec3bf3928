"""``Logged`` actions as records of the standard library's logging."""

import linecache
import logging

from ebr_core.actions import Logged

__all__ = ["log_action"]


def log_action(logger: logging.Logger, action: Logged) -> None:
    """Log one action: ``text (code) name=value ...`` on one line, whatever a peer put into the values.

    The record carries ``ebr_code`` and ``ebr_fields`` for handlers that store structure. ``fields["frames"]``, as the engine
    gives it for a handler that raised, a list of (file, line, function), is shown below the line as a traceback would be.
    """
    if not logger.isEnabledFor(action.level):
        return
    parts = [f"{_one_line(action.text)} ({action.code})"]
    parts += [f"{name}={_shown(value)}" for name, value in action.fields.items() if name != "frames"]
    line = " ".join(parts)
    frames = action.fields.get("frames")
    if isinstance(frames, (list, tuple)):
        line += "".join(_frame(*frame) for frame in frames)
    logger.log(action.level, "%s", line, extra={"ebr_code": action.code, "ebr_fields": dict(action.fields)})


def _frame(file: str, line: int, function: str) -> str:
    source = linecache.getline(file, line).strip()
    return f'\n  File "{file}", line {line}, in {function}' + (f"\n    {source}" if source else "")


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    if isinstance(value, str) and (not text or any(character.isspace() or character in '"=' for character in text)):
        text = repr(text)
    return _one_line(text)


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
