"""The two alphabets: values that compare, hash and print by their fields."""

import pytest

from ebr_core import actions, inputs
from ebr_core.actions import (
    NOTIFIED,
    Action,
    CancelJob,
    Event,
    EventNotified,
    Logged,
    Pattern,
    SendDatagram,
    StartJob,
    Stopped,
    SubscriptionEnded,
    Value,
)
from ebr_core.inputs import (
    DatagramReceived,
    EventRaised,
    Input,
    JobFinished,
    Listener,
    SendFailed,
    ShutdownRequested,
    Started,
    SubscriptionCancelled,
    SubscriptionRequested,
    TimerTick,
    WallClockStepped,
)

A, B = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


def listener() -> Listener:
    return Listener(1, "sip", "udp", A)


# Each value beside others of its class that differ from it in one field each.
FAMILIES: list[list[Value]] = [
    [
        listener(),
        Listener(2, "sip", "udp", A),
        Listener(1, "mi", "udp", A),
        Listener(1, "sip", "tcp", A),
        Listener(1, "sip", "udp", B, A),
        Listener(1, "sip", "udp", A, B),
    ],
    [Started([listener()], 5.0), Started([], 5.0), Started([listener()], 6.0)],
    [
        DatagramReceived(b"x", A, 1),
        DatagramReceived(b"y", A, 1),
        DatagramReceived(b"x", B, 1),
        DatagramReceived(b"x", A, 2),
        DatagramReceived(b"x", A, 1, B),
    ],
    [
        SendFailed(A, 1, b"x", "E"),
        SendFailed(B, 1, b"x", "E"),
        SendFailed(A, None, b"x", "E"),
        SendFailed(A, 1, b"", "E"),
        SendFailed(A, 1, b"x", "F"),
    ],
    [JobFinished(2), JobFinished(4), JobFinished(2, True), JobFinished(2, None, ("OSError", ""))],
    [EventRaised("E"), EventRaised("F"), EventRaised("E", {"a": 1}), EventRaised("E", [1])],
    [
        SubscriptionRequested(1, "E"),
        SubscriptionRequested(3, "E"),
        SubscriptionRequested(1, "F"),
        SubscriptionRequested(1, "E", "a=b"),
        SubscriptionRequested(1, "E", None, 2.0),
        SubscriptionRequested(1, "E", once=True),
    ],
    [SubscriptionCancelled(1), SubscriptionCancelled(3)],
    [TimerTick()],
    [WallClockStepped(1.0), WallClockStepped(2.0)],
    [ShutdownRequested(), ShutdownRequested(1.0)],
    [Pattern("a*"), Pattern("a?")],
    [
        Event("E"),
        Event("F"),
        Event("E", None, (1,)),
        Event("E", ("a",), (1,)),
        Event("E", ("b",), (1,)),
        Event("E", ("a",), (2,)),
    ],
    [
        SendDatagram(b"x", A, 1),
        SendDatagram(b"y", A, 1),
        SendDatagram(b"x", B, 1),
        SendDatagram(b"x", A, None),
        SendDatagram(b"x", A, 1, A),
    ],
    [StartJob(2, print), StartJob(4, print), StartJob(2, len), StartJob(2, print, (1,))],
    [CancelJob(2), CancelJob(4)],
    [EventNotified(1, Event("E")), EventNotified(3, Event("E")), EventNotified(1, Event("F"))],
    [SubscriptionEnded(1, NOTIFIED), SubscriptionEnded(3, NOTIFIED), SubscriptionEnded(1, "EXPIRED")],
    [
        Logged(20, "c", "t", {}),
        Logged(30, "c", "t", {}),
        Logged(20, "d", "t", {}),
        Logged(20, "c", "u", {}),
        Logged(20, "c", "t", {"a": 1}),
    ],
    [Stopped()],
]
VALUES = [value for family in FAMILIES for value in family]


def rebuilt(value: Value) -> Value:
    return type(value)(*(getattr(value, name) for name in value.__match_args__))


def test_every_input_and_action_is_here() -> None:
    here = {type(value).__name__ for value in VALUES} | {"Value"}
    for module in (actions, inputs):
        classes = {name for name in module.__all__ if isinstance(getattr(module, name), type)}
        assert classes <= here
    for alphabet in (Input, Action):
        assert {each.__name__ for each in alphabet.__args__} <= here


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_equals_one_with_the_same_fields_and_no_other(value: Value) -> None:
    twin = rebuilt(value)
    assert twin is not value
    assert twin == value
    assert hash(twin) == hash(value)
    assert [other for other in VALUES if other == value] == [value]


@pytest.mark.parametrize("value", [family[0] for family in FAMILIES], ids=repr)
def test_a_value_says_what_is_in_it(value: Value) -> None:
    text = repr(value)
    assert text.startswith(type(value).__name__ + "(")
    for name in value.__match_args__:
        assert f"{name}={getattr(value, name)!r}" in text


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: type(family[0]).__name__)
def test_every_field_counts_in_a_comparison(family: list[Value]) -> None:
    first = family[0]
    told_apart = {name for other in family[1:] for name in first.__match_args__ if getattr(other, name) != getattr(first, name)}
    assert told_apart == set(first.__match_args__)


def test_values_of_two_classes_differ_and_other_objects_too() -> None:
    assert SubscriptionCancelled(2) != CancelJob(2)
    assert TimerTick() != Stopped()
    assert TimerTick() != 1
    assert Pattern("a") != "a"


def test_values_match_by_position() -> None:
    match SendDatagram(b"x", A, 1):
        case SendDatagram(data, destination, number, local):
            assert (data, destination, number, local) == (b"x", A, 1, None)
    match SubscriptionRequested(1, "E", "a=b", 2.0, True):
        case SubscriptionRequested(number, name, filter_, timeout, once):
            assert (number, name, filter_, timeout, once) == (1, "E", "a=b", 2.0, True)


def test_a_listener_advertises_its_bound_address_unless_told_otherwise() -> None:
    assert listener().advertised == A
    assert Listener(1, "sip", "udp", A, B).advertised == B


def test_started_keeps_its_own_copy_of_the_listeners() -> None:
    listeners = [listener()]
    started = Started(listeners, 0.0)
    listeners.clear()
    assert started.listeners == (listener(),)


def test_a_named_event_is_read_by_name_and_by_index() -> None:
    event = Event("E_UL_CONTACT_INSERT", ("aor", "uri"), ("bob@example.org", None))
    assert (event["aor"], event["uri"], event[0]) == ("bob@example.org", None, "bob@example.org")
    assert "aor" in event
    assert "tea" not in event
    assert 0 not in event
    assert (event.get("aor"), event.get("uri", "x"), event.get("tea"), event.get("tea", 5)) == ("bob@example.org", None, None, 5)
    assert event.params() == {"aor": "bob@example.org", "uri": None}
    with pytest.raises(KeyError, match=r"no attribute 'tea'; it has \['aor', 'uri'\]"):
        event["tea"]


def test_an_event_without_names_is_read_by_index() -> None:
    event = Event("E_MINE", None, (1, "b"))
    assert (event[0], event[1], event.params()) == (1, "b", [1, "b"])
    assert "b" not in event
    assert event.get("b") is None
    with pytest.raises(IndexError):
        event[2]
    with pytest.raises(KeyError, match=r"it has \[\]"):
        event["b"]
    assert Event("E_MINE").params() is None
    assert Event("E_MINE", (), ()).params() == {}


def test_an_event_has_a_name_for_each_value_or_none_at_all() -> None:
    with pytest.raises(ValueError, match="event E: 1 attribute names for 2 values"):
        Event("E", ("a",), (1, 2))
