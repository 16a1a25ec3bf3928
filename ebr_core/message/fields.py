"""Structured header fields: Via, name-addr (From, To, Contact, Route ...), CSeq, and the tag of From and To."""

import re
from typing import Final, final

from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import (
    is_token,
    parse_delta,
    parse_number,
    parse_params,
    parse_q,
    print_params,
    quotes_close,
    split_host_port,
    top_comma,
    unquote,
)
from ebr_core.message.uri import Uri, normal_host

__all__ = ["METHODS", "NameAddr", "Via", "parse_address", "parse_cseq"]

# RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086.
METHODS: Final = frozenset(
    "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE".split()
)

_DEFAULT_PORTS: Final = {"TLS": 5061, "WS": 80, "WSS": 443}  # RFC 3261 18.1.1, RFC 7118 5; 5060 for all others

# The parameters of From, To and Contact that RFC 3261 itself defines.
_OWN_PARAMS: Final = frozenset(("expires", "q", "tag"))

# A quoted string up to its closing quote, which is left out so that the match cannot fail and look back.
_OPEN_QUOTED: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


@final
class Via:
    """One Via value (RFC 3261 20.42). Immutable, ``params`` included; ``str()`` prints it.

    ``transport`` in upper case; ``host`` as spelled, an IPv6 address without brackets; ``branch`` is "" where
    there is none.

    Instead of ``params``, their text will do; with ``branch`` beside it, it is read when the rest is asked for.
    """

    __slots__ = ("_params", "_text", "branch", "host", "port", "protocol", "transport")

    def __init__(
        self,
        transport: str,
        host: str,
        port: int | None,
        params: dict[str, str | None] | str,
        protocol: str = "SIP/2.0",
        branch: str = "",
    ) -> None:
        self.protocol: Final = protocol
        self.transport: Final = transport
        self.host: Final = host
        self.port: Final = port
        self._text = ""
        self._params: dict[str, str | None] | None = None
        if branch and isinstance(params, str):
            self._text = params
        else:
            self._params = known = parse_params(params) if isinstance(params, str) else params
            branch = known.get("branch") or ""
        self.branch: Final[str] = branch

    @property
    def params(self) -> dict[str, str | None]:
        """The parameters: names in lower case, values as they stand, None for a bare name."""
        params = self._params
        if params is None:
            params = self._params = parse_params(self._text)
        return params

    @staticmethod
    def parse(text: str) -> "Via":
        """The first value of an unfolded Via field. Raises MessageError (400)."""
        head, _, params = text.partition(";")
        # What nearly every Via looks like; everything else takes the longer way.
        if (
            head[:12] == "SIP/2.0/UDP "
            and params[:7] == "branch="
            and "," not in params
            and '"' not in params
            and "<" not in params
        ):
            host, colon, digits = head[12:].partition(":")
            port = parse_number(digits, 65_535) if colon else -1
            if (port >= 0 or not colon) and host.replace(".", "").isalnum() and host.isascii():
                end = params.find(";")
                branch = params[7:].strip() if end < 0 else params[7:end].strip()
                return Via("UDP", host, None if port < 0 else port, params, "SIP/2.0", branch)
        text = text.strip(" \t")
        if "," in text:
            comma = top_comma(text)
            if comma >= 0:
                text = text[:comma]
        head, _, param_text = text.partition(";")
        protocol, _, sent_by = head.partition(" ")
        if protocol == "SIP/2.0/UDP":
            transport = "UDP"
            protocol = "SIP/2.0"
        elif protocol[:8] != "SIP/2.0/" or not protocol[8:] or "\t" in protocol:
            # 25.1 allows blanks around each slash, and any case.
            parts = head.split("/", 2)
            if len(parts) != 3:
                raise MessageError("Malformed Via")
            name = parts[0].strip(" \t").upper()
            version = parts[1].strip(" \t")
            if not is_token(name) or not is_token(version):
                raise MessageError("Malformed Via protocol")
            protocol = f"{name}/{version}"
            words = parts[2].replace("\t", " ").strip(" ").split(" ", 1)
            if len(words) != 2:
                raise MessageError("Malformed Via")
            transport, sent_by = words
        else:
            transport = protocol[8:]
            protocol = "SIP/2.0"
        if transport != "UDP":
            if not is_token(transport):
                raise MessageError("Malformed Via transport")
            transport = transport.upper()
        sent_by = sent_by.strip(" \t")
        host_port = split_host_port(sent_by)
        if host_port is None:
            # COLON may have blanks around it.
            host_port = split_host_port(":".join([part.strip(" \t") for part in sent_by.rsplit(":", 1)]))
            if host_port is None:
                raise MessageError("Malformed Via sent-by")
        if ('"' in param_text or "<" in param_text) and not quotes_close(param_text):
            raise MessageError("Malformed Via: no closing quote or bracket")
        host, port = host_port
        return Via(transport, host, None if port < 0 else port, param_text, protocol)

    def stamped(self, host: str, port: int) -> "Via":
        """The same with ``received``, and with a value for ``rport`` where that was asked for (RFC 3581 4)."""
        if self._text == f"branch={self.branch};rport":
            params: dict[str, str | None] = {"branch": self.branch, "rport": str(port)}
        else:
            params = dict(self.params)
            if "rport" in params:
                params["rport"] = str(port)
        params["received"] = host
        return Via(self.transport, self.host, self.port, params, self.protocol)

    def came_from(self, host: str) -> bool:
        """Whether its sender wants to hear nothing about where the request came from, and sent it from ``host`` (18.2.1)."""
        if self.host != host or self._text[-6:] == ";rport":
            return False
        return "rport" not in self.params and "received" not in self.params

    @property
    def sent_by(self) -> str:
        """``host[:port]`` in lower case, IPv6 in brackets, for comparison."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host.lower() if self.port is None else f"{host}:{self.port}".lower()

    @property
    def received(self) -> str | None:
        """The ``received`` parameter without brackets, None where there is none."""
        received = self.params.get("received")
        return received.strip("[]") if received else None

    @property
    def rport(self) -> int | None:
        """The value of ``rport``; None where it has none. ``"rport" in params`` tells whether one is asked for."""
        port = parse_number(self.params.get("rport") or "", 65_535)
        return None if port < 0 else port

    def same_sent_by(self, other: "Via") -> bool:
        """Whether both name the same host and port, the port as their transports have it by default (17.2.3, 18.1.1)."""
        if normal_host(self.host.lower()) != normal_host(other.host.lower()):
            return False
        mine = _DEFAULT_PORTS.get(self.transport, 5060) if self.port is None else self.port
        return mine == (_DEFAULT_PORTS.get(other.transport, 5060) if other.port is None else other.port)

    def equivalent(self, other: "Via") -> bool:
        """20.42: the same protocol, transport and sent-by, and the same parameters with the same values."""
        if self.protocol != other.protocol or self.transport != other.transport or not self.same_sent_by(other):
            return False
        return _folded(self.params) == _folded(other.params)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.protocol}/{self.transport} {host}{port}{print_params(self.params)}"

    def __repr__(self) -> str:
        return f"Via({str(self)!r})"


@final
class NameAddr:
    """A display name, a URI and parameters (RFC 3261 20.10, 20.20, 20.34, 20.39). ``str()`` prints it with brackets.

    ``display`` has no quotes; ``uri`` is text (``parse_uri()`` reads it; "*" in ``Contact: *``). The keys of ``params`` are
    in lower case, the values as they stand: quotes included, ``unquote`` takes them off.
    """

    __slots__ = ("_params", "_text", "display", "uri")

    def __init__(self, display: str, uri: str, params: dict[str, str | None] | str | None = None) -> None:
        self.display = display
        self.uri = uri
        self._text = ""
        self._params: dict[str, str | None] | None = None
        if isinstance(params, str):
            self._text = params
        else:
            self._params = {} if params is None else params

    @property
    def params(self) -> dict[str, str | None]:
        """The parameters behind the bracket."""
        params = self._params
        if params is None:
            params = self._params = parse_params(self._text)
        return params

    @staticmethod
    def parse(text: str) -> "NameAddr":
        """Read ``name-addr`` or ``addr-spec`` with parameters: ``"Bob" <sip:bob@example.org>;tag=1``.

        Raises MessageError (400). The URI inside is not examined.
        """
        head, bracket, params = text.partition(">")
        display, _, uri = head.rpartition("<")
        # The usual shapes: a display name that is a word or quoted without escapes, or none.
        if bracket and uri and (not params or (params[0] == ";" and '"' not in params and "<" not in params)):
            plain = _plain_display(display) if display else "" if head[0] == "<" else None
            if plain is not None:
                return NameAddr(plain, uri, params)
        text = text.strip(" \t")
        display = ""
        start = 0
        if text[:1] == '"':
            start = _end_of_quotes(text)
            display = unquote(text[:start])
        left = text.find("<", start)
        semicolon = text.find(";", start)
        if left >= 0 and (semicolon < 0 or left < semicolon or start > 0):
            between = text[start:left].strip(" \t")
            if start > 0:
                if between:
                    raise MessageError("Malformed address")
            elif "," in between:
                raise MessageError("Malformed address: a display name with a comma needs quotes")  # 25.1
            else:
                display = between
            right = text.find(">", left)
            if right < 0:
                raise MessageError("Malformed address: no closing bracket")
            uri = text[left + 1 : right]
            rest = text[right + 1 :].strip(" \t")
            if rest and rest[0] != ";":
                raise MessageError("Malformed address: text after the bracket")
            rest = rest[1:]
        elif start > 0:
            raise MessageError("Malformed address: no URI")
        else:
            uri, _, rest = text.partition(";")
            uri = uri.rstrip(" \t")
            if "?" in uri:
                raise MessageError("Malformed address: URI headers need brackets")  # 20
            if ">" in uri:
                raise MessageError("Malformed address: no opening bracket")
        if not uri:
            raise MessageError("Malformed address: no URI")
        if ('"' in rest or "<" in rest) and not quotes_close(rest):
            raise MessageError("Malformed address: no closing quote or bracket")
        return NameAddr(display, uri, parse_params(rest) if rest else {})

    @property
    def tag(self) -> str:
        """The ``tag`` parameter, "" where there is none."""
        return self.params.get("tag") or ""

    @property
    def q(self) -> float | None:
        """The preference of a contact, from 0 to 1 (20.10); None where there is none. Raises MessageError (400)."""
        if "q" not in self.params:
            return None
        thousandths = parse_q(self.params["q"] or "")
        if thousandths < 0:
            raise MessageError("Malformed q")
        return thousandths / 1000

    @property
    def expires(self) -> int | None:
        """For how many seconds a contact is to be kept (20.10); None where it does not say. Raises MessageError (400)."""
        if "expires" not in self.params:
            return None
        seconds = parse_delta(self.params["expires"] or "")
        if seconds < 0:
            raise MessageError("Malformed expires parameter")
        return seconds

    def equivalent(self, other: "NameAddr") -> bool:
        """Whether two values of From, To (20.20, 20.39) or Contact (20.10) mean the same: equivalent URIs, same parameters.
        The display name does not count, nor does an extension parameter that only one of them has.

        Raises MessageError (400) where a URI is none.
        """
        if not self.parse_uri().equivalent(other.parse_uri()):
            return False
        mine, theirs = _folded(self.params), _folded(other.params)
        for name in mine.keys() | theirs.keys():
            if mine.get(name) != theirs.get(name) and (name in _OWN_PARAMS or (name in mine and name in theirs)):
                return False
        return True

    def parse_uri(self) -> Uri:
        """The URI, read. Raises MessageError (400)."""
        return Uri.parse(self.uri)

    def __str__(self) -> str:
        if self.uri == "*":
            return "*"
        display = self.display.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\\\0")
        return (f'"{display}" ' if display else "") + f"<{self.uri}>{print_params(self.params)}"

    def __repr__(self) -> str:
        return f"NameAddr({str(self)!r})"


def _end_of_quotes(text: str) -> int:
    match = _OPEN_QUOTED.match(text)
    end = match.end() if match is not None else 0
    if text[end : end + 1] != '"':
        raise MessageError("Malformed address: no closing quote")
    return end + 1


def parse_address(text: str) -> tuple[str, str]:
    """The URI and the tag ("" where there is none) of an unfolded From or To value. Raises MessageError (400)."""
    # The usual shapes; everything else takes the longer way.
    head, bracket, rest = text.partition(">")
    display, left, uri = head.rpartition("<")
    if left and uri and bracket:
        tag = rest[5:]
        if not rest or (tag.isalnum() and rest[:5] == ";tag="):
            if not display or (
                display[0] == '"'
                and display[-2:] == '" '
                and display.count('"') == 2
                and "<" not in display
                and "\\" not in display
            ):
                return uri, tag
    address = NameAddr.parse(text)
    tag = address.tag
    if not tag and "tag" in address.params:
        raise MessageError("Malformed address: empty tag")  # whoever answers could not tell whether it has to add one
    return address.uri, tag


def _folded(params: dict[str, str | None]) -> dict[str, str]:
    # 7.3.1: but for quoted strings, case does not matter. IPv6 addresses are compared as numbers (RFC 5954 4.2).
    return {
        name: "" if value is None else value if value[:1] == '"' else normal_host(value.lower().strip("[]"))
        for name, value in params.items()
    }


def _plain_display(text: str) -> str | None:
    # What a display name without escapes says; None where it takes a closer look.
    if "<" in text or "\\" in text:
        return None
    if '"' not in text:
        return None if ";" in text or "," in text else text.strip(" \t")
    text = text.rstrip(" \t")
    return text[1:-1] if text[0] == '"' and text.find('"', 1) == len(text) - 1 else None


def parse_cseq(text: str) -> tuple[int, str]:
    """Number (below 2**31) and method of an unfolded CSeq value. Raises MessageError (400)."""
    digits, _, method = text.partition(" ")
    number = parse_number(digits, 0x7FFF_FFFF)
    if number < 0 or (method not in METHODS and (not method.isalpha() or not method.isascii())):
        words = text.replace("\t", " ").strip(" ").split(" ", 1)
        number = parse_number(words[0], 0x7FFF_FFFF)
        method = words[1].strip(" ") if len(words) == 2 else ""
        if number < 0 or not is_token(method):
            raise MessageError("Malformed CSeq")
    return number, method
