"""Ladders: the compact form, the drawn form, and two of them side by side."""

import io

import pytest

from ebr_conformance.ladder import Drawing, Entry, Ladder, describe_event, label_of, normalised, side_by_side, supports_drawing
from ebr_core.actions import Event
from ebr_core.message import build_request, build_response


@pytest.fixture
def ladder() -> Ladder:
    ladder = Ladder()
    ladder.message(0.0, "alice", "ebr", "INVITE sip:bob@example.org", ["INVITE"])
    ladder.message(0.0, "ebr", "alice", "100 Trying (INVITE)", ["100", "INVITE"])
    ladder.event(1.0, Event("E_UL_CONTACT_INSERT", ("domain", "aor"), ("location", "bob@example.org")))
    ladder.message(10.0005, "ebr", "bob", "INVITE sip:bob@192.0.2.12:5060", ["INVITE"], lost=True)
    return ladder


def test_compact_lines_are_aligned(ladder: Ladder) -> None:
    assert ladder.compact().splitlines() == [
        " 0.000  alice -> ebr  INVITE sip:bob@example.org",
        " 0.000  ebr -> alice  100 Trying (INVITE)",
        " 1.000  * E_UL_CONTACT_INSERT aor=bob@example.org",
        "10.001  ebr -x bob    INVITE sip:bob@192.0.2.12:5060",
    ]
    assert str(ladder) == ladder.compact()
    assert Ladder().compact() == ""


@pytest.mark.parametrize(
    ("hide", "left"),
    [
        ((), [0, 1, 2, 3]),
        (("100",), [0, 2, 3]),
        (("INVITE",), [2]),
        (("E_UL_CONTACT_INSERT", "100"), [0, 3]),
        (("10",), [0, 1, 2, 3]),
    ],
)
def test_statuses_methods_and_events_can_be_hidden(ladder: Ladder, hide: tuple[str, ...], left: list[int]) -> None:
    assert ladder.without(hide).entries == [ladder.entries[index] for index in left]
    assert ladder.compact(hide) == ladder.without(hide).compact()


def test_the_past_can_be_left_out(ladder: Ladder) -> None:
    assert ladder.without(since=1.0).entries == ladder.entries[2:]


def test_a_drawing_has_a_lifeline_for_each_party(ladder: Ladder) -> None:
    assert ladder.draw().splitlines() == [
        "      ms  alice                               ebr                                 bob",
        "          │                                   │                                   │",
        "       0  │─────INVITE sip:bob@example.org───▶│                                   │",
        "       0  │◀───────100 Trying (INVITE)────────│                                   │",
        "          │                                   │                                   │",
        "    1000  * E_UL_CONTACT_INSERT aor=bob@example.org",
        "          │                                   │                                   │",
        "   10000  │                                   │───INVITE sip:bob@192.0.2.12:5060─✗│",
    ]


def test_a_drawing_can_do_with_ascii(ladder: Ladder) -> None:
    drawn = ladder.draw(ascii_only=True)
    assert drawn.isascii()
    assert "|-----INVITE sip:bob@example.org--->|" in drawn
    assert "|<-------100 Trying (INVITE)--------|" in drawn
    assert "---INVITE sip:bob@192.0.2.12:5060-x|" in drawn


def test_a_drawing_keeps_the_given_order_and_shortens_what_does_not_fit() -> None:
    ladder = Ladder([Entry(0.0, "a", "c", "M " + "x" * 100), Entry(0.0, "b", "b", "thinking")])
    lines = ladder.draw(["c", "b", "a"]).splitlines()
    assert lines[0].split() == ["ms", "c", "b", "a"]
    assert lines[2].count("│") == 2
    assert "xxx…" in lines[2]
    assert lines[2].index("◀") < lines[2].index("M")
    assert lines[3].endswith("◀─ thinking")
    assert len(lines[2]) == len(lines[1])


@pytest.mark.parametrize("width", [50, 80])
def test_a_drawing_keeps_within_the_width(ladder: Ladder, width: int) -> None:
    lines = [line for line in ladder.draw(width=width).splitlines() if "*" not in line]
    assert width - 5 <= max(map(len, lines)) <= width
    assert any("…" in line for line in lines)
    assert ladder.draw(width=1000) == ladder.draw()


def test_a_stream_draws_new_parties_as_they_come() -> None:
    drawing = Drawing(["ebr"], lane=12)
    first = drawing.lines(Entry(0.0, "alice", "ebr", "OPTIONS"))
    assert [line.split() for line in first[:1]] == [["ms", "ebr", "alice"]]
    assert len(first) == 3
    assert first[2] == "       0  │◀─OPTIONS──│"
    assert len(drawing.lines(Entry(0.5, "ebr", "alice", "200 OK"))) == 1


def test_labels_say_what_a_message_is() -> None:
    fields = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", "<sip:a@example.org>;tag=1"),
        ("To", "<sip:b@example.org>"),
        ("Call-ID", "1"),
        ("CSeq", "1 INVITE"),
    ]
    request = build_request("INVITE", "sip:b@example.org", fields)
    assert label_of(request) == ("INVITE sip:b@example.org", ("INVITE",))
    assert label_of(build_response(request, 180)) == ("180 Ringing (INVITE)", ("180", "INVITE"))


def test_events_are_shown_briefly_or_in_full() -> None:
    contact = Event("E_UL_CONTACT_DELETE", ("domain", "aor", "uri"), ("location", "bob@example.org", "sip:b@192.0.2.9"))
    assert describe_event(contact) == "E_UL_CONTACT_DELETE aor=bob@example.org"
    assert describe_event(contact, full=True) == ("E_UL_CONTACT_DELETE domain=location aor=bob@example.org uri=sip:b@192.0.2.9")
    assert describe_event(Event("E_CALL_PICKUP", ("group",), ("1",))) == "E_CALL_PICKUP group=1"
    assert describe_event(Event("E_X", None, (1, "two"))) == "E_X 1 two"


def test_blanks_do_not_count_when_ladders_are_compared(ladder: Ladder) -> None:
    indented = "\n".join(f"\n      {line}" for line in ladder.compact().replace("  ", "     ").splitlines())
    assert normalised(indented) == normalised(ladder.compact())


def test_side_by_side_marks_what_differs() -> None:
    expected = "0.000 a -> b  one\n0.000 b -> a  two\n1.000 a -> b  three\n2.000 a -> b  four"
    actual = "0.000  a -> b  one\n0.500  b -> a  two\n2.000  a -> b  four\n3.000  a -> b  five"
    assert side_by_side(expected, actual).splitlines() == [
        "expected             actual",
        "0.000 a -> b one     0.000 a -> b one",
        "0.000 b -> a two   ! 0.500 b -> a two",
        "1.000 a -> b three <",
        "2.000 a -> b four    2.000 a -> b four",
        "                   > 3.000 a -> b five",
    ]


def test_side_by_side_of_equal_ladders_marks_nothing(ladder: Ladder) -> None:
    text = side_by_side(ladder.compact(), ladder.compact())
    assert not any(f" {mark} " in text for mark in "!<")


@pytest.mark.parametrize(("encoding", "drawable"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_box_drawing_depends_on_the_encoding(encoding: str, drawable: bool) -> None:
    assert supports_drawing(io.TextIOWrapper(io.BytesIO(), encoding=encoding)) is drawable


def test_a_drawing_with_a_limit_gives_the_column_of_the_longest_silent_party_to_a_new_one() -> None:
    drawing = Drawing(["ebr"], ascii_only=True, lane=20, most=3)
    ladder = Ladder()
    for time, name in enumerate(["a", "b", "a", "c", "a", "d"]):
        ladder.message(float(time), name, "ebr", "OPTIONS", ())
    headers = [line.split()[1:] for entry in ladder.entries for line in drawing.lines(entry) if line.startswith("      ms")]
    assert headers == [["ebr", "a"], ["ebr", "a", "b"], ["ebr", "a", "c"], ["ebr", "a", "d"]]


def test_a_label_cannot_steer_the_terminal() -> None:
    ladder = Ladder()
    ladder.message(0.0, "a", "b", "INVITE sip:\x1b[2J@x", ())
    assert "INVITE sip:?[2J@x" in ladder.draw(ascii_only=True)


def test_a_label_that_does_not_fit_loses_its_method_before_its_words() -> None:
    ladder = Ladder()
    ladder.message(0.0, "a", "b", "487 Request Terminated (INVITE)", ())
    drawing = Drawing(["a", "b"], ascii_only=True, lane=30)
    assert "-487 Request Terminated-" in drawing.lines(ladder.entries[0])[-1]
    narrow = Drawing(["a", "b"], ascii_only=True, lane=20)
    assert "487 Request Te~" in narrow.lines(ladder.entries[0])[-1]
