"""Filters, rows F1 to F5 of the corner cases, end to end: what a script asks for, what is raised, and what the caller hears."""

from collections.abc import Mapping, Sequence
from types import ModuleType

import pytest

from ebr_conformance.scripts import push_notification, wait_for_event
from ebr_conformance.simulation import Simulation
from ebr_core import Call, Event, Pattern, Script, ServerRequest
from ebr_core.actions import EventFilter, EventValue
from notes import failures
from row_scripts import Simulate, registrar_script

WAYS = pytest.mark.parametrize("way", ["notify_on_event", "wait_for_event"])


def door_script(way: str, filter: EventFilter, name: str = "E_DOOR") -> Script:
    """A call is answered 486 when an event passes the filter within 10 seconds, and 408 when none does."""
    script = registrar_script()

    @script.request("INVITE")
    async def subscribe(request: ServerRequest) -> None:
        call = request.new_transaction()
        if way == "notify_on_event":
            call.wait_for_new_branches(timeout=10.0)
            call.notify_on_event(name, filter, _refuse, timeout=10.0)
        else:
            event = await call.wait_for_event(name, filter, timeout=10.0)
            call.reply(408 if event is None else 486)

    return script


def _refuse(event: Event, call: Call) -> None:
    call.reply(486)


def expect_door(
    simulate: Simulate,
    way: str,
    filter: EventFilter,
    params: Mapping[str, EventValue] | Sequence[EventValue] | None,
    matches: bool,
) -> None:
    """Alice calls at 1.0, the event is raised at 2.0: 486 there and then, or 408 when the 10 seconds are over."""
    sim = simulate(door_script(way, filter))
    sim.at(1.0, sim.phone("alice").invite, "bob")
    sim.at(2.0, sim.raise_event, "E_DOOR", params)
    sim.run(until=60.0)
    end = "2.000 ebr -> alice 486 Busy Here" if matches else "11.000 ebr -> alice 408 Request Timeout"
    sim.expect(
        f"""
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        {end} (INVITE)
        """,
        hide=("ACK",),
    )
    assert failures(sim) == []


def refused_at_once(sim: Simulation) -> list[str]:
    """Alice calls: 500 at once, and nothing has been subscribed to. Why, from the log."""
    sim.at(1.0, sim.phone("alice").invite, "bob")
    sim.run(until=1.1)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        1.000  ebr -> alice  500 Server Internal Error (INVITE)
        """,
        hide=("ACK",),
    )
    assert sim.engine.sizes()["subscriptions"] == 0
    return failures(sim)


# F1


@WAYS
@pytest.mark.parametrize(
    ("filter", "params", "matches"),
    [
        ("room=hall", {"room": "hall"}, True),
        ("room=h*", {"room": "hall"}, True),
        ("room=h?ll", {"room": "hall"}, True),
        ("room=[a-h]all", {"room": "hall"}, True),
        ("room=[^x]all", {"room": "hall"}, True),
        ("room=[!h]all", {"room": "hall"}, False),
        ("room=[[:alpha:]]all", {"room": "hall"}, True),
        ("room=[[:digit:]]all", {"room": "hall"}, False),
        (r"room=h\*", {"room": "hall"}, False),
        (r"room=h\*", {"room": "h*"}, True),
        ("room=Hall", {"room": "hall"}, False),
        ("ROOM=hall", {"room": "hall"}, True),
        ("room=hall", {"Room": "hall"}, True),
        ("room=*", {"room": ""}, True),
        ("room=*", {"room": None}, False),
        ("room=a=b", {"room": "a=b"}, True),
        ({"room": "hall"}, {"room": "hall"}, True),
        ({"room": "h*"}, {"room": "hall"}, False),
        ({"room": "h*"}, {"room": "h*"}, True),
        ({"room": "[a-h]all"}, {"room": "hall"}, False),
        ({"room": Pattern("h*")}, {"room": "hall"}, True),
        ({"room": Pattern("H*")}, {"room": "hall"}, False),
        ({"group": 1}, {"group": "1"}, True),
        ({"group": "1"}, {"group": 1}, True),
        ({"group": 1}, {"group": 1}, True),
        ({"group": 1}, {"group": "01"}, False),
        ({"group": Pattern("1*")}, {"group": 12}, True),
        ({"room": ""}, {"room": None}, False),
        (None, {"room": "hall"}, True),
        (None, ["hall"], True),
        (None, None, True),
        ({}, None, True),
        ([], {"room": "hall"}, True),
        ({"room": "hall"}, ["hall"], False),
    ],
)
def test_F1_what_passes_a_filter(
    simulate: Simulate,
    way: str,
    filter: EventFilter,
    params: Mapping[str, EventValue] | Sequence[EventValue] | None,
    matches: bool,
) -> None:
    """F1: strings are fnmatch(3) patterns, mapping values exact; keys without case; an int equals its decimal text."""
    expect_door(simulate, way, filter, params, matches)


# F2


@WAYS
@pytest.mark.parametrize("filter", [{"aro": "bob@example.org"}, "aro=*", ["aor=*", "aro=*"]])
def test_F2_a_key_that_a_declared_event_does_not_have_is_an_error(simulate: Simulate, way: str, filter: EventFilter) -> None:
    """F2: OpenSIPS would ring for everybody; here the script's author is told at once, with the names that there are."""
    sim = simulate(door_script(way, filter, "E_UL_CONTACT_INSERT"))
    (why,) = refused_at_once(sim)
    assert "FilterError: E_UL_CONTACT_INSERT has no attribute 'aro'; it has domain, aor, uri, " in why


@WAYS
def test_F2_a_key_that_a_custom_event_does_not_have_never_matches(simulate: Simulate, way: str) -> None:
    """F2: nothing is known of a custom event beforehand, so its subscription is made, and waits for one that has the key."""
    expect_door(simulate, way, {"room": Pattern("*")}, {"floor": "hall"}, False)


# F3


@WAYS
@pytest.mark.parametrize(
    ("filter", "complaint"),
    [
        ("hall", "the filter 'hall' is not of the form 'key=value'"),
        ("=hall", "the filter '=hall' is not of the form 'key=value'"),
        ("", "the filter '' is not of the form 'key=value'"),
        (["room=hall", "group"], "the filter 'group' is not of the form 'key=value'"),
        ({"": "hall"}, "the key of a filter is the name of an attribute, not ''"),
        ({"room": None}, "the filter on room wants a str, an int or a Pattern, not None"),
        ({"room": True}, "the filter on room wants a str, an int or a Pattern, not True"),
        (7, "a filter is a mapping, a string, a sequence of strings or None, not 7"),
        (b"room=hall", "a filter is a mapping, a string, a sequence of strings or None, not b'room=hall'"),
    ],
)
def test_F3_a_filter_that_cannot_be_meant_is_an_error(simulate: Simulate, way: str, filter: EventFilter, complaint: str) -> None:
    """F3: no subscription is made; OpenSIPS makes one that matches everything."""
    (why,) = refused_at_once(simulate(door_script(way, filter)))
    assert why == f"door_script.<locals>.subscribe: FilterError: {complaint}"


# F4


@WAYS
@pytest.mark.parametrize(
    ("filter", "matches"),
    [
        (["room=h*", "room=*l"], True),
        (["room=h*", "room=*x"], False),
        (["room=h*", "ROOM=hall", "room=h*"], True),
        (["room=h*", "group=1"], True),
        (["room=h*", "group=2"], False),
        ({"room": "hall", "Room": Pattern("h*")}, True),
        ({"room": "hall", "Room": "kitchen"}, False),
        ({"room": "hall", "group": 2}, False),
    ],
)
def test_F4_all_filters_must_match(simulate: Simulate, way: str, filter: EventFilter, matches: bool) -> None:
    """F4: on two keys, and on one."""
    expect_door(simulate, way, filter, {"room": "hall", "group": 1}, matches)


# F5


@pytest.mark.parametrize("script", [push_notification, wait_for_event], ids=["push_notification", "wait_for_event"])
@pytest.mark.parametrize("dialled", ["*", "?arol", "%2A", "%3Farol", "[a-z]arol", "%5Ba-z%5Darol", "c*", "carol*"])
def test_F5_who_dials_a_wildcard_is_not_forked_to_strangers(simulate: Simulate, script: ModuleType, dialled: str) -> None:
    """F5: Mallory dials a pattern that Carol's name fits; Carol registers while he waits, and her phone stays silent."""
    sim = simulate(script.script)
    mallory, carol = sim.phone("mallory"), sim.phone("carol")
    sim.at(1.0, mallory.invite, f"sip:{dialled}@example.org")
    sim.at(2.0, carol.register)
    sim.at(3.0, carol.register)
    sim.run(until=100.0)
    assert carol.responses("REGISTER") == [200, 200]
    assert carol.requests("INVITE") == []
    assert mallory.responses() == [100, 480 if script is wait_for_event else 408]


@pytest.mark.parametrize("script", [push_notification, wait_for_event], ids=["push_notification", "wait_for_event"])
@pytest.mark.parametrize("name", ["*", "?arol", "c*"])
def test_F5_whose_name_is_a_wildcard_is_rung_all_the_same(simulate: Simulate, script: ModuleType, name: str) -> None:
    """F5: the text is exact, so a user called ``*`` is that user, and no other."""
    sim = simulate(script.script)
    alice, carol, star = sim.phone("alice"), sim.phone("carol"), sim.phone("star", user=name, rings=None, answers=0.25)
    sim.at(1.0, alice.invite, f"sip:{name}@example.org")
    sim.at(2.0, carol.register)
    sim.at(3.0, star.register)
    sim.run(until=100.0)
    sim.expect(
        f"""
        1.000  alice -> ebr  INVITE sip:{name}@example.org
        1.000  ebr -> alice  100 Trying (INVITE)
        3.000  ebr -> star   INVITE sip:{name}@192.0.2.13:5060
        3.250  star -> ebr   200 OK (INVITE)
        3.250  ebr -> alice  200 OK (INVITE)
        3.250  alice -> ebr  ACK sip:{name}@192.0.2.13:5060
        3.250  ebr -> star   ACK sip:{name}@192.0.2.13:5060
        """,
        hide=("REGISTER",),
    )
