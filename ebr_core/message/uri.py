"""SIP and SIPS URIs: reading them, comparing them (RFC 3261 19.1), and keys for indexes."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, final

from ebr_core.errors import LocalProtocolError
from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import encode_text, is_ip_address, parse_params, split_host_port, unescape
from ebr_core.message.tel import Tel

__all__ = ["Uri", "normal_host"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*")
_NOT_IN_A_URI: Final = re.compile(r'[\x00-\x20\x7f<>"]')
_UNRESERVED: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"
_HEX_PAIR: Final = re.compile(r"[0-9A-Fa-f]{2}")

# What 25.1 lets stand unescaped in a user part, in a parameter and in a header, besides the unreserved characters.
_IN_USER: Final = "&=+$,;?/"
_IN_PARAM: Final = "[]/:&+$"
_IN_HEADER: Final = "[]/?:+$"

# 19.1.4: these count even where only one of the two URIs has them. In the order of their names, for `key`.
_DECISIVE: Final = ("maddr", "method", "transport", "ttl", "user")


@final
class Uri:
    """A URI. Immutable; ``str()`` gives the text as it was read.

    For schemes other than sip and sips only ``scheme`` and ``raw`` are set; ``host`` is then "". See ``tel`` for numbers.
    ``user`` has its ``%XX`` unescaped once; ``password``, ``params`` and ``headers`` (the text after ``?``) are as they
    stand. ``host`` is in lower case, an IPv6 address without brackets. The keys of ``params`` are in lower case, and without
    escapes of characters that need none.
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
    def user_params(self) -> dict[str, str | None]:
        """The parameters inside the user part, as in ``sip:+1201;tgrp=x@host`` (RFC 3261 19.1.6, RFC 4904), as they stand."""
        return {} if self._raw_user is None else parse_params(self._raw_user.partition(";")[2])

    @property
    def header_fields(self) -> list[tuple[str, str]]:
        """The header fields behind ``?``, each with name and value unescaped once. They come from whoever made the URI: what may
        go into a request is for its sender to decide (19.1.5)."""
        fields = []
        for part in self.headers.split("&"):
            name, _, value = part.partition("=")
            if name:
                fields.append((unescape(name), unescape(value)))
        return fields

    @property
    def tel(self) -> Tel | None:
        """The telephone number of a tel URI, or of a SIP URI with ``user=phone``; None for any other. Raises MessageError (400)
        where it is none."""
        if self.scheme == "tel":
            return Tel.parse(self.raw.partition(":")[2])
        if self._raw_user is None or (self.params.get("user") or "").lower() != "phone":
            return None
        return Tel.parse(self._raw_user)

    @property
    def key(self) -> str:
        """A text that equivalent URIs share. The reverse does not hold: it leaves out the parameters that 19.1.4 ignores
        when only one URI has them."""
        if not self.host:
            rest = self.raw.partition(":")[2]
            if self.scheme == "tel":
                try:
                    rest = Tel.parse(rest).key
                except MessageError:
                    pass  # then its text will do, as for a scheme that we do not know
            return f"{self.scheme}:{rest}"
        user = "" if self._raw_user is None else _normal(self._raw_user)
        password = "" if self.password is None else ":" + _normal(self.password)
        parts = [f"{self.scheme}:{user}{password}@{normal_host(self.host)}:{'' if self.port is None else self.port}"]
        for name in _DECISIVE:
            if name in self.params:
                value = _normal(self.params[name] or "").lower()
                parts.append(f"{name}={normal_host(value.strip('[]')) if name == 'maddr' else value}")
        key = ";".join(parts)
        if self.headers:
            key += "?" + "&".join(_normal_headers(self.headers))
        return key

    def equivalent(self, other: "Uri") -> bool:
        """RFC 3261 19.1.4, with RFC 5954 for IPv6 addresses and RFC 3966 4 for tel. Not transitive: a parameter that only one of
        two URIs has does not matter, apart from a few."""
        if self.key != other.key:
            return False
        for name, value in self.params.items():
            if name in _DECISIVE or name not in other.params:
                continue
            if _normal(value or "").lower() != _normal(other.params[name] or "").lower():
                return False
        return True

    @staticmethod
    def build(
        host: str,
        user: str | None = None,
        *,
        scheme: str = "sip",
        password: str | None = None,
        port: int | None = None,
        params: Mapping[str, str | None] | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> "Uri":
        """A sip or sips URI from its parts; whatever must be escaped in them is. An IPv6 address may have its brackets or not.

        Raises LocalProtocolError for a host or a port that is none, an empty user, and another scheme.
        """
        if scheme not in ("sip", "sips") or user == "" or (password is not None and user is None):
            raise LocalProtocolError(f"cannot build a URI of scheme {scheme!r}, user {user!r} and a password")
        text = f"{scheme}:"
        if user is not None:
            text += _escape(user, _IN_USER) + ("" if password is None else ":" + _escape(password, "&=+$,")) + "@"
        text += f"[{host}]" if ":" in host and host[0] != "[" else host
        text += "" if port is None else f":{port}"
        for name, value in (params or {}).items():
            text += f";{_escape(name, _IN_PARAM)}" + ("" if value is None else f"={_escape(value, _IN_PARAM)}")
        if headers:
            fields = [f"{_escape(name, _IN_HEADER)}={_escape(value, _IN_HEADER)}" for name, value in headers]
            text += "?" + "&".join(fields)
        try:
            uri = Uri.parse(text)
        except MessageError as error:
            raise LocalProtocolError(f"{text!r}: {error.reason}") from None
        if uri.port != port or uri.host != host.strip("[]").lower().replace(":::", "::"):
            raise LocalProtocolError(f"{host!r} is not a host")
        return uri


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
    params = parse_params(param_text) if semicolon else None
    if params and "%" in param_text:
        # 19.1.4: an escaped character is that character, in the names of parameters too. The first one of a name counts.
        spelled, params = params, {}
        for name, value in spelled.items():
            params.setdefault(_normal(name).lower(), value)
    return Uri(text, scheme, raw_user, password, host.lower(), None if port < 0 else port, params, headers)


# The messages of a call name the same few URIs again and again. Long ones are not kept: the memory has a bound.
_SHORT: Final = 128
_remembered: Final = lru_cache(maxsize=4096)(_parse_uri)


def _normal(text: str) -> str:
    # Escapes of unreserved characters mean those characters; other escapes differ from the plain character (19.1.4).
    if not text.isascii():
        text = "".join([c if c.isascii() else "".join([f"%{byte:02X}" for byte in encode_text(c)]) for c in text])
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


def normal_host(host: str) -> str:
    """A host as it is compared: IPv6 addresses as numbers (RFC 5954 4.2), all else as it stands."""
    if ":" not in host or not is_ip_address(host):
        return host
    return IPv6Address(host.replace(":::", "::")).exploded


def _escape(text: str, plain: str) -> str:
    out = []
    for character in text:
        if character in _UNRESERVED or character in plain:
            out.append(character)
        else:
            out += [f"%{byte:02X}" for byte in encode_text(character)]
    return "".join(out)


def _normal_headers(text: str) -> list[str]:
    headers: list[str] = []
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        headers.append(_normal(name).lower() + equals + _normal(value))
    headers.sort()
    return headers
