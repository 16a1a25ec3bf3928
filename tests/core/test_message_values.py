"""The values of header fields: what is printed is read again as an equal value, and no text raises anything but MessageError."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebr_core.message import (
    AuthenticationInfo,
    Challenge,
    Credentials,
    EventPackage,
    Identity,
    MediaType,
    MessageError,
    NameAddr,
    ParamValue,
    RAck,
    Reason,
    Replaces,
    RetryAfter,
    SessionExpires,
    SubscriptionState,
    Timestamp,
    Via,
    WarningValue,
    parse_date,
)
from ebr_core.message.values import Value

_TOKENS = st.text("ab09-.!%*_+`'~", min_size=1, max_size=6)
_LOWER = _TOKENS.filter(lambda text: text not in ("cause", "expires", "q"))
# What a quoted string or a comment may have to say: all but line ends.
_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12) | st.text('"\\()<>;,=\t \0a', max_size=12)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_PARAMS = st.dictionaries(_LOWER, st.none() | _TOKENS | _TEXTS.map(_quoted), max_size=3)
_SECONDS = st.integers(0, 2**32 - 1)


def _with(params: dict[str, str | None], name: str, value: str | None) -> dict[str, str | None]:
    return params if value is None else {name: value, **params}


PRINTED: dict[str, tuple[Callable[[str], Value], st.SearchStrategy[Value]]] = {
    "ParamValue": (ParamValue.parse, st.builds(ParamValue, _TOKENS, _PARAMS)),
    "MediaType": (MediaType.parse, st.builds(MediaType, _TOKENS, _TOKENS, _PARAMS)),
    "EventPackage": (EventPackage.parse, st.builds(EventPackage, _TOKENS, _PARAMS)),
    "SubscriptionState": (
        SubscriptionState.parse,
        st.builds(
            lambda state, params, seconds: SubscriptionState(state, _with(params, "expires", str(seconds))),
            *(_TOKENS, _PARAMS, _SECONDS),
        ),
    ),
    "Reason": (
        Reason.parse,
        st.builds(Reason, _TOKENS, _PARAMS) | st.builds(Reason.build, st.integers(0, 9999), st.none() | _TEXTS, _TOKENS),
    ),
    "SessionExpires": (
        SessionExpires.parse,
        st.builds(
            lambda seconds, params, who: SessionExpires(seconds, _with(params, "refresher", who)),
            *(_SECONDS, _PARAMS, st.sampled_from((None, "uac", "uas", "UAS"))),
        ),
    ),
    "Replaces": (
        Replaces.parse,
        st.builds(
            lambda call_id, params, tags: Replaces(call_id, {"to-tag": tags[0], "from-tag": tags[1], **params}),
            *(st.text("ab09@-.!%*_+`'~()<>:\\/\"[]?{}", min_size=1, max_size=9), _PARAMS, st.tuples(_TOKENS, _TOKENS)),
        ),
    ),
    "RAck": (RAck.parse, st.builds(RAck, _SECONDS, st.integers(0, 2**31 - 1), _TOKENS)),
    "WarningValue": (WarningValue.parse, st.builds(WarningValue, st.integers(0, 999), _TOKENS | st.just("[::1]:5060"), _TEXTS)),
    "Identity": (Identity.parse, st.builds(Identity, st.text("aZ0+/=", min_size=1).map("0{}".format), _PARAMS)),
    "RetryAfter": (RetryAfter.parse, st.builds(RetryAfter, _SECONDS, st.none() | _TEXTS, _PARAMS)),
    "Timestamp": (
        Timestamp.parse,
        st.from_regex(r"[0-9]{1,9}(\.[0-9]{0,9})?( [0-9]{0,3}\.[0-9])?", fullmatch=True).map(Timestamp.parse),
    ),
}


@given(st.data())
@settings(max_examples=25)
@pytest.mark.parametrize("name", PRINTED)
def test_what_is_printed_is_read_as_an_equal_value(name: str, data: st.DataObject) -> None:
    parse, values = PRINTED[name]
    value = data.draw(values)
    again = parse(str(value))
    assert again == value
    assert hash(again) == hash(value)
    assert str(again) == str(value)
    attributes = [name for name in dir(value) if name[0] != "_" and not callable(getattr(value, name))]
    assert attributes
    assert [getattr(again, name) for name in attributes] == [getattr(value, name) for name in attributes]


def test_every_value_class_is_here() -> None:
    assert set(PRINTED) == {kind.__name__ for kind in Value.__subclasses__()}


def test_values_of_different_classes_differ() -> None:
    assert ParamValue("a") == ParamValue.parse(" a ")
    assert ParamValue("a") != ParamValue("b")
    assert ParamValue("a") != EventPackage("a")
    assert EventPackage("a") != "a"


PARSERS: dict[str, Callable[[str], object]] = {
    **{name: parse for name, (parse, _) in PRINTED.items()},
    "NameAddr": NameAddr.parse,
    "Via": Via.parse,
    "Challenge": Challenge.parse,
    "Credentials": Credentials.parse,
    "AuthenticationInfo": AuthenticationInfo.parse,
    "date": parse_date,
}

_PIECES = st.sampled_from(
    (*'";=,()<>\\ \t/.*@:%\r\n\0', "1", "a", "SIP/2.0/UDP", "Digest ", "realm=", "nonce=", "q=", "GMT", "Sat, 13 Nov", "\ud800")
)


@given(st.sampled_from(sorted(PARSERS)), st.text(st.characters(), max_size=30) | st.lists(_PIECES, max_size=20).map("".join))
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    try:
        value = PARSERS[name](text)
    except MessageError as error:
        refusal = (error.status, error.partial)
    else:
        refusal = (400, None)
        if isinstance(value, Value):  # the others do not print what cannot be sent
            assert PARSERS[name](str(value)) == value
    assert refusal == (400, None)


# Each grows with n and is read to its end.
LONG: dict[str, tuple[Callable[[str], object], Callable[[int], str]]] = {
    "nested comments": (RetryAfter.parse, lambda n: f"1 {'(' * n}{')' * n}"),
    "quoted pairs in a comment": (RetryAfter.parse, lambda n: "1 (" + "\\)" * n + ")"),
    "parameters": (ParamValue.parse, lambda n: "a" + "".join([f";p{number}" for number in range(n)])),
    "quoted pairs": (WarningValue.parse, lambda n: '307 a "' + '\\"' * n + '"'),
    "quotations": (ParamValue.parse, lambda n: "a;b=" + '"c"' * n),
    "blanks": (RAck.parse, lambda n: f"1{' ' * n}1{' ' * n}INVITE"),
    "dots": (Identity.parse, lambda n: "a." * n + ";info=<https://a>"),
}


@pytest.mark.parametrize("shape", LONG)
def test_long_values_are_read(shape: str) -> None:
    """Far deeper than Python could recurse; what it costs is counted in test_message_linear for whole messages."""
    parse, make = LONG[shape]
    text = make(5_000)
    value = parse(text)
    assert parse(str(value)) == value


def test_comments() -> None:
    retry = RetryAfter.parse("120 (a \\(b\\) (c \\\\ (d)) e;f);duration=5")
    assert (retry.seconds, retry.comment, retry.duration) == (120, "a (b) (c \\ (d)) e;f", 5)
    assert RetryAfter(5, "a) (b") == RetryAfter.parse("5(a\\) \\(b)")
    assert RetryAfter.parse('5;x="(a"').comment is None
