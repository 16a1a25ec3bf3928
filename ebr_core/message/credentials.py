"""What a client sends to be known, and what it is told back: Authorization, Authentication-Info (RFC 7616 3.4, 3.5)."""

import hmac
from collections.abc import Mapping
from typing import Final, final

from ebr_core.message.authparams import (
    HEX,
    LENGTHS,
    NC,
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
from ebr_core.message.digest import ALGORITHMS, digest_response
from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import is_token, unescape

__all__ = ["AuthenticationInfo", "Credentials"]


@final
class Credentials:
    """A value of Authorization or Proxy-Authorization (RFC 7616 3.4). Immutable.

    ``username`` is the hash of the name where ``userhash`` says so. ``nc``: eight hexadecimal digits. ``qop``, ``nc`` and
    ``cnonce`` are None in the form of RFC 2069. ``params``: what else there is, values as they stand. Of another scheme than
    Digest only ``scheme`` and ``text``, what stands behind it, are known.
    """

    __slots__ = (
        *("algorithm", "cnonce", "nc", "nonce", "opaque", "params", "qop", "realm", "response", "scheme", "text", "uri"),
        *("userhash", "username"),
    )

    def __init__(
        self,
        username: str,
        realm: str,
        nonce: str,
        uri: str,
        response: str,
        algorithm: str = "MD5",
        *,
        cnonce: str | None = None,
        opaque: str | None = None,
        qop: str | None = None,
        nc: str | None = None,
        userhash: bool = False,
        params: Mapping[str, str] | None = None,
        scheme: str = "Digest",
        text: str = "",
    ) -> None:
        self.username: Final = username
        self.realm: Final = realm
        self.nonce: Final = nonce
        self.uri: Final = uri
        self.response: Final = response
        self.algorithm: Final = algorithm
        self.cnonce: Final = cnonce
        self.opaque: Final = opaque
        self.qop: Final = qop
        self.nc: Final = nc
        self.userhash: Final = userhash
        self.params: Final[dict[str, str]] = dict(params or {})
        self.scheme: Final = scheme
        self.text: Final = text

    @staticmethod
    def parse(text: str) -> "Credentials":
        """One value. Raises MessageError (400) for a Digest without username, realm, nonce, uri or response, with a qop and no
        nc or cnonce, with a parameter twice, or with an nc or a response that is none."""
        scheme, rest = split_scheme(text)
        if scheme.lower() != "digest":
            return Credentials("", "", "", "", "", "", scheme=scheme, text=rest)
        params = read_params(rest)
        algorithm = take_algorithm(params)
        hashed = (take(params, "userhash") or "").lower() == "true"
        qop = take(params, "qop")
        nc = take(params, "nc")
        cnonce = take(params, "cnonce")
        if qop is not None:
            qop = qop.lower()
            if not is_token(qop) or nc is None or cnonce is None:
                raise MessageError("Malformed qop, nc or cnonce parameter")
        if nc is not None and not NC.fullmatch(nc):
            raise MessageError("Malformed nc parameter")
        response = need(params, "response")
        length = LENGTHS.get(algorithm.removesuffix("-sess"), len(response))
        if not HEX.fullmatch(response) or len(response) != length:
            raise MessageError("Malformed response parameter")
        realm = take(params, "realm")
        if realm is None:
            raise MessageError("Missing realm parameter")
        return Credentials(
            _username(params, hashed),
            realm,
            need(params, "nonce"),
            need(params, "uri"),
            response.lower(),
            algorithm,
            cnonce=cnonce,
            opaque=take(params, "opaque"),
            qop=qop,
            nc=nc,
            userhash=hashed,
            params=params,
        )

    def check(self, ha1: str, method: str, body: bytes = b"") -> bool:
        """Whether the response is that of someone who knows the password, for a request with that method and body.

        ``ha1``: what ``ha1()`` gives for the user and this algorithm without -sess; False too for an algorithm or qop that is not
        known. The comparison takes the same time wherever the texts differ. That ``uri``, ``nonce`` and ``nc`` are
        the right ones is for the caller to check.
        """
        if self.algorithm not in ALGORITHMS or self.qop not in (None, "auth", "auth-int"):
            return False
        expected = digest_response(
            self.algorithm,
            ha1,
            self.nonce,
            method,
            self.uri,
            qop=self.qop,
            nc=self.nc or "",
            cnonce=self.cnonce or "",
            body=body,
        )
        return hmac.compare_digest(expected, self.response)

    def rspauth(self, ha1: str, body: bytes = b"") -> str:
        """What a server that knows the password puts into Authentication-Info (RFC 7616 3.5); ``body`` is the response's.

        Raises LocalProtocolError for an algorithm that this interpreter cannot compute.
        """
        return digest_response(
            self.algorithm, ha1, self.nonce, "", self.uri, qop=self.qop, nc=self.nc or "", cnonce=self.cnonce or "", body=body
        )

    def __str__(self) -> str:
        if self.scheme.lower() != "digest":
            return print_other_scheme(self.scheme, self.text)
        # Never username*: a quoted string of SIP may have any UTF-8 (RFC 3261 25.1), and servers of RFC 3261 ask for username.
        parts = [
            f"username={quote(self.username)}",
            f"realm={quote(self.realm)}",
            f"nonce={quote(self.nonce)}",
            f"uri={quote(self.uri)}",
        ]
        parts += [f"response={quote(self.response)}", f"algorithm={token(self.algorithm, 'algorithm')}"]
        if self.cnonce is not None:
            parts.append(f"cnonce={quote(self.cnonce)}")
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.qop is not None:
            parts.append(f"qop={token(self.qop, 'qop')}")
        if self.nc is not None:
            parts.append(f"nc={token(self.nc, 'nc')}")
        if self.userhash:
            parts.append("userhash=true")
        return "Digest " + ", ".join(parts + print_others(self.params))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credentials) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, {self.realm!r}, {self.algorithm!r})"  # what answers for a password stays out


def _username(params: dict[str, str], hashed: bool) -> str:
    plain = take(params, "username")
    extended = take(params, "username*")
    if extended is None:
        if plain is None:
            raise MessageError("Missing username parameter")
        return plain
    charset, _, rest = extended.partition("'")
    _, quote, escaped = rest.partition("'")
    if plain is not None or hashed or not quote or charset.upper() != "UTF-8":
        raise MessageError("Malformed username parameter")  # RFC 7616 3.4, RFC 5987 3.2
    username = unescape(escaped)
    if "\r" in username or "\n" in username or "\0" in username:
        raise MessageError("Malformed username parameter")  # it would break out of the next line that it is printed in
    return username


@final
class AuthenticationInfo:
    """The Authentication-Info or Proxy-Authentication-Info of a response (RFC 7616 3.5). Immutable."""

    __slots__ = ("cnonce", "nc", "nextnonce", "params", "qop", "rspauth")

    def __init__(
        self,
        nextnonce: str | None = None,
        qop: str | None = None,
        rspauth: str | None = None,
        cnonce: str | None = None,
        nc: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        self.nextnonce: Final = nextnonce
        self.qop: Final = qop
        self.rspauth: Final = rspauth
        self.cnonce: Final = cnonce
        self.nc: Final = nc
        self.params: Final[dict[str, str]] = dict(params or {})

    @staticmethod
    def parse(text: str) -> "AuthenticationInfo":
        """Raises MessageError (400) for a parameter twice, an nc or an rspauth that is none."""
        params = read_params(text)
        nc = take(params, "nc")
        rspauth = take(params, "rspauth")
        qop = take(params, "qop")
        if nc is not None and not NC.fullmatch(nc):
            raise MessageError("Malformed nc parameter")
        if rspauth is not None and not HEX.fullmatch(rspauth):
            raise MessageError("Malformed rspauth parameter")
        if qop is not None and not is_token(qop):
            raise MessageError("Malformed qop parameter")
        return AuthenticationInfo(
            take(params, "nextnonce"),
            None if qop is None else qop.lower(),
            None if rspauth is None else rspauth.lower(),
            take(params, "cnonce"),
            nc,
            params,
        )

    def check(self, credentials: Credentials, ha1: str, body: bytes = b"") -> bool:
        """Whether the server, too, knows the password: ``credentials`` are what it was sent, ``body`` the response's.

        The qop is the server's choice, for this direction; without one it is that of the credentials.
        """
        qop = self.qop or credentials.qop
        if self.rspauth is None or credentials.algorithm not in ALGORITHMS or qop not in (None, "auth", "auth-int"):
            return False
        if (self.cnonce or credentials.cnonce) != credentials.cnonce or (self.nc or credentials.nc) != credentials.nc:
            return False
        expected = digest_response(
            credentials.algorithm,
            ha1,
            credentials.nonce,
            "",
            credentials.uri,
            qop=qop,
            nc=credentials.nc or "",
            cnonce=credentials.cnonce or "",
            body=body,
        )
        return hmac.compare_digest(expected, self.rspauth)

    def __str__(self) -> str:
        parts: list[str] = []
        if self.nextnonce is not None:
            parts.append(f"nextnonce={quote(self.nextnonce)}")
        if self.qop is not None:
            parts.append(f"qop={token(self.qop, 'qop')}")
        if self.rspauth is not None:
            parts.append(f"rspauth={quote(self.rspauth)}")
        if self.cnonce is not None:
            parts.append(f"cnonce={quote(self.cnonce)}")
        if self.nc is not None:
            parts.append(f"nc={token(self.nc, 'nc')}")
        return ", ".join(parts + print_others(self.params))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AuthenticationInfo) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"AuthenticationInfo({str(self)!r})"
