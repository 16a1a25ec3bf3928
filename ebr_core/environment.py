"""What the layers of one engine share: the time of the current input, the timers, the tokens, and the one outbox."""

from collections.abc import Callable
from typing import Final, final

from ebr_core.actions import Action, Logged
from ebr_core.config import Config
from ebr_core.timers import Timer, TimerOwner, Timers

__all__ = ["Environment"]


@final
class Environment:
    """A layer used alone gets one of these too: set ``now`` before each call, then take what is in ``outbox``."""

    __slots__ = ("_pool", "_pool_at", "_tokens", "config", "counters", "now", "outbox", "timers", "wall_offset")

    def __init__(self, config: Config, tokens: Callable[[int], bytes]) -> None:
        self.config: Final = config
        self.now = 0.0  # monotonic seconds, of the input in hand
        self.wall_offset = 0.0  # wall time minus `now`; for what is shown or stored, never for timers
        self.timers: Final = Timers()
        self.outbox: list[Action] = []
        self.counters: Final[dict[str, int]] = {}
        self._tokens: Final = tokens
        self._pool = ""
        self._pool_at = 0

    def take_actions(self) -> list[Action]:
        """The actions so far, in order; the outbox is empty afterwards."""
        actions, self.outbox = self.outbox, []
        return actions

    def token(self, nbytes: int = 8) -> str:
        """Random lower-case hex, two characters a byte, from the constructor's ``tokens`` (drawn 512 bytes at a time)."""
        start, end = self._pool_at, self._pool_at + 2 * nbytes
        if end > len(self._pool):
            self._pool = self._tokens(512).hex()
            start, end = 0, 2 * nbytes
        self._pool_at = end
        return self._pool[start:end]

    def random_bytes(self, nbytes: int) -> bytes:
        """Random bytes straight from the constructor's ``tokens``."""
        return self._tokens(nbytes)

    def after(self, delay: float, kind: int, owner: TimerOwner) -> Timer:
        """A timer ``delay`` seconds from now."""
        return self.timers.set(self.now + delay, kind, owner)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a statistic, as "dropped.malformed"."""
        self.counters[name] = self.counters.get(name, 0) + by

    def log(self, level: int, code: str, text: str, **fields: object) -> None:
        """Say what is to be logged."""
        self.outbox.append(Logged(level, code, text, fields))
