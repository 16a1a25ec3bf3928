"""A branch target: where a request may be forked to (RFC 3261 16.5)."""

from typing import Final, final

from ebr_core.actions import Value

__all__ = ["Target"]


@final
class Target(Value):
    """One place to send a request.

    ``uri``: the new Request-URI. ``path``: Route values to add, first hop first (RFC 3327). ``received``: the URI of the
    packet source behind a NAT, used as next hop when there is no Path. ``q``: 0 to 1000. ``listener``: the id of the listener
    through which the contact registered. ``device``: names the device (``+sip.instance``, else a canonical contact URI), so
    that one device gets one branch. ``source``: the address that it registered from; another one means another flow.
    """

    __slots__ = ("device", "listener", "path", "q", "received", "uri")
    __match_args__ = ("uri", "path", "received", "q", "listener", "device")

    def __init__(
        self,
        uri: str,
        path: tuple[str, ...] = (),
        received: str = "",
        q: int = 1000,
        listener: int | None = None,
        device: str = "",
    ) -> None:
        self.uri: Final = uri
        self.path: Final = path
        self.received: Final = received
        self.q: Final = q
        self.listener: Final = listener
        self.device: Final[str] = device or uri

    def same_flow(self, other: "Target") -> bool:
        """Whether a message to the other target takes the same way: then it needs no second branch."""
        return (
            self.uri == other.uri
            and self.path == other.path
            and self.received == other.received
            and self.listener == other.listener
        )

    def reaches(self, other: "Target") -> bool:
        """Whether it rings the same device: one of that name, or the same URI by the same way under another (16.5)."""
        return self.device == other.device or self.same_flow(other)
