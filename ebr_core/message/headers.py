"""Every header field that has a meaning here, with the type of what it says: ``message.read(headers.RETRY_AFTER)``.

A field that may come once gives its value, or None where the message has none; one that may come again gives a list, in the order
of the message, be the values in one line or in several. Reading may raise MessageError (400).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Generic, TypeVar, final

from ebr_core.message.challenge import Challenge
from ebr_core.message.credentials import AuthenticationInfo, Credentials
from ebr_core.message.errors import MessageError
from ebr_core.message.fields import NameAddr, Via, parse_cseq
from ebr_core.message.grammar import is_token, parse_delta, parse_number, split_top
from ebr_core.message.message import Message
from ebr_core.message.names import canonical_name
from ebr_core.message.times import RetryAfter, Timestamp, parse_date
from ebr_core.message.values import (
    EventPackage,
    Identity,
    MediaType,
    ParamValue,
    RAck,
    Reason,
    Replaces,
    SessionExpires,
    SubscriptionState,
    WarningValue,
)

__all__ = [
    "ACCEPT",
    "ACCEPT_CONTACT",
    "ACCEPT_ENCODING",
    "ACCEPT_LANGUAGE",
    "ALERT_INFO",
    "ALLOW",
    "ALLOW_EVENTS",
    "AUTHENTICATION_INFO",
    "AUTHORIZATION",
    "CALL_ID",
    "CALL_INFO",
    "CONTACT",
    "CONTENT_DISPOSITION",
    "CONTENT_ENCODING",
    "CONTENT_LANGUAGE",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "CSEQ",
    "DATE",
    "ERROR_INFO",
    "EVENT",
    "EXPIRES",
    "FEATURE_CAPS",
    "FIELDS",
    "FLOW_TIMER",
    "FROM",
    "HISTORY_INFO",
    "IDENTITY",
    "IDENTITY_INFO",
    "IN_REPLY_TO",
    "JOIN",
    "MAX_BREADTH",
    "MAX_FORWARDS",
    "MIME_VERSION",
    "MIN_EXPIRES",
    "MIN_SE",
    "ORGANIZATION",
    "PATH",
    "PRIORITY",
    "PRIVACY",
    "PROXY_AUTHENTICATE",
    "PROXY_AUTHENTICATION_INFO",
    "PROXY_AUTHORIZATION",
    "PROXY_REQUIRE",
    "P_ASSERTED_IDENTITY",
    "P_ASSOCIATED_URI",
    "P_PREFERRED_IDENTITY",
    "RACK",
    "REASON",
    "RECORD_ROUTE",
    "REFERRED_BY",
    "REFER_TO",
    "REJECT_CONTACT",
    "REPLACES",
    "REPLY_TO",
    "REQUEST_DISPOSITION",
    "REQUIRE",
    "RETRY_AFTER",
    "ROUTE",
    "RSEQ",
    "SECURITY_CLIENT",
    "SECURITY_SERVER",
    "SECURITY_VERIFY",
    "SERVER",
    "SERVICE_ROUTE",
    "SESSION_EXPIRES",
    "SIP_ETAG",
    "SIP_IF_MATCH",
    "SUBJECT",
    "SUBSCRIPTION_STATE",
    "SUPPORTED",
    "TIMESTAMP",
    "TO",
    "UNSUPPORTED",
    "USER_AGENT",
    "VIA",
    "WARNING",
    "WWW_AUTHENTICATE",
    "Field",
    "each",
    "each_line",
    "field",
    "one",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@final
class Field(Generic[T_co]):
    """One header field: its canonical name, and how its text becomes a value.

    For a field of your own: ``Field("x-tenant", one(Tenant.parse))``.
    """

    __slots__ = ("_reader", "name")

    def __init__(self, name: str, reader: "Callable[[Message, str], T_co]") -> None:
        self.name: Final = name
        self._reader: Final = reader

    def read(self, message: Message) -> T_co:
        """The value, or values, in that message. Raises MessageError (400)."""
        return self._reader(message, self.name)

    def __repr__(self) -> str:
        return f"Field({self.name!r})"


def one(parse: Callable[[str], T]) -> Callable[[Message, str], T | None]:
    """A reader of a field that comes once; of several the first is read."""

    def read(message: Message, name: str) -> T | None:
        text = message.header(name)
        return None if text is None else parse(text)

    return read


def each(parse: Callable[[str], T]) -> Callable[[Message, str], list[T]]:
    """A reader of a field whose values may share a line, with commas between them."""

    def read(message: Message, name: str) -> list[T]:
        return [parse(text) for text in message.values(name)]

    return read


def each_line(parse: Callable[[str], T]) -> Callable[[Message, str], list[T]]:
    """A reader of a field that may come again, each time with one value that may have commas of its own (20.7, 20.27)."""

    def read(message: Message, name: str) -> list[T]:
        return [parse(text) for text in message.headers(name)]

    return read


def _text(text: str) -> str:
    return text


def _token(text: str) -> str:
    if not is_token(text):
        raise MessageError(f"{text[:40]!r} is no token")
    return text


def _words(message: Message, name: str) -> list[str]:
    # Privacy has semicolons between its values (RFC 3323 4.2); some send commas.
    found = []
    for text in message.values(name):
        found += [_token(word) for word in split_top(text, ";") if word]
    return found


def _seconds(text: str) -> int:
    seconds = parse_delta(text)
    if seconds < 0:
        raise MessageError(f"{text[:40]!r} is no number of seconds")
    return seconds


def _number(limit: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = parse_number(text, limit)
        if number < 0:
            raise MessageError(f"{text[:40]!r} is no number up to {limit}")
        return number

    return parse


def _call_id(text: str) -> str:
    if not text or " " in text or "\t" in text:
        raise MessageError(f"{text[:40]!r} is no Call-ID")
    return text


def _call_ids(message: Message, name: str) -> list[str]:
    # Quotes and brackets mean nothing in a word, so a comma is a comma.
    return [_call_id(part.strip(" \t")) for text in message.headers(name) for part in text.split(",") if part.strip(" \t")]


_count: Final = _number(0x7FFF_FFFF)

# RFC 3261 20, in its order
ACCEPT: Final[Field[list[MediaType]]] = Field("accept", each(MediaType.parse))
ACCEPT_ENCODING: Final[Field[list[ParamValue]]] = Field("accept-encoding", each(ParamValue.parse))
ACCEPT_LANGUAGE: Final[Field[list[ParamValue]]] = Field("accept-language", each(ParamValue.parse))
ALERT_INFO: Final[Field[list[NameAddr]]] = Field("alert-info", each(NameAddr.parse))
ALLOW: Final[Field[list[str]]] = Field("allow", each(_token))
AUTHENTICATION_INFO: Final[Field[AuthenticationInfo | None]] = Field("authentication-info", one(AuthenticationInfo.parse))
AUTHORIZATION: Final[Field[list[Credentials]]] = Field("authorization", each_line(Credentials.parse))
CALL_ID: Final[Field[str | None]] = Field("call-id", one(_call_id))
CALL_INFO: Final[Field[list[NameAddr]]] = Field("call-info", each(NameAddr.parse))
CONTACT: Final[Field[list[NameAddr]]] = Field("contact", each(NameAddr.parse))
CONTENT_DISPOSITION: Final[Field[ParamValue | None]] = Field("content-disposition", one(ParamValue.parse))
CONTENT_ENCODING: Final[Field[list[str]]] = Field("content-encoding", each(_token))
CONTENT_LANGUAGE: Final[Field[list[str]]] = Field("content-language", each(_token))
CONTENT_LENGTH: Final[Field[int | None]] = Field("content-length", one(_count))
CONTENT_TYPE: Final[Field[MediaType | None]] = Field("content-type", one(MediaType.parse))
CSEQ: Final[Field[tuple[int, str] | None]] = Field("cseq", one(parse_cseq))
DATE: Final[Field[datetime | None]] = Field("date", one(parse_date))
ERROR_INFO: Final[Field[list[NameAddr]]] = Field("error-info", each(NameAddr.parse))
EXPIRES: Final[Field[int | None]] = Field("expires", one(_seconds))
FROM: Final[Field[NameAddr | None]] = Field("from", one(NameAddr.parse))
IN_REPLY_TO: Final[Field[list[str]]] = Field("in-reply-to", _call_ids)
MAX_FORWARDS: Final[Field[int | None]] = Field("max-forwards", one(_number(255)))
MIN_EXPIRES: Final[Field[int | None]] = Field("min-expires", one(_seconds))
MIME_VERSION: Final[Field[str | None]] = Field("mime-version", one(_token))
ORGANIZATION: Final[Field[str | None]] = Field("organization", one(_text))
PRIORITY: Final[Field[str | None]] = Field("priority", one(_token))
PROXY_AUTHENTICATE: Final[Field[list[Challenge]]] = Field("proxy-authenticate", each_line(Challenge.parse))
PROXY_AUTHORIZATION: Final[Field[list[Credentials]]] = Field("proxy-authorization", each_line(Credentials.parse))
PROXY_REQUIRE: Final[Field[list[str]]] = Field("proxy-require", each(_token))
RECORD_ROUTE: Final[Field[list[NameAddr]]] = Field("record-route", each(NameAddr.parse))
REPLY_TO: Final[Field[NameAddr | None]] = Field("reply-to", one(NameAddr.parse))
REQUIRE: Final[Field[list[str]]] = Field("require", each(_token))
RETRY_AFTER: Final[Field[RetryAfter | None]] = Field("retry-after", one(RetryAfter.parse))
ROUTE: Final[Field[list[NameAddr]]] = Field("route", each(NameAddr.parse))
SERVER: Final[Field[str | None]] = Field("server", one(_text))
SUBJECT: Final[Field[str | None]] = Field("subject", one(_text))
SUPPORTED: Final[Field[list[str]]] = Field("supported", each(_token))
TIMESTAMP: Final[Field[Timestamp | None]] = Field("timestamp", one(Timestamp.parse))
TO: Final[Field[NameAddr | None]] = Field("to", one(NameAddr.parse))
UNSUPPORTED: Final[Field[list[str]]] = Field("unsupported", each(_token))
USER_AGENT: Final[Field[str | None]] = Field("user-agent", one(_text))
VIA: Final[Field[list[Via]]] = Field("via", each(Via.parse))
WARNING: Final[Field[list[WarningValue]]] = Field("warning", each(WarningValue.parse))
WWW_AUTHENTICATE: Final[Field[list[Challenge]]] = Field("www-authenticate", each_line(Challenge.parse))

# The extensions
ACCEPT_CONTACT: Final[Field[list[ParamValue]]] = Field("accept-contact", each(ParamValue.parse))  # RFC 3841
ALLOW_EVENTS: Final[Field[list[str]]] = Field("allow-events", each(_token))  # RFC 6665
EVENT: Final[Field[EventPackage | None]] = Field("event", one(EventPackage.parse))  # RFC 6665
FEATURE_CAPS: Final[Field[list[ParamValue]]] = Field("feature-caps", each(ParamValue.parse))  # RFC 6809
FLOW_TIMER: Final[Field[int | None]] = Field("flow-timer", one(_seconds))  # RFC 5626
HISTORY_INFO: Final[Field[list[NameAddr]]] = Field("history-info", each(NameAddr.parse))  # RFC 7044
IDENTITY: Final[Field[list[Identity]]] = Field("identity", each(Identity.parse))  # RFC 8224
IDENTITY_INFO: Final[Field[NameAddr | None]] = Field("identity-info", one(NameAddr.parse))  # RFC 4474
JOIN: Final[Field[Replaces | None]] = Field("join", one(Replaces.parse))  # RFC 3911
MAX_BREADTH: Final[Field[int | None]] = Field("max-breadth", one(_count))  # RFC 5393
MIN_SE: Final[Field[SessionExpires | None]] = Field("min-se", one(SessionExpires.parse))  # RFC 4028
P_ASSERTED_IDENTITY: Final[Field[list[NameAddr]]] = Field("p-asserted-identity", each(NameAddr.parse))  # RFC 3325
P_ASSOCIATED_URI: Final[Field[list[NameAddr]]] = Field("p-associated-uri", each(NameAddr.parse))  # RFC 7315
P_PREFERRED_IDENTITY: Final[Field[list[NameAddr]]] = Field("p-preferred-identity", each(NameAddr.parse))  # RFC 3325
PATH: Final[Field[list[NameAddr]]] = Field("path", each(NameAddr.parse))  # RFC 3327
PRIVACY: Final[Field[list[str]]] = Field("privacy", _words)  # RFC 3323
PROXY_AUTHENTICATION_INFO: Final[Field[AuthenticationInfo | None]] = Field(
    "proxy-authentication-info", one(AuthenticationInfo.parse)
)  # RFC 7615
RACK: Final[Field[RAck | None]] = Field("rack", one(RAck.parse))  # RFC 3262
REASON: Final[Field[list[Reason]]] = Field("reason", each(Reason.parse))  # RFC 3326
REFER_TO: Final[Field[NameAddr | None]] = Field("refer-to", one(NameAddr.parse))  # RFC 3515
REFERRED_BY: Final[Field[NameAddr | None]] = Field("referred-by", one(NameAddr.parse))  # RFC 3892
REJECT_CONTACT: Final[Field[list[ParamValue]]] = Field("reject-contact", each(ParamValue.parse))  # RFC 3841
REPLACES: Final[Field[Replaces | None]] = Field("replaces", one(Replaces.parse))  # RFC 3891
REQUEST_DISPOSITION: Final[Field[list[str]]] = Field("request-disposition", each(_token))  # RFC 3841
RSEQ: Final[Field[int | None]] = Field("rseq", one(_number(0xFFFF_FFFF)))  # RFC 3262
SECURITY_CLIENT: Final[Field[list[ParamValue]]] = Field("security-client", each(ParamValue.parse))  # RFC 3329
SECURITY_SERVER: Final[Field[list[ParamValue]]] = Field("security-server", each(ParamValue.parse))  # RFC 3329
SECURITY_VERIFY: Final[Field[list[ParamValue]]] = Field("security-verify", each(ParamValue.parse))  # RFC 3329
SERVICE_ROUTE: Final[Field[list[NameAddr]]] = Field("service-route", each(NameAddr.parse))  # RFC 3608
SESSION_EXPIRES: Final[Field[SessionExpires | None]] = Field("session-expires", one(SessionExpires.parse))  # RFC 4028
SIP_ETAG: Final[Field[str | None]] = Field("sip-etag", one(_token))  # RFC 3903
SIP_IF_MATCH: Final[Field[str | None]] = Field("sip-if-match", one(_token))  # RFC 3903
SUBSCRIPTION_STATE: Final[Field[SubscriptionState | None]] = Field("subscription-state", one(SubscriptionState.parse))  # RFC 6665

_ALL: Final[tuple[Field[object], ...]] = (
    *(ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ALERT_INFO, ALLOW, AUTHENTICATION_INFO, AUTHORIZATION),
    *(CALL_ID, CALL_INFO, CONTACT, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH),
    *(CONTENT_TYPE, CSEQ, DATE, ERROR_INFO, EXPIRES, FROM, IN_REPLY_TO),
    *(MAX_FORWARDS, MIN_EXPIRES, MIME_VERSION, ORGANIZATION, PRIORITY, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION),
    *(PROXY_REQUIRE, RECORD_ROUTE, REPLY_TO, REQUIRE, RETRY_AFTER, ROUTE, SERVER),
    *(SUBJECT, SUPPORTED, TIMESTAMP, TO, UNSUPPORTED, USER_AGENT, VIA),
    *(WARNING, WWW_AUTHENTICATE, ACCEPT_CONTACT, ALLOW_EVENTS, EVENT, FEATURE_CAPS, FLOW_TIMER),
    *(HISTORY_INFO, IDENTITY, IDENTITY_INFO, JOIN, MAX_BREADTH, MIN_SE, P_ASSERTED_IDENTITY),
    *(P_ASSOCIATED_URI, P_PREFERRED_IDENTITY, PATH, PRIVACY, PROXY_AUTHENTICATION_INFO, RACK, REASON),
    *(REFER_TO, REFERRED_BY, REJECT_CONTACT, REPLACES, REQUEST_DISPOSITION, RSEQ, SECURITY_CLIENT),
    *(SECURITY_SERVER, SECURITY_VERIFY, SERVICE_ROUTE, SESSION_EXPIRES, SIP_ETAG, SIP_IF_MATCH, SUBSCRIPTION_STATE),
)

FIELDS: Final[Mapping[str, Field[object]]] = {field.name: field for field in _ALL}
"""All of them by canonical name."""


def field(name: str) -> Field[object] | None:
    """The field of that name, in any spelling, compact too; None for one that is not known here."""
    return FIELDS.get(canonical_name(name))
