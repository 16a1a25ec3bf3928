"""SIP messages as lines of text, with what routing needs already read (RFC 3261 7)."""

from typing import TYPE_CHECKING, Final, TypeVar

from ebr_core.config import Config
from ebr_core.errors import LocalProtocolError
from ebr_core.message.body import BodyPart, parse_multipart
from ebr_core.message.errors import MessageError
from ebr_core.message.fields import NameAddr, Via, parse_address, parse_cseq
from ebr_core.message.grammar import check_text, encode_text, join_folded, parse_delta, parse_number, split_top, top_comma, unfold
from ebr_core.message.names import canonical_name, display_name

if TYPE_CHECKING:
    from ebr_core.message.headers import Field

__all__ = ["Message"]

T = TypeVar("T")

_BLANKS: Final = (" ", "\t")


class Message:
    """What requests and responses share. Names of fields are taken in any spelling, compact too.

    ``names`` has the canonical lower-case name of each field in order, behind a "" for the start line; ``lines`` runs
    parallel: the start line, then each field without its CRLF, folding kept. Change them through the methods only.
    ``cseq`` and ``max_forwards`` are -1, the texts "" where the field is missing (only in messages built here).
    ``from_uri`` and ``to_uri`` are texts.

    Every method that takes a value raises LocalProtocolError where CR, LF or NUL is in it. Every reading of a field that
    parsing did not examine (``from_``, ``to``, ``contacts``, ``routes``, a second Via) may raise MessageError (400).
    """

    __slots__ = (
        "_contact",
        "_contacts",
        "_from",
        "_head",
        "_lines",
        "_routes",
        "_to",
        "_via",
        "body",
        "call_id",
        "cseq",
        "cseq_method",
        "from_tag",
        "from_uri",
        "max_forwards",
        "names",
        "to_tag",
        "to_uri",
    )

    def __init__(
        self,
        head: str,
        names: list[str],
        body: bytes,
        call_id: str,
        cseq: int,
        cseq_method: str,
        from_uri: str,
        from_tag: str,
        to_uri: str,
        to_tag: str,
        max_forwards: int,
        via: Via | None,
    ) -> None:
        # Either the head as one text, which is small and quick to splice, or, once somebody asked for them, its lines.
        self._head = head
        self._lines: list[str] | None = None
        self.names: Final = names
        self.body = body
        self.call_id = call_id
        self.cseq = cseq
        self.cseq_method = cseq_method
        self.from_uri = from_uri
        self.from_tag = from_tag
        self.to_uri = to_uri
        self.to_tag = to_tag
        self.max_forwards = max_forwards
        self._via = via
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._contact: str | None = None  # the text of the only Contact field, where that is known
        self._contacts: list[NameAddr] | None = None
        self._routes: list[NameAddr] | None = None

    # -- reading

    @property
    def lines(self) -> list[str]:
        """The start line, and each field without its CRLF."""
        lines = self._lines
        if lines is None:
            lines = self._lines = self.split()
            self._head = ""
        return lines

    def split(self) -> list[str]:
        """The same as ``lines``, for reading only: what changes the message may or may not show in it."""
        if self._lines is not None:
            return self._lines
        lines = self._head.split("\r\n")
        return lines if len(lines) == len(self.names) else join_folded(lines)

    @property
    def head(self) -> str:
        """The start line and the fields, CRLF between them."""
        return self._head if self._lines is None else "\r\n".join(self._lines)

    @property
    def via(self) -> Via:
        """The top-most Via value; one with ``host`` "" where there is none (a response whose last Via was taken)."""
        via = self._via
        if via is None:
            text = self._header("via")
            via = self._via = Via("", "", None, {}) if text is None else Via.parse(text)
        return via

    def header(self, name: str) -> str | None:
        """The value of the first field of that name, unfolded and stripped."""
        return self._header(canonical_name(name))

    def _header(self, name: str) -> str | None:
        if name not in self.names or not name:  # "" stands beside the start line
            return None
        _, _, value = self.lines[self.names.index(name)].partition(":")
        return unfold(value)

    def headers(self, name: str) -> list[str]:
        """The values of all fields of that name, one for each field."""
        return self._headers(canonical_name(name))

    def _headers(self, name: str) -> list[str]:
        names = self.names
        if name not in names or not name:
            return []
        lines = self.lines
        first = names.index(name)
        if names.count(name) == 1:
            return [unfold(lines[first].partition(":")[2])]
        return [unfold(lines[i].partition(":")[2]) for i in range(first, len(names)) if names[i] == name]

    def values(self, name: str) -> list[str]:
        """The values of all fields of that name, split at commas outside quotes and angle brackets; no empty ones.

        Not for fields whose grammar has commas of its own (Date, WWW-Authenticate, Authorization): see ``headers``.
        """
        return self._values(canonical_name(name))

    def _values(self, name: str) -> list[str]:
        texts = self._headers(name)
        if len(texts) == 1 and texts[0] and "," not in texts[0]:
            return texts
        return [value for text in texts for value in split_top(text, ",") if value]

    def read(self, field: "Field[T]") -> T:
        """What a field of ``ebr_core.message.headers`` says: ``message.read(headers.RETRY_AFTER)``.

        None, or an empty list, where the message has no such field. Raises MessageError (400) for what cannot be read.
        """
        return field.read(self)

    @property
    def from_(self) -> NameAddr:
        """The From field, read once. Raises MessageError (400)."""
        if self._from is None:
            self._from = NameAddr.parse(self._header("from") or "")
        return self._from

    @property
    def to(self) -> NameAddr:
        """The To field, read once. Raises MessageError (400)."""
        if self._to is None:
            self._to = NameAddr.parse(self._header("to") or "")
        return self._to

    @property
    def contacts(self) -> list[NameAddr]:
        """All Contact values; ``Contact: *`` gives one with the URI "*". Raises MessageError (400)."""
        if self._contacts is None and self._contact and "," not in self._contact:
            self._contacts = [NameAddr.parse(self._contact)]
        elif self._contacts is None:
            self._contacts = [NameAddr.parse(value) for value in self._values("contact")]
        return self._contacts

    @property
    def routes(self) -> list[NameAddr]:
        """All Route values, the next hop first. Raises MessageError (400)."""
        if self._routes is None:
            self._routes = [NameAddr.parse(value) for value in self._values("route")]
        return self._routes

    @property
    def record_routes(self) -> list[NameAddr]:
        """All Record-Route values, the top-most first. Raises MessageError (400)."""
        return [NameAddr.parse(value) for value in self._values("record-route")]

    @property
    def expires(self) -> int | None:
        """The Expires field in seconds, at most 2**32-1 (20.19); None where it is missing or no number."""
        if "expires" not in self.names:
            return None
        seconds = parse_delta(self._header("expires") or "")
        return None if seconds < 0 else seconds

    @property
    def content_type(self) -> str | None:
        """The media type in lower case, without parameters: "application/sdp"."""
        text = self._header("content-type")
        return None if text is None else text.partition(";")[0].rstrip(" \t").lower()

    def parts(self, config: Config | None = None) -> list[BodyPart]:
        """The parts of a multipart body (RFC 5621); of any other body one part, with the Content- fields of the message; none
        where there is no body. Raises MessageError (400), see ``parse_multipart``."""
        content_type = self._header("content-type") or ""
        if content_type[:10].lower() == "multipart/":
            return parse_multipart(self.body, content_type, config)
        if not self.body:
            return []
        names = [name for name in self.names if name[:8] == "content-" and name != "content-length"]
        return [BodyPart([(display_name(name), self._header(name) or "") for name in names], self.body)]

    def to_bytes(self) -> bytes:
        """The message as it goes out. A message that was received and not changed gives the very same bytes (line ends
        that were a bare LF become CRLF)."""
        return encode_text(self.head + "\r\n\r\n") + self.body

    # -- changing

    def replace(self, name: str, value: str) -> None:
        """Give the first field of that name a new value, or append one. Raises LocalProtocolError."""
        lower = canonical_name(name)
        if lower and lower in self.names:
            check_text(value, name)
            self.lines[self.names.index(lower)] = f"{display_name(name)}: {value}"
            self._changed(lower)
        else:
            self.append(name, value)

    def append(self, name: str, value: str) -> None:
        """Add a field after all others. Raises LocalProtocolError."""
        self.insert(len(self.lines), name, value)

    def insert(self, index: int, name: str, value: str) -> None:
        """Add a field in front of ``lines[index]``; 1 is the top-most place. Raises LocalProtocolError."""
        display = display_name(name)
        check_text(value, name)
        if index < 1:
            raise LocalProtocolError(f"line {index} is not a place for a header field; the first one is 1")
        lower = canonical_name(name)
        self.lines.insert(index, f"{display}: {value}")
        self.names.insert(index, lower)
        self._changed(lower)

    def remove(self, name: str) -> None:
        """Take out all fields of that name."""
        name = canonical_name(name)
        if not name or name not in self.names:
            return
        kept = [index for index, other in enumerate(self.names) if other != name]
        self.lines[:] = [self.lines[index] for index in kept]
        self.names[:] = [self.names[index] for index in kept]
        self._changed(name)

    def pop_value(self, name: str) -> str | None:
        """Take out and return the first value of that header, be it a whole line or the first of a comma list."""
        name = canonical_name(name)
        if name == "via" and len(self.names) > 1:
            start, end = self._top_via()
            if start > 0:
                value = self._head[start:end].strip(" \t")
                if value:
                    self._head = self._head[: start - 7] + self._head[end:]
                    del self.names[1]
                    self._via = None
                    return value
        popped: str | None = None
        while not popped and name and name in self.names:
            index = self.names.index(name)
            line = self.lines[index]
            colon = line.find(":")
            if "," not in line and "\n" not in line:
                del self.lines[index]
                del self.names[index]
                popped = line[colon + 1 :].strip(" \t")
                continue
            value = unfold(line[colon + 1 :]).lstrip(" \t,")
            comma = top_comma(value)
            rest = value[comma + 1 :].lstrip(" \t,") if comma >= 0 else ""
            if rest:
                self.lines[index] = f"{line[:colon]}: {rest}"
            else:
                del self.lines[index]
                del self.names[index]
            popped = value[:comma].rstrip(" \t") if comma >= 0 else value
        if popped is not None:
            self._changed(name)
        return popped or None

    def _top_via(self) -> tuple[int, int]:
        # Where in the head the value of the top-most Via is, when it stands as usual: first of the fields, one value in one
        # line. It can then be spliced. (-1, -1) where it does not.
        if self._lines is not None or self.names[1] != "via":
            return -1, -1
        head = self._head
        line = head.find("\r\n") + 2
        end = head.find("\r\n", line)
        if end < 0 or head[line : line + 5] != "Via: " or "," in head[line:end] or head[end + 2 : end + 3] in _BLANKS:
            return -1, -1
        return line + 5, end

    def set_body(self, body: bytes, content_type: str | None = None) -> None:
        """A new body, with its Content-Length, and its Content-Type where one is given."""
        if content_type is not None:
            self.replace("Content-Type", content_type)
        self.body = body
        self.replace("Content-Length", str(len(body)))

    def copy(self) -> "Message":
        """The same message with lists of its own."""
        raise NotImplementedError

    def _copy_core(self, other: "Message") -> None:
        if other._lines is not None:
            self._lines = other._lines.copy()
        # What is cached is never changed in place, so both may have it.
        self.call_id = other.call_id
        self.cseq = other.cseq
        self.cseq_method = other.cseq_method
        self.from_uri = other.from_uri
        self.from_tag = other.from_tag
        self.to_uri = other.to_uri
        self.to_tag = other.to_tag
        self.max_forwards = other.max_forwards
        self._via = other._via
        self._from = other._from
        self._to = other._to
        self._contact = other._contact
        self._contacts = other._contacts
        self._routes = other._routes

    def _changed(self, name: str) -> None:
        # Keeps the attributes in step with the lines. The values are our own side's, so trouble with them is local.
        if name == "via":
            self._via = None
        elif name == "route":
            self._routes = None
        elif name == "contact":
            self._contact = None
            self._contacts = None
        elif name in ("from", "to", "call-id", "cseq", "max-forwards"):
            try:
                self._read_core(name, self.header(name) or "")
            except MessageError as error:
                raise LocalProtocolError(f"{name}: {error.reason}") from None

    def _read_core(self, name: str, value: str) -> None:
        if name == "from":
            self._from = None
            self.from_uri, self.from_tag = parse_address(value) if value else ("", "")
        elif name == "to":
            self._to = None
            self.to_uri, self.to_tag = parse_address(value) if value else ("", "")
        elif name == "call-id":
            self.call_id = value
        elif name == "cseq":
            self.cseq, self.cseq_method = parse_cseq(value) if value else (-1, "")
        elif name == "max-forwards":
            self.max_forwards = parse_number(value, 255)
            if self.max_forwards < 0 and value:
                raise MessageError("Malformed Max-Forwards")
