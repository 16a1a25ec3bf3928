"""The location table: address of record -> contacts, in memory."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias, final

from ebr_core.environment import Environment
from ebr_core.errors import LocalProtocolError
from ebr_core.message import MessageError, Uri
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
    UNREGISTERED,
    Change,
)
from ebr_core.usrloc.contact import Contact

__all__ = ["EXPIRY", "Location", "Operation", "equivalent_contact", "insert", "remove", "update"]

_INSERT: Final = 0
_UPDATE: Final = 1
_REMOVE: Final = 2

EXPIRY: Final = 0
"""The kind of the one timer that a contact has."""

# 19.1.4 is not transitive, so it cannot be indexed: of the contacts that share a key, this many are compared.
_MAX_COMPARED: Final = 16

# Most addresses have one contact, and a dict for each would cost half as much memory again as the contact itself.
_Record: TypeAlias = Contact | dict[str, Contact]


@final
class Operation:
    """One step of ``Location.apply``; made by ``insert``, ``update`` and ``remove``."""

    __slots__ = ("cause", "contact", "fresh", "kind")

    def __init__(self, kind: int, contact: Contact, fresh: Contact | None, cause: str) -> None:
        self.kind: Final = kind
        self.contact: Final = contact
        self.fresh: Final = fresh
        self.cause: Final = cause


def insert(contact: Contact, cause: str = REGISTERED) -> Operation:
    """Add a contact that the table does not have."""
    return Operation(_INSERT, contact, None, cause)


def update(contact: Contact, fresh: Contact, cause: str = REFRESHED) -> Operation:
    """Give a contact of the table the data of ``fresh``, which itself is not kept."""
    return Operation(_UPDATE, contact, fresh, cause)


def remove(contact: Contact, cause: str = UNREGISTERED) -> Operation:
    """Take a contact out of the table."""
    return Operation(_REMOVE, contact, None, cause)


def equivalent_contact(uri: Uri, candidates: Sequence[Contact]) -> Contact | None:
    """The first candidate whose URI is equivalent by 19.1.4. At most 16 candidates are compared."""
    for contact in candidates[:_MAX_COMPARED]:
        try:
            if uri.equivalent(Uri.parse(contact.uri)):
                return contact
        except MessageError:  # a host may insert what no REGISTER could; it equals itself only
            continue
    return None


@final
class Location:
    """The contacts of all addresses of record ("user@domain") of one engine: OpenSIPS's ``usrloc``, memory only.

    A contact is invisible from its instant on; its removal, with its events, comes with its timer. Give ``expire`` each
    Contact that owns a timer fired from ``env.timers``. Every call that changes something returns its changes, in order.
    """

    __slots__ = ("_aors", "_contacts", "_env")

    def __init__(self, env: Environment) -> None:
        self._env: Final = env
        self._aors: Final[dict[str, _Record]] = {}
        self._contacts = 0

    def __len__(self) -> int:
        """The number of contacts, those that just expired and were not removed yet included."""
        return self._contacts

    def __iter__(self) -> Iterator[Contact]:
        """All valid contacts, for dumps. Do not change the table meanwhile."""
        now = self._env.now
        for record in self._aors.values():
            if isinstance(record, Contact):
                if record.expires_at > now:
                    yield record
            else:
                for contact in record.values():
                    if contact.expires_at > now:
                        yield contact

    def sizes(self) -> dict[str, int]:
        """What is held, by kind; all zeros when the table is empty."""
        return {"aors": len(self._aors), "contacts": self._contacts}

    def aors(self) -> list[str]:
        """The addresses of record that have contacts."""
        return list(self._aors)

    def all_contacts(self, aor: str) -> list[Contact]:
        """The contacts in the table, expired ones included: newest first, those of one REGISTER in its order."""
        record = self._aors.get(aor)
        if record is None:
            return []
        if isinstance(record, Contact):
            return [record]
        return list(reversed(record.values()))

    def lookup(self, aor: str) -> list[Contact]:
        """The valid contacts: by q, highest first (none given counts as 1.0, RFC 3261 16.6), then newest first."""
        now = self._env.now
        record = self._aors.get(aor)
        if record is None:
            return []
        if isinstance(record, Contact):
            return [record] if record.expires_at > now else []
        found = [contact for contact in reversed(record.values()) if contact.expires_at > now]
        found.sort(key=_rank)
        return found

    def find(self, aor: str, uri: str) -> Contact | None:
        """The valid contact with this URI: the same text, else an equivalent one (19.1.4), else the same ``Uri.key``."""
        contacts = self.lookup(aor)
        for contact in contacts:
            if contact.uri == uri:
                return contact
        if not contacts:
            return None
        try:
            parsed = Uri.parse(uri)
        except MessageError:
            return None
        key = parsed.key
        found = equivalent_contact(parsed, [contact for contact in contacts if contact.key == key])
        if found is None:
            for contact in contacts:
                if contact.key == uri:
                    return contact
        return found

    def apply(self, aor: str, operations: Sequence[Operation]) -> list[Change]:
        """Do all operations, or raise LocalProtocolError and do nothing: contacts that are not the address's own, or a URI
        that is already there.

        AOR_INSERT comes before the first CONTACT_INSERT, AOR_DELETE after the last CONTACT_DELETE.
        """
        self._check(aor, operations)
        known = aor in self._aors
        changes: list[Change] = []
        added: list[Contact] = []
        for operation in operations:
            contact = operation.contact
            cause = operation.cause
            if operation.kind == _INSERT:
                if not known:
                    changes.append(Change(AOR_INSERT, aor, None, cause))
                    known = True
                added.append(contact)
                self._arm(contact)
                changes.append(Change(CONTACT_INSERT, aor, contact, cause))
            elif operation.kind == _UPDATE:
                fresh = operation.fresh
                assert fresh is not None  # `update` gives one
                if fresh.uri == contact.uri:
                    contact.take_over(fresh)
                else:
                    self._unlink(contact)
                    contact.take_over(fresh)
                    self._link(contact)
                self._arm(contact)
                changes.append(Change(CONTACT_UPDATE, aor, contact, cause))
            else:
                self._unlink(contact)
                self._disarm(contact)
                changes.append(Change(CONTACT_DELETE, aor, contact, cause))
        # A record is read backwards; so those of one REGISTER go in backwards, to come out in the order it lists them.
        for contact in reversed(added):
            self._link(contact)
        if known and aor not in self._aors:
            changes.append(Change(AOR_DELETE, aor, None, operations[-1].cause))
        return changes

    def expire(self, contact: Contact) -> list[Change]:
        """The contact's timer fired. A contact refreshed or removed meanwhile is a no-op."""
        if not self._holds(contact) or (contact.timer is not None and contact.timer.owner is not None):
            return []
        return self.apply(contact.aor, [remove(contact, EXPIRED)])

    def remove(self, aor: str, contact: Contact | None = None, cause: str = REMOVED) -> list[Change]:
        """Take out one contact, or all: OpenSIPS's ``ul_rm_contact`` and ``ul_rm``. What is not there is a no-op."""
        contacts = self.all_contacts(aor)
        if contact is not None:
            contacts = [contact] if contact in contacts else []
        return self.apply(aor, [remove(each, cause) for each in contacts])

    def _check(self, aor: str, operations: Sequence[Operation]) -> None:
        shadow: dict[str, Contact | None] = {}
        for operation in operations:
            contact = operation.contact
            if contact.aor != aor:
                raise LocalProtocolError(f"{contact!r} is not a contact of {aor}")
            if operation.kind == _INSERT:
                if contact.timer is not None:
                    raise LocalProtocolError(f"{contact!r} is or was in a table; insert a new one")
                uri = contact.uri
            else:
                holder = shadow[contact.uri] if contact.uri in shadow else self._get(aor, contact.uri)
                if holder is not contact or contact.timer is None:
                    raise LocalProtocolError(f"{contact!r} is not in the table")
                shadow[contact.uri] = None
                if operation.kind == _REMOVE:
                    continue
                fresh = operation.fresh
                assert fresh is not None  # `update` gives one
                uri = fresh.uri
            if (shadow[uri] if uri in shadow else self._get(aor, uri)) is not None:
                raise LocalProtocolError(f"{aor} already has a contact {uri}")
            shadow[uri] = contact

    def _get(self, aor: str, uri: str) -> Contact | None:
        record = self._aors.get(aor)
        if record is None:
            return None
        if isinstance(record, Contact):
            return record if record.uri == uri else None
        return record.get(uri)

    def _holds(self, contact: Contact) -> bool:
        return self._get(contact.aor, contact.uri) is contact

    def _link(self, contact: Contact) -> None:
        record = self._aors.get(contact.aor)
        if record is None:
            self._aors[contact.aor] = contact
        elif isinstance(record, Contact):
            self._aors[contact.aor] = {record.uri: record, contact.uri: contact}
        else:
            record[contact.uri] = contact
        self._contacts += 1

    def _unlink(self, contact: Contact) -> None:
        record = self._aors[contact.aor]
        if isinstance(record, Contact):
            del self._aors[contact.aor]
        else:
            del record[contact.uri]
            if len(record) == 1:
                self._aors[contact.aor] = next(iter(record.values()))
        self._contacts -= 1

    def _arm(self, contact: Contact) -> None:
        timers = self._env.timers
        timers.cancel(contact.timer)
        timer = timers.set(contact.expires_at, EXPIRY, contact)
        contact.timer = timer
        # Look-ups and the timer agree on the instant only if it is one that a timer can have.
        contact.expires_at = timer.when

    def _disarm(self, contact: Contact) -> None:
        self._env.timers.cancel(contact.timer)


def _rank(contact: Contact) -> int:
    return -1000 if contact.q < 0 else -contact.q
