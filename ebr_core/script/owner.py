"""What a transaction owns on the script's side, so that it all ends with it."""

from typing import Final

from ebr_core.transaction import ServerUser

__all__ = ["Owner"]


class Owner(ServerUser):
    """``owned``: live subscriptions, waits, jobs and handlers; while there is one, something can still add a branch."""

    __slots__ = ("ended", "owned", "touched")

    def __init__(self) -> None:
        self.owned: Final[dict[object, None]] = {}
        self.ended = False
        self.touched = False

    def settle(self) -> None:
        """Draw the consequences of what has happened; called when no handler is running."""
        raise NotImplementedError

    def fail(self, status: int) -> None:
        """No handler will answer the request any more."""
        raise NotImplementedError
