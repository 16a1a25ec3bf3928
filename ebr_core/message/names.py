"""Names of header fields: compact forms (RFC 3261 7.3.3, 20), how they are looked up, how they are printed."""

from functools import lru_cache
from typing import Final

from ebr_core.errors import LocalProtocolError
from ebr_core.message.grammar import is_token

__all__ = [
    "CALL_ID",
    "CONTACT",
    "CONTENT_LENGTH",
    "CSEQ",
    "FROM",
    "MAX_FORWARDS",
    "OTHER",
    "SPELLINGS",
    "TO",
    "VIA",
    "canonical_name",
    "display_name",
    "field_name",
]

# What the one pass over the lines does with a field; the numbers are in order of how often they are asked.
OTHER: Final = 0
VIA: Final = 1
FROM: Final = 2
TO: Final = 3
CALL_ID: Final = 4
CSEQ: Final = 5
MAX_FORWARDS: Final = 6
CONTENT_LENGTH: Final = 7
CONTACT: Final = 8

_KINDS: Final = {
    "via": VIA,
    "from": FROM,
    "to": TO,
    "call-id": CALL_ID,
    "cseq": CSEQ,
    "max-forwards": MAX_FORWARDS,
    "content-length": CONTENT_LENGTH,
    "contact": CONTACT,
}

# RFC 3261 20, 3515, 3841, 3892, 3903, 4028, 4474, 5360, 6665.
_COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

_DISPLAY_NAMES: Final = (
    "Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info Authorization "
    "CSeq Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-Language Content-Length Content-Type Date "
    "Error-Info Event Expires Feature-Caps Flow-Timer From History-Info Identity Identity-Info In-Reply-To Join MIME-Version "
    "Max-Breadth Max-Forwards Min-Expires Min-SE Organization P-Asserted-Identity P-Associated-URI P-Preferred-Identity Path "
    "Priority Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck RSeq Reason Record-Route Refer-To "
    "Referred-By Reject-Contact Replaces Reply-To Request-Disposition Require Retry-After Route SIP-ETag SIP-If-Match Server "
    "Service-Route Session-Expires Subject Subscription-State Supported Timestamp To Unsupported User-Agent Via "
    "WWW-Authenticate Warning"
).split()

_DISPLAY: Final[dict[str, str]] = {name.lower(): name for name in _DISPLAY_NAMES}


def _spellings() -> dict[str, tuple[str, int]]:
    table: dict[str, tuple[str, int]] = {}
    for lower, display in _DISPLAY.items():
        entry = (lower, _KINDS.get(lower, OTHER))
        for spelling in (display, lower, lower.upper(), lower.title(), lower.capitalize()):
            table[spelling] = entry
    for short, lower in _COMPACT.items():
        table[short] = table[short.upper()] = (lower, _KINDS.get(lower, OTHER))
    return table


SPELLINGS: Final[dict[str, tuple[str, int]]] = _spellings()
"""The usual spellings of the usual names, each with the canonical name and its kind."""


def canonical_name(text: str) -> str:
    """The lower-case long form of a field name ("via" for "v"); "" where the text is not a token."""
    try:
        return SPELLINGS[text][0]
    except KeyError:
        return field_name(text)[0]


def field_name(text: str) -> tuple[str, int]:
    """The canonical name, and its kind, of what is not among the usual spellings; the name is "" for what is no token."""
    return _remembered(text) if len(text) <= _SHORT else _field_name(text)


def _field_name(text: str) -> tuple[str, int]:
    text = text.rstrip(" \t")
    if not is_token(text):
        return "", OTHER
    lower = text.lower()
    lower = _COMPACT.get(lower, lower)
    return lower, _KINDS.get(lower, OTHER)


# Who sends a field that is not in the table sends it in every message. Long names are not kept: the memory has a bound.
_SHORT: Final = 40
_remembered: Final = lru_cache(maxsize=1024)(_field_name)


def display_name(name: str) -> str:
    """A name as it is printed: "Call-ID", "WWW-Authenticate"; "X-My-Field" for an unknown one in lower case.

    Raises LocalProtocolError for what is no token.
    """
    lower = canonical_name(name)
    if not lower:
        raise LocalProtocolError(f"{name!r} is not the name of a header field")
    known = _DISPLAY.get(lower)
    if known is not None:
        return known
    if name != lower:
        return name.rstrip(" \t")
    return "-".join([part.capitalize() for part in lower.split("-")])
