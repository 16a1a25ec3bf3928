"""Bodies: multipart (RFC 2046 5.1, RFC 5621) and the DTMF bodies of INFO."""

import re
from collections.abc import Sequence
from typing import Final, final

from ebr_core.config import Config
from ebr_core.errors import LocalProtocolError
from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import check_text, decode_text, encode_text, is_token, join_folded, parse_params, unfold, unquote
from ebr_core.message.names import canonical_name, display_name

__all__ = ["BodyPart", "Dtmf", "build_multipart", "parse_multipart"]

_DEFAULT: Final = Config()
_BOUNDARY: Final = re.compile(r"[A-Za-z0-9'()+_,\-./:=? ]{0,69}[A-Za-z0-9'()+_,\-./:=?]")
_SIGNALS: Final = "0123456789*#ABCD"
_FLASH: Final = "R"  # RFC 4730 3.6.2
_LONGEST: Final = 65_535  # of a duration
_END: Final = re.compile(rb"\r?\n\r?\n")
_DEEPEST: Final = 100  # whatever Config says: each level is a call inside a call


@final
class BodyPart:
    """One part of a multipart body. Immutable. ``fields``: (name as spelled, value) in order; ``body``: what stands below.

    ``parts`` are those of a body that is multipart itself; for any other it is empty.
    """

    __slots__ = ("body", "fields", "parts")

    def __init__(self, fields: Sequence[tuple[str, str]], body: bytes, parts: "Sequence[BodyPart]" = ()) -> None:
        self.fields: Final = tuple(fields)
        self.body: Final = body
        self.parts: Final = tuple(parts)

    def header(self, name: str) -> str | None:
        """The value of the first field of that name, in any spelling."""
        wanted = canonical_name(name)
        for spelling, value in self.fields:
            if wanted and canonical_name(spelling) == wanted:
                return value
        return None

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; "text/plain" where none is named (RFC 2046 5.1)."""
        return (self.header("content-type") or "text/plain").partition(";")[0].rstrip(" \t").lower()

    def __repr__(self) -> str:
        return f"<BodyPart {self.content_type}, {len(self.body)} bytes>"


def parse_multipart(body: bytes, content_type: str, config: Config | None = None) -> list[BodyPart]:
    """The parts of a body whose Content-Type is ``multipart/...;boundary=...``; preamble and epilogue are dropped.

    Parts that are multipart themselves have theirs read too, to ``Config.max_multipart_depth`` and never beyond 100; together
    there may be ``Config.max_body_parts``. Raises MessageError (400) for a boundary that is missing or no boundary, a body
    without a first or a last delimiter, a malformed field, too many or too deep parts.
    """
    config = _DEFAULT if config is None else config
    found: list[BodyPart] = []
    _read_parts(body, content_type, config, 1, found)
    return found


def _read_parts(body: bytes, content_type: str, config: Config, depth: int, found: list[BodyPart]) -> int:
    """Appends the parts to ``found``; how many there are with those inside them."""
    if depth > config.max_multipart_depth or depth > _DEEPEST:
        raise MessageError("Multipart bodies too deep")
    count = 0
    for data in _cut(body, _boundary(content_type), config.max_body_parts):
        fields, content = _read_part(data, config)
        inner: list[BodyPart] = []
        part = BodyPart(fields, content)
        count += 1
        if part.content_type[:10] == "multipart/":
            count += _read_parts(content, part.header("content-type") or "", config, depth + 1, inner)
            part = BodyPart(fields, content, inner)
        if count > config.max_body_parts:
            raise MessageError("Too many body parts")
        found.append(part)
    return count


def _boundary(content_type: str) -> bytes:
    _, semicolon, text = content_type.partition(";")
    boundary = unquote(parse_params(text).get("boundary") or "") if semicolon else ""
    if not _BOUNDARY.fullmatch(boundary):
        raise MessageError("Malformed boundary of a multipart body")
    return boundary.encode()


def _cut(body: bytes, boundary: bytes, limit: int) -> list[bytes]:
    # The line end in front of a delimiter belongs to it. A bare LF passes, as it does in a head.
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[bytes] = []
    start = -1
    for match in delimiter.finditer(body):
        if start >= 0:
            parts.append(body[start : match.start()])
            if len(parts) > limit:
                raise MessageError("Too many body parts")
        if match.group(1):
            if not parts:
                break
            return parts
        start = match.end()
    raise MessageError("Multipart body without a last delimiter" if parts or start >= 0 else "Multipart body without a delimiter")


def _read_part(data: bytes, config: Config) -> tuple[list[tuple[str, str]], bytes]:
    # ``data`` begins with the line end of its delimiter; an empty line at once says that there are no fields.
    data = data[2:] if data[:2] == b"\r\n" else data[1:]
    head, body = b"", data
    if data[:2] == b"\r\n":
        body = data[2:]
    elif data[:1] == b"\n":
        body = data[1:]
    else:
        end = _END.search(data)
        if end is not None:
            head, body = data[: end.start()], data[end.end() :]
        elif not data or data[-1:] == b"\n":
            head, body = data[:-2] if data[-2:] == b"\r\n" else data[:-1], b""  # the empty line is the delimiter's line end
        else:
            raise MessageError("Body part without an empty line")
    fields: list[tuple[str, str]] = []
    if head[:1] in (b" ", b"\t"):
        raise MessageError("Malformed field in a body part")
    if head:
        lines = join_folded(["", *decode_text(head).replace("\r\n", "\n").split("\n")])[1:]
        if len(lines) > config.max_headers:
            raise MessageError("Too many fields in a body part")
        for line in lines:
            name, colon, value = line.partition(":")
            name = name.rstrip(" \t")
            odd = "\r" in value.replace("\r\n", "") or "\0" in value.replace("\\\0", "")
            if not colon or not is_token(name) or odd:
                raise MessageError("Malformed field in a body part")
            fields.append((name, unfold(value)))
    return fields, body


def build_multipart(parts: Sequence[BodyPart], boundary: str) -> bytes:
    """The body of a multipart message; its Content-Type is to name the boundary, in quotes unless it is a token.

    Raises LocalProtocolError for a boundary that is none (RFC 2046 5.1.1), or that a part contains; for no parts; and for CR,
    LF or NUL in a field.
    """
    if not _BOUNDARY.fullmatch(boundary):
        raise LocalProtocolError(
            f"{boundary!r} is not a boundary: 1 to 70 letters, digits and '()+_,-./:=? with no blank at its end"
        )
    if not parts:
        raise LocalProtocolError("a multipart body has at least one part")
    mark = b"--" + boundary.encode()
    out: list[bytes] = []
    for part in parts:
        if mark in part.body:
            raise LocalProtocolError(f"the boundary {boundary!r} is found in a part; choose another one")
        out.append(mark)
        for name, value in part.fields:
            check_text(value, name)
            out.append(encode_text(f"{display_name(name)}: {value}"))
        out.append(b"")
        out.append(part.body)
    out.append(mark + b"--\r\n")
    return b"\r\n".join(out)


@final
class Dtmf:
    """A digit pressed during a call, as the body of an INFO says it.

    ``signal``: one of ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``, or ``R`` for a hook flash. ``duration``: milliseconds,
    None where the body does not say.
    """

    __slots__ = ("duration", "signal")

    def __init__(self, signal: str, duration: int | None = None) -> None:
        if len(signal) != 1 or signal not in _SIGNALS + _FLASH:
            raise LocalProtocolError(f"{signal!r} is not one of {_SIGNALS}{_FLASH}")
        if duration is not None and not 0 <= duration <= _LONGEST:
            raise LocalProtocolError(f"a duration is 0 to {_LONGEST} ms, not {duration}")
        self.signal: Final = signal
        self.duration: Final = duration

    @staticmethod
    def parse(content_type: str, body: bytes) -> "Dtmf":
        """Read ``application/dtmf-relay`` (``Signal=5``, ``Duration=160``, one a line) or ``application/dtmf`` (the digit alone).

        Neither is in an RFC; phones differ in blanks, case and line ends, and number the events past 9 as RFC 4733 does
        (10 ``*``, 11 ``#``, 12 to 15 ``A`` to ``D``, 16 hook flash). ``application/hook-flash`` is one whatever its body
        says, if it says anything. Raises MessageError (400).
        """
        kind = content_type.partition(";")[0].strip(" \t").lower()
        text = body.decode("ascii", "replace")
        if len(text) > 1000:
            raise MessageError("DTMF body too long")
        if kind == "application/dtmf":
            return Dtmf(_signal(text.strip()))
        if kind not in ("application/dtmf-relay", "application/hook-flash"):
            raise MessageError("Not a DTMF body")
        signal = ""
        duration: int | None = None
        for line in text.replace("\r", "\n").split("\n"):
            name, equals, value = line.partition("=")
            name, value = name.strip().lower(), value.strip()
            if name == "signal" and equals and not signal:
                signal = _signal(value)
            elif name == "duration" and equals and duration is None:
                if not value.isdigit() or len(value) > 6 or int(value) > _LONGEST:
                    raise MessageError("Malformed duration of a DTMF signal")
                duration = int(value)
        if kind == "application/hook-flash":
            signal = signal or _FLASH
        if not signal:
            raise MessageError("DTMF body without a signal")
        return Dtmf(signal, duration)

    def to_bytes(self) -> bytes:
        """The body as ``application/dtmf-relay``."""
        signal = "16" if self.signal == _FLASH else self.signal
        duration = "" if self.duration is None else f"Duration={self.duration}\r\n"
        return f"Signal={signal}\r\n{duration}".encode()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dtmf) and (self.signal, self.duration) == (other.signal, other.duration)

    def __hash__(self) -> int:
        return hash((self.signal, self.duration))

    def __repr__(self) -> str:
        return f"Dtmf({self.signal!r}, {self.duration})"


def _signal(text: str) -> str:
    text = text.upper()
    if text.isdigit() and text.isascii() and len(text) == 2 and 10 <= int(text) <= 16:
        return (_SIGNALS + _FLASH)[int(text)]
    if text in ("!", "HF", "FLASH"):
        return _FLASH
    if len(text) != 1 or text not in _SIGNALS + _FLASH:
        raise MessageError("Malformed DTMF signal")
    return text
