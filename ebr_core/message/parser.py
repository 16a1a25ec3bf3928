"""From a datagram to a message: one pass over the lines reads what routing needs (RFC 3261 7, 18.3)."""

from typing import Final

from ebr_core.config import Config
from ebr_core.message.errors import MessageError
from ebr_core.message.fields import METHODS, Via, parse_cseq, parse_tag
from ebr_core.message.grammar import decode_text, is_token, parse_number, unfold
from ebr_core.message.message import Request, Response
from ebr_core.message.names import (
    CALL_ID,
    CONTENT_LENGTH,
    CSEQ,
    FROM,
    MAX_FORWARDS,
    OTHER,
    SPELLINGS,
    TO,
    VIA,
    canonical_name,
)

__all__ = ["parse_message"]

_DEFAULT: Final = Config()
_ANSWERABLE: Final = ("from", "to", "call-id", "cseq")


def parse_message(data: bytes, config: Config | None = None) -> Request | Response:
    """Read one datagram. Leading line ends are skipped; bytes behind Content-Length are cut off.

    Raises MessageError and nothing else, whatever the bytes: 400, 413 (``Config.max_message_size`` bytes or
    ``Config.max_headers`` fields exceeded), 505 (another version of SIP).
    """
    if config is None:
        config = _DEFAULT
    try:
        if len(data) > config.max_message_size:
            raise MessageError("Message Too Large", 413)
        return _parse(data, config)
    except MessageError as error:
        raise MessageError(error.reason, error.status, _partial(data, config)) from None


def _parse(data: bytes, config: Config) -> Request | Response:
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    lines = decode_text(data[:end] if end >= 0 else b"").split("\r\n")
    # A CR or LF that is left inside a line was no proper line end.
    rest = "".join(lines)
    if end < 0 or "\n" in rest or "\r" in rest:
        lines, body = _split_loosely(data)
        rest = "".join(lines)
    else:
        body = data[end + 4 :]
    if "\0" in rest and "\0" in rest.replace("\\\0", ""):  # legal as a quoted pair only
        raise MessageError("NUL in the header")
    if len(lines) > config.max_headers + 1:
        raise MessageError("Too Many Header Fields", 413)
    try:
        return _parse_lines(lines, body, False)
    except MessageError:
        # Folding is rare: it is looked for only when something cannot be read.
        joined = _join_folded(lines)
        if len(joined) == len(lines):
            raise
    return _parse_lines(joined, body, True)


def _parse_lines(lines: list[str], body: bytes, folded: bool) -> Request | Response:
    method = uri = reason = ""
    status = 0
    start = lines[0]
    if start[:8] == "SIP/2.0 ":
        status, reason = _status_line(start)
    else:
        words = start.split(" ")
        if len(words) != 3 or words[2] != "SIP/2.0" or words[0] not in METHODS or not _may_be_uri(words[1]):
            words = _odd_start_line(words)
        method = words[0]
        uri = words[1]

    names: list[str] = [""]
    via: Via | None = None
    call_id = ""
    cseq = -1
    cseq_method = ""
    from_tag: str | None = None
    to_tag: str | None = None
    max_forwards = -1
    length = -1
    for line in lines[1:]:
        spelling, colon, value = line.partition(":")
        if spelling in SPELLINGS and colon:
            name, kind = SPELLINGS[spelling]
        else:
            name = canonical_name(spelling) if colon else ""
            if not name:
                raise MessageError("Malformed header field")
            name, kind = SPELLINGS.get(name, (name, OTHER))
        names.append(name)
        if not kind:  # OTHER: by far the most
            continue
        value = value.strip(" \t")
        if folded:
            value = unfold(value)
        if kind == VIA:
            if via is None:
                via = Via.parse(value)
        elif kind == FROM:
            if from_tag is not None or not value:
                raise MessageError("Malformed From")
            from_tag = parse_tag(value)
        elif kind == TO:
            if to_tag is not None or not value:
                raise MessageError("Malformed To")
            to_tag = parse_tag(value)
        elif kind == CALL_ID:
            if call_id or not value:
                raise MessageError("Malformed Call-ID")
            call_id = value
        elif kind == CSEQ:
            if cseq >= 0:
                raise MessageError("More than one CSeq")
            cseq, cseq_method = parse_cseq(value)
        elif kind == MAX_FORWARDS:
            if max_forwards >= 0:
                raise MessageError("More than one Max-Forwards")
            max_forwards = parse_number(value, 255)
            if max_forwards < 0:
                raise MessageError("Malformed Max-Forwards")
        elif kind == CONTENT_LENGTH:
            if length >= 0:
                raise MessageError("More than one Content-Length")
            length = parse_number(value, 0x7FFF_FFFF)
            if length < 0:
                raise MessageError("Malformed Content-Length")

    if via is None or from_tag is None or to_tag is None or not call_id or cseq < 0:
        raise MessageError(_missing(via is None, from_tag is None, to_tag is None, not call_id))
    if length >= 0 and length != len(body):
        if length > len(body):
            raise MessageError("Content-Length larger than the body")
        body = body[:length]
    if status:
        response = Response(status, reason, lines, names, body)
        response.call_id = call_id
        response.cseq = cseq
        response.cseq_method = cseq_method
        response.from_tag = from_tag
        response.to_tag = to_tag
        response.max_forwards = max_forwards
        response._via = via
        return response
    if cseq_method != method:
        raise MessageError("CSeq method differs from the request's")
    request = Request(method, uri, lines, names, body)
    request.call_id = call_id
    request.cseq = cseq
    request.cseq_method = cseq_method
    request.from_tag = from_tag
    request.to_tag = to_tag
    request.max_forwards = max_forwards
    request._via = via
    return request


def _missing(via: bool, from_: bool, to: bool, call_id: bool) -> str:
    return f"Missing {'Via' if via else 'From' if from_ else 'To' if to else 'Call-ID' if call_id else 'CSeq'}"


def _status_line(line: str) -> tuple[int, str]:
    digits, _, reason = line[8:].partition(" ")
    status = parse_number(digits, 699)
    if len(digits) != 3 or status < 100:
        raise MessageError("Malformed status line")
    return status, reason


def _may_be_uri(text: str) -> bool:
    # The rest is `Uri.parse`'s to find out, when the URI is asked for.
    return text != "" and "<" not in text and '"' not in text and "\t" not in text


def _odd_start_line(words: list[str]) -> list[str]:
    # A method we do not know, a version in lower case or of another number, or no start line at all.
    version = words[-1].upper()
    if words[0][:4].upper() == "SIP/" and words[0].upper() != "SIP/2.0":
        raise MessageError("Version Not Supported", 505)
    if len(words) == 3 and version[:4] == "SIP/" and version != "SIP/2.0" and is_token(words[0]):
        raise MessageError("Version Not Supported", 505)
    if len(words) != 3 or version != "SIP/2.0" or not is_token(words[0]) or not _may_be_uri(words[1]):
        raise MessageError("Malformed start line")
    return words


def _split_loosely(data: bytes) -> tuple[list[str], bytes]:
    # Line ends that are a bare LF are tolerated, a bare CR is not: who reads it as a line end sees other header fields.
    end = data.find(b"\n\n")
    crlf = data.find(b"\n\r\n")
    if end < 0 and crlf < 0:
        raise MessageError("No end of the header")
    if end < 0 or 0 <= crlf < end:
        end = crlf
        body = data[end + 3 :]
    else:
        body = data[end + 2 :]
    lines = [line.removesuffix("\r") for line in decode_text(data[:end]).split("\n")]
    for line in lines:
        if "\r" in line:
            raise MessageError("CR in the header")
    return lines, body


def _join_folded(lines: list[str]) -> list[str]:
    joined: list[str] = []
    group: list[str] = []
    for line in lines:
        if group and line[:1] not in (" ", "\t"):
            joined.append(group[0] if len(group) == 1 else "\r\n".join(group))
            group = [line]
        else:
            group.append(line)
    joined.append("\r\n".join(group))
    if len(joined) > 0 and "\n" in joined[0]:
        raise MessageError("Folded start line")
    return joined


def _partial(data: bytes, config: Config) -> Request | None:
    """What an answer to a malformed request needs: each field as far as it can be read, None without a usable Via."""
    text = decode_text(data[: config.max_message_size].lstrip(b"\r\n")).replace("\r\n", "\n")
    # The end of the header counts in either spelling.
    text = text.partition("\n\n")[0]
    lines = text.split("\n", 8 * config.max_headers)
    words = lines[0].replace("\t", " ").split(" ")
    method = words[0]
    if not is_token(method) or len(words) < 2 or "\r" in lines[0] or "\0" in lines[0]:
        return None
    try:
        lines = _join_folded(lines)
    except MessageError:
        return None
    request = Request(method, words[1], [lines[0]], [""], b"")
    for line in lines[1:]:
        colon = line.find(":")
        name = canonical_name(line[:colon]) if colon > 0 else ""
        if (
            ("\0" in line and "\0" in line.replace("\\\0", ""))
            or "\r" in line.replace("\r\n", "")
            or "\n" in line.replace("\r\n", "")
        ):
            continue
        if name == "via":
            request.lines.append(line)
            request.names.append(name)
        elif name in _ANSWERABLE and name not in request.names:
            request.lines.append(line)
            request.names.append(name)
            try:
                request._read_core(name, unfold(line[colon + 1 :]))
            except MessageError:
                pass  # the line itself is still copied into the answer
    try:
        return request if request.via.host else None
    except MessageError:
        return None
