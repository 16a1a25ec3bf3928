"""The arithmetic of digest authentication (RFC 7616, RFC 8760, RFC 3261 22).

No policy and no nonces: who may do what, and how long a nonce lives, is the registrar's and the proxy's.
"""

import hashlib
from typing import Final

from ebr_core.errors import LocalProtocolError
from ebr_core.message.grammar import encode_text

__all__ = ["ALGORITHMS", "digest_response", "ha1", "userhash"]

_HASHES: Final = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}


def _available() -> tuple[str, ...]:
    # SHA-512/256 comes from OpenSSL and may be missing; so may MD5, where a policy forbids it.
    found: list[str] = []
    for algorithm, name in _HASHES.items():
        try:
            hashlib.new(name, usedforsecurity=False)
        except ValueError:
            continue
        found += [algorithm, f"{algorithm}-sess"]
    return tuple(found)


ALGORITHMS: Final[tuple[str, ...]] = _available()
"""What this interpreter can compute, the strongest first: the names of RFC 7616 6.1, each with its -sess form."""


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """H(A1) of RFC 7616 3.4.2 without -sess, in hexadecimal: what a store may keep instead of the password.

    Raises LocalProtocolError for an algorithm that this interpreter cannot compute.
    """
    return _hash(algorithm, _bytes(username, realm, password))


def userhash(algorithm: str, username: str, realm: str) -> str:
    """What stands for a user name that is to stay unseen (RFC 7616 3.4.4). Raises LocalProtocolError, as ``ha1`` does."""
    return _hash(algorithm, _bytes(username, realm))


def digest_response(
    algorithm: str,
    ha1: str,
    nonce: str,
    method: str,
    uri: str,
    *,
    qop: str | None = None,
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """The response of RFC 7616 3.4.1, in hexadecimal; without a qop that of RFC 2069. ``body`` counts for auth-int only.

    Raises LocalProtocolError, as ``ha1`` does.
    """
    if algorithm.endswith("-sess"):
        ha1 = _hash(algorithm, _bytes(ha1, nonce, cnonce))
    if qop == "auth-int":
        ha2 = _hash(algorithm, _bytes(method, uri, _hash(algorithm, body)))
    else:
        ha2 = _hash(algorithm, _bytes(method, uri))
    if qop is None:
        return _hash(algorithm, _bytes(ha1, nonce, ha2))
    return _hash(algorithm, _bytes(ha1, nonce, nc, cnonce, qop, ha2))


def _bytes(*parts: str) -> bytes:
    try:
        return encode_text(":".join(parts))
    except UnicodeEncodeError:
        raise LocalProtocolError("a user name, realm or password cannot be encoded as UTF-8") from None


def _hash(algorithm: str, data: bytes) -> str:
    if algorithm not in ALGORITHMS:
        raise LocalProtocolError(f"cannot compute {algorithm!r}; there are: {', '.join(ALGORITHMS)}")
    return hashlib.new(_HASHES[algorithm.removesuffix("-sess")], data, usedforsecurity=False).hexdigest()
