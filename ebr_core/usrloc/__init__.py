"""User location: which contacts an address of record has now, each until its exact instant. No I/O, no requests."""

from ebr_core.usrloc.changes import (
    AOR_DELETE,
    AOR_INSERT,
    CONTACT_DELETE,
    CONTACT_INSERT,
    CONTACT_UPDATE,
    EXPIRED,
    REFRESHED,
    REGISTERED,
    REMOVED,
    REPLACED,
    UNREGISTERED,
    Change,
    describe,
)
from ebr_core.usrloc.contact import Contact
from ebr_core.usrloc.location import EXPIRY, Location, Operation, equivalent_contact, insert, remove, update

__all__ = [
    "AOR_DELETE",
    "AOR_INSERT",
    "CONTACT_DELETE",
    "CONTACT_INSERT",
    "CONTACT_UPDATE",
    "EXPIRED",
    "EXPIRY",
    "REFRESHED",
    "REGISTERED",
    "REMOVED",
    "REPLACED",
    "UNREGISTERED",
    "Change",
    "Contact",
    "Location",
    "Operation",
    "describe",
    "equivalent_contact",
    "insert",
    "remove",
    "update",
]
