"""The corpus of the fuzzer, replayed without it: what it ever found stays found, in the pure build and in the compiled one."""

from pathlib import Path

import pytest

from ebr_core.message import parse_message
from fuzz.checks import check_message
from fuzz.targets import TARGETS

CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_in_the_corpus_breaks_an_invariant(name: str) -> None:
    files = sorted((CORPUS / name).iterdir())
    assert len(files) > 20, "the corpus is missing"
    for file in files:
        try:
            TARGETS[name](file.read_bytes())
        except BaseException as error:
            error.add_note(f"in {file.relative_to(CORPUS)}")
            raise


def test_the_targets_do_look() -> None:
    """A target that never raised would find nothing: here is one whose invariant does not hold."""
    message = parse_message(
        b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:a>\r\nCall-ID: 1\r\n"
        b"CSeq: 1 OPTIONS\r\n\r\n"
    )
    message.lines.append("X: folded\r\nVia: SIP/2.0/UDP b")
    message.names.append("x")
    with pytest.raises(AssertionError, match="line end in"):
        check_message(message)


def test_the_corpus_stays_small() -> None:
    sizes = [file.stat().st_size for file in CORPUS.rglob("*") if file.is_file()]
    assert len(sizes) <= 300
    assert sum(sizes) <= 200_000
