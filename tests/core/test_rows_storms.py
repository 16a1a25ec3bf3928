"""Rows L4 and L5 of the corner cases, in numbers: 10,000 calls leave nothing behind, and 20,000 subscribers delay nobody."""

from collections import deque
from collections.abc import Callable

import pytest

from bare import Bare, request
from ebr_conformance.scripts import plain
from ebr_core import (
    Action,
    Call,
    Engine,
    Event,
    EventNotified,
    EventRaised,
    Script,
    SendDatagram,
    ServerRequest,
    SubscriptionCancelled,
    SubscriptionRequested,
    TimerTick,
    sleep,
)
from notes import verbs
from row_scripts import registrar_script

CALLS = 10_000
MATCHES = 20_000
BUDGET = 64

# L4


def job(number: int) -> None:
    """Done elsewhere."""


def busy_script() -> Script:
    """The user's name says what the call does."""
    script = registrar_script()

    @script.request("INVITE")
    async def route(request: ServerRequest) -> None:
        call = request.new_transaction()
        name = request.aor.partition("@")[0]
        if name.startswith("wait"):
            await call.wait_for_event(f"E_RARE_{name}", {"name": name}, timeout=20.0)
            call.reply(480)
        elif name.startswith("push"):
            call.wait_for_new_branches(timeout=20.0)
            call.notify_on_event(f"E_RARE_{name}", f"name={name}*", _never, timeout=15.0)
            call.start(job, 1)
        elif name.startswith("fork"):
            call.fork_to(request.aor, 20.0)
        elif name.startswith("fail"):
            await call.run(job, 2)
            await sleep(1.0)
            raise ValueError(name)
        else:
            call.relay(request.lookup())

    @script.request("MESSAGE")
    async def message(request: ServerRequest) -> None:
        if await request.wait_for_event("E_UL_CONTACT_INSERT", {"aor": request.aor}, timeout=5.0) is None:
            request.reply(480)

    return script


def _never(event: Event, call: Call) -> None:
    raise AssertionError("nobody raises these events")


KINDS = ("wait", "push", "fork", "fail", "ring")


def feed_calls(bare: Bare, calls: int) -> None:
    """Calls of all kinds in ten seconds, a third of them cancelled, and with each a message, a binding and a listener."""
    bare.on_action = bare.acknowledge
    for number in range(calls):
        at = bare.now + 10.0 * number / calls
        user = f"{KINDS[number % len(KINDS)]}{number}"
        if user.startswith("ring"):
            bare.at(at, request("REGISTER", user, 4 * calls + number, contact=f"sip:{user}@192.0.2.12", expires=60))
        bare.at(at, request("INVITE", user, number))
        if number % 3 == 0:
            bare.at(at + 0.5 + number % 7, request("CANCEL", user, number))
        if number % 10 == 0:
            bare.at(at, request("MESSAGE", user, calls + number))
        listener = 2 * number + 1
        filter = None if number % 2 else f"name=*{number}*"
        bare.at(at, SubscriptionRequested(listener, f"E_{number}", filter, timeout=30.0, once=True))
        if number % 4 == 0:
            bare.at(at + 2.0, SubscriptionCancelled(listener))
        elif number % 4 == 1:
            bare.at(at + 2.0, EventRaised(f"E_{number}", {"name": f"x{number}y"}))


def containers(engine: Engine) -> dict[str, int]:
    """Every container that can be reached from the engine, by its path, with its length, if that is not 0."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    pending: deque[tuple[str, object]] = deque([("", engine)])
    while pending:
        path, item = pending.popleft()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, dict | list | set | deque | tuple):
            if item and path:
                found[path] = max(found.get(path, 0), len(item))
            values = [*item, *item.values()] if isinstance(item, dict) else list(item)
            pending.extend((f"{path}[]", value) for value in values)
        elif type(item).__module__.startswith("ebr_core"):
            names = {name for kind in type(item).__mro__ for name in getattr(kind, "__slots__", ())}
            names.update(getattr(item, "__dict__", ()))
            pending.extend((f"{path}.{name}".lstrip("."), getattr(item, name)) for name in sorted(names) if hasattr(item, name))
    return found


def grown(bare: Bare, before: dict[str, int]) -> dict[str, int]:
    """The containers that are longer than they were."""
    bare.feed(TimerTick())  # what only the latest step left, as the names of its handlers, is gone
    return {path: size for path, size in containers(bare.engine).items() if size > before.get(path, 0)}


def test_L4_ten_thousand_calls_and_subscriptions_leave_nothing_behind() -> None:
    """L4: whatever ended them, `sizes()` is all zeros, and no timer is left."""
    bare = Bare(busy_script())
    feed_calls(bare, CALLS)
    bare.run(until=9.0)
    busy = bare.engine.sizes()
    assert busy["server_transactions"] > 5000
    assert busy["subscriptions"] > 5000
    assert min(busy[name] for name in ("client_transactions", "contacts", "timers", "handlers")) > 100
    bare.run()
    assert {name: size for name, size in bare.engine.sizes().items() if size} == {}
    assert bare.engine.deadline is None
    assert bare.engine.counters["handlers.failed"] > 100


@pytest.mark.pure
def test_L4_no_container_grows_that_sizes_does_not_count() -> None:
    """L4: not only what `sizes` counts is empty again, but everything that can be reached from the engine."""
    bare = Bare(busy_script())
    feed_calls(bare, 30)  # what is made once, as an entry for each listener or counter, is there from now on
    bare.run()
    bare.feed(TimerTick())
    before = containers(bare.engine)
    feed_calls(bare, 500)
    bare.run(until=bare.now + 9.0)
    busy = grown(bare, before)
    for path in ("_transactions._servers", "_transactions._clients", "_location._aors", "_subscriptions._indexes"):
        assert path in busy, "the walk must see what is there while there is something"
    bare.run()
    assert not any(bare.engine.sizes().values())
    assert grown(bare, before) == {}


@pytest.mark.pure
def test_L4_the_walk_finds_what_sizes_does_not_count() -> None:
    """L4, the test of the test: what a script keeps in `state` is its own, so `sizes` does not count it; the walk sees it."""
    script = Script()

    @script.event("E_KEEP")
    def keep(event: Event) -> None:
        verbs.state["kept"] = [1, 2, 3]

    bare = Bare(script)
    bare.feed(EventRaised("E_OTHER"))
    before = containers(bare.engine)
    bare.feed(EventRaised("E_KEEP"))
    assert not any(bare.engine.sizes().values())
    assert grown(bare, before) == {"_env.counters": 1, "_runtime.state": 1, "_runtime.state[]": 3}


# L5


def kept_busy(bare: Bare) -> tuple[list[int], int]:
    """Tick until nothing is left to do, with other traffic in between: how many deliveries each step made, and how many
    other requests were answered. Each OPTIONS is answered in the very step that brings it, each INVITE in one of the next two."""
    steps: list[int] = []
    answered = 0
    open_invites: deque[int] = deque()
    number = 1_000_000
    delivered = bare.engine.counters.get("events.delivered", 0)

    def count(actions: list[Action]) -> list[bytes]:
        nonlocal delivered
        before, delivered = delivered, bare.engine.counters["events.delivered"]
        steps.append(delivered - before)
        return [action.data for action in actions if isinstance(action, SendDatagram)]

    while (deadline := bare.engine.deadline) is not None and deadline <= bare.now:
        number += 2
        sent = count(bare.feed(request("OPTIONS", "peer", number)))
        assert any(f"branch=z9hG4bK{number}".encode() in data and data.startswith(b"SIP/2.0 200") for data in sent)
        answered += 1
        sent += count(bare.feed(request("INVITE", "nobody", number + 1)))
        open_invites.append(number + 1)
        sent += count(bare.feed(TimerTick()))
        while open_invites and any(f"branch=z9hG4bK{open_invites[0]}".encode() in data for data in sent):
            open_invites.popleft()
            answered += 1
        assert len(open_invites) <= 2
    return steps, answered


def test_L5_all_20000_listeners_are_notified_and_nobody_waits_for_them() -> None:
    """L5: the REGISTER's 200 is the first action of all, every listener is told once and in order, and each step is short."""
    bare = Bare(plain.script, budget=BUDGET)
    for number in range(MATCHES):
        bare.feed(
            SubscriptionRequested(2 * number + 1, "E_UL_CONTACT_INSERT", None if number % 2 else {"aor": "bob@example.org"})
        )
    told: list[int] = []
    bare.on_action = lambda action: told.append(action.subscription) if isinstance(action, EventNotified) else None
    actions = bare.feed(request("REGISTER", "bob", 1, contact="sip:bob@192.0.2.12"))
    assert isinstance(actions[0], SendDatagram)
    assert actions[0].data.startswith(b"SIP/2.0 200")
    assert 0 < len(told) <= BUDGET
    steps, answered = kept_busy(bare)
    assert told == [2 * number + 1 for number in range(MATCHES)]
    assert max(steps) <= BUDGET
    assert answered > 100
    assert bare.now == 0.0, "no time has passed"


def test_L5_all_20000_routes_of_a_script_are_run() -> None:
    """L5: the same for notification routes, whose handlers run in the delivery."""
    script = registrar_script()
    told: list[int] = []

    @script.startup
    def subscribe() -> None:
        for number in range(MATCHES):
            verbs.notify_on_event("E_UL_CONTACT_INSERT", {"aor": "bob@example.org"}, _appender(told, number), timeout=60.0)

    @script.request("INVITE")
    def refuse(request: ServerRequest) -> None:
        request.reply(486)

    bare = Bare(script, budget=BUDGET)
    actions = bare.feed(request("REGISTER", "bob", 1, contact="sip:bob@192.0.2.12", expires=60))
    assert isinstance(actions[0], SendDatagram)
    assert actions[0].data.startswith(b"SIP/2.0 200")
    assert len(told) < BUDGET
    steps, answered = kept_busy(bare)
    assert told == list(range(MATCHES))
    assert max(steps) <= BUDGET
    assert answered > 100


def _appender(told: list[int], number: int) -> Callable[[Event, Call | None], None]:
    def append(event: Event, call: Call | None) -> None:
        told.append(number)

    return append


def test_L5_all_20000_suspended_handlers_go_on() -> None:
    """L5: the same for handlers that wait for the event: oldest first, and their next wait is a new one."""
    script = registrar_script()
    told: list[object] = []

    @script.event("E_BEGIN")
    async def wait(event: Event) -> None:
        got = await verbs.wait_for_event("E_UL_CONTACT_INSERT", {"aor": "bob@example.org"}, timeout=60.0)
        told.append(event[0] if got is not None else None)

    @script.request("INVITE")
    def refuse(request: ServerRequest) -> None:
        request.reply(486)

    bare = Bare(script, budget=BUDGET)
    for number in range(MATCHES):
        bare.feed(EventRaised("E_BEGIN", [number]))
    assert bare.engine.sizes()["handlers"] == MATCHES
    bare.feed(request("REGISTER", "bob", 1, contact="sip:bob@192.0.2.12", expires=60))
    assert len(told) < BUDGET
    steps, answered = kept_busy(bare)
    assert told == list(range(MATCHES))
    assert max(steps) <= BUDGET
    assert answered > 100
    bare.on_action = bare.acknowledge
    bare.run()
    assert not any(bare.engine.sizes().values())
