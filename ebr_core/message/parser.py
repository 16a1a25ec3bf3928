"""From a datagram to a message: one pass over the lines reads what routing needs (RFC 3261 7, 18.3)."""

from typing import Final

from ebr_core.config import Config
from ebr_core.message.errors import MessageError
from ebr_core.message.fields import METHODS, Via, parse_address, parse_cseq
from ebr_core.message.grammar import SMALL, decode_text, is_token, join_folded, parse_number, split_top, unfold
from ebr_core.message.names import (
    CALL_ID,
    CONTACT,
    CONTENT_LENGTH,
    CSEQ,
    FROM,
    MAX_FORWARDS,
    SPELLINGS,
    TO,
    VIA,
    canonical_name,
    display_name,
    field_name,
)
from ebr_core.message.request import Request
from ebr_core.message.response import Response

__all__ = ["answerable", "parse_message"]

_DEFAULT: Final = Config()
_ANSWERABLE: Final = ("from", "to", "call-id", "cseq")


def parse_message(data: bytes, config: Config | None = None) -> Request | Response:
    """Read one datagram. Leading line ends are skipped; bytes behind Content-Length are cut off.

    Raises MessageError and nothing else, whatever the bytes: 400, 413 (longer than ``Config.max_message_size``, but not its
    head), 505 (another version of SIP), 513 (a head that is too long, has more than ``Config.max_headers`` fields, a field
    longer than ``Config.max_line_length``, or a value with more than ``Config.max_params`` parameters).
    """
    if config is None:
        config = _DEFAULT
    try:
        if len(data) > config.max_message_size:
            raise _too_large(data, config)
        end = data.find(b"\r\n\r\n")
        if end <= 0:
            data = data.lstrip(b"\r\n")
            end = data.find(b"\r\n\r\n")
        head = data[: end if end > 0 else 0].decode("utf-8", "surrogateescape")
        lines = head.split("\r\n")
        text = "".join(lines)
        # A CR or LF that is left inside a line was no proper line end.
        if "\n" in text or "\r" in text or not lines[0]:
            data = data.lstrip(b"\r\n")
            lines, body = _split_loosely(data)
            head = "\r\n".join(lines)
            text = "".join(lines)
        else:
            body = data[end + 4 :]
        if "\0" in text and "\0" in text.replace("\\\0", ""):  # legal as a quoted pair only
            raise MessageError("NUL in the header")
        # A head that short has no value with that many parameters.
        if len(lines) > config.max_headers or len(text) > config.max_line_length or len(text) > 2 * config.max_params:
            _check_limits(lines, config)
        try:
            return _parse_lines(head, lines, body, False)
        except MessageError:
            # Folding is rare: it is looked for only when something cannot be read.
            joined = join_folded(lines)
            if len(joined) == len(lines):
                raise
        return _parse_lines(head, joined, body, True)
    except MessageError as error:
        raise MessageError(error.reason, error.status, answerable(data, config)) from None


def _too_large(data: bytes, config: Config) -> MessageError:
    head = data[: config.max_message_size]
    if b"\r\n\r\n" in head or b"\n\n" in head or b"\n\r\n" in head:
        return MessageError("Request Entity Too Large", 413)
    return MessageError("Message Too Large", 513)


def _check_limits(lines: list[str], config: Config) -> None:
    joined = join_folded(lines)
    if len(joined) > config.max_headers + 1:
        raise MessageError("Too Many Header Fields", 513)
    for line in joined:
        if len(line) > config.max_line_length:
            raise MessageError("Header Field Too Long", 513)
        if line.count(";") > config.max_params:
            for value in split_top(line, ","):
                if value.count(";") > config.max_params:
                    raise MessageError("Too Many Parameters", 513)


def _parse_lines(head: str, lines: list[str], body: bytes, folded: bool) -> Request | Response:
    method = uri = reason = ""
    status = 0
    start = lines[0]
    if start[:8] == "SIP/2.0 ":
        status, reason = _status_line(start)
    else:
        words = start.split(" ")
        if len(words) != 3 or words[2] != "SIP/2.0" or words[0] not in METHODS or _is_odd(words[1]):
            words = _odd_start_line(words)
        method = words[0]
        uri = words[1]

    names: list[str] = [""]
    core: list[str | None] = [None, None, None, None, None, None, None, None, None]
    for line in lines[1:]:
        spelling, colon, value = line.partition(": ")
        try:
            name, kind = SPELLINGS[spelling]
        except KeyError:
            spelling, colon, value = line.partition(":")
            name, kind = field_name(spelling)
        names.append(name)
        if kind:  # OTHER is by far the most
            if core[kind] is None:
                core[kind] = unfold(value) if folded else value
            elif kind == CONTACT:
                core[CONTACT] = ""  # to be gathered from all of them
            elif kind != VIA:
                raise MessageError(f"More than one {display_name(name)}")
            if not colon:
                raise MessageError("Malformed header field")
        elif not colon or not name:
            raise MessageError("Malformed header field")

    via_text = core[VIA]
    from_text = core[FROM]
    to_text = core[TO]
    call_id = core[CALL_ID]
    cseq_text = core[CSEQ]
    if call_id:
        call_id = call_id.strip(" \t")
    if not via_text or not from_text or not to_text or not call_id or not cseq_text:
        raise MessageError(_missing(via_text, from_text, to_text, call_id))
    via = Via.parse(via_text)
    if "," in via_text:
        for value in split_top(via_text, ","):
            Via.parse(value)  # none of them may be malformed: they are the way back
    from_uri, from_tag = parse_address(from_text)
    to_uri, to_tag = parse_address(to_text)
    digits, _, cseq_method = cseq_text.partition(" ")
    if cseq_method in METHODS and len(digits) < 10 and digits.isdigit() and digits.isascii():
        cseq = int(digits)
    else:
        cseq, cseq_method = parse_cseq(cseq_text)
    max_forwards = -1
    text = core[MAX_FORWARDS]
    if text is not None:
        max_forwards = SMALL.get(text, -1)
        if not 0 <= max_forwards <= 255:
            max_forwards = parse_number(text.strip(" \t"), 255)
        if max_forwards < 0:
            raise MessageError("Malformed Max-Forwards")
    text = core[CONTENT_LENGTH]
    if text is not None:
        length = SMALL.get(text, -1)
        if length != len(body):
            if length < 0:
                length = parse_number(text.strip(" \t"), 0x7FFF_FFFF)
            if length < 0:
                raise MessageError("Malformed Content-Length")
            if length > len(body):
                raise MessageError("Content-Length larger than the body")
            body = body[:length]
    message: Request | Response
    if status:
        message = Response(
            status, reason, head, names, body, call_id, cseq, cseq_method, from_uri, from_tag, to_uri, to_tag, max_forwards, via
        )
    elif cseq_method != method:
        raise MessageError("CSeq method differs from the request's")
    else:
        message = Request(
            method, uri, head, names, body, call_id, cseq, method, from_uri, from_tag, to_uri, to_tag, max_forwards, via
        )
    message._contact = core[CONTACT]
    return message


def _missing(via: str | None, from_: str | None, to: str | None, call_id: str | None) -> str:
    return f"Missing {'Via' if not via else 'From' if not from_ else 'To' if not to else 'Call-ID' if not call_id else 'CSeq'}"


def _status_line(line: str) -> tuple[int, str]:
    digits, _, reason = line[8:].partition(" ")
    status = parse_number(digits, 699)
    if len(digits) != 3 or status < 100:
        raise MessageError("Malformed status line")
    return status, reason


def _is_odd(uri: str) -> bool:
    # The rest is `Uri.parse`'s to find out, when the URI is asked for.
    return "<" in uri or '"' in uri or "\t" in uri or not uri


def _odd_start_line(words: list[str]) -> list[str]:
    # A method we do not know, a version in lower case or of another number, or no start line at all.
    version = words[-1].upper()
    if words[0][:4].upper() == "SIP/" and words[0].upper() != "SIP/2.0":
        raise MessageError("Version Not Supported", 505)
    if len(words) == 3 and version[:4] == "SIP/" and version != "SIP/2.0" and is_token(words[0]):
        raise MessageError("Version Not Supported", 505)
    if len(words) != 3 or version != "SIP/2.0" or not is_token(words[0]) or _is_odd(words[1]):
        raise MessageError("Malformed start line")
    return words


def _split_loosely(data: bytes) -> tuple[list[str], bytes]:
    # Line ends that are all a bare LF are tolerated. A bare CR is not, nor is a mixture: who reads them otherwise than we do sees
    # other header fields, or another end of them.
    end = data.find(b"\n\n")
    crlf = data.find(b"\n\r\n")
    if end < 0 and crlf < 0:
        raise MessageError("No end of the header")
    if end < 0 or 0 <= crlf < end:
        end = crlf
        body = data[end + 3 :]
    else:
        body = data[end + 2 :]
    lines = decode_text(data[:end]).split("\n")
    ends = sum([line.endswith("\r") for line in lines[:-1]])
    if 0 < ends < len(lines) - 1:
        raise MessageError("Mixed line ends in the header")
    lines = [line.removesuffix("\r") for line in lines]
    if "\r" in "".join(lines):
        raise MessageError("CR in the header")
    return lines, body


def answerable(data: bytes, config: Config) -> Request | None:
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
        lines = join_folded(lines)
    except MessageError:
        return None
    request = Request(method, words[1], lines[0], [""], b"")
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
