"""Real messages, read a second time by the plainest means there are: what both readings say must be the same.

The second reading knows nothing of ``ebr_core``; it is good enough for what the programs of ``tests/peers`` send, not more.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ebr_core.message import Keepalive, MessageError, Request, Response, StreamFramer, headers, parse_message

__all__ = ["CORPUS", "Reading", "check", "check_stream", "foreign"]

CORPUS: Final = Path(__file__).parent / "corpus"

_COMPACT: Final = {
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}


class Reading:
    """A message, split at line ends and colons. ``fields``: the long name in lower case and the value of each, in order."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.lines = head.split(b"\r\n")
        unfolded = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape"))
        self.start, *lines = unfolded.split("\r\n")
        self.fields: list[tuple[str, str]] = []
        for line in lines:
            name, _, value = line.partition(":")
            lower = name.strip().lower()
            self.fields.append((_COMPACT.get(lower, lower), value.strip(" \t")))

    def all(self, name: str) -> list[str]:
        """The values of the fields of that name."""
        return [value for other, value in self.fields if other == name]

    def address(self, name: str) -> tuple[str, str]:
        """The URI and the tag of the field of that name."""
        (value,) = self.all(name)
        inside = re.search(r"<([^>]*)>", value)
        uri = value.partition(";")[0].strip() if inside is None else inside.group(1)
        tag = re.search(r";\s*tag=([^;\s]+)", value.rpartition(">")[2])
        return uri, "" if tag is None else tag.group(1)

    @property
    def via(self) -> tuple[str, str, int | None, dict[str, str | None]]:
        """Transport, host, port and parameters of the top-most Via."""
        top = self.all("via")[0].partition(",")[0]
        found = re.fullmatch(r"SIP/2\.0/(\w+)\s+([^\s:;]+|\[[^]]+\])(?::(\d+))?\s*(?:;(.*))?", top)
        assert found is not None, top
        transport, host, port, rest = found.groups()
        params: dict[str, str | None] = {}
        for param in (rest or "").split(";"):
            name, equals, value = param.partition("=")
            params[name.strip().lower()] = value.strip() if equals else None
        return transport, host.strip("[]"), int(port) if port else None, params


def check(data: bytes) -> Request | Response:
    """Parse, compare with the plain reading, read every field by its type, print. Raises AssertionError."""
    plain = Reading(data)
    message = parse_message(data)
    assert message.to_bytes() == data
    assert message.body == plain.body
    assert [str(len(plain.body))] * len(plain.all("content-length")) == plain.all("content-length")
    assert message.names == ["", *[name for name, _ in plain.fields]]
    for name in dict(plain.fields):
        assert message.headers(name) == plain.all(name), name

    if isinstance(message, Request):
        assert f"{message.method} {message.uri} SIP/2.0" == plain.start
        assert str(message.request_uri) == message.uri
    else:
        assert f"SIP/2.0 {message.status} {message.reason}" == plain.start
    via = message.via
    assert (via.transport, via.host, via.port, via.params) == plain.via
    assert via.branch == plain.via[3].get("branch", "")
    assert [message.call_id] == plain.all("call-id")
    assert [f"{message.cseq} {message.cseq_method}"] == [" ".join(value.split()) for value in plain.all("cseq")]
    assert (message.from_uri, message.from_tag) == (message.from_.uri, message.from_.tag) == plain.address("from")
    assert (message.to_uri, message.to_tag) == (message.to.uri, message.to.tag) == plain.address("to")
    hops = plain.all("max-forwards")
    assert message.max_forwards == (int(hops[0]) if hops else -1)

    unread = []
    for field in headers.FIELDS.values():
        try:
            message.read(field)
        except MessageError as error:
            unread.append(f"{field.name}: {message.headers(field.name)}: {error}")
    assert unread == []
    return message


def check_stream(stream: bytes, size: int, messages: Sequence[bytes]) -> None:
    """Read a stream in pieces of that size: the framer must find these messages, and keep-alives. Raises AssertionError."""
    framer = StreamFramer()
    found: list[bytes] = []
    for start in range(0, len(stream), size):
        for item in framer.receive(stream[start : start + size], 0.0):
            assert not isinstance(item, MessageError), item.reason
            if not isinstance(item, Keepalive):
                found.append(item.to_bytes())
    assert found == list(messages)
    assert framer.deadline is None
    assert not framer.failed


def foreign(data: bytes) -> list[str]:
    """The addresses and hosts in a message that are neither 127.0.0.1 nor ``example.org``."""
    text = re.sub(r"\r\n(User-Agent|Server|Date): .*", "", data.decode())
    hosts = re.findall(r"(?<![\w./])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w.])", text)
    hosts += re.findall(r"(?:@|sips?:(?!\S+@)|IN IP[46] |\r\nVia: \S+ )([^\s:;>\"]+|\[[^]]*\])", text, re.IGNORECASE)
    hosts += re.findall(r"[0-9a-f]{1,4}:[0-9a-f:]*:[0-9a-f:]*", text, re.IGNORECASE)
    return sorted(set(hosts) - {"127.0.0.1", "example.org"})
