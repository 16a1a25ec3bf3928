"""Responses (RFC 3261 7.2)."""

from typing import Final, final

from ebr_core.message.fields import Via
from ebr_core.message.message import Message

__all__ = ["Response"]


@final
class Response(Message):
    """A response. ``reason`` is the text behind the status, possibly ""."""

    __slots__ = ("reason", "status")

    def __init__(
        self,
        status: int,
        reason: str,
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
        self.status: Final = status
        self.reason: Final = reason

    def copy(self) -> "Response":
        """The same response with lists of its own."""
        other = Response(self.status, self.reason, self._head, self.names.copy(), self.body)
        other._copy_core(self)
        return other

    def __repr__(self) -> str:
        return f"<Response {self.status} to {self.cseq_method} {self.call_id}>"
