"""Messages of our own: responses (RFC 3261 8.2.6), CANCEL (9.1), ACK (17.1.1.3), and requests from scratch."""

from collections.abc import Sequence
from typing import Final

from ebr_core.errors import LocalProtocolError
from ebr_core.message.grammar import check_text, is_token, top_comma, unfold
from ebr_core.message.message import Message
from ebr_core.message.names import canonical_name, display_name
from ebr_core.message.request import Request
from ebr_core.message.response import Response

__all__ = ["build_ack", "build_cancel", "build_request", "build_response", "reason_phrase"]

_REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    424: "Bad Location Information",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity-Info",
    437: "Unsupported Certificate",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    440: "Max-Breadth Exceeded",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}
_BLANKS: Final = " \t\r\n"
_COPIED: Final = frozenset(("via", "from", "call-id", "cseq"))
_CLASSES: Final = ("Trying", "OK", "Multiple Choices", "Bad Request", "Server Internal Error", "Busy Everywhere")


def reason_phrase(status: int) -> str:
    """The standard phrase of a status (RFC 3261 21 and its extensions); of an unknown one, that of its class's x00 (8.1.3.2)."""
    known = _REASONS.get(status)
    if known is not None:
        return known
    return _CLASSES[status // 100 - 1] if 100 <= status <= 699 else "Unknown"


def build_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str = "",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """The response to a request (8.2.6.2): its Via, From, To, Call-ID, CSeq, and Record-Route for 101 to 299 (12.1.1).

    ``to_tag`` goes into a To that has no tag yet. ``headers`` follow, then Content-Length. Also fit for
    ``MessageError.partial``. Raises LocalProtocolError for an impossible status, or CR, LF or NUL in a text.
    """
    if not 100 <= status <= 699:
        raise LocalProtocolError(f"there is no status {status}")
    if reason is None:
        reason = reason_phrase(status)
    else:
        check_text(reason, "reason")
    if to_tag:
        check_text(to_tag, "to_tag")
    lines = [f"SIP/2.0 {status} {reason}"]
    names = [""]
    tag = request.to_tag
    theirs = request.split()
    for index, name in enumerate(request.names):
        if name in _COPIED:
            lines.append(theirs[index])
        elif name == "to":
            if to_tag and not tag:
                tag = to_tag
                lines.append(f"{theirs[index].rstrip(_BLANKS)};tag={to_tag}")
            else:
                lines.append(theirs[index])
        elif (name == "record-route" and 101 <= status <= 299) or (name == "timestamp" and status == 100):
            lines.append(theirs[index])
        else:
            continue
        names.append(name)
    _add_fields(lines, names, headers, body)
    response = Response(
        status,
        reason,
        "\r\n".join(lines),
        names,
        body,
        request.call_id,
        request.cseq,
        request.cseq_method,
        request.from_uri,
        request.from_tag,
        request.to_uri,
        tag,
        -1,
        request._via,
    )
    response._from = request._from
    return response


def build_cancel(invite: Request, headers: Sequence[tuple[str, str]] = ()) -> Request:
    """The CANCEL for a request that was sent (9.1): same Request-URI, top Via, From, To, Call-ID, CSeq number, Route.

    ``headers`` (a Reason, say) follow. Raises LocalProtocolError for CR, LF or NUL in them.
    """
    return _same_branch(invite, "CANCEL", invite, headers)


def build_ack(invite: Request, response: Response) -> Request:
    """The ACK for a final response other than 2xx (17.1.1.3): as CANCEL, with the To of the response."""
    return _same_branch(invite, "ACK", response, ())


def _same_branch(invite: Request, method: str, to: Message, headers: Sequence[tuple[str, str]]) -> Request:
    lines = [f"{method} {invite.uri} SIP/2.0"]
    names = [""]
    theirs = invite.split()
    for index, name in enumerate(invite.names):
        line = theirs[index]
        if name == "via":
            if "via" in names:
                continue
            value = unfold(line[line.find(":") + 1 :])
            comma = top_comma(value)
            lines.append(f"Via: {value if comma < 0 else value[:comma].rstrip(_BLANKS)}")
        elif name == "to":
            lines.append(to.split()[to.names.index("to")] if "to" in to.names else line)
        elif name == "cseq":
            lines.append(f"CSeq: {invite.cseq} {method}")
        elif name in ("from", "call-id", "route"):
            lines.append(line)
        else:
            continue
        names.append(name)
    lines.append("Max-Forwards: 70")
    names.append("max-forwards")
    _add_fields(lines, names, headers, b"")
    request = Request(
        method,
        invite.uri,
        "\r\n".join(lines),
        names,
        b"",
        invite.call_id,
        invite.cseq,
        method,
        invite.from_uri,
        invite.from_tag,
        to.to_uri,
        to.to_tag,
        70,
        invite._via,
    )
    request._request_uri = invite._request_uri
    return request


def build_request(method: str, uri: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> Request:
    """A request from its parts, in the order given; Content-Length is added, nothing else is.

    Raises LocalProtocolError for a method that is no token, a URI with blanks, CR, LF or NUL in a text, and for a From,
    To, CSeq or Max-Forwards that cannot be read.
    """
    if not is_token(method):
        raise LocalProtocolError(f"{method!r} is not a method")
    lines = [""]
    names = [""]
    _add_fields(lines, names, headers, body)
    request = Request(method, uri, "\r\n".join(lines), names, body)
    request.set_uri(uri)
    for name in ("from", "to", "call-id", "cseq", "max-forwards"):
        if name in names:
            request._changed(name)
    return request


def _add_fields(lines: list[str], names: list[str], headers: Sequence[tuple[str, str]], body: bytes) -> None:
    for name, value in headers:
        check_text(value, name)
        lower = canonical_name(name)
        if lower != "content-length":
            lines.append(f"{display_name(name)}: {value}")
            names.append(lower)
    lines.append(f"Content-Length: {len(body)}")
    names.append("content-length")
