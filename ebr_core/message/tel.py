"""Telephone numbers in URIs: tel (RFC 3966), and the user part of a SIP URI with ``user=phone`` (RFC 3261 19.1.6, RFC 4904)."""

import re
from typing import Final, final

from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import parse_params, unescape

__all__ = ["Tel"]

_SEPARATORS: Final = str.maketrans("", "", "-.()")  # RFC 3966 5.1.1: for the eye only
_GLOBAL: Final = re.compile(r"\+[0-9]+")
_LOCAL: Final = re.compile(r"[0-9A-F*#]+")
# RFC 1034 3.5, as RFC 3966 3 has it: the last label begins with a letter.
_DOMAIN: Final = re.compile(r"(?:[A-Za-z0-9-]+\.)*[A-Za-z][A-Za-z0-9-]*\.?")


@final
class Tel:
    """A telephone number and its parameters. Immutable; ``str()`` gives the text as it was read.

    ``number`` is without visual separators, hexadecimal digits in upper case; a global one begins with ``+``. The keys of
    ``params`` are in lower case, the values as they stand, None for a bare name.
    """

    __slots__ = ("number", "params", "raw")

    def __init__(self, raw: str, number: str, params: dict[str, str | None]) -> None:
        self.raw: Final = raw
        self.number: Final = number
        self.params: Final = params

    @staticmethod
    def parse(text: str) -> "Tel":
        """Read what stands behind ``tel:``. Raises MessageError (400) for what is no number, and for a local one without its
        phone-context, or with one that is neither a global number nor a domain (RFC 3966 5.1.5)."""
        spelled, _, param_text = text.partition(";")
        number = unescape(spelled).translate(_SEPARATORS).upper()
        params = parse_params(param_text)
        if not _GLOBAL.fullmatch(number):
            if not _LOCAL.fullmatch(number):
                raise MessageError("Malformed telephone number")
            context = (params.get("phone-context") or "").translate(_SEPARATORS)
            if not _GLOBAL.fullmatch(context) and not _DOMAIN.fullmatch(params.get("phone-context") or ""):
                raise MessageError("Local telephone number without phone-context")
        return Tel(text, number, params)

    @property
    def is_global(self) -> bool:
        """Whether the number is valid everywhere, as opposed to within its ``phone-context``."""
        return self.number[0] == "+"

    @property
    def context(self) -> str | None:
        """Where a local number is valid: a global number without separators, or a domain in lower case."""
        text = self.params.get("phone-context")
        if text is None:
            return None
        return text.translate(_SEPARATORS) if text[:1] == "+" else text.lower()

    @property
    def extension(self) -> str | None:
        """``ext`` without visual separators."""
        text = self.params.get("ext")
        return None if text is None else text.translate(_SEPARATORS)

    @property
    def trunk_group(self) -> tuple[str, str] | None:
        """``tgrp`` and ``trunk-context`` (RFC 4904 4), one without the other says nothing."""
        group, context = self.params.get("tgrp"), self.params.get("trunk-context")
        return None if not group or not context else (unescape(group), context)

    @property
    def key(self) -> str:
        """A text that equivalent numbers share, and no others (RFC 3966 4)."""
        parts = []
        for name, value in self.params.items():
            if name == "phone-context":
                value = self.context
            elif name == "ext":
                value = self.extension
            parts.append(name if value is None else f"{name}={unescape(value).lower()}")
        return ";".join([self.number, *sorted(parts)])

    def equivalent(self, other: "Tel") -> bool:
        """RFC 3966 4: the digits, and all the parameters in any order, without regard to case."""
        return self.key == other.key

    def __str__(self) -> str:
        return self.raw

    def __repr__(self) -> str:
        return f"Tel({self.raw!r})"
