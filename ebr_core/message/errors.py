"""The one error that bytes from the network can raise."""

from typing import TYPE_CHECKING

from ebr_core.errors import EbrError

if TYPE_CHECKING:
    from ebr_core.message.request import Request

__all__ = ["MessageError"]


class MessageError(EbrError):
    """What was received is not a SIP message, URI or header field that can be meant.

    ``reason``: a short text, fit for a reason phrase. ``status``: the response it deserves: 400, 413, 505 or 513.
    ``partial``: the request as far as it is known (Via, From, To, Call-ID, CSeq), enough to build that response from;
    None for a response, and where not even a Via to answer by could be read.
    """

    def __init__(self, reason: str, status: int = 400, partial: "Request | None" = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.partial = partial
