"""The state machine that plays calls, registrations and a bad network against the engine, in any order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from core.witness import PUSHED, SUSPENDED, Totals
from core.world import PHONES, PICKUP, PROXY, World

__all__ = ["CallMachine", "play"]

NAMES = st.sampled_from(sorted(PHONES))
CALLEES = st.sampled_from([*PUSHED, *PUSHED, *SUSPENDED, "alice", PICKUP, PICKUP, "nobody", "*"])
PAUSES = st.sampled_from([0.0, 0.001, 0.2, 0.5, 1.0, 4.0, 5.0, 10.0, 19.999, 20.0, 32.0, 60.0, 181.0])
NUMBERS = st.integers(0, 7)
FATES = st.sampled_from(["arrive", "lose", "duplicate", "refuse", "out of turn"])


class CallMachine(RuleBasedStateMachine):
    """``totals`` is added to by every example."""

    def __init__(self, totals: Totals) -> None:
        super().__init__()
        self._totals = totals
        self._unregister = True
        self.world: World | None = None

    @initialize(seed=st.integers(0, 3), budget=st.sampled_from([64, 3, 1]), unregister=st.booleans())
    def begin(self, seed: int, budget: int, unregister: bool) -> None:
        self._totals.examples += 1
        self._unregister = unregister
        self.world = World(self._totals, seed, budget)

    @property
    def w(self) -> World:
        assert self.world is not None
        return self.world

    def on_wire(self) -> bool:
        return self.world is not None and bool(self.world.wire)

    def teardown(self) -> None:
        if self.world is not None:
            self.world.tear_down(unregister=self._unregister)

    # What people do.

    @rule(name=NAMES, expires=st.sampled_from([3600, 60, 30]), elsewhere=st.booleans())
    def register(self, name: str, expires: int, elsewhere: bool) -> None:
        phone = self.w.phones[name]
        # Another contact URI at the same address: a phone that has moved to another flow.
        contact = f"{phone.contact};ob" if elsewhere else None
        self.w.send(phone.register(expires, contact=contact, instance=f"urn:uuid:{name}"))

    @rule(name=NAMES, everything=st.booleans())
    def unregister(self, name: str, everything: bool) -> None:
        phone = self.w.phones[name]
        self.w.send(phone.register(0, contact="*") if everything else phone.unregister(instance=f"urn:uuid:{name}"))

    @rule(name=NAMES, callee=CALLEES)
    def call(self, name: str, callee: str) -> None:
        self.w.call(self.w.phones[name], callee)

    @rule(name=NAMES, status=st.sampled_from([200, 200, 200, 302, 401, 404, 486, 503, 603]))
    def answer(self, name: str, status: int) -> None:
        self.w.send(self.w.phones[name].answer(status))

    @rule(name=NAMES, answers=st.sampled_from([None, None, 0.0, 0.3, 6.0]), silent=st.booleans(), declines=st.booleans())
    def behave(self, name: str, answers: float | None, silent: bool, declines: bool) -> None:
        phone = self.w.phones[name]
        phone.answers, phone.silent = answers, silent and name not in ("alice", "frank")
        phone.declines, phone.declines_after = (486 if declines else None), 1.0

    @rule(number=NUMBERS)
    def cancel(self, number: int) -> None:
        self.w.cancel(number)

    @rule(number=NUMBERS)
    def repeat_invite(self, number: int) -> None:
        self.w.repeat_invite(number)

    @rule(name=NAMES)
    def bye(self, name: str) -> None:
        phone = self.w.phones[name]
        self.w.send(phone.bye() if phone.dialogs else [])

    @rule(name=NAMES)
    def reinvite(self, name: str) -> None:
        self.w.reinvite(self.w.phones[name])

    @rule(name=NAMES, method=st.sampled_from(["OPTIONS", "MESSAGE", "INFO"]), inside=st.booleans())
    def request(self, name: str, method: str, inside: bool) -> None:
        phone = self.w.phones[name]
        self.w.send(phone.in_dialog(method) if inside and phone.dialogs else phone.request(method, "bob"))

    # What the host does.

    @rule(number=NUMBERS, failed=st.booleans())
    def finish_job(self, number: int, failed: bool) -> None:
        self.w.finish_job(number, failed)

    @rule(group=st.sampled_from(["1", "2"]), picker=NAMES)
    def pick_up(self, group: str, picker: str) -> None:
        self.w.raise_event("E_CALL_PICKUP", {"group": group, "picker": f"{PHONES[picker]}@example.org"})

    @rule(left=st.integers(0, 5))
    def raise_chain(self, left: int) -> None:
        self.w.raise_event("E_CHAIN", {"left": left})

    @rule(
        name=st.sampled_from(["E_UL_CONTACT_INSERT", "E_CHAIN", "E_CALL_PICKUP"]),
        timeout=st.sampled_from([None, 1.0, 30.0]),
        once=st.booleans(),
    )
    def listen(self, name: str, timeout: float | None, once: bool) -> None:
        self.w.listen(name, timeout, once)

    @rule()
    def unlisten(self) -> None:
        self.w.unlisten()

    # What the network does.

    @rule(newest_first=st.booleans())
    def settle(self, newest_first: bool) -> None:
        self.w.settle(newest_first=newest_first)

    @precondition(on_wire)
    @rule(count=st.integers(1, 3))
    def deliver(self, count: int) -> None:
        for _ in range(count):
            if self.w.wire:
                self.w.deliver()

    @precondition(on_wire)
    @rule(number=st.integers(0, 31))
    def deliver_out_of_turn(self, number: int) -> None:
        self.w.deliver(number % len(self.w.wire))

    @precondition(on_wire)
    @rule(number=st.integers(0, 31))
    def lose(self, number: int) -> None:
        self._totals.lost += 1
        del self.w.wire[number % len(self.w.wire)]

    @precondition(on_wire)
    @rule(number=st.integers(0, 31))
    def duplicate(self, number: int) -> None:
        self._totals.duplicated += 1
        self.w.duplicate(number % len(self.w.wire))

    @precondition(on_wire)
    @rule(number=st.integers(0, 31), known=st.sampled_from([0, 40, 200, 4000]))
    def refuse(self, number: int, known: int) -> None:
        self._refuse(number, known)

    def _refuse(self, number: int, known: int) -> None:
        outgoing = [index for index, (_, packet) in enumerate(self.w.wire) if packet.destination != PROXY]
        if outgoing:
            self._totals.refused += 1
            self.w.refuse(outgoing[number % len(outgoing)], known)

    @rule(seconds=PAUSES, arriving=st.booleans())
    def elapse(self, seconds: float, arriving: bool) -> None:
        self.w.elapse(seconds, arriving=arriving)

    @rule()
    def tick(self) -> None:
        self.w.finish_work()

    # Whole scenes: chance alone would rarely play them to their end.

    def _scene(self, *, registered: bool) -> None:
        """Everybody is awake and rings, and Carol's phone has registered or not."""
        world = self.w
        for phone in world.phones.values():
            phone.answers, phone.declines, phone.silent = None, None, False
        world.settle()
        carol = world.phones["carol"]
        world.send(carol.register(3600 if registered else 0, contact=None if registered else "*"))
        world.settle()

    @rule(caller=st.sampled_from(["alice", "frank"]))
    def scene_answered(self, caller: str) -> None:
        self._scene(registered=True)
        self.w.call(self.w.phones[caller], "carol")
        self.w.settle()
        self.w.send(self.w.phones["carol"].answer())

    @rule(caller=st.sampled_from(["alice", "frank"]), seconds=st.sampled_from([0.0, 1.0, 19.0]), answers=st.booleans())
    def scene_late_branch(self, caller: str, seconds: float, answers: bool) -> None:
        self._scene(registered=False)
        self.w.call(self.w.phones[caller], "carol")
        self.w.elapse(seconds, arriving=True)
        self.w.send(self.w.phones["carol"].register())
        self.w.settle()
        if answers:
            self.w.send(self.w.phones["carol"].answer())

    @rule(caller=st.sampled_from(["alice", "frank"]), callee=st.sampled_from(["carol", "dora"]))
    def scene_cancel_in_wait(self, caller: str, callee: str) -> None:
        self._scene(registered=False)
        self.w.call(self.w.phones[caller], callee)
        self.w.settle()
        self.w.send(self.w.phones[caller].cancel())

    @rule(status=st.sampled_from([603, 600]), caller=st.sampled_from(["alice", "frank"]))
    def scene_refused(self, status: int, caller: str) -> None:
        """One of Bob's phones refuses for all of them; before the others have stopped, one more wakes up."""
        self._scene(registered=False)
        world = self.w
        bob, desk = world.phones["bob"], world.phones["desk"]
        world.send([*bob.register(), *desk.register()])
        world.settle()
        world.call(world.phones[caller], "bob")
        world.settle()
        world.send(desk.answer(status))
        if world.wire:
            world.deliver()
        world.send(bob.register(contact=f"{bob.contact};third", instance="urn:uuid:third"))
        world.deliver(-1)

    @rule(order=st.permutations(["bob calls", "alice calls", "again", "gives up", "wakes", "sleeps"]))
    def scene_out_of_order(self, order: list[str]) -> None:
        """All that can happen around a call happens at once, and the newest packet arrives first."""
        self._scene(registered=False)
        world = self.w
        alice, bob, carol = world.phones["alice"], world.phones["bob"], world.phones["carol"]
        for what in order:
            if what == "bob calls":
                world.call(bob, "carol")
            elif what == "alice calls":
                world.call(alice, "carol")
            elif what == "again":
                world.repeat_invite(0)
            elif what == "gives up":
                world.cancel(1)
            else:
                world.send(carol.register(3600 if what == "wakes" else 0))
            if len(world.wire) > 2:
                world.deliver(-1)
        world.settle(newest_first=True)

    @rule(caller=st.sampled_from(["alice", "frank"]), cancel_first=st.booleans())
    def scene_crossing(self, caller: str, cancel_first: bool) -> None:
        self._scene(registered=True)
        alice, carol = self.w.phones[caller], self.w.phones["carol"]
        self.w.call(alice, "carol")
        self.w.settle()
        packets = [alice.cancel(), carol.answer()]
        # Both are on their way before either arrives.
        for packet in packets if cancel_first else reversed(packets):
            self.w.send(packet)

    @rule(
        caller=st.sampled_from(["alice", "frank"]),
        fates=st.lists(
            st.tuples(st.sampled_from(["arrive", "lose", "duplicate", "refuse", "last"]), st.integers(0, 7)), min_size=4
        ),
        pause=st.sampled_from([0.0, 0.5, 3.0]),
        answers=st.booleans(),
    )
    def scene_bad_network(self, caller: str, fates: list[tuple[str, int]], pause: float, answers: bool) -> None:
        """One call, and something else happens to each packet of it."""
        self._scene(registered=True)
        self.w.call(self.w.phones[caller], "carol")
        self.w.phones["carol"].answers = 0.1 if answers else None
        for fate, number in fates:
            if not self.w.wire:
                self.w.elapse(0.5 + pause, arriving=False)
            elif fate == "lose":
                self.lose(number)
            elif fate == "duplicate":
                self.duplicate(number)
            elif fate == "refuse":
                self._refuse(number, 4000)
            else:
                self.deliver_out_of_turn(number if fate == "out of turn" else 0)


def play(totals: Totals, options: settings) -> None:
    """Run the machine; raises what its first failing example raises, with the shortest steps to it in the notes."""

    class Counted(CallMachine):
        def __init__(self) -> None:
            super().__init__(totals)

    run_state_machine_as_test(Counted, settings=options)
