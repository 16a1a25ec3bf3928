"""Token streams: bytes that are random to everyone who lacks the seed, and the same for everyone who has it."""

from hashlib import shake_256
from typing import final

__all__ = ["TokenStream"]

_BLOCK = 4096


@final
class TokenStream:
    """A SHAKE-256 stream; ``TokenStream(seed)(n)`` gives the next ``n`` bytes. An ``Engine`` takes it as ``tokens``.

    ``seed``: bytes (32 from the operating system's generator, where nobody shall guess them), or a number for tests.
    """

    __slots__ = ("_at", "_block", "_number", "_seed")

    def __init__(self, seed: bytes | int) -> None:
        self._seed = seed if isinstance(seed, bytes) else b"%d" % seed
        self._number = 0
        self._block = b""
        self._at = 0

    def __call__(self, nbytes: int) -> bytes:
        """The next ``nbytes`` bytes of the stream."""
        while len(self._block) - self._at < nbytes:
            fresh = shake_256(self._seed + self._number.to_bytes(8, "big")).digest(_BLOCK)
            self._block = self._block[self._at :] + fresh
            self._number += 1
            self._at = 0
        start, self._at = self._at, self._at + nbytes
        return self._block[start : self._at]
