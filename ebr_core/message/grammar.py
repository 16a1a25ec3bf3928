"""Small pieces of RFC 3261 25: tokens, numbers, quoted strings, lists, escapes. All of it in linear time."""

import re
from ipaddress import IPv6Address
from typing import Final

from ebr_core.errors import LocalProtocolError
from ebr_core.message.errors import MessageError

__all__ = [
    "SMALL",
    "check_text",
    "decode_text",
    "encode_text",
    "is_ip_address",
    "is_ipv6",
    "is_quoted",
    "is_token",
    "join_folded",
    "parse_delta",
    "parse_number",
    "parse_params",
    "parse_q",
    "print_params",
    "quotes_close",
    "split_host_port",
    "split_top",
    "top_comma",
    "unescape",
    "unfold",
    "unquote",
]

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_HEX_PAIR: Final = re.compile(r"[0-9A-Fa-f]{2}")

# A quotation or a bracket that never closes reaches to the end of the text: so a match never fails halfway, and the
# search never looks at a character twice. Possessive, for there is nothing to go back to, and to remember it costs a
# hundred bytes for each quoted pair.
_COMMAS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|<[^>]*+>?|,', re.DOTALL)
_SEMICOLONS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|<[^>]*+>?|;', re.DOTALL)
_QUOTED: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)

_QVALUE: Final = re.compile(r"0(?:\.([0-9]{0,3}))?|1(?:\.0{0,3})?")
_MAX_DELTA: Final = 0xFFFF_FFFF

# Nearly every number in a message is one of these (ports too); looking it up costs a third of converting it.
SMALL: Final = {str(number): number for number in (*range(1000), *range(5060, 5100))}


# These need no tidying: it is what they become.
_USUAL_PARAMS: Final = frozenset(("branch", "lr", "received", "rport", "tag", "transport"))


def decode_text(data: bytes) -> str:
    """Bytes of a message head as text; what is not UTF-8 comes back out of ``encode_text`` unchanged."""
    return data.decode("utf-8", "surrogateescape")


def encode_text(text: str) -> bytes:
    """The reverse of ``decode_text``."""
    return text.encode("utf-8", "surrogateescape")


def is_token(text: str) -> bool:
    """Whether the text is a ``token`` of RFC 3261 25.1."""
    return _TOKEN.fullmatch(text) is not None


def is_quoted(text: str) -> bool:
    """Whether the text is one whole ``quoted-string`` of RFC 3261 25.1."""
    return _QUOTED.fullmatch(text) is not None


def parse_number(text: str, limit: int) -> int:
    """The text as a decimal number from 0 to ``limit``; -1 where it is none (a sign, a blank, other scripts' digits)."""
    small = SMALL.get(text)
    if small is not None:
        return small if small <= limit else -1
    if not text.isdigit() or not text.isascii():
        return -1
    if len(text) > 10:  # the digits are counted before they are converted, which takes more than linear time
        text = text.lstrip("0") or "0"
        if len(text) > 10:
            return -1
    value = int(text)
    return value if value <= limit else -1


def parse_delta(text: str) -> int:
    """Delta-seconds (RFC 3261 25.1), at most 2**32 - 1 (20.19); -1 for what is no number."""
    if not text.isdigit() or not text.isascii():
        return -1
    seconds = parse_number(text, _MAX_DELTA)
    return _MAX_DELTA if seconds < 0 else seconds


def parse_q(text: str) -> int:
    """A qvalue (25.1) in thousandths; -1 for what is none."""
    match = _QVALUE.fullmatch(text)
    if match is None:
        return -1
    return 1000 if text[0] == "1" else int((match.group(1) or "").ljust(3, "0"))


def join_folded(lines: list[str]) -> list[str]:
    """Physical lines as the lines that are meant: what begins with a blank continues the one before, CRLF between them (7.3.1).

    The start line has no continuation: a second line that begins with a blank stays a line.
    """
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


def unfold(text: str) -> str:
    """A field value without folding (7.3.1) and without blanks at its ends."""
    if "\n" in text:
        text = " ".join([part.strip(" \t") for part in text.split("\r\n")])
    return text.strip(" \t")


def unquote(text: str) -> str:
    """What a quoted string says; a text without quotes is returned as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    text = text[1:-1]
    if "\\" not in text:
        return text
    # Two backslashes are one; of those that are left each only quotes what follows. (A substitution takes 20 times the memory.)
    return "\\".join([part.replace("\\", "") for part in text.split("\\\\")])


def unescape(text: str) -> str:
    """``%XX`` read once, as UTF-8; a ``%`` without two hexadecimal digits stays."""
    if "%" not in text:
        return text
    parts = text.split("%")
    out = [encode_text(parts[0])]
    for part in parts[1:]:
        if _HEX_PAIR.match(part):
            out.append(bytes([int(part[:2], 16)]))
            out.append(encode_text(part[2:]))
        else:
            out.append(encode_text("%" + part))
    return decode_text(b"".join(out))


def split_top(text: str, separator: str) -> list[str]:
    """Split at commas (or semicolons) that are neither in a quoted string nor in angle brackets; each part stripped."""
    if separator not in text:
        return [text.strip(" \t")]
    if '"' not in text and "<" not in text:
        return [part.strip(" \t") for part in text.split(separator)]
    parts: list[str] = []
    start = 0
    for match in (_COMMAS if separator == "," else _SEMICOLONS).finditer(text):
        at = match.start()
        if text[at] == separator:
            parts.append(text[start:at].strip(" \t"))
            start = at + 1
    parts.append(text[start:].strip(" \t"))
    return parts


def top_comma(text: str) -> int:
    """Where the first comma outside quotes and angle brackets is; -1 for nowhere."""
    at = text.find(",")
    if at < 0:
        return -1
    if '"' not in text and "<" not in text:
        return at
    for match in _COMMAS.finditer(text):
        if text[match.start()] == ",":
            return match.start()
    return -1


def quotes_close(text: str) -> bool:
    """Whether every quoted string and every angle bracket in the text has its end: what is added behind it stays outside."""
    for match in _SEMICOLONS.finditer(text):
        piece = match.group()
        if piece[0] == "<":
            if piece[-1] != ">":
                return False
        elif piece[0] == '"' and not _QUOTED.fullmatch(piece):
            return False
    return True


def parse_params(text: str) -> dict[str, str | None]:
    """``a=1;B;c="x"`` as a dict: names in lower case, values as they stand (quotes included), None for a bare name.

    A repeated name keeps its first value, empty parts are skipped.
    """
    params: dict[str, str | None] = {}
    for part in text.split(";") if '"' not in text and "<" not in text else split_top(text, ";"):
        name, equals, value = part.partition("=")
        if name not in _USUAL_PARAMS:
            name = name.strip().lower()
        if name and name not in params:
            params[name] = value.strip() if equals else None
    return params


def print_params(params: dict[str, str | None]) -> str:
    """The reverse of ``parse_params``, with a leading semicolon."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params.items()])


def is_ipv6(text: str) -> bool:
    """Whether the text is an IPv6 address, without brackets and without a scope. Three colons pass for two (RFC 5118 4.10)."""
    if ":" not in text or "%" in text or len(text) > 45:
        return False
    try:
        IPv6Address(text.replace(":::", "::"))
    except ValueError:
        return False
    return True


def is_ip_address(host: str) -> bool:
    """Whether a host is a numeric IPv4 or IPv6 address (with or without brackets), as opposed to a name."""
    if ":" in host:
        if host[0] == "[" and host[-1] == "]":
            host = host[1:-1]
        return is_ipv6(host)
    parts = host.split(".", 4)
    if len(parts) != 4:
        return False
    for part in parts:
        # A leading zero means octal to some, and nothing to others.
        if len(part) > 3 or parse_number(part, 255) < 0 or (part[0] == "0" and len(part) > 1):
            return False
    return True


def split_host_port(text: str) -> tuple[str, int] | None:
    """``host[:port]`` as (host as spelled, without brackets; port or -1); None where it is malformed."""
    if text[:1] == "[":
        end = text.find("]")
        host = text[1:end]
        if end < 0 or not is_ipv6(host):
            return None
        host = host.replace(":::", "::")
        rest = text[end + 1 :]
        if not rest:
            return host, -1
        if rest[0] != ":":
            return None
        digits = rest[1:]
    else:
        host, colon, digits = text.partition(":")
        # Half the time of a regular expression; an IPv4 address is nothing but digits and dots.
        plain = host.replace(".", "")
        if not plain.isalnum() and not plain.replace("-", "").replace("_", "").isalnum():
            return None
        if not host.isascii():
            return None
        if not colon:
            return host, -1
    port = parse_number(digits, 65_535)
    return None if port < 0 else (host, port)


def check_text(text: str, what: str) -> None:
    """Raises LocalProtocolError where a text of our own side would break out of its line or cannot be sent.

    A NUL behind a backslash is legal (a quoted pair), and so may be passed on from a message that was received.
    """
    if "\n" in text or "\r" in text or ("\0" in text and "\0" in text.replace("\\\0", "")):
        raise LocalProtocolError(f"{what} must not have CR, LF or NUL in it: {text!r}")
    if not text.isascii():
        try:
            encode_text(text)
        except UnicodeEncodeError:
            raise LocalProtocolError(f"{what} cannot be encoded as UTF-8: {text!r}") from None
