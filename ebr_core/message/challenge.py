"""What a server asks for: WWW-Authenticate and Proxy-Authenticate (RFC 7616 3.3, RFC 8760)."""

from collections.abc import Mapping, Sequence
from typing import Final, final

from ebr_core.errors import LocalProtocolError
from ebr_core.message.authparams import (
    need,
    print_other_scheme,
    print_others,
    quote,
    read_params,
    split_scheme,
    take,
    take_algorithm,
    token,
)
from ebr_core.message.credentials import Credentials
from ebr_core.message.digest import ALGORITHMS, digest_response, ha1, userhash
from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import is_token

__all__ = ["Challenge", "best_challenge"]


@final
class Challenge:
    """A value of WWW-Authenticate or Proxy-Authenticate (RFC 7616 3.3). Immutable.

    ``qop``: in lower case, unknown ones too; empty for a challenge of RFC 2069. ``algorithm``: as in ``ALGORITHMS`` where it is
    one of them. ``params``: what else there is, values as they stand. Of another scheme than Digest only ``scheme`` and
    ``text``, what stands behind it, are known.
    """

    __slots__ = (
        *("algorithm", "charset", "domain", "nonce", "opaque", "params"),
        *("qop", "realm", "scheme", "stale", "text", "userhash"),
    )

    def __init__(
        self,
        realm: str,
        nonce: str,
        algorithm: str = "MD5",
        qop: Sequence[str] = (),
        *,
        opaque: str | None = None,
        stale: bool = False,
        domain: str | None = None,
        userhash: bool = False,
        charset: str | None = None,
        params: Mapping[str, str] | None = None,
        scheme: str = "Digest",
        text: str = "",
    ) -> None:
        self.realm: Final = realm
        self.nonce: Final = nonce
        self.algorithm: Final = algorithm
        self.qop: Final = tuple(qop)
        self.opaque: Final = opaque
        self.stale: Final = stale
        self.domain: Final = domain
        self.userhash: Final = userhash
        self.charset: Final = charset
        self.params: Final[dict[str, str]] = dict(params or {})
        self.scheme: Final = scheme
        self.text: Final = text

    @staticmethod
    def parse(text: str) -> "Challenge":
        """One challenge. Raises MessageError (400) for a Digest without realm or nonce, or with a parameter twice."""
        scheme, rest = split_scheme(text)
        if scheme.lower() != "digest":
            return Challenge("", "", "", scheme=scheme, text=rest)
        params = read_params(rest)
        realm = take(params, "realm")
        if realm is None:
            raise MessageError("Missing realm parameter")
        qop = take(params, "qop")
        words = [] if qop is None else [word.strip(" \t").lower() for word in qop.split(",")]
        if not all(is_token(word) for word in words if word):
            raise MessageError("Malformed qop parameter")
        return Challenge(
            realm,
            need(params, "nonce"),
            take_algorithm(params),
            [word for word in words if word],
            opaque=take(params, "opaque"),
            stale=(take(params, "stale") or "").lower() == "true",
            domain=take(params, "domain"),
            userhash=(take(params, "userhash") or "").lower() == "true",
            charset=take(params, "charset"),
            params=params,
        )

    def answer(
        self, username: str, password: str, method: str, uri: str, *, cnonce: str, nc: int = 1, body: bytes = b""
    ) -> "Credentials":
        """The credentials that a client sends (RFC 7616 3.4): for ``auth`` where it is offered, else for ``auth-int``.

        ``cnonce``: unpredictable text; ``nc``: how often this nonce was used, this time included. Raises LocalProtocolError
        where this interpreter cannot compute the algorithm, none of the qop values is known, or ``nc`` has no eight digits.
        """
        if self.scheme.lower() != "digest" or self.algorithm not in ALGORITHMS:
            raise LocalProtocolError(f"cannot answer {self.scheme} {self.algorithm}; there are: {', '.join(ALGORITHMS)}")
        qop = "auth" if "auth" in self.qop else "auth-int" if "auth-int" in self.qop else None
        if self.qop and qop is None:
            raise LocalProtocolError(f"cannot answer any qop of {', '.join(self.qop)}; there are auth and auth-int")
        if not 1 <= nc <= 0xFFFF_FFFF:
            raise LocalProtocolError(f"nc is from 1 to 2**32 - 1, not {nc}")
        key = ha1(self.algorithm, username, self.realm, password)
        count = f"{nc:08x}"
        session = self.algorithm.endswith("-sess")
        response = digest_response(self.algorithm, key, self.nonce, method, uri, qop=qop, nc=count, cnonce=cnonce, body=body)
        return Credentials(
            userhash(self.algorithm, username, self.realm) if self.userhash else username,
            self.realm,
            self.nonce,
            uri,
            response,
            self.algorithm,
            cnonce=cnonce if qop or session else None,
            opaque=self.opaque,
            qop=qop,
            nc=count if qop else None,
            userhash=self.userhash,
        )

    def __str__(self) -> str:
        if self.scheme.lower() != "digest":
            return print_other_scheme(self.scheme, self.text)
        parts = [f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}", f"algorithm={token(self.algorithm, 'algorithm')}"]
        if self.qop:
            parts.append(f'qop="{",".join([token(word, "qop") for word in self.qop])}"')
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.domain is not None:
            parts.append(f"domain={quote(self.domain)}")
        if self.stale:
            parts.append("stale=true")
        if self.charset is not None:
            parts.append(f"charset={self.charset if is_token(self.charset) else quote(self.charset)}")
        if self.userhash:
            parts.append("userhash=true")
        return "Digest " + ", ".join(parts + print_others(self.params))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Challenge) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"Challenge({str(self)!r})"


def best_challenge(challenges: Sequence[Challenge]) -> Challenge | None:
    """The first that can be answered, None where none can: a server lists them by its preference (RFC 8760 2.4).

    All of them for one realm; where a forked request brings back several (RFC 3261 22.3), each realm has its own answer.
    """
    for challenge in challenges:
        if challenge.scheme.lower() == "digest" and challenge.algorithm in ALGORITHMS:
            if not challenge.qop or "auth" in challenge.qop or "auth-int" in challenge.qop:
                return challenge
    return None
