"""Glob against the C library's fnmatch, and its own limits."""

import ctypes
import ctypes.util
import locale
import re
import sys
from collections.abc import Iterator

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ebr_core.errors import FilterError
from ebr_core.events.pattern import MAX_PATTERN, Glob, quote

_PIECES = (
    *"abcz059[]!^-\\*?./:",
    "[a-c]",
    "[!b-z]",
    "[^a]",
    "[]a]",
    "[!]a]",
    "[a-]",
    "[\\]]",
    "[[:alpha:]]",
    "[![:digit:].]",
    "[:alpha:]",
    "[:nothing:]",
    "**",
)
# Where the C library itself answers by the value and not only by the pattern: collating symbols, broken classes, and ranges
# that end in one.
_UNCLEAR = re.compile(r"\[[.=]|-\[:|\[:(?!(?:alpha|digit|nothing):\])")

_CLASS_NAMES = ("alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit")


@pytest.fixture(scope="module", params=["C", "C.UTF-8"])
def libc(request: pytest.FixtureRequest) -> Iterator[ctypes.CDLL]:
    if not sys.platform.startswith("linux") or ctypes.util.find_library("c") is None:
        pytest.skip("compares with the GNU C library")
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, request.param)
    except locale.Error:
        pytest.skip(f"this machine has no locale {request.param}")
    yield ctypes.CDLL(None)
    locale.setlocale(locale.LC_ALL, before)


def fnmatch(libc: ctypes.CDLL, pattern: str, text: str) -> bool:
    return bool(libc.fnmatch(pattern.encode(), text.encode(), 0) == 0)


@given(
    pattern=st.lists(st.sampled_from(_PIECES), max_size=9).map("".join),
    text=st.text("abcz059[]!^-\\./:", max_size=8),
)
@example("[a-", "[a-")
@example("[[-", "[")
@example("[[:alpha:]", "[a")
@example("abc\\", "abc")
def test_f1_glob_is_fnmatch(libc: ctypes.CDLL, pattern: str, text: str) -> None:
    """F1"""
    assume(not _UNCLEAR.search(pattern))
    assert Glob(pattern).matches(text) == fnmatch(libc, pattern, text)


@given(text=st.text("ab.", max_size=12), pattern=st.text("ab?*", max_size=12))
def test_f1_stars_backtrack_as_in_c(libc: ctypes.CDLL, pattern: str, text: str) -> None:
    """F1"""
    assert Glob(pattern).matches(text) == fnmatch(libc, pattern, text)


@given(text=st.text("ab", max_size=14), pattern=st.lists(st.sampled_from(["a", "b", "?", "*", "[ab]", "[!a]"]), max_size=9))
def test_f1_sets_between_stars(libc: ctypes.CDLL, pattern: list[str], text: str) -> None:
    """F1"""
    assert Glob("".join(pattern)).matches(text) == fnmatch(libc, "".join(pattern), text)


@pytest.mark.parametrize("name", _CLASS_NAMES)
def test_f1_classes_hold_what_the_c_locale_says(libc: ctypes.CDLL, name: str) -> None:
    """F1"""
    glob = Glob(f"[[:{name}:]]")
    chars = [chr(code) for code in range(1, 128)]
    assert [char for char in chars if glob.matches(char)] == [char for char in chars if fnmatch(libc, f"[[:{name}:]]", char)]


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*", ["", "/", ".hidden", "a/b"], []),
        ("?", ["/", ".", "\u00e9", "\n"], ["", "ab"]),
        ("*@example.org", ["@example.org", "a@b@example.org"], ["a@example.orgx", "a@EXAMPLE.ORG", "example.org"]),
        ("sip:*@*", ["sip:@", "sip:a@b"], ["sips:a@b", "sip:ab"]),
        ("*ab*ba*", ["abba", "xabyba"], ["aba", "abaa"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("\\*", ["*"], ["a", "\\*"]),
        ("[a", ["[a"], ["a"]),
        ("[!a-c]", ["d", "-"], ["a", "b", "c", ""]),
        ("[^a]", ["b", "^"], ["a"]),
        ("[[:digit:]]*", ["4", "49@x"], ["a4"]),
        ("[[:alpha:]]", ["z"], ["\u00e9"]),
        ("[[:bogus:]]", [], ["b", "[", ":"]),
        ("abc\\", [], ["abc", "abc\\"]),
        ("", [""], ["a"]),
    ],
)
def test_f1_examples(pattern: str, matching: list[str], other: list[str]) -> None:
    """F1"""
    glob = Glob(pattern)
    assert [text for text in matching + other if glob.matches(text)] == matching


def test_a_value_with_a_nul_is_compared_whole() -> None:
    assert not Glob("a").matches("a\0b")
    assert Glob("a*b").matches("a\0b")


@given(text=st.text("ab*?[]\\!", max_size=8), other=st.text("ab*?[]\\!", max_size=8))
def test_quote_gives_a_pattern_for_one_value(text: str, other: str) -> None:
    glob = Glob(quote(text))
    assert glob.literal == text
    assert glob.matches(text)
    assert glob.matches(other) == (text == other)


@given(pattern=st.lists(st.sampled_from(_PIECES), max_size=6).map("".join), text=st.text("abcz059[]!-.:", max_size=8))
def test_prefix_suffix_and_runs_are_in_every_match(pattern: str, text: str) -> None:
    glob = Glob(pattern)
    if glob.matches(text):
        assert text.startswith(glob.prefix)
        assert text.endswith(glob.suffix)
        assert all(run in text for run in glob.runs())
        assert glob.literal in (None, text)
        assert not glob.never
    elif glob.affix_only:
        assert not text.startswith(glob.prefix) or not text.endswith(glob.suffix)


def test_longest_pattern() -> None:
    assert Glob("?" * MAX_PATTERN).matches("a" * MAX_PATTERN)
    with pytest.raises(FilterError, match="1025 characters"):
        Glob("?" * (MAX_PATTERN + 1))


def test_sets_after_a_star_look_at_each_character_once() -> None:
    """A value from the network costs linear time even where each set nearly matches everywhere: tried place by place, this
    one would take some thirty million steps, more than a test's patience."""
    glob = Glob("*" + "[ab]" * 250 + "c*")
    assert not glob.matches("ab" * 65_000)
    assert glob.matches("ab" * 10_000 + "c" + "ab" * 100)


def test_unterminated_brackets_are_read_in_bounded_time() -> None:
    text = "[" * MAX_PATTERN
    assert Glob(text).literal == text
