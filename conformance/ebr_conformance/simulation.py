"""An engine, phones and a network between them, in virtual time.

    sim = Simulation(script)
    alice, bob = sim.phone("alice"), sim.phone("bob", answers=2.0)
    sim.at(0.0, bob.register)
    sim.at(1.0, alice.invite, "bob")
    sim.run()
    sim.expect('''
        0.000  bob -> ebr  REGISTER sip:example.org
        ...
    ''')

Nothing waits: the clock jumps to whatever happens next. Same script, seed and calls give the same bytes, always.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from inspect import iscoroutinefunction
from typing import Literal

from ebr_conformance.dialogs import Packet, host_port
from ebr_conformance.ladder import Ladder, describe_event, label_of, normalised, side_by_side
from ebr_conformance.phones import Phone
from ebr_conformance.tokens import TokenStream
from ebr_core import Config, Engine, Script
from ebr_core.actions import (
    Action,
    CancelJob,
    EventFilter,
    EventNotified,
    EventValue,
    Logged,
    SendDatagram,
    StartJob,
    Stopped,
    SubscriptionEnded,
)
from ebr_core.inputs import (
    Address,
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
)
from ebr_core.message import Message, MessageError, parse_message

__all__ = ["Flight", "Simulation"]

PROXY: Address = ("192.0.2.1", 5060)
WALL = 1_700_000_000.0
LISTENER = 1


@dataclass(frozen=True, slots=True)
class Flight:
    """One datagram on its way, as the hooks ``drop`` and ``copies`` see it. ``message`` is None for what is no SIP."""

    time: float
    source: str
    target: str
    data: bytes
    message: Message | None


class Simulation:
    """One engine in virtual time, from 0.0 on, listening on 192.0.2.1:5060 (UDP).

    ``config``: its settings; where it names no ``domains``, ``domains`` are added. ``seed`` and ``budget``: see ``Engine``.

    Public attributes, to read and to set:

    * ``now`` (seconds), ``engine``, ``phones`` (by name), ``trace`` (the Ladder), ``logs`` (the engine's ``Logged``),
      ``record`` (each input with its time and actions), ``ended`` (subscriptions that ended), ``stopped``;
    * ``delay``: seconds that each datagram takes;
    * ``drop(flight) -> bool``: whether it gets lost; ``copies(flight) -> int``: how often it arrives (1);
    * ``unreachable``: addresses that answer with an ICMP error; other unknown ones swallow everything.
    """

    def __init__(
        self,
        script: Script,
        *,
        config: Config | None = None,
        domains: Sequence[str] = ("example.org",),
        seed: int = 0,
        budget: int = 64,
    ) -> None:
        settings = Config() if config is None else config
        if not settings.domains:
            settings = replace(settings, domains=tuple(domains))
        self.domain = settings.domains[0] if settings.domains else "example.org"
        self.engine = Engine(script, config=settings, tokens=TokenStream(seed), budget=budget)
        self.now = 0.0
        self.phones: dict[str, Phone] = {}
        self.trace = Ladder()
        self.logs: list[Logged] = []
        self.record: list[tuple[float, Input, list[Action]]] = []
        self.ended: list[SubscriptionEnded] = []
        self.stopped = False
        self.delay = 0.0
        self.drop: Callable[[Flight], bool] = _never
        self.copies: Callable[[Flight], int] = _once
        self.unreachable: set[Address] = set()
        self.jobs_started: list[tuple[float, str, tuple[object, ...]]] = []
        self._tokens = TokenStream(seed + 1_000_003)
        self._jobs: dict[Callable[..., object], tuple[float, object]] = {}
        self._cancelled_jobs: set[int] = set()
        self._by_address: dict[Address, Phone] = {}
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self._tick_queued = False
        self._watched: dict[int, str] = {}
        self._next_watch = 1
        self.feed(Started([Listener(LISTENER, "sip", "udp", PROXY)], WALL))

    # The world around the engine.

    def phone(
        self,
        name: str,
        address: Address | None = None,
        *,
        user: str | None = None,
        rings: float | None = 0.0,
        answers: float | None = None,
        declines: int | None = None,
        declines_after: float = 0.0,
        silent: bool = False,
        retransmits: bool = False,
    ) -> Phone:
        """A phone on the network; its behaviour as in ``Phone``. Addresses are 192.0.2.11, .12 ... unless given."""
        assert name not in self.phones, f"there is a phone called {name} already"
        place = (f"192.0.2.{11 + len(self.phones)}", 5060) if address is None else address
        phone = Phone(
            name,
            place,
            self.domain,
            PROXY,
            self._tokens,
            user=user,
            rings=rings,
            answers=answers,
            declines=declines,
            declines_after=declines_after,
            silent=silent,
            retransmits=retransmits,
        )
        self.phones[name] = phone
        self._by_address[place] = phone
        return phone

    def move(self, phone: Phone, address: Address) -> None:
        """The phone has another address from now on; what is sent to the old one gets lost."""
        del self._by_address[phone.address]
        phone.address = address
        self._by_address[address] = phone

    def job(self, function: Callable[..., object], *, delay: float = 0.0, result: object = None) -> None:
        """How jobs that call ``function`` end: after ``delay`` seconds, with ``result``; an exception is raised, and a
        callable is called with the job's arguments. Without an entry a ``def`` simply runs, in no time."""
        self._jobs[function] = (delay, result)

    def watch(self, *names: str, filter: EventFilter = None) -> None:
        """Show these events in the ladder; the engine has a subscription for each, until ``unwatch``."""
        for name in names:
            self._watched[self._next_watch] = name
            self.feed(SubscriptionRequested(self._next_watch, name, filter))
            self._next_watch += 2

    def unwatch(self) -> None:
        """End all subscriptions of ``watch``."""
        for subscription in list(self._watched):
            del self._watched[subscription]
            self.feed(SubscriptionCancelled(subscription))

    # What happens, and when.

    def at(self, time: float, what: Callable[..., object], *args: object, **options: object) -> None:
        """Call ``what(*args, **options)`` at ``time``; the packets it returns, as a phone's methods do, are sent."""
        assert time >= self.now, f"{time} has passed; it is {self.now}"
        self._schedule(time, lambda: self._act(what(*args, **options)))

    def send(self, packets: Sequence[Packet]) -> None:
        """Send a phone's packets now: ``sim.send(alice.invite("bob"))``."""
        self._act(list(packets))

    def inject(self, data: bytes, source: Address = ("192.0.2.99", 5060)) -> None:
        """Give the engine a datagram now, whatever its bytes."""
        self.feed(DatagramReceived(data, source, LISTENER))

    def raise_event(self, name: str, params: Mapping[str, EventValue] | Sequence[EventValue] | None = None) -> None:
        """The host application raises an event now."""
        self.feed(EventRaised(name, params))

    def shutdown(self, grace: float = 0.0) -> None:
        """Ask the engine to end."""
        self.feed(ShutdownRequested(grace))

    def run(self, until: float | None = None, *, max_steps: int = 1_000_000) -> None:
        """Let time pass, to ``until``, or until nothing is left to happen (then registrations have expired too).

        Raises AssertionError when that takes more than ``max_steps`` steps.
        """
        for _ in range(max_steps):
            due = self._next()
            if due is None or (until is not None and due[0] > until):
                if until is not None:
                    self._set_now(max(self.now, until))
                return
            self._step(*due)
        raise AssertionError(f"not idle after {max_steps} steps; it is {self.now}")

    def expect(self, text: str, *, hide: Sequence[str] = (), since: float = 0.0) -> None:
        """Compare the ladder so far with ``text``, in compact form; blanks count once, blank lines not at all.

        ``hide``: statuses, methods and event names to leave out. Raises AssertionError that shows both ladders.
        """
        actual = self.trace.without(hide, since=since).compact()
        if normalised(text) != normalised(actual):
            raise AssertionError(f"the ladder differs:\n{side_by_side(text, actual)}\n\nthe actual ladder:\n{actual}")

    # The pump.

    def feed(self, input: Input) -> list[Action]:
        """Give the engine one input now, check what it promises about its deadline, and perform its actions."""
        actions = self.engine.handle(input, now=self.now)
        self.record.append((self.now, input, actions))
        deadline = self.engine.deadline
        if deadline is not None and deadline <= self.now and not self._tick_queued:
            # Work is left: whatever else is due at this instant comes first, as when a loop turns once.
            self._tick_queued = True
            self._schedule(self.now, self._tick)
        for action in actions:
            self._perform(action)
        return actions

    def _next(self) -> tuple[float, Literal["agenda", "engine", "phone"], Phone | None] | None:
        best: tuple[float, Literal["agenda", "engine", "phone"], Phone | None] | None = None
        if self._agenda:
            best = (self._agenda[0][0], "agenda", None)
        for phone in self.phones.values():
            if phone.deadline is not None and (best is None or phone.deadline < best[0]):
                best = (phone.deadline, "phone", phone)
        deadline = self.engine.deadline
        if deadline is not None and not self._tick_queued and (best is None or deadline < best[0]):
            best = (deadline, "engine", None)
        return best

    def _step(self, time: float, who: Literal["agenda", "engine", "phone"], phone: Phone | None) -> None:
        self._set_now(max(self.now, time))
        if who == "agenda":
            heappop(self._agenda)[2]()
        elif phone is not None:
            self._act(phone.tick(self.now))
        else:
            self._tick()

    def _tick(self) -> None:
        self._tick_queued = False
        before = self.engine.deadline
        self.feed(TimerTick())
        # A tick at the deadline must get somewhere, or an adapter would spin.
        if before is not None and before <= self.now and self.engine.deadline == before:
            assert self._tick_queued, f"a tick at the deadline {before} changed nothing"

    def _set_now(self, now: float) -> None:
        self.now = now
        for phone in self.phones.values():
            phone.now = now

    def _schedule(self, time: float, what: Callable[[], object]) -> None:
        self._count += 1
        heappush(self._agenda, (time, self._count, what))

    def _act(self, result: object) -> None:
        if isinstance(result, list):
            for packet in result:
                if isinstance(packet, Packet):
                    self._transmit(*packet)

    def _perform(self, action: Action) -> None:
        match action:
            case SendDatagram():
                self._transmit(action.data, PROXY, action.destination)
            case StartJob():
                self._start_job(action)
            case CancelJob():
                self._cancelled_jobs.add(action.job)
            case Logged():
                self.logs.append(action)
            case EventNotified():
                self.trace.note(self.now, describe_event(action.event))
            case SubscriptionEnded():
                self.ended.append(action)
            case Stopped():
                self.stopped = True

    # The network.

    def _transmit(self, data: bytes, source: Address, destination: Address) -> None:
        try:
            message = parse_message(data)
        except MessageError:
            message = None
        label, hidden_by = (f"{len(data)} bytes", ()) if message is None else label_of(message)
        flight = Flight(self.now, self._name_of(source), self._name_of(destination), data, message)
        lost = self.drop(flight)
        self.trace.message(self.now, flight.source, flight.target, label, hidden_by, lost=lost)
        if not lost:
            for _ in range(self.copies(flight)):
                self._schedule(self.now + self.delay, lambda: self._deliver(data, source, destination))

    def _deliver(self, data: bytes, source: Address, destination: Address) -> None:
        if destination == PROXY:
            self.feed(DatagramReceived(data, source, LISTENER))
        elif destination in self.unreachable:
            self.feed(SendFailed(destination, LISTENER, data, "ECONNREFUSED"))
        elif (phone := self._by_address.get(destination)) is not None:
            self._act(phone.receive(data, self.now, source))

    def _name_of(self, address: Address) -> str:
        if address == PROXY:
            return "ebr"
        phone = self._by_address.get(address)
        return host_port(address) if phone is None else phone.name

    # Jobs.

    def _start_job(self, action: StartJob) -> None:
        name = getattr(action.function, "__name__", repr(action.function))
        self.jobs_started.append((self.now, name, action.args))
        delay, result = self._jobs.get(action.function, (0.0, action.function))

        def finish() -> None:
            if action.job in self._cancelled_jobs:
                self._cancelled_jobs.discard(action.job)
                return
            self.feed(_outcome(action, result))

        self._schedule(self.now + delay, finish)


def _outcome(action: StartJob, result: object) -> JobFinished:
    if isinstance(result, BaseException):
        return JobFinished(action.job, error=(type(result).__name__, str(result)))
    try:
        if iscoroutinefunction(result):
            raise TypeError(f"{result.__name__} is an async def: say in sim.job how it ends")
        value = result(*action.args) if callable(result) else result
    except Exception as error:
        return JobFinished(action.job, error=(type(error).__name__, str(error)))
    if not _is_job_result(value):
        return JobFinished(action.job, error=("TypeError", f"a job cannot give back {type(value).__name__}"))
    return JobFinished(action.job, value)  # type: ignore[arg-type]  # just checked


def _is_job_result(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_job_result, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_job_result(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str | bytes)


def _never(flight: Flight) -> bool:
    return False


def _once(flight: Flight) -> int:
    return 1
