"""The smallest pieces of RFC 3261 25.1: spacing, tokens, quoted strings, comments, parameters, hosts.

Texts in here have marks where the grammar allows blanks. A message draws one ``Spacing`` for all of its marks, which costs
far less than a draw for each of them, and shrinks to a message without any oddity at once.
"""

import re
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = [
    "BLANK",
    "COMMA",
    "EQUAL",
    "LWS",
    "SEMI",
    "SLASH",
    "SWS",
    "Param",
    "Spacing",
    "any_tokens",
    "commas",
    "comments",
    "hosts",
    "joined",
    "param_lists",
    "plain",
    "print_param",
    "quoted_strings",
    "spacings",
    "texts",
    "tokens",
]

# Marks, of the private use area: optional blanks, blanks, and one blank inside a text that counts (it may be folded).
SWS: Final = "\ue000"
LWS: Final = "\ue001"
BLANK: Final = "\ue002"

SEMI: Final = f"{SWS};{SWS}"
COMMA: Final = f"{SWS},{SWS}"
EQUAL: Final = f"{SWS}={SWS}"
SLASH: Final = f"{SWS}/{SWS}"

_MARK: Final = re.compile("[\ue000-\ue002]")
_BLANKS: Final = ("", " ", "  ", "\t", " \t")
_FOLDS: Final = ("\r\n ", "\r\n\t", " \r\n  ", "\t\r\n \t")

_TOKEN_CHARS: Final = "abcxyzABCXYZ0189-.!%*_+`'~"


@dataclass(frozen=True, slots=True)
class Spacing:
    """How the marks of one message are spaced: the choices are used in turn, over and over."""

    choices: tuple[str, ...] = ("",)

    def apply(self, marked: str, offset: int = 0) -> str:
        """The text with its marks replaced; ``offset`` says with which choice to begin."""
        if not _MARK.search(marked):
            return marked
        choices = self.choices
        turn = offset

        def space(match: re.Match[str]) -> str:
            nonlocal turn
            choice = choices[turn % len(choices)]
            turn += 1
            if match.group() == SWS:
                return choice
            if match.group() == LWS:
                return choice or " "
            return choice if "\n" in choice else " "

        return _MARK.sub(space, marked)


def plain(marked: str) -> str:
    """The text with as few blanks as the grammar allows: what is meant, however it is spaced."""
    return marked.replace(SWS, "").replace(LWS, " ").replace(BLANK, " ")


def spacings(*, folding: bool = True) -> SearchStrategy[Spacing]:
    """Plain spacing as often as odd spacing; with line folding or without."""
    choices = (*_BLANKS, *_FOLDS) if folding else _BLANKS
    odd = st.lists(st.sampled_from(choices), min_size=1, max_size=5).map(lambda each: Spacing(tuple(each)))
    return st.just(Spacing()) | odd


def joined(*parts: str | SearchStrategy[str]) -> SearchStrategy[str]:
    """Texts and strategies one behind the other."""
    return st.tuples(*[st.just(part) if isinstance(part, str) else part for part in parts]).map("".join)


def commas(values: SearchStrategy[str], *, min_size: int = 1, max_size: int = 3) -> SearchStrategy[str]:
    """A comma-separated list."""
    return st.lists(values, min_size=min_size, max_size=max_size).map(COMMA.join)


_ODD_TOKENS: Final = ("x", "0", "Zz9", "-.!%*_+`'~", "a.b-c", "%41", "x'y", "*", "SIP", "007", "~!", "q_1+")


def tokens(*usual: str) -> SearchStrategy[str]:
    """``token``: one of the usual ones, or an odd one (one draw for the lot: a message has dozens)."""
    return st.sampled_from((*usual, *_ODD_TOKENS))


def any_tokens() -> SearchStrategy[str]:
    """``token``, made of whatever characters it may have."""
    return st.text(_TOKEN_CHARS, min_size=1, max_size=8)


# What is said, and how it is spelled in quotes; the first ones are those that a failure shrinks to.
_QUOTED: Final = (
    ("a", "a"),
    ("Bob", "Bob"),
    (" ", BLANK),
    ('"', '\\"'),
    ("\\", "\\\\"),
    ("n", "\\n"),
    (",", ","),
    (";", ";"),
    ("<", "<"),
    (">", ">"),
    ("=", "="),
    ("@:?/", "@:?/"),
    ("%41", "%41"),
    ("(", "("),
    ("\u00e9", "\u00e9"),
    ("\u65e5\u672c", "\u65e5\u672c"),
    ("\U0001f4de", "\U0001f4de"),
    ("\0", "\\\0"),
    ("\x7f", "\\\x7f"),
    (",", "\\,"),
    ("'", "'"),
)


def quoted_strings() -> SearchStrategy[tuple[str, str]]:
    """What a quoted string says, and the string with its quotes: commas, escapes, UTF-8 and all."""
    return st.lists(st.sampled_from(_QUOTED), max_size=4).map(
        lambda pieces: (
            _BLANKS_SAID.sub(" ", "".join([said for said, _ in pieces])),
            '"' + _single("".join([spelled for _, spelled in pieces])) + '"',
        )
    )


def _single(marked: str) -> str:
    # Folding takes the place of one blank or of many: which it was, nobody can tell from the result.
    return _BLANKS_MARKED.sub(BLANK, marked)


_BLANKS_SAID: Final = re.compile(" +")
_BLANKS_MARKED: Final = re.compile(f"{BLANK}+")

_COMMENT: Final = ("a", "fast", BLANK, "\\)", "\\(", '"', "<", ",", ";", "\\\\", "\u00fc", "(b)", "(c(d)\\()")


def comments() -> SearchStrategy[str]:
    """``comment``: nested, with escapes."""
    return st.lists(st.sampled_from(_COMMENT), max_size=4).map(lambda pieces: f"({''.join(pieces)})")


_TEXT: Final = ("a", "Hello", BLANK, ",", ";", '"', "<", ">", ":", "=", "\\", "%", "(", "\u00e9", "\u65e5", "'", "@", "?")


def texts() -> SearchStrategy[str]:
    """``TEXT-UTF8-TRIM`` or "": what a Subject or an unknown field holds."""
    return st.lists(st.sampled_from(_TEXT), max_size=6).map(lambda pieces: _single("".join(pieces).strip(BLANK)))


_HOSTS: Final = (
    "example.org",
    "192.0.2.1",
    "a",
    "EXAMPLE.Org",
    "b-2.c3.example.com.",
    "xn--bcher-kva.example",
    "[2001:db8::1]",
    "[2001:DB8:0:0:0:0:0:10]",
    "[::ffff:192.0.2.1]",
    "[::1]",
    "1.2.3.test",
    "0--9.x",
)


def hosts() -> SearchStrategy[str]:
    """``host``: names, IPv4 addresses, IPv6 addresses in brackets."""
    return st.sampled_from(_HOSTS)


Param = tuple[str, str | None]
"""A name and a value as it is spelled (marks inside); None for a bare name."""

_PARAM_NAMES: Final = ("x", "Foo", "q-1", "+sip.instance", "!%*_+`'~", "ob", "b.c")


def param_lists(*usual: Param, max_size: int = 3) -> SearchStrategy[list[Param]]:
    """``generic-param``, each name once: values that are tokens, hosts, quoted strings; the usual ones among them."""
    value = st.sampled_from((None, "1", "z9", "192.0.2.7", "[::1]", *_ODD_TOKENS)) | quoted_strings().map(lambda pair: pair[1])
    param: SearchStrategy[Param] = st.tuples(st.sampled_from(_PARAM_NAMES), value)
    if usual:
        param = st.sampled_from(usual) | param
    return st.lists(param, max_size=max_size, unique_by=lambda each: each[0].lower())


def print_param(param: Param) -> str:
    """``name=value``, or the name alone."""
    name, value = param
    return name if value is None else f"{name}{EQUAL}{value}"
