"""The events that ebr raises itself: names and attributes of the OpenSIPS Event Interface, in its order.

Any other name is a custom event: it needs no declaration, and nothing is known of its attributes beforehand.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ebr_core.actions import Event, EventValue
from ebr_core.errors import LocalProtocolError

__all__ = ["DECLARED", "attributes_of", "make_event"]

_AOR: Final = ("domain", "aor")
_CONTACT: Final = (
    "domain",
    "aor",
    "uri",
    "received",
    "path",
    "qval",
    "user_agent",
    "socket",
    "bflags",
    "expires",
    "callid",
    "cseq",
    "attr",
    "latency",
    "shtag",
)
_REFRESH: Final = (
    "domain",
    "aor",
    "uri",
    "received",
    "user_agent",
    "socket",
    "bflags",
    "expires",
    "callid",
    "attr",
    "shtag",
    "reason",
    "req_callid",
)

DECLARED: Final[Mapping[str, tuple[str, ...]]] = {
    "E_UL_AOR_INSERT": _AOR,
    "E_UL_AOR_DELETE": _AOR,
    "E_UL_CONTACT_INSERT": _CONTACT,
    "E_UL_CONTACT_UPDATE": _CONTACT,
    "E_UL_CONTACT_DELETE": _CONTACT,
    "E_UL_CONTACT_REFRESH": _REFRESH,
    "E_UL_LATENCY_UPDATE": _CONTACT,
    "E_CORE_THRESHOLD": ("source", "time", "extra"),
}
"""Event name -> its attributes, in the order in which they are shown and sent. Names are case-sensitive."""


def attributes_of(name: str) -> tuple[str, ...] | None:
    """The attributes of a declared event, or None for a custom one."""
    return DECLARED.get(name)


def make_event(name: str, params: Mapping[str, EventValue] | Sequence[EventValue] | None = None) -> Event:
    """An event as ``raise_event`` takes it: named attributes, values in a row, or none at all; their order is kept.

    Raises LocalProtocolError for an empty name and for a value that is not str, int or None.
    """
    if not name:
        raise LocalProtocolError("an event without a name")
    if params is None:
        return Event(name)
    return _read(name, params)


def _read(name: str, params: object) -> Event:
    if isinstance(params, Mapping):
        return Event(name, tuple([_key(name, key) for key in params]), tuple([_value(name, each) for each in params.values()]))
    if isinstance(params, Sequence) and not isinstance(params, str | bytes | bytearray):
        return Event(name, None, tuple([_value(name, each) for each in params]))
    raise LocalProtocolError(f"event {name}: parameters are a mapping, a sequence or None, not {params!r}")


def _key(name: str, key: object) -> str:
    if isinstance(key, str):
        return key
    raise LocalProtocolError(f"event {name}: an attribute is named by a string, not {key!r}")


def _value(name: str, value: object) -> EventValue:
    if value is None or isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise LocalProtocolError(f"event {name}: a value is str, int or None, not {value!r}")
