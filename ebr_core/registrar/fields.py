"""What a REGISTER's fields say: each Contact value as a checked, typed item. And what the 200 says of a binding."""

import re
from datetime import UTC, datetime
from sys import intern
from typing import Final, final

from ebr_core.inputs import Address, Listener
from ebr_core.message import MessageError, NameAddr, Request, Uri, format_date, parse_delta, parse_q
from ebr_core.usrloc import Contact

__all__ = [
    "ContactField",
    "Rejected",
    "contact_value",
    "expires_of",
    "http_date",
    "path_of",
    "read_contact",
    "socket_text",
    "source_uri",
]

# What is mirrored in the 200 must not break out of its quotes or its line.
_NOT_IN_AN_INSTANCE: Final = re.compile(r'[\x00-\x1f\x7f"\\]')
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Rejected(Exception):
    """The REGISTER cannot be applied. Caught within this package; it carries the response."""

    def __init__(self, status: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


@final
class ContactField:
    """One Contact value of a REGISTER. ``expires``: seconds, 0 to remove the binding, -1 when the value does not say."""

    __slots__ = ("expires", "instance", "key", "methods", "parsed", "q", "reg_id", "uri")

    def __init__(self, uri: str, parsed: Uri, expires: int, q: int, instance: str, reg_id: int, methods: str | None) -> None:
        self.uri: Final = uri
        self.parsed: Final = parsed
        self.key: Final[str] = parsed.key
        self.expires: Final = expires
        self.q: Final = q
        self.instance: Final = instance
        self.reg_id: Final = reg_id
        self.methods: Final = methods


def read_contact(text: str, default: int) -> ContactField:
    """One Contact value. ``default``: what ``expires`` is when the parameter cannot be read (10.3 step 6, 20.10).

    Raises Rejected for a value or a q that is not one.
    """
    try:
        address = NameAddr.parse(text)
        parsed = Uri.parse(address.uri)
    except MessageError as error:
        raise Rejected(400, "Invalid Contact") from error
    params = address.params
    expires = -1
    if "expires" in params:
        expires = expires_of(params["expires"], default)
    q = -1
    if "q" in params:
        q = _read_q(params["q"])
    instance = _unquote(params.get("+sip.instance"))
    if _NOT_IN_AN_INSTANCE.search(instance):
        raise Rejected(400, "Invalid Instance")
    reg_id = expires_of(params.get("reg-id"), 0)
    methods = params.get("methods")
    return ContactField(address.uri, parsed, expires, q, instance, reg_id, None if methods is None else intern(_unquote(methods)))


def expires_of(text: str | None, default: int) -> int:
    """Delta-seconds, capped at 2**32 - 1; ``default`` for what is not a number."""
    seconds = parse_delta(text or "")
    return default if seconds < 0 else seconds


def _read_q(text: str | None) -> int:
    q = parse_q(text or "")
    if q < 0:
        raise Rejected(400, "Invalid q")
    return q


def _unquote(text: str | None) -> str:
    if text is None:
        return ""
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text


def contact_value(contact: Contact, now: float) -> str:
    """The binding as a Contact value of the 200: what is left of it in whole seconds, never 0, which would say removed."""
    parts = [f"<{contact.uri}>"]
    if contact.q >= 0:
        parts.append(f"q={contact.q // 1000}" if contact.q % 1000 == 0 else f"q=0.{contact.q:03}".rstrip("0"))
    # Clock sums carry an error far below a millisecond, which must not cost a fresh binding its last second.
    parts.append(f"expires={max(1, int(contact.expires_at - now + 0.0005))}")
    if contact.instance:
        parts.append(f'+sip.instance="{contact.instance}"')
    if contact.reg_id:
        parts.append(f"reg-id={contact.reg_id}")
    return ";".join(parts)


def socket_text(listener: Listener) -> str:
    """A listener as OpenSIPS writes a socket: "udp:127.0.0.1:5060"."""
    host, port = listener.bound
    return f"{listener.transport}:[{host}]:{port}" if ":" in host else f"{listener.transport}:{host}:{port}"


def source_uri(source: Address, transport: str) -> str:
    """Where a packet came from, as the URI that reaches its sender."""
    host, port = source
    uri = f"sip:[{host}]:{port}" if ":" in host else f"sip:{host}:{port}"
    return uri if transport == "udp" else f"{uri};transport={transport}"


def http_date(wall: int) -> str:
    """Unix seconds as SIP-date."""
    return format_date(datetime.fromtimestamp(wall, UTC))


def path_of(request: Request) -> tuple[str, ...]:
    """The Path values in order (RFC 3327). Raises Rejected for one that is no address."""
    values = request.values("path")
    for value in values:
        if _CONTROLS.search(value):
            raise Rejected(400, "Invalid Path")
        try:
            Uri.parse(NameAddr.parse(value).uri)
        except MessageError as error:
            raise Rejected(400, "Invalid Path") from error
    return tuple(values)
