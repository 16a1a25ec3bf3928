"""SIP and SIPS URIs: reading them, comparing them (RFC 3261 19.1), and keys for indexes."""

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, final

from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import is_ip_address, parse_params, split_host_port, unescape

__all__ = ["Uri"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*")
_NOT_IN_A_URI: Final = re.compile(r'[\x00-\x20\x7f<>"]')
_UNRESERVED: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"
_HEX_PAIR: Final = re.compile(r"[0-9A-Fa-f]{2}")

# 19.1.4: these count even where only one of the two URIs has them. In the order of their names, for `key`.
_DECISIVE: Final = ("maddr", "method", "transport", "ttl", "user")


@final
class Uri:
    """A URI. Immutable; ``str()`` gives the text as it was read.

    For schemes other than sip and sips only ``scheme`` and ``raw`` are set; ``host`` is then "".
    ``user`` has its ``%XX`` unescaped once; ``password``, ``params`` and ``headers`` (the text after ``?``) are as they
    stand. ``host`` is in lower case, an IPv6 address without brackets. The keys of ``params`` are in lower case.
    """

    __slots__ = ("_numeric", "_raw_user", "headers", "host", "params", "password", "port", "raw", "scheme", "user")

    def __init__(
        self,
        raw: str,
        scheme: str,
        raw_user: str | None = None,
        password: str | None = None,
        host: str = "",
        port: int | None = None,
        params: dict[str, str | None] | None = None,
        headers: str = "",
    ) -> None:
        self.raw: Final = raw
        self.scheme: Final = scheme
        self._numeric: bool | None = None
        self._raw_user: Final = raw_user
        self.user: Final = None if raw_user is None else unescape(raw_user)
        self.password: Final = password
        self.host: Final = host
        self.port: Final = port
        self.params: Final[dict[str, str | None]] = {} if params is None else params
        self.headers: Final = headers

    @staticmethod
    def parse(text: str) -> "Uri":
        """Read a URI (no angle brackets). One of an unknown scheme is kept as its text.

        Raises MessageError (400) for what is no URI, and for a sip or sips URI whose parts cannot be meant.
        """
        return _remembered(text) if len(text) <= _SHORT else _parse_uri(text)

    def __str__(self) -> str:
        return self.raw

    def __repr__(self) -> str:
        return f"Uri({self.raw!r})"

    @property
    def numeric(self) -> bool:
        """Whether ``host`` is an IP address, as opposed to a name."""
        numeric = self._numeric
        if numeric is None:
            numeric = self._numeric = is_ip_address(self.host)
        return numeric

    @property
    def aor(self) -> str:
        """``user@host`` without scheme, port and parameters, ``host`` alone without a user; a tel URI's own text."""
        if not self.host:
            return self.raw
        return self.host if self.user is None else f"{self.user}@{self.host}"

    @property
    def key(self) -> str:
        """A text that equivalent URIs share. The reverse does not hold: it leaves out the parameters that 19.1.4 ignores
        when only one URI has them."""
        if not self.host:
            return f"{self.scheme}:{self.raw.partition(':')[2]}"
        user = "" if self._raw_user is None else _normal(self._raw_user)
        password = "" if self.password is None else ":" + _normal(self.password)
        host = IPv6Address(self.host).exploded if ":" in self.host else self.host
        parts = [f"{self.scheme}:{user}{password}@{host}:{'' if self.port is None else self.port}"]
        for name in _DECISIVE:
            if name in self.params:
                parts.append(f"{name}={_normal(self.params[name] or '').lower()}")
        key = ";".join(parts)
        if self.headers:
            key += "?" + "&".join(_normal_headers(self.headers))
        return key

    def equivalent(self, other: "Uri") -> bool:
        """RFC 3261 19.1.4. Not transitive: parameters that only one of two URIs has do not matter."""
        if self.key != other.key:
            return False
        for name, value in self.params.items():
            if name in other.params and _normal(value or "").lower() != _normal(other.params[name] or "").lower():
                return False
        return True


def _parse_uri(text: str) -> Uri:
    scheme, colon, rest = text.partition(":")
    if scheme != "sip":
        scheme = scheme.lower()
    if not colon or not _SCHEME.fullmatch(scheme) or not rest or _NOT_IN_A_URI.search(text):
        raise MessageError("Malformed URI")
    if scheme != "sip" and scheme != "sips":
        return Uri(text, scheme)
    raw_user: str | None = None
    password: str | None = None
    userinfo, at, remainder = rest.partition("@")
    if at:
        raw_user, colon, secret = userinfo.partition(":")
        if colon:
            password = secret
        if not raw_user or "@" in remainder:
            raise MessageError("Malformed URI: user")
        rest = remainder
    rest, _, headers = rest.partition("?")
    address, semicolon, param_text = rest.partition(";")
    host_port = split_host_port(address)
    if host_port is None:
        raise MessageError("Malformed URI: host or port")
    host, port = host_port
    return Uri(
        text,
        scheme,
        raw_user,
        password,
        host.lower(),
        None if port < 0 else port,
        parse_params(param_text) if semicolon else None,
        headers,
    )


# The messages of a call name the same few URIs again and again. Long ones are not kept: the memory has a bound.
_SHORT: Final = 128
_remembered: Final = lru_cache(maxsize=4096)(_parse_uri)


def _normal(text: str) -> str:
    # Escapes of unreserved characters mean those characters; other escapes differ from the plain character (19.1.4).
    if "%" not in text:
        return text
    parts = text.split("%")
    out = [parts[0]]
    for part in parts[1:]:
        if _HEX_PAIR.match(part):
            char = chr(int(part[:2], 16))
            out.append(char if char in _UNRESERVED else "%" + part[:2].upper())
            out.append(part[2:])
        else:
            out.append("%" + part)
    return "".join(out)


def _normal_headers(text: str) -> list[str]:
    headers: list[str] = []
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        headers.append(_normal(name).lower() + equals + _normal(value))
    headers.sort()
    return headers
