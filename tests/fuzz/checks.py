"""What must hold for any message that was parsed, whatever its bytes were: shared by the fuzz targets and the properties."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

from ebr_core.message import (
    AuthenticationInfo,
    Challenge,
    Credentials,
    EventPackage,
    Identity,
    MediaType,
    MessageError,
    NameAddr,
    ParamValue,
    RAck,
    Reason,
    Replaces,
    Request,
    Response,
    RetryAfter,
    SessionExpires,
    SubscriptionState,
    Timestamp,
    Via,
    WarningValue,
    build_response,
    is_token,
    parse_message,
)

__all__ = ["check_lines", "check_message", "check_name_addr", "check_refusal", "check_value", "check_via", "core_of", "readable"]

T = TypeVar("T")

AnyMessage = Request | Response

_VALUE: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^"<>;,\s]*', re.DOTALL)
_STATUSES: Final = (400, 413, 505, 513)


def core_of(message: AnyMessage) -> tuple[object, ...]:
    """All that parsing read: two messages with the same lines have the same."""
    start: tuple[object, ...]
    if isinstance(message, Request):
        start = (message.method, message.uri)
    else:
        start = (message.status, message.reason)
    return (
        *start,
        message.call_id,
        message.cseq,
        message.cseq_method,
        message.from_uri,
        message.from_tag,
        message.to_uri,
        message.to_tag,
        message.max_forwards,
        str(message.via),
    )


def readable(read: Callable[[], T]) -> T | None:
    """What ``read`` gives; None where it raises MessageError, with a status that is one of the four, and a reason."""
    try:
        return read()
    except MessageError as error:
        check_refusal(error)
        return None


def check_refusal(error: MessageError) -> None:
    """It can be answered: there is a status for it and a reason, and what is known of the request makes a response."""
    assert error.status in _STATUSES, f"status {error.status}"
    assert error.reason
    if error.partial is not None:
        response = build_response(error.partial, error.status, error.reason, to_tag="ours")
        assert "via" in response.names
        check_lines(response)


def check_lines(message: AnyMessage) -> None:
    """No line breaks out of its place: whoever splits the bytes at line ends finds the same fields."""
    assert len(message.lines) == len(message.names)
    assert message.names[0] == ""
    assert "\n" not in message.lines[0], "folded start line"
    for line in message.lines:
        unfolded = line.replace("\r\n ", "  ").replace("\r\n\t", "  ")
        assert "\r" not in unfolded, f"line end in {line!r}"
        assert "\n" not in unfolded, f"line end in {line!r}"
    for line, name in zip(message.lines[1:], message.names[1:], strict=True):
        spelling, colon, _ = line.partition(":")
        assert colon, f"no colon in {line!r}"
        assert is_token(spelling.rstrip(" \t")), f"no name in {line!r}"
        assert name == name.lower()


def _grammatical(params: dict[str, str | None]) -> bool:
    # Parameters are taken as they stand: what comes of printing those that are none is of no interest, but that it is safe.
    return all(is_token(name) and (value is None or _VALUE.fullmatch(value) is not None) for name, value in params.items())


def check_name_addr(address: NameAddr) -> None:
    """What is printed reads the same."""
    if address.uri == "*":
        return
    again = readable(lambda: NameAddr.parse(str(address)))
    if not _grammatical(address.params):
        return
    assert again is not None, repr(address)
    assert (again.display, again.uri, again.params) == (address.display, address.uri, address.params), repr(address)
    assert again.tag == address.tag
    assert readable(lambda: address.equivalent(again)) is not False


def check_via(via: Via) -> None:
    """What is printed reads the same."""
    again = readable(lambda: Via.parse(str(via)))
    if not _grammatical(via.params):
        return
    assert again is not None, repr(via)
    assert (again.protocol, again.transport, again.host, again.port) == (via.protocol, via.transport, via.host, via.port)
    assert (again.branch, again.params) == (via.branch, via.params), repr(via)
    assert again.sent_by == via.sent_by
    assert via.same_sent_by(again)
    assert via.equivalent(again)


_PARSERS: Final[dict[type, Callable[[str], object]]] = {
    each: each.parse
    for each in (
        *(AuthenticationInfo, Challenge, Credentials, EventPackage, Identity, MediaType, ParamValue, RAck, Reason, Replaces),
        *(RetryAfter, SessionExpires, SubscriptionState, Timestamp, WarningValue),
    )
}


def check_value(value: object) -> None:
    """What a field of ``headers`` gave: printed, it reads the same."""
    if isinstance(value, NameAddr):
        check_name_addr(value)
    elif isinstance(value, Via):
        check_via(value)
    elif type(value) in _PARSERS:
        parse = _PARSERS[type(value)]
        again = readable(lambda: parse(str(value)))
        params = getattr(value, "params", {})
        if isinstance(params, dict) and _grammatical(params):
            assert again == value, f"{value!r} is read as {again!r}"
            assert hash(again) == hash(value)


def check_message(message: AnyMessage) -> None:
    """The attributes hang together, and what is printed reads the same, body and all."""
    check_lines(message)
    assert is_token(message.cseq_method)
    assert 0 <= message.cseq < 2**31
    assert -1 <= message.max_forwards <= 255
    assert message.call_id == message.call_id.strip(" \t") != ""
    assert message.via.host
    from_, to = message.from_, message.to
    assert (from_.uri, from_.tag) == (message.from_uri, message.from_tag)
    assert (to.uri, to.tag) == (message.to_uri, message.to_tag)
    if isinstance(message, Request):
        assert message.method == message.cseq_method

    printed = message.to_bytes()
    again = parse_message(printed)
    assert type(again) is type(message)
    assert again.lines == message.lines
    assert again.names == message.names
    assert again.body == message.body
    assert core_of(again) == core_of(message)
    assert again.to_bytes() == printed
