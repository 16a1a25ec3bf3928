"""Values of header fields (RFC 3261 20, 25.1, and the extensions), and the ways to spell a field's name."""

from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ebr_conformance.strategies.addresses import METHODS, marked_addresses, marked_vias, uris
from ebr_conformance.strategies.parts import (
    COMMA,
    EQUAL,
    LWS,
    SEMI,
    SLASH,
    SWS,
    Param,
    any_tokens,
    commas,
    comments,
    joined,
    param_lists,
    print_param,
    quoted_strings,
    spacings,
    texts,
    tokens,
)

__all__ = ["LISTS", "VALUES", "call_ids", "header_fields", "methods", "spellings", "unknown_fields"]

# RFC 3261 7.3.3 and 20, and the extensions that took a letter.
_COMPACT: Final = {
    **{"accept-contact": "a", "allow-events": "u", "call-id": "i", "contact": "m", "content-encoding": "e"},
    **{"content-length": "l", "content-type": "c", "event": "o", "from": "f", "identity": "y", "refer-to": "r"},
    **{"referred-by": "b", "reject-contact": "j", "request-disposition": "d", "session-expires": "x", "subject": "s"},
    **{"supported": "k", "to": "t", "via": "v"},
}


_USUAL: Final = {"call-id": "Call-ID", "cseq": "CSeq", "mime-version": "MIME-Version", "www-authenticate": "WWW-Authenticate"}


def spellings(name: str) -> tuple[str, ...]:
    """How a field's name, given in lower case, may be spelled: as usual, in any case, compact."""
    usual = _USUAL.get(name) or "-".join([part.capitalize() for part in name.split("-")])
    choices = [usual, name, name.upper(), name.swapcase()[:3] + name[3:]]
    short = _COMPACT.get(name)
    if short is not None:
        choices += [short, short.upper()]
    return tuple(choices)


def methods() -> SearchStrategy[str]:
    """``Method``: the known ones, and any token."""
    return st.sampled_from(METHODS) | any_tokens()


_WORD_CHARS: Final = "ab09-.!%*_+`'~()<>:\\/\"[]?{}"


def call_ids() -> SearchStrategy[str]:
    """``callid``: ``word`` or ``word@word``; a word may have quotes, brackets and backslashes that mean nothing."""
    word = st.sampled_from(("1", "a84b4c76e66710", "-.!%*_+`'~()<>:\\/\"[]?{}")) | st.text(_WORD_CHARS, min_size=1, max_size=8)
    return word | joined(word, "@", word)


def _numbers(limit: int, *usual: int) -> SearchStrategy[str]:
    number = (st.sampled_from((*usual, 0, limit)) | st.integers(0, limit)).map(str)
    return number | number.map("00{}".format)


def _quoted() -> SearchStrategy[str]:
    return quoted_strings().map(lambda pair: pair[1])


def _params(*usual: Param, max_size: int = 2) -> SearchStrategy[str]:
    return param_lists(*usual, max_size=max_size).map(lambda params: "".join([SEMI + print_param(each) for each in params]))


def _addresses(*usual: Param, bare: bool = True, uri: SearchStrategy[str] | None = None) -> SearchStrategy[str]:
    return marked_addresses(*usual, bare=bare, uri=uri).map(lambda sample: sample.text)


def _bracketed(*usual: Param) -> SearchStrategy[str]:
    return joined("<", uris(), ">", _params(*usual))


_Q: Final = st.sampled_from(("1", "0", "0.5", "1.000", "0.123"))
_SECONDS: Final = _numbers(2**32 - 1, 60, 3600)
_DATE: Final = st.sampled_from(
    (
        "Sat, 13 Nov 2010 23:29:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Tue, 29 Feb 2028 12:00:59 GMT",
        "Fri, 31 Dec 1999 23:59:59 GMT",
    )
)
_MEDIA_TYPE: Final = joined(
    st.sampled_from(("application", "text", "Multipart", "x-own")),
    SLASH,
    tokens("sdp", "plain", "dtmf-relay"),
    _params(("charset", "utf-8")),
)
_OPTION_TAGS: Final = commas(tokens("100rel", "timer", "path", "outbound"))
_TEXTS: Final = texts()
_PRODUCT: Final = joined(tokens("ebr", "Phone"), st.just("") | joined(SLASH, tokens("1.0")))
_PRODUCTS: Final = st.lists(_PRODUCT | comments(), min_size=1, max_size=3).map(LWS.join)


def _assigned(*pairs: tuple[str, SearchStrategy[str]]) -> list[SearchStrategy[str]]:
    return [joined(name, EQUAL, value) for name, value in pairs]


def _comma_list(required: list[SearchStrategy[str]], optional: list[SearchStrategy[str]]) -> SearchStrategy[str]:
    extra = st.lists(st.integers(0, len(optional) - 1), max_size=3, unique=True).flatmap(
        lambda chosen: st.tuples(*[optional[index] for index in chosen])
    )
    return st.builds(lambda first, rest: COMMA.join([*first, *rest]), st.tuples(*required), extra)


_HEX: Final = st.sampled_from(("0123456789abcdef0123456789abcdef", "f" * 32))
_HEX_QUOTED: Final = _HEX.map('"{}"'.format)
_QOP: Final = st.sampled_from(("auth", "auth-int"))
_SCHEME: Final = st.sampled_from(("Digest", "digest", "DIGEST"))
_EXTENSION: Final = joined(tokens("x-own"), EQUAL, tokens("1") | _quoted())

_NONCE: Final = st.sampled_from(('"84a4cc6f3082121f32b42a2187831a9e"', '"a,b=\\"c"', '" "'))

_CHALLENGE: Final = joined(
    _SCHEME,
    LWS,
    _comma_list(
        _assigned(("realm", _quoted()), ("nonce", _NONCE)),
        _assigned(
            ("opaque", _quoted()),
            ("stale", st.sampled_from(("TRUE", "false"))),
            ("algorithm", st.sampled_from(("MD5", "MD5-sess", "SHA-256", "SHA-512-256"))),
            ("qop", st.sampled_from(('"auth"', '"auth,auth-int"', '"auth-int"'))),
            ("domain", st.sampled_from(('"sip:example.org"', '"sip:a.example sips:b.example"'))),
            ("userhash", st.sampled_from(("true", "false"))),
            ("charset", st.just("UTF-8")),
        ),
    ),
)
_CREDENTIALS: Final = joined(
    _SCHEME,
    LWS,
    _comma_list(
        _assigned(
            ("username", _quoted()),
            ("realm", _quoted()),
            ("nonce", _NONCE),
            ("uri", uris().map('"{}"'.format)),
            ("response", _HEX_QUOTED),
            ("qop", _QOP),
            ("nc", st.sampled_from(("00000001", "0000ABCd"))),
            ("cnonce", _quoted()),
        ),
        _assigned(("opaque", _quoted()), ("algorithm", st.sampled_from(("MD5", "md5"))), ("userhash", st.just("false"))),
    ),
)
_AUTHENTICATION_INFO: Final = _comma_list(
    _assigned(("rspauth", _HEX_QUOTED), ("cnonce", _quoted()), ("nc", st.just("00000001")), ("qop", _QOP)),
    _assigned(("nextnonce", _quoted())),
)
_OTHER_CREDENTIALS: Final = joined("Own", LWS, commas(joined(tokens("a1"), EQUAL, tokens("b") | _quoted()), max_size=1))

_DIALOG: Final[tuple[Param, ...]] = (("early-only", None), ("x", "1"))
_SECURITY: Final = commas(joined(tokens("tls", "digest", "ipsec-ike"), _params(("q", "0.2"), ("d-alg", "md5"))))
_NAMED_ADDRESSES: Final = commas(_addresses(bare=False), max_size=2)
_CONTACT_FEATURES: Final = commas(
    joined("*", _params(("+sip.x", '"<a>"'), ("audio", None), ("require", None), ("explicit", None)))
)

VALUES: Final[dict[str, SearchStrategy[str]]] = {
    "accept": commas(_MEDIA_TYPE | st.sampled_from((f"*{SLASH}*", f"text{SLASH}*;q=0.1")), min_size=0),
    "accept-contact": _CONTACT_FEATURES,
    "accept-encoding": commas(joined(tokens("gzip", "*", "identity"), st.just("") | joined(SEMI, "q", EQUAL, _Q)), min_size=0),
    "accept-language": commas(
        joined(st.sampled_from(("en", "de-CH", "*")), st.just("") | joined(SEMI, "q", EQUAL, _Q)), min_size=0
    ),
    "alert-info": commas(_bracketed(("appearance", "1"))),
    "allow": commas(methods(), min_size=0),
    "allow-events": commas(tokens("presence", "reg.winfo")),
    "authentication-info": _AUTHENTICATION_INFO,
    "authorization": _CREDENTIALS | _OTHER_CREDENTIALS,
    "call-info": commas(_bracketed(("purpose", "icon"))),
    "contact": st.just("*")
    | commas(_addresses(("q", "0.7"), ("expires", "3600"), ("+sip.instance", '"<urn:uuid:0>"'), ("reg-id", "1"))),
    "content-disposition": joined(tokens("session", "render"), _params(("handling", "optional"))),
    "content-encoding": commas(tokens("gzip")),
    "content-language": commas(st.sampled_from(("en", "fr-CA", "mi"))),
    "date": _DATE,
    "error-info": commas(_bracketed()),
    "event": joined(tokens("presence", "refer", "a.winfo"), _params(("id", "93809823"))),
    "expires": _SECONDS,
    "feature-caps": commas(joined("*", _params(("+g.3gpp.x", None), ("+sip.y", '"#>=1"')))),
    "flow-timer": _SECONDS,
    "history-info": commas(_addresses(("index", "1"), ("rc", "1.1"), bare=False)),
    "identity": st.just('"ZYNBbHC00VMZr2kZt6VmCvPonWJMGvQTBDqghoWeLxJfzB2a=="')
    | joined(
        st.sampled_from(("abc.def.ghi", "eyJhbGciOiJFUzI1NiJ9..c2ln")),
        f"{SEMI}info=<https://example.org/c.cer>",
        st.sampled_from(("", ";alg=ES256", ';ppt="shaken"')),
    ),
    "identity-info": joined("<https://example.org/c.cer>", st.sampled_from(("", ";alg=rsa-sha1"))),
    "in-reply-to": commas(call_ids()),
    "join": joined(call_ids(), SEMI, "to-tag", EQUAL, tokens("1"), SEMI, "from-tag", EQUAL, tokens("2")),
    "max-breadth": _numbers(255, 60),
    "mime-version": st.sampled_from(("1.0", "2.15")),
    "min-expires": _SECONDS,
    "min-se": joined(_SECONDS, _params()),
    "organization": _TEXTS,
    "p-asserted-identity": _NAMED_ADDRESSES,
    "p-associated-uri": _NAMED_ADDRESSES,
    "p-preferred-identity": _NAMED_ADDRESSES,
    "path": commas(_addresses(("lr", None), bare=False)),
    "priority": tokens("urgent", "normal"),
    "privacy": st.lists(tokens("id", "header", "none"), min_size=1, max_size=3, unique=True).map(SEMI.join),
    "proxy-authenticate": _CHALLENGE,
    "proxy-authentication-info": _AUTHENTICATION_INFO,
    "proxy-authorization": _CREDENTIALS,
    "proxy-require": _OPTION_TAGS,
    "rack": joined(_numbers(2**32 - 1, 1), LWS, _numbers(2**31 - 1, 1), LWS, methods()),
    "reason": commas(joined(tokens("SIP", "Q.850"), _params(("cause", "200"), ("text", '"Call completed elsewhere"')))),
    "record-route": commas(_addresses(("x", "1"), bare=False)),
    "refer-to": _addresses(("x", "1")),
    "referred-by": _addresses(("cid", '"20398823.2UWQFN309shb3@example.org"')),
    "reject-contact": _CONTACT_FEATURES,
    "replaces": joined(
        call_ids(), SEMI, "to-tag", EQUAL, tokens("1"), SEMI, "from-tag", EQUAL, tokens("2"), _params(*_DIALOG, max_size=1)
    ),
    "reply-to": _addresses(),
    "request-disposition": commas(st.sampled_from(("proxy", "cancel", "no-fork", "parallel"))),
    "require": _OPTION_TAGS,
    "retry-after": joined(_SECONDS, st.just("") | joined(SWS, comments()), _params(("duration", "3600"))),
    "route": commas(_addresses(("x", "1"), bare=False)),
    "rseq": _numbers(2**32 - 1, 1),
    "security-client": _SECURITY,
    "security-server": _SECURITY,
    "security-verify": _SECURITY,
    "server": _PRODUCTS,
    "service-route": commas(_addresses(("lr", None), bare=False)),
    "session-expires": joined(_SECONDS, _params(("refresher", "uac"), ("refresher", "uas"))),
    "sip-etag": tokens("dx200xyz"),
    "sip-if-match": tokens("dx200xyz"),
    "subject": _TEXTS,
    "subscription-state": joined(tokens("active", "pending", "terminated"), _params(("expires", "60"), ("reason", "noresource"))),
    "supported": commas(tokens("100rel", "timer"), min_size=0),
    "timestamp": joined(st.sampled_from(("54", "0.1", "1.")), st.sampled_from(("", f"{LWS}0.5", f"{LWS}1", f"{LWS}.25"))),
    "unsupported": _OPTION_TAGS,
    "user-agent": _PRODUCTS,
    "warning": commas(joined(st.sampled_from(("307", "399")), " ", tokens("example.org"), " ", _quoted()), max_size=2),
    "www-authenticate": _CHALLENGE,
}
"""For each header field that a message need not have: its values, with the marks of ``parts``."""

LISTS: Final = frozenset(
    {
        *(
            "accept",
            "accept-contact",
            "alert-info",
            "allow",
            "allow-events",
            "call-info",
            "contact",
            "error-info",
            "history-info",
        ),
        *(
            "feature-caps",
            "path",
            "proxy-authenticate",
            "record-route",
            "require",
            "route",
            "service-route",
            "supported",
            "warning",
        ),
        *("security-client", "security-server", "unsupported", "www-authenticate"),
    }
)
"""Those that may be in a message more than once."""


def unknown_fields() -> SearchStrategy[tuple[str, str]]:
    """``extension-header``: a name that means nothing to anybody, in any case, and any value."""
    return st.tuples(
        st.sampled_from(("X-Own", "x-own-2", "!%*_+`'~", "P-1.2", "Viaduct", "0")) | any_tokens().map("Y-{}".format), texts()
    )


def header_fields() -> SearchStrategy[str]:
    """One header field without its CRLF, ``Name: value``: any known field or an unknown one, compact or not, perhaps folded."""
    known = st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.sampled_from(spellings(name)), VALUES[name]))
    via = st.tuples(st.sampled_from(spellings("via")), marked_vias().map(lambda sample: sample.text))
    colon = st.sampled_from((": ", ":", " : ", "\t:\t"))
    return st.tuples(known | via | unknown_fields(), colon, spacings()).map(
        lambda drawn: drawn[0][0] + drawn[1] + drawn[2].apply(drawn[0][1])
    )
