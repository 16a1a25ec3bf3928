"""SIP messages: parsing, reading, changing, building (RFC 3261 7, 19, 20, 25). All names of the layer are here."""

from ebr_core.message import headers
from ebr_core.message.body import BodyPart, Dtmf, build_multipart, parse_multipart
from ebr_core.message.build import build_ack, build_cancel, build_request, build_response, reason_phrase
from ebr_core.message.challenge import Challenge, best_challenge
from ebr_core.message.credentials import AuthenticationInfo, Credentials
from ebr_core.message.digest import ALGORITHMS, digest_response, ha1, userhash
from ebr_core.message.errors import MessageError
from ebr_core.message.fields import NameAddr, Via
from ebr_core.message.framer import Keepalive, StreamFramer
from ebr_core.message.grammar import is_ip_address, is_token, parse_delta, parse_q, unquote
from ebr_core.message.message import Message
from ebr_core.message.names import canonical_name, display_name
from ebr_core.message.parser import parse_message
from ebr_core.message.request import Request
from ebr_core.message.response import Response
from ebr_core.message.tel import Tel
from ebr_core.message.times import RetryAfter, Timestamp, format_date, parse_date
from ebr_core.message.uri import Uri
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
    "ALGORITHMS",
    "AuthenticationInfo",
    "BodyPart",
    "Challenge",
    "Credentials",
    "Dtmf",
    "EventPackage",
    "Identity",
    "Keepalive",
    "MediaType",
    "Message",
    "MessageError",
    "NameAddr",
    "ParamValue",
    "RAck",
    "Reason",
    "Replaces",
    "Request",
    "Response",
    "RetryAfter",
    "SessionExpires",
    "StreamFramer",
    "SubscriptionState",
    "Tel",
    "Timestamp",
    "Uri",
    "Via",
    "WarningValue",
    "best_challenge",
    "build_ack",
    "build_cancel",
    "build_multipart",
    "build_request",
    "build_response",
    "canonical_name",
    "digest_response",
    "display_name",
    "format_date",
    "ha1",
    "headers",
    "is_ip_address",
    "is_token",
    "parse_date",
    "parse_delta",
    "parse_message",
    "parse_multipart",
    "parse_q",
    "reason_phrase",
    "unquote",
    "userhash",
]
