"""SIP on a stream: bytes in, messages and keep-alives out (RFC 3261 7.5, 18.3; RFC 5626 3.5.1, 4.4.1)."""

import re
from enum import Enum
from typing import Final, final

from ebr_core.config import Config
from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import decode_text, parse_number, unfold
from ebr_core.message.parser import answerable, parse_message
from ebr_core.message.request import Request
from ebr_core.message.response import Response

__all__ = ["Keepalive", "StreamFramer"]

_DEFAULT: Final = Config()

# Where `parse_message` sees the end of a head, in either spelling of a line end: were they to differ, a message could hide
# another one from whoever reads the stream next.
_END: Final = re.compile(rb"\n\r?\n")
# Name and value apart: for both at once the folding would have to be a possessive group, and Python before 3.11.5 goes on
# from where such a group failed, instead of where it began to (python/cpython#106052).
_CONTENT_LENGTH: Final = re.compile(rb"\n(?:content-length|l)[ \t]*:", re.IGNORECASE)
_VALUE_END: Final = re.compile(rb"\n(?![ \t])")
# A method, or the version of a response. Anything else, TLS or HTTP say, is not worth waiting for the end of.
_START: Final = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]+[ \t].*SIP/.*|SIP/.*", re.IGNORECASE)
_NOT_A_START: Final = re.compile(rb"[^A-Za-z0-9\-.!%*_+`'~]")
_NOT_A_LINE_END: Final = re.compile(rb"[^\r\n]")


@final
class Keepalive(Enum):
    """What stands between messages: a double CRLF, which is to be answered with a single one, or that answer."""

    PING = "ping"
    PONG = "pong"


@final
class StreamFramer:
    """Cuts the bytes of one connection into messages. No clock, no I/O; nothing that a peer sends makes it raise.

    It holds at most ``Config.max_message_size`` bytes and the chunk at hand, and looks at no byte more than a fixed number
    of times, however the stream is cut into chunks.
    """

    __slots__ = ("_answered", "_buffer", "_config", "_deadline", "_failed", "_line", "_need", "_odd", "_scan")

    def __init__(self, config: Config | None = None) -> None:
        self._config: Final = _DEFAULT if config is None else config
        self._buffer = bytearray()
        self._scan = 0  # up to here there is no end of a head
        self._line = False  # the start line has been looked at
        self._need = 0  # how long the message is; 0 while its head is incomplete
        self._deadline: float | None = None
        self._failed = False
        self._odd = False  # an odd number of line ends came since the last message
        self._answered = False  # and the odd one was reported already

    @property
    def failed(self) -> bool:
        """Whether the stream cannot be read any further. The connection is to be closed, after an answer where there is one."""
        return self._failed

    @property
    def deadline(self) -> float | None:
        """When the message that has begun must be complete, ``Config.message_timeout`` after its first byte; else None.

        It is the time to call ``expire``. Bytes that trickle in do not put it off.
        """
        return self._deadline

    def receive(self, data: bytes, now: float) -> list[Request | Response | Keepalive | MessageError]:
        """Everything that is complete with these bytes, in order. ``now``: seconds, of the clock of ``deadline``.

        A MessageError stands for a message that ``parse_message`` refuses, and the stream goes on behind it; unless its end
        cannot be known (no usable Content-Length, which 18.3 demands on streams, or too large): then it is the last item,
        and ``failed``. What comes later is dropped.

        A single CRLF at the end of the bytes is a PONG at once, for its sender may send nothing else for long. Should it turn
        out to be the first half of a ping that was cut in two, the PING follows with the other half.
        """
        found: list[Request | Response | Keepalive | MessageError] = []
        if self._failed:
            return found
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while True:
                if self._deadline is None:
                    start = self._keepalives(start, found)
                    if start == len(buffer):
                        break
                    self._begin(start, now)
                if not self._need:
                    self._find_end(start)
                if not self._need or len(buffer) - start < self._need:
                    break
                message = bytes(buffer[start : start + self._need])
                start += self._need
                self._need = 0
                self._deadline = None
                try:
                    found.append(parse_message(message, self._config))
                except MessageError as error:
                    # A fresh one: what was raised keeps frames alive.
                    found.append(MessageError(error.reason, error.status, error.partial))
        except MessageError as error:
            found.append(self._fail(error.reason, error.status, start))
            return found
        if start:
            del buffer[:start]
            self._scan -= start
        return found

    def expire(self, now: float) -> MessageError | None:
        """The error of a message that was begun and is not complete in time; None where there is none, or time is left."""
        if self._deadline is None or now < self._deadline or self._failed:
            return None
        return self._fail("Message not complete in time", 400, 0)

    def eof(self) -> MessageError | None:
        """The peer sends no more: the error of a message that was begun, None between messages."""
        if self._failed:
            return None
        if self._deadline is None:
            self._failed = True
            return None
        return self._fail("End of the stream inside a message", 400, 0)

    def _fail(self, reason: str, status: int, start: int) -> MessageError:
        data = bytes(self._buffer[start : start + self._config.max_message_size])
        if not _END.search(data):
            data = data[: data.rfind(b"\n") + 1]  # half a field would be answered as if it were whole
        error = MessageError(reason, status, answerable(data, self._config))
        self._failed = True
        self._deadline = None
        self._buffer.clear()
        return error

    def _keepalives(self, start: int, found: list[Request | Response | Keepalive | MessageError]) -> int:
        # A CR is nothing without its LF; a bare LF passes for a line end, as it does in a head.
        buffer = self._buffer
        rest = _NOT_A_LINE_END.search(buffer, start)
        end = len(buffer) if rest is None else rest.start()
        if end > start:
            count = buffer.count(b"\n", start, end) + self._odd
            found += [Keepalive.PING] * (count // 2)
            self._answered = self._answered and count < 2
            self._odd = count % 2 == 1
            if self._odd and not self._answered and buffer[end - 1] == 10:
                found.append(Keepalive.PONG)
                self._answered = True
        return end

    def _begin(self, start: int, now: float) -> None:
        self._deadline = now + self._config.message_timeout
        self._scan = start
        self._line = False
        self._odd = self._answered = False

    def _find_end(self, start: int) -> None:
        """Sets ``_need`` when the head is complete. Raises MessageError where the stream cannot be cut any more."""
        buffer = self._buffer
        if not self._line:
            self._look_at_start(start)
        end = _END.search(buffer, self._scan)
        if end is None:
            if len(buffer) - start > self._config.max_message_size:
                raise MessageError("Message Too Large", 513)
            self._scan = max(start, len(buffer) - 2)
            return
        if end.end() - start > self._config.max_message_size:
            raise MessageError("Message Too Large", 513)
        length = _content_length(bytes(buffer[start : end.start()]))
        if end.end() - start + length > self._config.max_message_size:
            raise MessageError("Request Entity Too Large", 413)
        self._need = end.end() - start + length

    def _look_at_start(self, start: int) -> None:
        buffer = self._buffer
        if _NOT_A_START.match(buffer, start):
            raise MessageError("Malformed start line")
        end = buffer.find(b"\n", self._scan, start + self._config.max_message_size)
        if end < 0:
            return
        self._line = True
        if not _START.fullmatch(buffer[start:end].rstrip(b"\r")):
            raise MessageError("Malformed start line")


def _content_length(head: bytes) -> int:
    # Who takes a bare CR or LF for a line end, or does not, sees other fields, and so perhaps another length.
    ends = head.count(b"\r\n")
    if head.count(b"\r") > ends + head.endswith(b"\r"):
        raise MessageError("CR in the header")
    if 0 < ends < head.count(b"\n"):
        raise MessageError("Mixed line ends in the header")
    found = -1
    for name in _CONTENT_LENGTH.finditer(head):
        end = _VALUE_END.search(head, name.end())
        value = head[name.end() : len(head) if end is None else end.start()].rstrip(b"\r")
        text = decode_text(value).replace("\r\n", "\n").replace("\n", "\r\n")
        length = parse_number(unfold(text), 0x7FFF_FFFF)
        if length < 0:
            raise MessageError("Malformed Content-Length")
        if found not in (-1, length):
            raise MessageError("More than one Content-Length")
        found = length
    if found < 0:
        raise MessageError("Missing Content-Length")
    return found
