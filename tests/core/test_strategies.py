"""The strategies give what they promise: every oddity of the grammar comes up, and a failure shrinks to a plain message."""

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from ebr_conformance.strategies import Sample, bodies, header_fields, messages, mutated, name_addrs, streams, tel_uris, uris, vias

ODDITIES: dict[str, Callable[[Sample], object]] = {
    "folding": lambda sample: b"\r\n " in sample.data and b"\r\n\t" in sample.data,
    "compact": lambda sample: re.search(rb"\r\n[ivftcl] *:", sample.data),
    "case": lambda sample: b"\r\nVIA" in sample.data or b"\r\nMAX-" in sample.data,
    "blanks before the colon": lambda sample: re.search(rb"\r\n[A-Za-z-]+[ \t]+:", sample.data),
    "several Vias in one field": lambda sample: len(sample.vias) > [name for name, _ in sample.fields].count("via"),
    "several fields of Via": lambda sample: [name for name, _ in sample.fields].count("via") > 1,
    "IPv6": lambda sample: ":" in sample.vias[0].host,
    "no branch of RFC 3261": lambda sample: not sample.vias[0].branch.startswith("z9hG4bK"),
    "quotes in quotes": lambda sample: '"' in sample.from_.display + sample.to.display,
    "UTF-8": lambda sample: any(byte > 0x7F for byte in sample.data.partition(b"\r\n\r\n")[0]),
    "no brackets": lambda sample: "<" not in sample.to.text,
    "unknown method": lambda sample: not sample.method.isalpha(),
    "unknown scheme": lambda sample: not re.match("sips?:|tel:", sample.to.uri, re.IGNORECASE),
    "tel": lambda sample: sample.from_.uri.lower().startswith("tel:"),
    "no Content-Length": lambda sample: sample.content_length is None and sample.body,
    "multipart": lambda sample: any(name == "content-type" and "boundary" in value for name, value in sample.fields),
    "unknown field": lambda sample: any(name.startswith(("x-own", "y-")) for name, _ in sample.fields),
    "leading zeros": lambda sample: any(name == "cseq" and value.startswith("0") for name, value in sample.fields),
    "odd order": lambda sample: sample.fields[0][0] != "via",
    "escapes": lambda sample: "%" in sample.from_.uri,
    "version in lower case": lambda sample: b"sip/2.0\r\n" in sample.data or sample.data.startswith(b"sip/2.0 "),
}


def test_every_oddity_comes_up() -> None:
    seen: dict[str, int] = dict.fromkeys(ODDITIES, 0)

    @settings(max_examples=250, database=None, derandomize=True, phases=[Phase.generate])
    @given(messages())
    def look(sample: Sample) -> None:
        for oddity, holds in ODDITIES.items():
            if holds(sample):
                seen[oddity] += 1

    look()
    assert [oddity for oddity, count in seen.items() if count == 0] == []


def test_the_simplest_message_is_a_plain_one() -> None:
    """It is what failures shrink to, and what Hypothesis tries first."""
    samples: list[Sample] = []

    @settings(max_examples=1, database=None, phases=[Phase.generate])
    @given(messages())
    def keep(sample: Sample) -> None:
        samples.append(sample)

    keep()
    assert samples[0].data == (
        b"OPTIONS sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP example.org;branch=z9hG4bK1\r\n"
        b"From: <sip:example.org>;tag=1928301774\r\nTo: <sip:example.org>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
        b"Max-Forwards: 70\r\n\r\n"
    )


@pytest.mark.parametrize(
    "strategy",
    [name_addrs().map(lambda sample: sample.text), vias().map(lambda sample: sample.text), uris(), tel_uris()],
    ids=["name_addrs", "vias", "uris", "tel_uris"],
)
def test_values_have_no_line_ends_and_no_marks(strategy: st.SearchStrategy[str]) -> None:
    with pytest.raises(NoSuchExample):
        find(strategy, lambda text: re.search("[\r\n\ue000-\uf8ff]", text) is not None, settings=settings(max_examples=100))


@given(header_fields())
def test_a_field_has_a_name_and_no_line_end_of_its_own(line: str) -> None:
    assert re.match(r"[A-Za-z0-9\-.!%*_+`'~]+[ \t]*:", line)
    assert re.search("\r\n(?![ \t])|\r(?!\n)|(?<!\r)\n|[\ue000-\uf8ff]", line) is None


@given(bodies())
def test_a_multipart_body_has_its_delimiters(drawn: tuple[str, bytes]) -> None:
    media_type, body = drawn
    assert bool(media_type) or not body
    boundary = re.search('boundary="?([^"]*)', media_type)
    if boundary is not None:
        delimiter = b"--" + boundary[1].encode()
        assert body.count(b"\r\n" + delimiter) + body.startswith(delimiter) >= 2
        assert delimiter + b"--" in body


@given(streams())
@settings(max_examples=30)
def test_pieces_of_a_stream_are_messages_and_keepalives(pieces: list[bytes]) -> None:
    for piece in pieces:
        assert piece in (b"\r\n", b"\r\n\r\n") or re.search(rb"(?i)\r\n(l|content-length)[ \t]*:", piece)
    # However it is cut, a CRLF CRLF is a PING: one that was two PONGs would be read otherwise.
    between = b"".join(b"\n" if piece == b"\r\n" else b"\n\n" if piece == b"\r\n\r\n" else b"m" for piece in pieces)
    assert b"\n\n\n" not in between.replace(b"\n\n\n\n", b"")


@given(st.binary(max_size=20).flatmap(lambda data: st.tuples(st.just(data), mutated(st.just(data)))))
def test_damage_is_done_to_bytes_too(pair: tuple[bytes, bytes]) -> None:
    data, damaged = pair
    assert len(damaged) <= len(data) + 5 * 400


@pytest.mark.pure
def test_without_hypothesis_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['hypothesis'] = None; import ebr_conformance.strategies"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "ImportError: ebr_conformance.strategies needs Hypothesis: pip install 'ebr[hypothesis]'" in done.stderr
