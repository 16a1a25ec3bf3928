"""What happened to the location table, and how OpenSIPS's Event Interface words it."""

from typing import Final, final

from ebr_core.actions import Event, Value
from ebr_core.events import DECLARED
from ebr_core.usrloc.contact import Contact

__all__ = [
    "AOR_DELETE",
    "AOR_INSERT",
    "CONTACT_DELETE",
    "CONTACT_INSERT",
    "CONTACT_UPDATE",
    "EXPIRED",
    "REFRESHED",
    "REGISTERED",
    "REMOVED",
    "REPLACED",
    "UNREGISTERED",
    "Change",
    "describe",
]

AOR_INSERT: Final = "E_UL_AOR_INSERT"
AOR_DELETE: Final = "E_UL_AOR_DELETE"
CONTACT_INSERT: Final = "E_UL_CONTACT_INSERT"
CONTACT_UPDATE: Final = "E_UL_CONTACT_UPDATE"
CONTACT_DELETE: Final = "E_UL_CONTACT_DELETE"

# Why it happened.
REGISTERED: Final = "registered"
REFRESHED: Final = "refreshed"
UNREGISTERED: Final = "unregistered"
REPLACED: Final = "replaced"  # the same device registered another contact URI
EXPIRED: Final = "expired"
REMOVED: Final = "removed"  # by the host or an operator, not by the device

# The table's name in OpenSIPS's default scripts, which those who read its events filter on.
_DOMAIN: Final = "location"


@final
class Change(Value):
    """One change of the table. ``kind`` is the name of its event; ``contact`` is None for the two AOR kinds."""

    __slots__ = ("aor", "cause", "contact", "kind")
    __match_args__ = ("kind", "aor", "contact", "cause")

    def __init__(self, kind: str, aor: str, contact: Contact | None, cause: str) -> None:
        self.kind: Final = kind
        self.aor: Final = aor
        self.contact: Final = contact
        self.cause: Final = cause


def describe(change: Change, wall_offset: float) -> Event:
    """The change as an event, attributes and order as OpenSIPS 3.6 and later raise them.

    ``expires`` is unix seconds, rounded; ``wall_offset`` (seconds) is wall time minus the engine's clock. Several Path values
    are one string, joined by commas. Call it before the contact changes again: it reads the contact as it is.
    """
    contact = change.contact
    if contact is None:
        return Event(change.kind, DECLARED[change.kind], (_DOMAIN, change.aor))
    return Event(
        change.kind,
        DECLARED[change.kind],
        (
            _DOMAIN,
            change.aor,
            contact.uri,
            contact.received or None,
            ",".join(contact.path) or None,
            contact.q,
            contact.user_agent,
            contact.socket,
            contact.bflags,
            round(contact.expires_at + wall_offset),
            contact.call_id,
            contact.cseq,
            contact.attr,
            contact.latency,
            contact.shtag,
        ),
    )
