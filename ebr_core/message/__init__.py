"""SIP messages: parsing, reading, changing, building (RFC 3261 7, 19, 20, 25). All names of the layer are here."""

from ebr_core.message.body import BodyPart, Dtmf, build_multipart, parse_multipart
from ebr_core.message.build import build_ack, build_cancel, build_request, build_response, reason_phrase
from ebr_core.message.challenge import Challenge, best_challenge
from ebr_core.message.credentials import AuthenticationInfo, Credentials
from ebr_core.message.digest import ALGORITHMS, digest_response, ha1, userhash
from ebr_core.message.errors import MessageError
from ebr_core.message.fields import NameAddr, Via
from ebr_core.message.framer import Keepalive, StreamFramer
from ebr_core.message.grammar import is_ip_address, is_token, unquote
from ebr_core.message.message import Message
from ebr_core.message.names import canonical_name, display_name
from ebr_core.message.parser import parse_message
from ebr_core.message.request import Request
from ebr_core.message.response import Response
from ebr_core.message.tel import Tel
from ebr_core.message.uri import Uri

__all__ = [
    "ALGORITHMS",
    "AuthenticationInfo",
    "BodyPart",
    "Challenge",
    "Credentials",
    "Dtmf",
    "Keepalive",
    "Message",
    "MessageError",
    "NameAddr",
    "Request",
    "Response",
    "StreamFramer",
    "Tel",
    "Uri",
    "Via",
    "best_challenge",
    "build_ack",
    "build_cancel",
    "build_multipart",
    "build_request",
    "build_response",
    "canonical_name",
    "digest_response",
    "display_name",
    "ha1",
    "is_ip_address",
    "is_token",
    "parse_message",
    "parse_multipart",
    "reason_phrase",
    "unquote",
    "userhash",
]
