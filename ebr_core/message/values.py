"""What header fields say, beyond text, numbers, URIs and addresses (RFC 3261 20 and its extensions). All immutable."""

from typing import Final, final

from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import (
    is_quoted,
    is_token,
    parse_delta,
    parse_number,
    parse_params,
    parse_q,
    print_params,
    quotes_close,
    unquote,
)

__all__ = [
    "EventPackage",
    "Identity",
    "MediaType",
    "ParamValue",
    "RAck",
    "Reason",
    "Replaces",
    "SessionExpires",
    "SubscriptionState",
    "Value",
    "WarningValue",
    "number_of",
    "seconds_of",
    "split_value",
]

_MAX: Final = 0xFFFF_FFFF


class Value:
    """What the values share: ``str()`` prints them, and those that print the same are equal."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


def split_value(text: str, what: str) -> tuple[str, dict[str, str | None]]:
    """What stands in front of the parameters, and these."""
    value, _, rest = text.partition(";")
    if ('"' in rest or "<" in rest) and not quotes_close(rest):
        raise MessageError(f"Malformed {what}: no closing quote or bracket")
    params = parse_params(rest)
    for name in params:
        if not is_token(name):
            raise MessageError(f"Malformed {what}: {name[:20]!r} is no parameter")
    return value.strip(" \t"), params


def _token(text: str, what: str) -> str:
    if not is_token(text):
        raise MessageError(f"Malformed {what}")
    return text


def number_of(text: str | None, limit: int, what: str) -> int:
    number = parse_number(text or "", limit)
    if number < 0:
        raise MessageError(f"Malformed {what}")
    return number


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\\\0")
    return f'"{escaped}"'


@final
class ParamValue(Value):
    """A token, or ``*``, with parameters: Accept-Encoding, Content-Disposition, Feature-Caps, Security-Client ...

    The keys of ``params`` are in lower case, the values as they stand, None for a bare name.
    """

    __slots__ = ("params", "value")

    def __init__(self, value: str, params: dict[str, str | None] | None = None) -> None:
        self.value: Final = value
        self.params: Final[dict[str, str | None]] = {} if params is None else params

    @staticmethod
    def parse(text: str) -> "ParamValue":
        """Raises MessageError (400)."""
        value, params = split_value(text, "value")
        return ParamValue(_token(value, "value"), params)

    @property
    def q(self) -> float:
        """The preference from 0 to 1, 1 where none is named (RFC 3261 20.1). Raises MessageError (400)."""
        return _preference(self.params)

    def feature(self, name: str) -> str | None:
        """What a feature tag or capability says in its quotes, which RFC 3840 9 and RFC 6809 6.3 demand; None without them."""
        text = self.params.get(name.lower()) or ""
        return unquote(text) if len(text) > 2 and is_quoted(text) else None

    def __str__(self) -> str:
        return self.value + print_params(self.params)


def _preference(params: dict[str, str | None]) -> float:
    if "q" not in params:
        return 1.0
    thousandths = parse_q(params["q"] or "")
    if thousandths < 0:
        raise MessageError("Malformed q")
    return thousandths / 1000


@final
class MediaType(Value):
    """``type/subtype;params`` of Content-Type (20.15) and Accept (20.1), where each may be ``*``. Both in lower case."""

    __slots__ = ("params", "subtype", "type")

    def __init__(self, type: str, subtype: str, params: dict[str, str | None] | None = None) -> None:
        self.type: Final = type
        self.subtype: Final = subtype
        self.params: Final[dict[str, str | None]] = {} if params is None else params

    @staticmethod
    def parse(text: str) -> "MediaType":
        """Raises MessageError (400)."""
        value, params = split_value(text, "media type")
        kind, slash, subtype = value.partition("/")
        if not slash:
            raise MessageError("Malformed media type")
        kind, subtype = _token(kind.rstrip(" \t"), "media type"), _token(subtype.lstrip(" \t"), "media type")
        return MediaType(kind.lower(), subtype.lower(), params)

    @property
    def full(self) -> str:
        """``type/subtype``."""
        return f"{self.type}/{self.subtype}"

    @property
    def q(self) -> float:
        """As of ``ParamValue``."""
        return _preference(self.params)

    def __str__(self) -> str:
        return self.full + print_params(self.params)


@final
class EventPackage(Value):
    """An event package, its templates behind dots, and the id of a subscription (RFC 6665 8.2.1)."""

    __slots__ = ("package", "params")

    def __init__(self, package: str, params: dict[str, str | None] | None = None) -> None:
        self.package: Final = package
        self.params: Final[dict[str, str | None]] = {} if params is None else params

    @staticmethod
    def parse(text: str) -> "EventPackage":
        """Raises MessageError (400)."""
        package, params = split_value(text, "Event")
        return EventPackage(_token(package, "Event"), params)

    @property
    def id(self) -> str | None:
        """The ``id`` parameter."""
        return self.params.get("id")

    def matches(self, other: "EventPackage") -> bool:
        """Whether a NOTIFY with one belongs to a SUBSCRIBE with the other: both compared byte by byte, other parameters not."""
        return self.package == other.package and self.id == other.id

    def __str__(self) -> str:
        return self.package + print_params(self.params)


@final
class SubscriptionState(Value):
    """``state`` in lower case: active, pending, terminated or another; seconds or None (RFC 6665 4.1.3, 8.2.3)."""

    __slots__ = ("expires", "params", "reason", "retry_after", "state")

    def __init__(self, state: str, params: dict[str, str | None] | None = None) -> None:
        self.state: Final = state
        self.params: Final[dict[str, str | None]] = {} if params is None else params
        self.reason: Final = self.params.get("reason")
        self.expires: Final = seconds_of(self.params, "expires")
        self.retry_after: Final = seconds_of(self.params, "retry-after")

    @staticmethod
    def parse(text: str) -> "SubscriptionState":
        """Raises MessageError (400)."""
        state, params = split_value(text, "Subscription-State")
        return SubscriptionState(_token(state, "Subscription-State").lower(), params)

    def __str__(self) -> str:
        return self.state + print_params(self.params)


def seconds_of(params: dict[str, str | None], name: str) -> int | None:
    if name not in params:
        return None
    seconds = parse_delta(params[name] or "")
    if seconds < 0:
        raise MessageError(f"Malformed {name} parameter")
    return seconds


@final
class Reason(Value):
    """Why a request is sent (RFC 3326): ``SIP;cause=200;text="Call completed elsewhere"``. ``text`` without quotes."""

    __slots__ = ("cause", "params", "protocol", "text")

    def __init__(self, protocol: str, params: dict[str, str | None] | None = None) -> None:
        self.protocol: Final = protocol
        self.params: Final[dict[str, str | None]] = {} if params is None else params
        cause = self.params.get("cause")
        self.cause: Final = None if cause is None else number_of(unquote(cause), _MAX, "cause")
        text = self.params.get("text")
        self.text: Final = None if text is None else unquote(text)

    @staticmethod
    def parse(text: str) -> "Reason":
        """Raises MessageError (400)."""
        protocol, params = split_value(text, "Reason")
        return Reason(_token(protocol, "Reason"), params)

    @staticmethod
    def build(cause: int, text: str | None = None, protocol: str = "SIP") -> "Reason":
        """One of our own."""
        params: dict[str, str | None] = {"cause": str(cause)}
        if text is not None:
            params["text"] = _quoted(text)
        return Reason(protocol, params)

    def __str__(self) -> str:
        return self.protocol + print_params(self.params)


@final
class SessionExpires(Value):
    """The interval of a session timer in seconds, and who refreshes: "uac", "uas" or None (RFC 4028 4). Also Min-SE."""

    __slots__ = ("params", "refresher", "seconds")

    def __init__(self, seconds: int, params: dict[str, str | None] | None = None) -> None:
        self.seconds: Final = seconds
        self.params: Final[dict[str, str | None]] = {} if params is None else params
        refresher = self.params.get("refresher")
        self.refresher: Final = None if refresher is None else refresher.lower()

    @staticmethod
    def parse(text: str) -> "SessionExpires":
        """Raises MessageError (400)."""
        value, params = split_value(text, "session interval")
        seconds = parse_delta(value)
        refresher = params.get("refresher", "uac") or ""
        if seconds < 0 or refresher.lower() not in ("uac", "uas"):
            raise MessageError("Malformed session interval")
        return SessionExpires(seconds, params)

    def __str__(self) -> str:
        return str(self.seconds) + print_params(self.params)


@final
class Replaces(Value):
    """The dialog that a new one takes the place of (RFC 3891 6.1), or joins (Join, RFC 3911 7.1)."""

    __slots__ = ("call_id", "early_only", "from_tag", "params", "to_tag")

    def __init__(self, call_id: str, params: dict[str, str | None]) -> None:
        self.call_id: Final = call_id
        self.params: Final[dict[str, str | None]] = params
        self.to_tag: Final = params.get("to-tag") or ""
        self.from_tag: Final = params.get("from-tag") or ""
        self.early_only: Final = "early-only" in params

    @staticmethod
    def parse(text: str) -> "Replaces":
        """Raises MessageError (400) for a value without both tags, too."""
        call_id, params = split_value(text, "dialog")
        if not call_id or " " in call_id or "\t" in call_id or not params.get("to-tag") or not params.get("from-tag"):
            raise MessageError("Malformed dialog")
        return Replaces(call_id, params)

    def __str__(self) -> str:
        return self.call_id + print_params(self.params)


@final
class RAck(Value):
    """Which provisional response a PRACK is for (RFC 3262 7.2)."""

    __slots__ = ("cseq", "method", "rseq")

    def __init__(self, rseq: int, cseq: int, method: str) -> None:
        self.rseq: Final = rseq
        self.cseq: Final = cseq
        self.method: Final = method

    @staticmethod
    def parse(text: str) -> "RAck":
        """Raises MessageError (400)."""
        words = text.replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if len(words) != 3:
            raise MessageError("Malformed RAck")
        return RAck(number_of(words[0], _MAX, "RAck"), number_of(words[1], 0x7FFF_FFFF, "RAck"), _token(words[2], "RAck"))

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


@final
class WarningValue(Value):
    """Why a response is as it is: a code of three digits, who says so, and a text without quotes (20.43)."""

    __slots__ = ("agent", "code", "text")

    def __init__(self, code: int, agent: str, text: str) -> None:
        self.code: Final = code
        self.agent: Final = agent
        self.text: Final = text

    @staticmethod
    def parse(text: str) -> "WarningValue":
        """Raises MessageError (400)."""
        front, _, rest = text.partition('"')
        words = [word for word in front.replace("\t", " ").split(" ") if word]
        quoted = '"' + rest.rstrip(" \t")
        if len(words) != 2 or len(words[0]) != 3 or front[-1] not in " \t" or not is_quoted(quoted):
            raise MessageError("Malformed Warning")
        return WarningValue(number_of(words[0], 999, "Warning"), words[1], unquote(quoted))

    def __str__(self) -> str:
        return f"{self.code:03} {self.agent} {_quoted(self.text)}"


@final
class Identity(Value):
    """Who vouches for the sender: a signed token with ``info`` (a URI), ``alg`` and ``ppt`` (RFC 8224 4), or the quoted signature
    of RFC 4474, whose other half is Identity-Info."""

    __slots__ = ("algorithm", "digest", "info", "params", "ppt")

    def __init__(self, digest: str, params: dict[str, str | None] | None = None) -> None:
        self.digest: Final = digest
        self.params: Final[dict[str, str | None]] = {} if params is None else params
        info = self.params.get("info")
        self.info: Final = None if info is None else info.strip("<>")
        algorithm, ppt = self.params.get("alg"), self.params.get("ppt")
        self.algorithm: Final = None if algorithm is None else unquote(algorithm)
        self.ppt: Final = None if ppt is None else unquote(ppt)

    @staticmethod
    def parse(text: str) -> "Identity":
        """Raises MessageError (400)."""
        digest, params = split_value(text, "Identity")
        if digest[:1] == '"':
            digest = unquote(digest)
        # Base64 and dots: a signature, or a header, a claim (perhaps left out) and a signature.
        plain = digest.replace(".", "").replace("=", "").replace("+", "").replace("/", "").replace("-", "").replace("_", "")
        if not plain.isalnum() or not plain.isascii():
            raise MessageError("Malformed Identity")
        return Identity(digest, params)

    def __str__(self) -> str:
        return (self.digest if self.params else f'"{self.digest}"') + print_params(self.params)
