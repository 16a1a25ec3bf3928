"""The declared events, and how an event is made of what the user gives."""

from typing import cast

import pytest

from ebr_core.errors import LocalProtocolError
from ebr_core.events import DECLARED, Event, attributes_of, make_event

_CONTACT = "domain aor uri received path qval user_agent socket bflags expires callid cseq attr latency shtag"  # OpenSIPS's order


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("E_UL_AOR_INSERT", "domain aor"),
        ("E_UL_AOR_DELETE", "domain aor"),
        ("E_UL_CONTACT_INSERT", _CONTACT),
        ("E_UL_CONTACT_UPDATE", _CONTACT),
        ("E_UL_CONTACT_DELETE", _CONTACT),
        ("E_UL_LATENCY_UPDATE", _CONTACT),
        (
            "E_UL_CONTACT_REFRESH",
            "domain aor uri received user_agent socket bflags expires callid attr shtag reason req_callid",
        ),
        ("E_CORE_THRESHOLD", "source time extra"),
    ],
)
def test_attributes_in_opensips_order(name: str, attributes: str) -> None:
    assert attributes_of(name) == tuple(attributes.split())


def test_each_declared_event_is_tested_above() -> None:
    assert len(DECLARED) == 8


def test_other_names_are_custom() -> None:
    assert attributes_of("E_DOORBELL") is None
    assert attributes_of("e_ul_aor_insert") is None


def test_make_event_keeps_order_and_types() -> None:
    assert make_event("E_X", {"b": "1", "a": 2, "c": None}) == Event("E_X", ("b", "a", "c"), ("1", 2, None))
    assert make_event("E_X", ["1", 2, None]) == Event("E_X", None, ("1", 2, None))
    assert make_event("E_X") == Event("E_X")
    assert make_event("E_X", {}) == Event("E_X", (), ())


@pytest.mark.parametrize("params", [{"a": 1.5}, {"a": True}, {"a": b"x"}, {"a": ["x"]}, {1: "x"}, [1.5], "text", b"bytes", 7])
def test_make_event_refuses_what_it_cannot_mean(params: object) -> None:
    with pytest.raises(LocalProtocolError, match="E_X"):
        make_event("E_X", cast("dict[str, str]", params))


def test_make_event_wants_a_name() -> None:
    with pytest.raises(LocalProtocolError):
        make_event("", {"a": "1"})
