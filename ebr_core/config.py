"""Every setting of the engine, with its unit, default and source. ``ebr run --set name=value`` reaches each of them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from ebr_core.errors import ConfigError

__all__ = ["Config"]

_LONGEST: Final = 1e10  # seconds; about 300 years, and still exact in milliseconds

# What the fields that may be None hold else. Their annotations cannot be asked: compiled, they only say object.
_OPTIONAL: Final[dict[str, str]] = {"secret": "bytes", "fr_timeout": "float", "fr_inv_timeout": "float", "wt_timer": "float"}

_AT_LEAST_ONE: Final = (
    *("max_forwards", "max_branches", "max_message_size", "max_headers", "max_line_length", "max_params"),
    *("max_multipart_depth", "max_body_parts", "max_generations", "max_ready"),
)


@dataclass
class Config:
    """The engine's settings; seconds unless said otherwise. Raises ConfigError for a value that cannot work.

    Defaults are RFC 3261's. ``Config.from_settings`` reads text, as a command line has it.
    """

    # Who we are.
    domains: tuple[str, ...] = ()  # own domains, besides the bound and advertised addresses
    secret: bytes | None = None  # keys the tokens in Record-Route; None: drawn at the start
    server: str = "ebr"  # the Server header field of our own responses; empty: none

    # Transactions: RFC 3261 17, Table 4.
    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    timer_d: float = 32.0
    fr_timeout: float | None = None  # until the first response of a branch; None: timers B and F, 64*T1
    fr_inv_timeout: float | None = None  # from the first provisional response on; None: Timer C
    timer_c: float = 180.5  # 16.6 step 11: more than three minutes
    wt_timer: float | None = None  # how long a finished transaction absorbs retransmissions; None: the RFC's D, H, J, L
    trying_after: float = 0.2  # when a request without new_transaction() gets its 100 (17.2.1)

    # Proxy: RFC 3261 16.
    max_forwards: int = 70
    max_branches: int = 32  # of one call, over its life
    record_route: bool = True
    early_6xx: bool = False  # forward a 6xx at once, as OpenSIPS does, instead of after all branches (16.7 step 5)
    held_call_refresh: float = 60.0  # a held INVITE gets a 182 this often, against the upstream Timer C; 0: never
    max_suspension: float = 3600.0  # of a handler of a request, all its waits together; then TimeoutError

    # Registrar: RFC 3261 10.3.
    default_expires: int = 3600
    min_expires: int = 60
    max_expires: int = 0  # 0: no upper limit
    max_contacts: int = 100  # of one address of record; 0: no limit
    raise_short_expires: bool = False  # lift what is below min_expires, as OpenSIPS does, instead of 423
    invalid_cseq_status: int = 500  # the answer to an out-of-order REGISTER (10.3 step 7); OpenSIPS says 400
    cseq_delay: float = 20.0  # how long an equal CSeq counts as a retransmission
    use_domain: bool = True  # addresses of record with their domain

    # Bounds.
    max_message_size: int = 65_535  # bytes
    max_headers: int = 256  # header fields in one message
    max_line_length: int = 8192  # characters of the start line, or of one header field with its folding
    max_params: int = 500  # parameters of one URI or of one value of a header field, together
    max_multipart_depth: int = 4  # multipart bodies in multipart bodies
    max_body_parts: int = 100  # of one multipart body, those inside its parts too
    message_timeout: float = 32.0  # from the first byte of a message on a stream to its last
    max_generations: int = 100  # events raised by handlers of events raised by handlers ...
    max_ready: int = 1_000_000  # entries of waiting work; beyond it new requests get 503

    def __post_init__(self) -> None:
        for name in ("t1", "t2", "t4", "timer_d", "timer_c", "trying_after", "max_suspension", "message_timeout"):
            if not 0 < getattr(self, name) <= _LONGEST:
                raise ConfigError(f"{name} must be more than 0 and at most {_LONGEST:.0f} s, not {getattr(self, name)}")
        for name in ("fr_timeout", "fr_inv_timeout", "wt_timer"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= _LONGEST:
                raise ConfigError(f"{name} must be more than 0 and at most {_LONGEST:.0f} s, not {value}")
        for name in ("held_call_refresh", "cseq_delay", "default_expires", "min_expires", "max_expires", "max_contacts"):
            if not 0 <= getattr(self, name) <= _LONGEST:
                raise ConfigError(f"{name} cannot be negative, nor above {_LONGEST:.0f}: {getattr(self, name)}")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.max_forwards > 255:  # 20.22
            raise ConfigError(f"max_forwards must be at most 255, not {self.max_forwards}")
        if self.t2 < self.t1:
            raise ConfigError(f"t2 ({self.t2}) must not be below t1 ({self.t1})")
        if not 400 <= self.invalid_cseq_status <= 699:
            raise ConfigError(f"invalid_cseq_status must be from 400 to 699, not {self.invalid_cseq_status}")
        if not self.server.isprintable():
            raise ConfigError(f"server goes into a header field and must be printable, not {self.server!r}")
        self.domains = tuple(domain.lower() for domain in self.domains)

    @staticmethod
    def from_settings(settings: Mapping[str, str]) -> "Config":
        """A Config from texts such as ``{"fr_inv_timeout": "5", "early_6xx": "yes", "domains": "a.org,b.org"}``.

        ``none`` stands for None where a field may be None. Raises ConfigError for an unknown name or an unreadable value.
        """
        default = Config()
        known = [field.name for field in fields(Config)]
        values: dict[str, object] = {}
        for name, text in settings.items():
            if name not in known:
                raise ConfigError(f"unknown setting {name!r}; there are: {', '.join(known)}")
            kind = _OPTIONAL.get(name) or type(getattr(default, name)).__name__
            values[name] = None if name in _OPTIONAL and text.lower() == "none" else _read(name, text, kind)
        return Config(**values)  # type: ignore[arg-type]  # each value was just read as its field's type


def _read(name: str, text: str, kind: str) -> object:
    try:
        if kind == "tuple":
            return tuple(part.strip() for part in text.split(",") if part.strip())
        if kind == "bool":
            return {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}[
                text.lower()
            ]
        if kind == "float":
            value = float(text)
            if value != value or value in (float("inf"), float("-inf")):
                raise ValueError
            return value
        if kind == "int":
            return int(text)
        if kind == "bytes":
            return text.encode()
    except (ValueError, KeyError):
        what = "yes or no" if kind == "bool" else "a whole number" if kind == "int" else "a number"
        raise ConfigError(f"{name} takes {what}, not {text!r}") from None
    return text
