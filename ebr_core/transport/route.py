"""A way to a peer: the address, and the socket to send from."""

from typing import Final, final

from ebr_core.actions import SendDatagram
from ebr_core.environment import Environment
from ebr_core.inputs import Address, Listener

__all__ = ["Route"]


@final
class Route:
    """Where a message goes and from which listener; ``local`` is the source address on a wildcard socket."""

    __slots__ = ("destination", "listener", "local", "reliable")

    def __init__(self, destination: Address, listener: Listener, local: Address | None = None) -> None:
        self.destination: Final = destination
        self.listener: Final = listener
        self.local: Final = local
        self.reliable: Final = listener.transport != "udp"

    def send(self, env: Environment, data: bytes) -> None:
        """Append the action that sends ``data``."""
        env.outbox.append(SendDatagram(data, self.destination, self.listener.id, self.local))
