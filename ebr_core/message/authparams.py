"""The parameters of the authentication header fields: reading them, quoting them (RFC 7616 3.3 to 3.5, RFC 3261 25.1)."""

import re
from collections.abc import Mapping
from typing import Final

from ebr_core.errors import LocalProtocolError
from ebr_core.message.errors import MessageError
from ebr_core.message.grammar import check_text, is_token, unfold, unquote

__all__ = [
    "HEX",
    "LENGTHS",
    "NC",
    "need",
    "print_other_scheme",
    "print_others",
    "quote",
    "read_params",
    "split_scheme",
    "take",
    "take_algorithm",
    "token",
]

LENGTHS: Final = {"SHA-512-256": 64, "SHA-256": 64, "MD5": 32}  # of a response, in hexadecimal digits
_SPELLINGS: Final = {f"{name}{form}".upper(): f"{name}{form}" for name in LENGTHS for form in ("", "-sess")}

# A parameter and the comma behind it. The quoted string cannot match in two ways, so nothing is looked at twice.
_PARAM: Final = re.compile(
    r"""[ \t]*([A-Za-z0-9\-.!%*_+`'~]+)[ \t]*=[ \t]*("[^"\\]*+(?:\\.[^"\\]*+)*+"|[^",\s]*)[ \t]*(,|$)""", re.DOTALL
)
_VALUE: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^",\s]*', re.DOTALL)
_COMMAS: Final = re.compile(r"[ \t,]*")
_BLANK: Final = re.compile(r"[ \t]")
NC: Final = re.compile(r"[0-9A-Fa-f]{8}")
HEX: Final = re.compile(r"[0-9A-Fa-f]+")


def read_params(text: str) -> dict[str, str]:
    """Names in lower case, values as they stand. A name that comes twice is refused: who reads the other one is deceived."""
    text = _one_line(text)
    params: dict[str, str] = {}
    at = _skip_commas(text, 0)
    while at < len(text):
        match = _PARAM.match(text, at)
        if match is None:
            raise MessageError("Malformed authentication parameter")
        name = match.group(1).lower()
        if name in params:
            raise MessageError(f"More than one {name} parameter")
        params[name] = match.group(2)
        at = _skip_commas(text, match.end())
    return params


def _one_line(text: str) -> str:
    # What passes here can be printed again: the same rule as check_text has.
    text = unfold(text)
    if "\n" in text or "\r" in text or ("\0" in text and "\0" in text.replace("\\\0", "")):
        raise MessageError("Malformed authentication parameter")
    return text


def _skip_commas(text: str, at: int) -> int:
    match = _COMMAS.match(text, at)
    return at if match is None else match.end()


def split_scheme(text: str) -> tuple[str, str]:
    """The scheme, and what stands behind it."""
    text = _one_line(text)
    match = _BLANK.search(text)
    scheme = text if match is None else text[: match.start()]
    if not is_token(scheme):
        raise MessageError("Malformed authentication scheme")
    return scheme, text[len(scheme) :].strip(" \t")


def take(params: dict[str, str], name: str) -> str | None:
    """Takes out a parameter, without its quotes; None where there is none."""
    value = params.pop(name, None)
    return None if value is None else unquote(value)


def need(params: dict[str, str], name: str) -> str:
    """As ``take``; raises MessageError where it is missing or empty."""
    value = take(params, name)
    if not value:
        raise MessageError(f"Missing {name} parameter")
    return value


def take_algorithm(params: dict[str, str]) -> str:
    """The algorithm as in ``ALGORITHMS`` where it is one of them; MD5 where none is named (RFC 7616 3.3)."""
    name = take(params, "algorithm")
    if name is None:
        return "MD5"
    if not is_token(name):
        raise MessageError("Malformed algorithm parameter")
    return _SPELLINGS.get(name.upper(), name)


def quote(text: str) -> str:
    """The text as a quoted string. Raises LocalProtocolError for CR and LF."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\\\0")
    check_text(escaped, "authentication parameter")
    return f'"{escaped}"'


def token(text: str, what: str) -> str:
    """The text, which is to be printed without quotes. Raises LocalProtocolError where it is no token."""
    if not is_token(text):
        raise LocalProtocolError(f"{what} must be a token: {text!r}")
    return text


def print_others(params: Mapping[str, str]) -> list[str]:
    """Parameters as they are to be printed. Raises LocalProtocolError for what would break out of them."""
    for name, value in params.items():
        if not is_token(name):
            raise LocalProtocolError(f"{name!r} is not the name of a parameter")
        check_text(value, name)
        if not _VALUE.fullmatch(value):
            raise LocalProtocolError(f"{name} is neither a token nor a quoted string: {value!r}")
    return [f"{name}={value}" for name, value in params.items()]


def print_other_scheme(scheme: str, text: str) -> str:
    """What is not Digest, as it stands. Raises LocalProtocolError, as ``token`` and ``check_text`` do."""
    check_text(text, scheme)
    return f"{token(scheme, 'scheme')} {text}".rstrip(" ")
