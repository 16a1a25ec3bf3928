"""A bare engine, phones, and a network that loses, doubles and reorders what it is told to, in virtual time."""

from collections.abc import Iterable

from core.witness import PUSHED, SUSPENDED, Totals, Witness
from ebr_conformance.dialogs import Packet
from ebr_conformance.phones import Phone
from ebr_conformance.tokens import TokenStream
from ebr_core import Call, Config, Engine, Event, JobFailed, Script, ServerRequest
from ebr_core.actions import ERROR, CancelJob, Logged, SendDatagram, StartJob, SubscriptionEnded
from ebr_core.inputs import (
    Address,
    DatagramReceived,
    EventRaised,
    Input,
    JobFinished,
    Listener,
    SendFailed,
    Started,
    SubscriptionCancelled,
    SubscriptionRequested,
    TimerTick,
)
from ebr_core.message import Request, build_cancel, parse_message

__all__ = ["PHONES", "PICKUP", "World"]

PROXY: Address = ("192.0.2.1", 5060)
PICKUP = "33"

PHONES = {"alice": "alice", "frank": "frank", "bob": "bob", "desk": "bob", "carol": "carol", "dora": "dora", "erin": "erin"}
"""Names of the phones, and their users."""

_LIFE = 4.0  # of a packet; below T4 (5 s), so that no INVITE outlives the transaction that absorbs its copies
_BOUND = 5000  # ticks that work left may take, and steps until all has ended


def _send_push(aor: str) -> None:
    raise AssertionError("the world decides how jobs end, and runs none")


def _fork_call(event: Event, call: Call) -> None:
    call.inject_branch(event)


def _take_over(event: Event, call: Call) -> None:
    call.inject_branches(call.lookup(str(event["picker"])), cancel=True)


_fork_call.__qualname__, _take_over.__qualname__ = "fork_call", "take_over"


def _script() -> Script:
    """Push, pickup and wait_for_event at once, by the user part."""
    script = Script()

    @script.request("REGISTER")
    async def register(request: ServerRequest) -> None:
        await request.save()

    @script.request("INVITE")
    async def route(request: ServerRequest) -> None:
        user = request.aor.partition("@")[0]
        if user == PICKUP:
            request.reply(480, "Gone")
            request.raise_event("E_CALL_PICKUP", {"group": "1", "picker": request.caller})
        elif user in SUSPENDED:
            await suspended(request)
        elif user in PUSHED:
            await pushed(request)
        elif contacts := request.lookup():
            request.relay(contacts)
        else:
            request.reply(404)

    async def pushed(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.wait_for_new_branches(timeout=20)
        call.notify_on_event("E_UL_CONTACT_INSERT", {"aor": request.aor}, _fork_call, timeout=20)
        call.notify_on_event("E_UL_CONTACT_UPDATE", {"aor": request.aor}, _fork_call, timeout=20)
        call.notify_on_event("E_CALL_PICKUP", {"group": "1"}, _take_over)  # no timeout: it ends with the call, or never
        call.relay(request.lookup())
        try:
            await call.run(_send_push, request.aor)
        except JobFailed:
            script.raise_event("E_PUSH_FAILED", {"aor": request.aor})
        finally:
            script.state["pushes"] = script.state.get("pushes", 0) + 1

    async def suspended(request: ServerRequest) -> None:
        call = request.new_transaction()
        if not request.lookup():
            call.start(_send_push, request.aor)
            event = await call.wait_for_event("E_UL_CONTACT_INSERT", {"aor": request.aor}, timeout=40)
            if event is None:
                call.reply(480)
                return
        call.relay(request.lookup())

    @script.event("E_UL_CONTACT_DELETE")
    def gone(event: Event) -> None:
        script.raise_event("E_CHAIN", {"left": 3})

    @script.event("E_CHAIN")
    def chain(event: Event) -> None:
        left = event.get("left")
        if isinstance(left, int) and left > 0:
            script.raise_event("E_CHAIN", {"left": left - 1})

    return script


class World:
    """Time passes, and packets arrive, only when told to. Every input is checked for what it promises."""

    def __init__(self, totals: Totals, seed: int, budget: int) -> None:
        self.now = 0.0
        self.totals = totals
        self.witness = Witness(totals)
        self.engine = Engine(_script(), config=Config(domains=("example.org",)), tokens=TokenStream(seed), budget=budget)
        self.wire: list[tuple[float, Packet]] = []  # when it was sent, in the order of sending
        self.jobs: list[int] = []
        self.listening: list[int] = []  # subscriptions of the host
        self.invites: list[tuple[Phone, Request]] = []
        self._next_subscription = 1
        tokens = TokenStream(seed + 1)
        self.phones: dict[str, Phone] = {}
        self._by_address: dict[Address, Phone] = {}
        for number, (name, user) in enumerate(PHONES.items()):
            # Every other phone retransmits, as a real one does; the rest show what the engine does alone.
            phone = Phone(
                name, (f"192.0.2.{11 + number}", 5060), "example.org", PROXY, tokens, user=user, retransmits=number % 2 > 0
            )
            self.phones[name] = phone
            self._by_address[phone.address] = phone
        self.feed(Started([Listener(1, "sip", "udp", PROXY)], 1_700_000_000.0))

    # The engine.

    def feed(self, input: Input) -> None:
        """One input, and all that must hold after it."""
        self.totals.steps += 1
        if isinstance(input, DatagramReceived):
            self.witness.reaches_engine(input.data, self.now)
        actions = self.engine.handle(input, now=self.now)
        handlers = self.engine.last_handlers
        notified = "fork_call" in handlers or "take_over" in handlers
        for action in actions:
            if isinstance(action, SendDatagram):
                self.witness.leaves_engine(action, notified)
                self._put(Packet(action.data, PROXY, action.destination))
            elif isinstance(action, StartJob):
                self.jobs.append(action.job)
            elif isinstance(action, CancelJob):
                self.jobs.remove(action.job)
            elif isinstance(action, SubscriptionEnded):
                self.listening.remove(action.subscription)
            elif isinstance(action, Logged):
                assert action.level < ERROR, action
        self.witness.step_ends()

    def finish_work(self) -> None:
        """A deadline that is not after now is work that was left, and ticks end it."""
        for _ in range(_BOUND):
            deadline = self.engine.deadline
            if deadline is None or deadline > self.now:
                return
            self.feed(TimerTick())
        raise AssertionError(f"{_BOUND} ticks at {self.now}, and still {self.engine.sizes()}")

    # The network.

    def _put(self, packet: Packet) -> None:
        self.wire.append((self.now, packet))

    def send(self, packets: Iterable[Packet]) -> None:
        """Phones send these."""
        for packet in packets:
            self.witness.leaves_phone(parse_message(packet.data))
            self._put(packet)

    def deliver(self, index: int = 0) -> None:
        """This packet arrives, the oldest one unless told otherwise."""
        self.totals.reordered += index % len(self.wire) > 0
        self._arrive(self.wire.pop(index)[1])

    def duplicate(self, index: int) -> None:
        """This packet arrives, and will once more."""
        self._arrive(self.wire[index][1])

    def _arrive(self, packet: Packet) -> None:
        if packet.destination == PROXY:
            self.feed(DatagramReceived(packet.data, packet.source, 1))
        else:
            phone = self._by_address[packet.destination]
            phone.now = self.now
            self.send(phone.receive(packet.data, self.now, packet.source))

    def refuse(self, index: int, known: int) -> None:
        """An ICMP error, with the first ``known`` bytes of the packet, in place of its arrival at a phone."""
        packet = self.wire.pop(index)[1]
        self.feed(SendFailed(packet.destination, 1, packet.data[:known], "ECONNREFUSED"))

    def settle(self, *, newest_first: bool = False) -> None:
        """Everything arrives, and what it causes, in no time."""
        for _ in range(_BOUND):
            self.finish_work()
            if not self.wire:
                return
            self.deliver(-1 if newest_first else 0)
        raise AssertionError(f"the traffic does not end: {self.wire[0]}")

    def elapse(self, seconds: float, *, arriving: bool) -> None:
        """Time passes; ``arriving``: packets arrive as soon as they are sent, else they stay where they are, and grow old."""
        end = self.now + seconds
        for _ in range(_BOUND):
            if arriving:
                self.settle()
            else:
                self.finish_work()
            due = self._next()
            if due is None or due > end:
                self._set_now(end)
                return
            self._set_now(due)
            for phone in self.phones.values():
                if phone.deadline is not None and phone.deadline <= self.now:
                    self.send(phone.tick(self.now))
        raise AssertionError(f"time does not pass: it is {self.now}")

    def _next(self) -> float | None:
        deadlines = [phone.deadline for phone in self.phones.values()] + [self.engine.deadline]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _set_now(self, now: float) -> None:
        self.now = max(now, self.now)
        self.wire = [item for item in self.wire if item[0] + _LIFE > self.now]
        for phone in self.phones.values():
            phone.now = self.now

    # What phones and the host do.

    def call(self, phone: Phone, target: str) -> None:
        """The phone sends an INVITE."""
        packets = phone.invite(target)
        self._remember(phone, packets)

    def reinvite(self, phone: Phone) -> None:
        """An INVITE inside the phone's newest dialog, if it has one."""
        if phone.dialogs:
            self._remember(phone, phone.in_dialog("INVITE"))

    def _remember(self, phone: Phone, packets: list[Packet]) -> None:
        request = parse_message(packets[0].data)
        assert isinstance(request, Request)
        self.invites.append((phone, request))
        self.send(packets)

    def repeat_invite(self, number: int) -> None:
        """An INVITE that is unanswered so far is sent again."""
        waiting = self._unanswered()
        if waiting:
            phone, request = waiting[number % len(waiting)]
            self.send([Packet(request.to_bytes(), phone.address, PROXY)])

    def cancel(self, number: int) -> None:
        """The caller of an unanswered INVITE gives up."""
        waiting = self._unanswered()
        if waiting:
            self._cancel(*waiting[number % len(waiting)])

    def _cancel(self, phone: Phone, request: Request) -> None:
        self.send([Packet(build_cancel(request).to_bytes(), phone.address, PROXY)])

    def _unanswered(self) -> list[tuple[Phone, Request]]:
        known = self.witness.invites
        return [
            (phone, request)
            for phone, request in self.invites
            if request.via.branch in known and known[request.via.branch].final is None
        ]

    def listen(self, name: str, timeout: float | None, once: bool) -> None:
        """The host subscribes."""
        self.listening.append(self._next_subscription)
        self.feed(SubscriptionRequested(self._next_subscription, name, None, timeout, once))
        self._next_subscription += 2

    def unlisten(self) -> None:
        """The host ends its oldest subscription, if it has one."""
        if self.listening:
            self.feed(SubscriptionCancelled(self.listening[0]))

    def finish_job(self, number: int, failed: bool) -> None:
        """A job that runs ends."""
        if self.jobs:
            job = self.jobs.pop(number % len(self.jobs))
            self.feed(JobFinished(job, error=("OSError", "no route") if failed else None))

    def raise_event(self, name: str, params: dict[str, str | int | None]) -> None:
        """The host raises an event."""
        self.feed(EventRaised(name, params))

    # The end.

    def tear_down(self, *, unregister: bool) -> None:
        """Everybody hangs up, and the clock runs out; nothing may be left. ``unregister``: else registrations expire."""
        for phone in self.phones.values():
            phone.answers = phone.declines = None
            phone.silent = False
        self.settle()
        for caller, request in self._unanswered():
            self._cancel(caller, request)
        self.settle()
        for phone in self.phones.values():
            for dialog in list(phone.dialogs):
                if dialog in phone.dialogs:
                    self.send(phone.bye(dialog))
            if unregister:
                self.send(phone.register(0, contact="*"))
        while self.listening:
            self.unlisten()
        for _ in range(_BOUND):
            self.settle()
            while self.jobs:  # a caller that retransmits may be heard only now
                self.finish_job(0, False)
            self.finish_work()
            due = self._next()
            if due is None and not self.wire:
                break
            self.elapse(0.0 if due is None else due - self.now, arriving=True)
        left = {name: size for name, size in self.engine.sizes().items() if size}
        assert not left, f"all has ended, and the engine still counts {left}"
        assert self.engine.deadline is None
        assert not self.witness.unanswered(), "INVITEs without a final response"
