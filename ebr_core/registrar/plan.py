"""What a REGISTER would do to the bindings: decided as a whole, before anything is done (RFC 3261 10.3, steps 6 and 7)."""

from collections.abc import Sequence
from typing import Final

from ebr_core.config import Config
from ebr_core.registrar.fields import ContactField, Rejected
from ebr_core.usrloc import (
    EXPIRED,
    REFRESHED,
    REGISTERED,
    REPLACED,
    UNREGISTERED,
    Contact,
    Operation,
    equivalent_contact,
    insert,
    remove,
    update,
)

__all__ = ["plan_bindings", "plan_removal_of_all"]

# How a listed contact stands to a stored binding with its Call-ID.
_NEWER: Final = 0
_REPEATED: Final = 1
_STALE: Final = 2


def plan_bindings(
    fields: Sequence[ContactField],
    fresh: Sequence[Contact | None],
    existing: Sequence[Contact],
    call_id: str,
    cseq: int,
    now: float,
    config: Config,
) -> list[Operation]:
    """The operations for the listed contacts; ``fresh`` has each one's new binding, or None where it is to be removed.

    Empty when the REGISTER repeats one that was applied less than ``cseq_delay`` ago. Raises Rejected when any part of it
    cannot be done.
    """
    valid = [contact for contact in existing if contact.expires_at > now]
    targets = _match(fields, fresh, valid, call_id)
    taken = {target.uri for target in targets if target is not None}
    others: dict[tuple[str, int, str], list[Contact]] = {}
    for contact in valid:
        if contact.instance and contact.uri not in taken:
            others.setdefault(_device(contact.instance, contact.reg_id, contact.call_id), []).append(contact)

    operations = [remove(contact, EXPIRED) for contact in existing if contact.expires_at <= now]
    repeated = changed = 0
    count = len(valid)
    for field, binding, target in zip(fields, fresh, targets, strict=True):
        order = _NEWER if target is None else _order(target, call_id, cseq, now, config)
        if order == _REPEATED and binding is not None:
            repeated += 1
            continue
        if order != _NEWER:
            raise _out_of_order(config)
        if binding is None:
            if target is not None:
                operations.append(remove(target, UNREGISTERED))
                changed += 1
                count -= 1
            continue
        # The device's bindings at URIs that it no longer lists are its past.
        for past in others.pop(_device(field.instance, field.reg_id, call_id), ()) if field.instance else ():
            if _order(past, call_id, cseq, now, config) != _NEWER:
                raise _out_of_order(config)
            operations.append(remove(past, REPLACED))
            count -= 1
        changed += 1
        if target is not None:
            operations.append(update(target, binding, REFRESHED))
        else:
            operations.append(insert(binding, REGISTERED))
            count += 1
    if repeated:
        if changed:
            raise _out_of_order(config)
        return []
    if 0 < config.max_contacts < count and count > len(valid):
        raise Rejected(503, "Too Many Registered Contacts")
    return operations


def plan_removal_of_all(existing: Sequence[Contact], call_id: str, cseq: int, now: float, config: Config) -> list[Operation]:
    """The operations for ``Contact: *``. Raises Rejected when a binding is of a later REGISTER of the same Call-ID."""
    operations: list[Operation] = []
    for contact in existing:
        if contact.expires_at <= now:
            operations.append(remove(contact, EXPIRED))
        elif contact.call_id == call_id and contact.cseq >= cseq:
            raise _out_of_order(config)
        else:
            operations.append(remove(contact, UNREGISTERED))
    return operations


def _match(
    fields: Sequence[ContactField], fresh: Sequence[Contact | None], valid: Sequence[Contact], call_id: str
) -> list[Contact | None]:
    """For each listed contact its binding: the same text first, then equivalence (19.1.4), then, to remove one, the device."""
    by_uri = {contact.uri: contact for contact in valid}
    targets = [by_uri.get(field.uri) for field in fields]
    taken = {target.uri for target in targets if target is not None}
    if len(taken) == len(valid) or None not in targets:
        return targets
    by_key: dict[str, list[Contact]] = {}
    by_device: dict[tuple[str, int, str], Contact] = {}
    for contact in valid:
        if contact.uri not in taken:
            by_key.setdefault(contact.key, []).append(contact)
            if contact.instance and contact.reg_id:
                by_device[_device(contact.instance, contact.reg_id, "")] = contact
    for index, field in enumerate(fields):
        if targets[index] is None and field.key in by_key:
            target = equivalent_contact(field.parsed, by_key[field.key])
            if target is not None:
                targets[index] = target
                taken.add(target.uri)
                by_key[field.key].remove(target)
    for index, field in enumerate(fields):
        if targets[index] is None and fresh[index] is None and field.instance and field.reg_id:
            target = by_device.pop(_device(field.instance, field.reg_id, call_id), None)
            if target is not None and target.uri not in taken:
                targets[index] = target
    return targets


def _device(instance: str, reg_id: int, call_id: str) -> tuple[str, int, str]:
    # With a reg-id the flow is known across restarts (RFC 5626 6). Without one, a device that still uses its Call-ID is
    # running and has only changed its port or address; with another Call-ID, it may be a second line.
    return (instance, reg_id, "" if reg_id else call_id)


def _order(contact: Contact, call_id: str, cseq: int, now: float, config: Config) -> int:
    if contact.call_id != call_id or contact.cseq < cseq:
        return _NEWER
    if contact.cseq == cseq and now < contact.registered_at + config.cseq_delay:
        return _REPEATED
    return _STALE


def _out_of_order(config: Config) -> Rejected:
    return Rejected(config.invalid_cseq_status, "Out of Order CSeq")
