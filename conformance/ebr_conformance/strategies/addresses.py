"""URIs, addresses with display names, and Via values (RFC 3261 19.1, 20.10, 20.42, 25.1; RFC 3966)."""

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ebr_conformance.strategies.parts import (
    BLANK,
    LWS,
    SEMI,
    SLASH,
    SWS,
    Param,
    Spacing,
    hosts,
    joined,
    param_lists,
    plain,
    print_param,
    quoted_strings,
    spacings,
    tokens,
)

__all__ = [
    "METHODS",
    "SampleAddress",
    "SampleVia",
    "absolute_uris",
    "equivalent_uris",
    "marked_addresses",
    "marked_vias",
    "name_addrs",
    "sip_uris",
    "tel_uris",
    "uris",
    "vias",
]

METHODS: Final = (
    *("OPTIONS", "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "INFO", "PRACK", "UPDATE"),
    *("REFER", "PUBLISH"),
)

# ---- URIs

_USERS: Final = (
    "bob",
    "+358-555-1234567;postd=pp22",
    "a%20b",
    "j%40s0n",
    "1234;phone-context=x",
    "%e2%82%ac",
    "&=+$,;?/",
    "a!~*'()",
)
_USER: Final = st.sampled_from(_USERS) | st.text("abXY019-_.!~*'()&=+$,;?/", min_size=1, max_size=8)
_PASSWORDS: Final = (None, None, None, "", "secret", "a%3Ab&=+$,")
_PORTS: Final = (None, None, 5060, 5061, 0, 1, 65535)
_URI_PARAMS: Final[tuple[Param, ...]] = (
    ("lr", None),
    ("transport", "tcp"),
    ("Transport", "UDP"),
    ("transport", "odd%2Done"),
    ("user", "phone"),
    ("method", "INVITE"),
    ("ttl", "15"),
    ("maddr", "239.255.255.1"),
    ("maddr", "[::1]"),
    ("ob", None),
    ("gr", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    ("x[]", "/:&+$"),
    ("%4a", "%00%ff"),
    ("newparam", "5"),
)
_URI_HEADERS: Final = (
    "Subject=project%20x",
    "to=alice%40example.org",
    "priority=urgent",
    "Call-ID=1%402",
    "body=",
    "x[]?:+$=/?:",
)
_SCHEMES: Final = ("sip", "sip", "sips", "SIP", "Sips")


@dataclass(frozen=True, slots=True)
class _SipUri:
    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None
    params: list[Param]
    headers: list[str]

    def __str__(self) -> str:
        text = f"{self.scheme}:"
        if self.user is not None:
            text += self.user if self.password is None else f"{self.user}:{self.password}"
            text += "@"
        text += self.host if self.port is None else f"{self.host}:{self.port}"
        text += "".join([f";{name}" if value is None else f";{name}={value}" for name, value in self.params])
        return text + ("?" + "&".join(self.headers) if self.headers else "")


def _sip_uri_parts() -> SearchStrategy[_SipUri]:
    params = st.lists(st.sampled_from(_URI_PARAMS), max_size=3, unique_by=lambda each: each[0].lower())
    headers = st.lists(st.sampled_from(_URI_HEADERS), max_size=2, unique=True)
    return st.builds(
        _SipUri,
        st.sampled_from(_SCHEMES),
        st.none() | _USER,
        st.sampled_from(_PASSWORDS),
        hosts(),
        st.sampled_from(_PORTS),
        params,
        headers,
    )


def sip_uris() -> SearchStrategy[str]:
    """``SIP-URI`` and ``SIPS-URI``: escapes, passwords, IPv6, parameters, headers, in any legal spelling."""
    return _sip_uri_parts().map(str)


_TEL_PARAMS: Final = (";ext=22", ";isub=12%2034", ";phone-context=example.org", ";phone-context=+44", ";x-own=a[]b")


def tel_uris() -> SearchStrategy[str]:
    """``telephone-uri`` (RFC 3966): global and local numbers with visual separators and parameters."""
    digits = st.text("0123456789-.()", min_size=1, max_size=10).map(lambda text: text + "7")
    params = st.lists(st.sampled_from(_TEL_PARAMS), max_size=2, unique_by=lambda each: each.partition("=")[0]).map("".join)
    local = st.text("0123456789*ABCDabcd-.()", min_size=1, max_size=10).map("{}1;phone-context=+1".format)
    scheme = st.sampled_from(("tel", "tel", "TEL"))
    return joined(scheme, ":+", digits, params) | joined(scheme, ":", local)


_ABSOLUTE: Final = (
    "urn:service:sos",
    "http://www.example.org/a/b?c=d&e=%20f",
    "HTTPS://example.org:8443/~x;y=z",
    "mailto:bob@example.org",
    "im:bob@example.org",
    "data:,a'b(c)*!",
    "x-own+1.0:opaque@data:here",
)


def absolute_uris() -> SearchStrategy[str]:
    """``absoluteURI`` of a scheme that is not SIP's (RFC 3261 25.1, RFC 2396)."""
    return st.sampled_from(_ABSOLUTE) | joined(st.text("abz", min_size=2, max_size=4).map("x{}".format), ":", _USER)


def uris() -> SearchStrategy[str]:
    """Any URI: sip and sips most often, tel, and whatever else the grammar has."""
    # A failure shrinks to few draws before it shrinks to small ones: so the plain URI must be the one with the fewest.
    plain_ones = st.sampled_from(("sip:example.org", "sip:bob@example.org", "sips:alice@example.org:5061;lr", *_ABSOLUTE))
    return plain_ones | sip_uris() | sip_uris() | tel_uris() | absolute_uris()


_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")


# A method has a case of its own, and so has a GRUU; there are no escapes in hosts, numbers and tokens.
_CASELESS: Final = ("transport", "Transport", "user", "maddr", "newparam")
_ESCAPABLE: Final = ("newparam", "x[]")


def _escaped(text: str, every: int) -> str:
    # An escape that is there stays as it is; its digits have no case.
    pieces: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "%":
            pieces.append(text[at : at + 3].swapcase())
            at += 3
            continue
        char = text[at]
        at += 1
        pieces.append(f"%{ord(char):02x}" if char in _UNRESERVED and at % every == 0 else char)
    return "".join(pieces)


def _respelled(uri: _SipUri, every: int, extra: bool) -> _SipUri:
    params: list[Param] = []
    for name, value in reversed(uri.params):
        if value is not None and name in _CASELESS:
            value = value.swapcase()
        if value is not None and name in _ESCAPABLE:
            value = _escaped(value, every)
        params.append((name if "%" in name else name.swapcase(), value))
    if extra:  # whoever does not know it ignores it
        params.append(("only-in-one", "x"))
    headers: list[str] = []
    for header in reversed(uri.headers):
        name, _, value = header.partition("=")
        headers.append(f"{name.swapcase()}={_escaped(value, every)}")
    return _SipUri(
        uri.scheme.swapcase(),
        None if uri.user is None else _escaped(uri.user, every),
        None if uri.password is None else _escaped(uri.password, every),
        uri.host.swapcase(),
        uri.port,
        params,
        headers,
    )


def equivalent_uris() -> SearchStrategy[tuple[str, str]]:
    """Two spellings of one SIP or SIPS URI, equivalent by RFC 3261 19.1.4: case, escapes of unreserved characters, order of
    parameters and headers, a parameter that only one of them has."""
    return st.tuples(_sip_uri_parts(), st.integers(1, 4), st.booleans()).map(
        lambda drawn: (str(drawn[0]), str(_respelled(drawn[0], drawn[1], drawn[2])))
    )


# ---- addresses


@dataclass(frozen=True, slots=True)
class SampleAddress:
    """A ``name-addr`` or ``addr-spec`` with parameters: its ``text``, and what it says.

    ``display`` without quotes and escapes; ``params``: names in lower case, values as they are spelled, quotes included.
    """

    text: str
    display: str
    uri: str
    params: dict[str, str | None]


_WORDS: Final = ("Bob", f"Alice{BLANK}Liddell", "a.b!", f"x{BLANK}~{BLANK}y")
_BARE_FORBIDDEN: Final = (",", ";", "?")


def _address(
    display: tuple[str, str], uri: str, bare: bool, params: list[Param], tag: str | None, tag_first: bool
) -> SampleAddress:
    said, spelled = display
    if tag is not None:
        params = [param for param in params if param[0].lower() != "tag"]
        params = [("Tag", tag), *params] if tag_first else [*params, ("tag", tag)]
    if bare and not any(char in uri for char in _BARE_FORBIDDEN):  # 20: those need brackets
        said, text = "", uri
    else:
        gap = "" if not spelled else SWS if spelled[-1] == '"' else LWS
        text = f"{spelled}{gap}<{uri}>{SWS}" if not params else f"{spelled}{gap}<{uri}>"
    text += "".join([SEMI + print_param(param) for param in params])
    said_params = {name.lower(): None if value is None else plain(value) for name, value in params}
    return SampleAddress(text, said, uri, said_params)


def marked_addresses(
    *usual: Param, tag: SearchStrategy[str] | None = None, uri: SearchStrategy[str] | None = None, bare: bool = True
) -> SearchStrategy[SampleAddress]:
    """As ``name_addrs``, with the marks of ``parts`` in ``text``; ``usual`` parameters, and a tag where one is asked for."""
    words = st.sampled_from(_WORDS).map(lambda word: (plain(word), word))
    return st.builds(
        _address,
        st.just(("", "")) | words | quoted_strings(),
        uris() if uri is None else uri,
        st.booleans() if bare else st.just(False),
        param_lists(*usual, max_size=2),
        st.none() if tag is None else tag,
        st.booleans(),
    )


def name_addrs() -> SearchStrategy[SampleAddress]:
    """Values of From, To, Contact, Route and the like, without folding: a display name that is words, quoted or missing,
    a URI with or without brackets, parameters."""
    return st.tuples(marked_addresses(("q", "0.7"), ("expires", "3600"), ("lr", None)), spacings(folding=False)).map(
        lambda drawn: _spaced_address(drawn[0], drawn[1])
    )


def _spaced_address(sample: SampleAddress, spacing: Spacing) -> SampleAddress:
    return SampleAddress(spacing.apply(sample.text), sample.display, sample.uri, sample.params)


# ---- Via


@dataclass(frozen=True, slots=True)
class SampleVia:
    """A Via value: its ``text``, and what it says.

    ``transport`` in upper case; ``host`` as spelled, without brackets; ``branch`` is "" where there is none; ``params`` as in
    ``SampleAddress``.
    """

    text: str
    transport: str
    host: str
    port: int | None
    branch: str
    params: dict[str, str | None]


_VIA_PARAMS: Final[tuple[Param, ...]] = (
    ("rport", None),
    ("rport", "5070"),
    ("received", "192.0.2.33"),
    ("received", "2001:db8::33"),
    ("maddr", "239.255.255.1"),
    ("TTL", "16"),
    ("alias", None),
    ("keep", None),
    ("sigcomp-id", f'"<urn:uuid:1>{BLANK}"'),
)


def _via(
    protocol: tuple[str, str], transport: str, host: str, port: int | None, branch: str, params: list[Param], first: bool
) -> SampleVia:
    params = [param for param in params if param[0].lower() != "branch"]
    if branch:
        params = [("Branch", branch), *params] if first else [*params, ("branch", branch)]
    name, version = protocol
    sent_by = host if port is None else f"{host}{SWS}:{SWS}{port}"
    text = f"{name}{SLASH}{version}{SLASH}{transport}{LWS}{sent_by}" + "".join([SEMI + print_param(each) for each in params])
    said = {each.lower(): None if value is None else plain(value) for each, value in params}
    return SampleVia(text, transport.upper(), host.strip("[]"), port, branch, said)


def branches() -> SearchStrategy[str]:
    """Via branches, with the magic cookie (RFC 3261 8.1.1.7) or of before."""
    return tokens("z9hG4bK1", "z9hG4bK-524287-1---a~b", "1")


def marked_vias(branch: SearchStrategy[str] | None = None) -> SearchStrategy[SampleVia]:
    """As ``vias``, with the marks of ``parts`` in ``text``."""
    return st.builds(
        _via,
        st.sampled_from((("SIP", "2.0"), ("SIP", "2.0"), ("SIP", "2.0"), ("sip", "2.0"))),
        tokens("UDP", "TCP", "TLS", "SCTP", "TLS-SCTP", "WS", "WSS", "udp"),
        hosts(),
        st.sampled_from(_PORTS),
        branches() if branch is None else branch,
        param_lists(*_VIA_PARAMS, max_size=2),
        st.booleans(),
    )


def vias() -> SearchStrategy[SampleVia]:
    """Values of Via, without folding: any transport, odd spacing around the slashes and the colon, IPv6, parameters."""
    return st.tuples(marked_vias() | marked_vias(st.just("")), spacings(folding=False)).map(
        lambda drawn: SampleVia(
            drawn[1].apply(drawn[0].text),
            drawn[0].transport,
            drawn[0].host,
            drawn[0].port,
            drawn[0].branch,
            drawn[0].params,
        )
    )
