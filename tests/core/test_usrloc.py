"""The location table: what look-ups see, what changes come out and in which order, and that nothing is left behind."""

import gc
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebr_core.config import Config
from ebr_core.environment import Environment
from ebr_core.errors import LocalProtocolError
from ebr_core.message import Uri
from ebr_core.usrloc import (
    EXPIRED,
    REMOVED,
    REPLACED,
    Change,
    Contact,
    Location,
    describe,
    insert,
    remove,
    update,
)

BOB = "bob@example.org"

# OpenSIPS 3.6: modules/usrloc, events of contacts. The order is that of the JSON that subscribers get.
CONTACT_ATTRIBUTES = "domain aor uri received path qval user_agent socket bflags expires callid cseq attr latency shtag".split()


def environment(now: float = 1000.0) -> Environment:
    env = Environment(Config(), lambda n: bytes(n))
    env.now = now
    return env


def contact(uri: str, expires_at: float, aor: str = BOB, q: int = -1, **more: str) -> Contact:
    return Contact(aor, uri, Uri.parse(uri).key, expires_at, q=q, **more)  # type: ignore[arg-type]


def add(location: Location, *contacts: Contact) -> list[Change]:
    return location.apply(contacts[0].aor, [insert(each) for each in contacts])


def kinds(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.kind, change.cause) for change in changes]


def uris(contacts: list[Contact]) -> list[str]:
    return [each.uri for each in contacts]


def fire_due(env: Environment, location: Location) -> list[Change]:
    """What the engine does with due timers."""
    changes: list[Change] = []
    while (due := env.timers.pop(env.now)) is not None:
        owner, kind = due
        assert isinstance(owner, Contact)
        assert kind == 0
        changes += location.expire(owner)
    return changes


def test_first_contact_makes_the_aor_and_last_one_ends_it() -> None:
    env = environment()
    location = Location(env)
    desk, mobile = contact("sip:desk@h", 1060), contact("sip:mobile@h", 1060)
    assert kinds(add(location, desk, mobile)) == [
        ("E_UL_AOR_INSERT", "registered"),
        ("E_UL_CONTACT_INSERT", "registered"),
        ("E_UL_CONTACT_INSERT", "registered"),
    ]
    assert location.sizes() == {"aors": 1, "contacts": 2}
    assert len(location) == 2
    assert kinds(location.apply(BOB, [remove(desk)])) == [("E_UL_CONTACT_DELETE", "unregistered")]
    assert kinds(location.apply(BOB, [remove(mobile)])) == [
        ("E_UL_CONTACT_DELETE", "unregistered"),
        ("E_UL_AOR_DELETE", "unregistered"),
    ]
    assert location.sizes() == {"aors": 0, "contacts": 0}
    assert len(env.timers) == 0


def test_last_one_out_and_another_in_at_once_keeps_the_aor() -> None:
    location = Location(environment())
    old = contact("sip:bob@h:1", 1060)
    add(location, old)
    changes = location.apply(BOB, [remove(old, REPLACED), insert(contact("sip:bob@h:2", 1060))])
    assert kinds(changes) == [("E_UL_CONTACT_DELETE", "replaced"), ("E_UL_CONTACT_INSERT", "registered")]
    assert uris(location.lookup(BOB)) == ["sip:bob@h:2"]
    assert location.sizes() == {"aors": 1, "contacts": 1}


def test_contact_is_invisible_at_its_instant_even_before_its_timer_fires() -> None:
    env = environment()
    location = Location(env)
    add(location, contact("sip:bob@h", 1060))
    env.now = math.nextafter(1060.0, 0)
    assert uris(location.lookup(BOB)) == ["sip:bob@h"]
    assert uris(list(location)) == ["sip:bob@h"]
    assert env.timers.deadline == 1060
    env.now = 1060
    assert location.lookup(BOB) == []
    assert location.find(BOB, "sip:bob@h") is None
    assert list(location) == []
    assert location.sizes() == {"aors": 1, "contacts": 1}
    assert kinds(fire_due(env, location)) == [("E_UL_CONTACT_DELETE", EXPIRED), ("E_UL_AOR_DELETE", EXPIRED)]
    assert location.sizes() == {"aors": 0, "contacts": 0}


def test_instant_between_two_milliseconds_is_the_timers_own() -> None:
    env = environment(0.1)
    location = Location(env)
    bob = contact("sip:bob@h", 0.1 + 0.2)
    add(location, bob)
    deadline = env.timers.deadline
    assert deadline == bob.expires_at == 0.3
    env.now = deadline
    assert location.lookup(BOB) == []
    assert len(fire_due(env, location)) == 2


def test_refresh_moves_the_one_timer() -> None:
    env = environment()
    location = Location(env)
    bob = contact("sip:bob@h", 1060, user_agent="old")
    add(location, bob)
    env.now = 1030
    changes = location.apply(BOB, [update(bob, contact("sip:bob@h", 1090, user_agent="new"))])
    assert changes == [Change("E_UL_CONTACT_UPDATE", BOB, bob, "refreshed")]
    assert location.lookup(BOB) == [bob]
    assert (bob.expires_at, bob.user_agent) == (1090, "new")
    assert len(env.timers) == 1
    env.now = 1060
    assert fire_due(env, location) == []
    env.now = 1090
    assert len(fire_due(env, location)) == 2


def test_expire_of_a_contact_refreshed_or_removed_after_its_timer_fired_is_a_no_op() -> None:
    env = environment()
    location = Location(env)
    bob = contact("sip:bob@h", 1060)
    add(location, bob)
    env.now = 1060
    assert env.timers.pop(env.now) == (bob, 0)
    location.apply(BOB, [update(bob, contact("sip:bob@h", 1200))])
    assert location.expire(bob) == []
    location.apply(BOB, [remove(bob)])
    assert location.expire(bob) == []
    twin = contact("sip:bob@h", 1300)
    add(location, twin)
    assert location.expire(bob) == []
    assert location.lookup(BOB) == [twin]


def test_lookup_is_by_q_then_newest_first() -> None:
    location = Location(environment())
    add(location, contact("sip:a@h", 2000, q=500))
    add(location, contact("sip:b@h", 2000), contact("sip:c@h", 2000, q=1000))
    add(location, contact("sip:d@h", 2000, q=0), contact("sip:e@h", 2000, q=500))
    assert uris(location.lookup(BOB)) == ["sip:b@h", "sip:c@h", "sip:e@h", "sip:a@h", "sip:d@h"]
    assert location.lookup("nobody@example.org") == []


def test_find_goes_by_rfc_3261_19_1_4() -> None:
    location = Location(environment())
    one, two = contact("sip:bob@host:5070;line=1", 2000), contact("sip:bob@host:5070;line=2", 2000)
    add(location, one, two)
    assert location.find(BOB, "sip:bob@host:5070;line=1") is one
    assert location.find(BOB, "sip:%62ob@HOST:5070;Line=2") is two
    assert location.find(BOB, "sip:bob@host:5070;line=3") is None
    assert location.find(BOB, "sip:bob@host") is None
    assert location.find(BOB, "sip:bob@host:5070;transport=tcp") is None
    assert location.find(BOB, "nothing that parses") is None
    assert location.find(BOB, one.key) in (one, two)
    assert location.find("nobody@example.org", one.uri) is None
    assert one.device != two.device
    assert contact("sip:bob@h", 1, instance="<urn:uuid:1>").device == "<urn:uuid:1>"


def test_update_may_change_the_spelling_of_the_uri() -> None:
    location = Location(environment())
    bob, carol = contact("sip:bob@h", 2000), contact("sip:carol@h", 2000)
    add(location, bob, carol)
    location.apply(BOB, [update(bob, contact("sip:bob@h;ob", 2000))])
    assert location.find(BOB, "sip:bob@h;ob") is bob
    assert sorted(uris(location.lookup(BOB))) == ["sip:bob@h;ob", "sip:carol@h"]
    assert location.sizes() == {"aors": 1, "contacts": 2}


def test_apply_is_all_or_nothing() -> None:
    env = environment()
    location = Location(env)
    bob = contact("sip:bob@h", 1060)
    add(location, bob)
    stranger = contact("sip:stranger@h", 1060)
    bad = [
        [insert(contact("sip:new@h", 1060)), insert(contact("sip:bob@h", 1060))],
        [insert(contact("sip:new@h", 1060)), insert(contact("sip:new@h", 1060))],
        [remove(bob), remove(bob)],
        [remove(bob), update(bob, contact("sip:bob@h", 2000))],
        [remove(bob), remove(stranger)],
        [insert(contact("sip:new@h", 1060)), update(bob, contact("sip:new@h", 2000))],
        [remove(bob), insert(contact("sip:x@h", 1060, aor="alice@example.org"))],
        [remove(bob), insert(bob)],
        [insert(stranger), remove(stranger)],
    ]
    for operations in bad:
        with pytest.raises(LocalProtocolError):
            location.apply(BOB, operations)
        assert location.lookup(BOB) == [bob]
        assert bob.expires_at == 1060
        assert location.sizes() == {"aors": 1, "contacts": 1}
        assert len(env.timers) == 1
    assert location.apply(BOB, []) == []


def test_remove_takes_one_or_all() -> None:
    env = environment()
    location = Location(env)
    first, second, third = (contact(f"sip:{name}@h", 1060) for name in "abc")
    add(location, first, second, third)
    assert location.remove(BOB, second) == [Change("E_UL_CONTACT_DELETE", BOB, second, REMOVED)]
    assert location.remove(BOB, second) == []
    assert location.aors() == [BOB]
    assert [change.kind for change in location.remove(BOB)] == [
        "E_UL_CONTACT_DELETE",
        "E_UL_CONTACT_DELETE",
        "E_UL_AOR_DELETE",
    ]
    assert location.remove(BOB) == []
    assert location.aors() == []
    assert len(env.timers) == 0


def test_events_have_opensips_attributes_in_their_order() -> None:
    bob = Contact(
        BOB,
        "sip:bob@192.0.2.1:5070",
        "key",
        1060.0,
        received="sip:192.0.2.7:40000",
        path=("<sip:p1;lr>", "<sip:p2;lr>"),
        q=500,
        user_agent="Phone/1",
        listener=1,
        socket="udp:127.0.0.1:5060",
        call_id="c1",
        cseq=7,
    )
    change = Change("E_UL_CONTACT_INSERT", BOB, bob, "registered")
    event = describe(change, 1_700_000_000.4)
    assert event.name == "E_UL_CONTACT_INSERT"
    assert event.names == tuple(CONTACT_ATTRIBUTES)
    assert event.values == (
        "location",
        BOB,
        "sip:bob@192.0.2.1:5070",
        "sip:192.0.2.7:40000",
        "<sip:p1;lr>,<sip:p2;lr>",
        500,
        "Phone/1",
        "udp:127.0.0.1:5060",
        0,
        1_700_001_060,
        "c1",
        7,
        "",
        0,
        "",
    )


def test_events_of_a_bare_contact_and_of_an_aor() -> None:
    plain = describe(Change("E_UL_CONTACT_DELETE", BOB, contact("sip:bob@h", 1060.6), "expired"), 0.0)
    assert plain.params() == {
        "domain": "location",
        "aor": BOB,
        "uri": "sip:bob@h",
        "received": None,
        "path": None,
        "qval": -1,
        "user_agent": "n/a",
        "socket": "",
        "bflags": 0,
        "expires": 1061,
        "callid": "",
        "cseq": 0,
        "attr": "",
        "latency": 0,
        "shtag": "",
    }
    for kind in ("E_UL_AOR_INSERT", "E_UL_AOR_DELETE"):
        event = describe(Change(kind, BOB, None, "registered"), 0.0)
        assert (event.name, event.names, event.values) == (kind, ("domain", "aor"), ("location", BOB))


def test_one_aor_with_many_contacts() -> None:
    env = environment()
    location = Location(env)
    many = [contact(f"sip:bob@h:{port}", 1000 + port) for port in range(1, 501)]
    for each in many:
        add(location, each)
    assert location.lookup(BOB) == many[::-1]
    assert location.find(BOB, "sip:bob@h:250") is many[249]
    env.now = 1400
    assert len(fire_due(env, location)) == 400
    assert location.lookup(BOB) == many[:399:-1]
    env.now = 1500
    assert [change.kind for change in fire_due(env, location)][-2:] == ["E_UL_CONTACT_DELETE", "E_UL_AOR_DELETE"]
    assert location.sizes() == {"aors": 0, "contacts": 0}
    assert env.timers.deadline is None


def test_nothing_that_ended_waits_for_the_cycle_collector() -> None:
    env = environment()
    location = Location(env)
    gc.collect()
    gc.disable()
    try:
        for number in range(20):
            aor = f"user{number}@example.org"
            add(location, contact("sip:a@h", 1060, aor), contact("sip:b@h", 1060, aor))
            kept = location.lookup(aor)[0]
            location.apply(aor, [update(kept, contact(kept.uri, 1090, aor))])
            if number % 2:
                location.remove(aor)
        env.now = 1090
        fire_due(env, location)
        del kept
        assert location.sizes() == {"aors": 0, "contacts": 0}
        assert len(env.timers) == 0
        assert gc.collect() == 0
    finally:
        gc.enable()


NAMES = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("register"), NAMES, st.integers(1, 40)),
        st.tuples(st.just("remove"), NAMES, st.just(0)),
        st.tuples(st.just("wait"), st.just(""), st.integers(0, 20)),
        st.tuples(st.just("look"), st.just(""), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 3))
def test_table_agrees_with_a_dict(steps: list[tuple[str, str, int]], aor_count: int) -> None:
    env = environment(0.0)
    location = Location(env)
    model: dict[tuple[str, str], float] = {}
    seen: dict[str, int] = {}
    for number, (verb, name, value) in enumerate(steps):
        aor = f"u{number % aor_count}@example.org"
        uri = f"sip:{name}@h"
        found = location.find(aor, uri) if name else None
        changes: list[Change] = []
        if verb == "register":
            expired = [remove(each, EXPIRED) for each in location.all_contacts(aor) if each.expires_at <= env.now]
            fresh = contact(uri, env.now + value, aor)
            changes = location.apply(aor, [*expired, insert(fresh) if found is None else update(found, fresh)])
            model[aor, uri] = env.now + value
        elif verb == "remove":
            changes = location.remove(aor, found) if found is not None else []
            if model.get((aor, uri), 0) > env.now:
                del model[aor, uri]
        else:
            env.now += value
            # "look": the timers are late, the look-ups must not be.
            changes = fire_due(env, location) if verb == "wait" else []
        for change in changes:
            seen[change.kind] = seen.get(change.kind, 0) + 1
        valid = {key: at for key, at in model.items() if at > env.now}
        assert {(each.aor, each.uri): each.expires_at for each in location} == valid
        assert len(env.timers) == len(location) == sum(len(location.all_contacts(each)) for each in location.aors())
    env.now = 1e6
    for change in fire_due(env, location):
        seen[change.kind] = seen.get(change.kind, 0) + 1
    assert location.sizes() == {"aors": 0, "contacts": 0}
    assert seen.get("E_UL_CONTACT_INSERT") == seen.get("E_UL_CONTACT_DELETE")
    assert seen.get("E_UL_AOR_INSERT") == seen.get("E_UL_AOR_DELETE")
