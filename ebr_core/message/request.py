"""Requests: the Request-URI, what a proxy notes in them, and how they are forwarded (RFC 3261 7.1, 16.6)."""

from collections.abc import Sequence
from typing import Final, final

from ebr_core.errors import LocalProtocolError
from ebr_core.message.fields import Via
from ebr_core.message.grammar import check_text, top_comma, unfold
from ebr_core.message.message import Message
from ebr_core.message.names import SPELLINGS
from ebr_core.message.uri import Uri

__all__ = ["Request"]


@final
class Request(Message):
    """A request. ``method`` is case-sensitive; ``uri`` is the Request-URI as text."""

    __slots__ = ("_request_uri", "method", "uri")

    def __init__(
        self,
        method: str,
        uri: str,
        head: str,
        names: list[str],
        body: bytes,
        call_id: str = "",
        cseq: int = -1,
        cseq_method: str = "",
        from_uri: str = "",
        from_tag: str = "",
        to_uri: str = "",
        to_tag: str = "",
        max_forwards: int = -1,
        via: Via | None = None,
    ) -> None:
        # super() costs twice as much
        Message.__init__(
            self, head, names, body, call_id, cseq, cseq_method, from_uri, from_tag, to_uri, to_tag, max_forwards, via
        )
        self.method: Final = method
        self.uri = uri
        self._request_uri: Uri | None = None

    @property
    def request_uri(self) -> Uri:
        """The Request-URI, read once. Raises MessageError (400). A scheme that is not ours (416) is not an error here."""
        if self._request_uri is None:
            self._request_uri = Uri.parse(self.uri)
        return self._request_uri

    def set_uri(self, uri: str) -> None:
        """Send the request to another URI. Raises LocalProtocolError for blanks, CR, LF, NUL or an empty text."""
        _check_uri(uri)
        self.uri = uri
        self._request_uri = None
        self.lines[0] = f"{self.method} {uri} SIP/2.0"

    def stamp_received(self, host: str, port: int) -> None:
        """Note in the top Via where the request came from: ``received`` where it differs from sent-by (18.2.1), and
        ``rport`` where that was asked for (RFC 3581 4). What the sender wrote there itself is overwritten.

        ``host``: numeric address without brackets. Raises MessageError (400) only where ``via`` would.
        """
        via = self.via
        names = self.names
        if "via" not in names or via.came_from(host):
            return
        stamped = via.stamped(host, port)
        start, end = self._top_via()
        if start > 0:
            self._head = f"{self._head[:start]}{stamped}{self._head[end:]}"
            self._via = stamped
            return
        lines = self.lines
        index = names.index("via")
        line = lines[index]
        colon = line.find(":")
        text = f"{line[:colon]}: {stamped}"
        if "," in line:
            value = unfold(line[colon + 1 :])
            comma = top_comma(value)
            if comma >= 0:
                text += value[comma:]
        lines[index] = text
        self._via = stamped

    def copy(self) -> "Request":
        """The same request with lists of its own."""
        other = Request(self.method, self.uri, self._head, self.names.copy(), self.body)
        other._copy_core(self)
        other._request_uri = self._request_uri
        return other

    def forwarded(self, uri: str, fields: Sequence[tuple[str, str]], max_forwards: int) -> "Request":
        """A copy for another Request-URI, with that Max-Forwards, and with ``fields`` in front of all others, Via among them.

        The names of ``fields`` are well-known ones, spelled as printed. Raises LocalProtocolError, as ``insert`` does.
        """
        _check_uri(uri)
        start = f"{self.method} {uri} SIP/2.0"
        names = [""]
        for name, value in fields:
            check_text(value, name)
            start += f"\r\n{name}: {value}"
            names.append(SPELLINGS[name][0])
        names += self.names[1:]
        head = self.head
        rest = head[head.find("\r\n") :]
        before, found, after = rest.partition(f"\r\nMax-Forwards: {self.max_forwards}\r\n")
        if found:
            rest = f"{before}\r\nMax-Forwards: {max_forwards}\r\n{after}"
        elif "max-forwards" in names:
            lines = self.lines.copy()
            lines[self.names.index("max-forwards")] = f"Max-Forwards: {max_forwards}"
            lines[0] = ""
            rest = "\r\n".join(lines)
        else:
            rest += f"\r\nMax-Forwards: {max_forwards}"
            names.append("max-forwards")
        return Request(
            self.method,
            uri,
            start + rest,
            names,
            self.body,
            self.call_id,
            self.cseq,
            self.cseq_method,
            self.from_uri,
            self.from_tag,
            self.to_uri,
            self.to_tag,
            max_forwards,
            None,
        )

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri} {self.call_id}>"


def _check_uri(uri: str) -> None:
    check_text(uri, "Request-URI")
    if not uri or " " in uri or "\t" in uri:
        raise LocalProtocolError(f"a Request-URI has no blanks and is not empty: {uri!r}")
