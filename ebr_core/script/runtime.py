"""Runs the handlers: one queue of ready work, coroutines driven a step at a time, events, jobs and waits."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, final

from ebr_core.actions import (
    CANCELLED,
    EXPIRED,
    NOTIFIED,
    OWNER_ENDED,
    WARNING,
    CancelJob,
    Event,
    EventFilter,
    EventNotified,
    EventValue,
    StartJob,
    SubscriptionEnded,
)
from ebr_core.environment import Environment
from ebr_core.errors import Cancelled, LocalProtocolError
from ebr_core.events import Subscription, Subscriptions, make_event
from ebr_core.inputs import JobFinished
from ebr_core.message import MessageError, NameAddr, Uri
from ebr_core.proxy import Proxy
from ebr_core.registrar import Registrar, aor_of
from ebr_core.script.owner import Owner
from ebr_core.script.pending import EVENT, JOB, SLEEP, TIME_UP, TOO_LONG, Pending
from ebr_core.script.receivers import EventRoute, HostListener, NotificationRoute
from ebr_core.script.scheduler import Scheduler
from ebr_core.script.task import MAX_THROWS, Task, Work
from ebr_core.usrloc import Change, Contact, Location, describe

__all__ = ["Runtime", "running"]

# How many deliveries of one raise go out before other work has its turn: a storm of matches delays nobody.
_QUANTUM: Final = 16

# A context variable and no global: two engines may run in two threads, and a job in a worker thread is no handler.
_running: "ContextVar[Runtime]" = ContextVar("ebr_running")


def running() -> "Runtime":
    """The runtime whose handler is running; LocalProtocolError outside one."""
    try:
        return _running.get()
    except LookupError:
        raise LocalProtocolError("only a handler that an engine is running can do this") from None


@final
class _Raise:
    """One raised event on its way: a cursor over the subscriptions that matched when its turn came."""

    __slots__ = ("at", "event", "generation", "matches", "one")

    def __init__(self, event: Event, generation: int, one: bool) -> None:
        self.event: Final = event
        self.generation: Final = generation
        self.one: Final = one
        self.matches: list[Subscription] | None = None
        self.at = 0


@final
class _Deliveries(Work):
    """Stands in the ready queue for all raised events; these keep their own strict order."""

    __slots__ = ()


@final
class Runtime:
    """What the handlers of one engine share."""

    __slots__ = (
        "_deliveries",
        "_deliveries_queued",
        "_job",
        "_jobs",
        "_raises",
        "_streak",
        "env",
        "event_routes",
        "location",
        "proxy",
        "registrar",
        "scheduler",
        "state",
        "subscriptions",
    )

    def __init__(
        self, env: Environment, proxy: Proxy, location: Location, registrar: Registrar, subscriptions: Subscriptions
    ) -> None:
        self.env: Final = env
        self.proxy: Final = proxy
        self.location: Final = location
        self.registrar: Final = registrar
        self.subscriptions: Final = subscriptions
        self.scheduler: Final = Scheduler(env)
        self.state: Final[dict[Any, Any]] = {}
        self.event_routes = 0
        self._raises: Final[deque[_Raise]] = deque()
        self._deliveries: Final = _Deliveries()
        self._deliveries_queued = False
        self._streak = 0
        self._jobs: Final[dict[int, Pending]] = {}
        self._job = 0

    def sizes(self) -> dict[str, int]:
        """What the scripts keep alive."""
        return {**self.scheduler.sizes(), "jobs": len(self._jobs), "raises": len(self._raises)}

    def run(self, budget: int) -> None:
        """Take at most ``budget`` steps of ready work, first in, first out."""
        scheduler = self.scheduler
        ready = scheduler.ready
        if not ready:
            return
        before = _running.set(self)
        try:
            while budget > 0 and ready:
                budget -= 1
                work = ready.popleft()
                if isinstance(work, Task):
                    work.queued = False
                    self._streak = 0
                    scheduler.step(work)
                else:
                    self._deliver()
                scheduler.settle()
        finally:
            _running.reset(before)

    def cancel_task(self, task: Task) -> None:
        """Throw Cancelled into a handler at its wait; one that has not begun never does."""
        pending = task.waiting
        task.cancelled = True
        if pending is not None:
            task.waiting = None
            pending.task = None
            self.abandon(pending)
        self.scheduler.queue(task)

    def close(self) -> None:
        """Answer 503 to what is still unanswered, and end every handler, so that its ``finally`` blocks run."""
        for server in self.proxy.transactions.unanswered():
            if isinstance(server.user, Owner):
                server.user.fail(503)
            elif server.request is not None:
                server.answer(server.request, 503)
        for task in self.scheduler.unfinished():
            self.cancel_task(task)

    # Waits.

    def abandon(self, pending: Pending) -> None:
        """Nobody waits for it any more."""
        if pending.done or pending.abandoned:
            return
        pending.abandoned = True
        self.env.timers.cancel(pending.timer)
        pending.timer = None
        if isinstance(pending.subscription, Subscription):
            self.subscriptions.end(pending.subscription, OWNER_ENDED)
            pending.subscription = None
        if pending.job:
            del self._jobs[pending.job]
            self.env.outbox.append(CancelJob(pending.job))
        if isinstance(pending.call, Owner):
            pending.call.owned.pop(pending, None)
        pending.call = None

    def _done(self, pending: Pending) -> None:
        pending.done = True
        self.env.timers.cancel(pending.timer)
        pending.timer = None
        pending.subscription = None
        call, task = pending.call, pending.task
        pending.call = pending.task = None
        if isinstance(call, Owner):
            call.owned.pop(pending, None)
            self.scheduler.touch(call)
        if isinstance(task, Task):
            task.waiting = None
            self.scheduler.queue(task)

    def fire_pending(self, pending: Pending, kind: int) -> None:
        """A wait's own time is up, or the limit of all waits."""
        pending.timer = None
        if kind == TOO_LONG:
            task = pending.task
            self.abandon(pending)
            pending.too_long = pending.done = True
            if isinstance(task, Task):
                pending.task = task.waiting = None
                self.scheduler.queue(task)
            return
        if isinstance(pending.subscription, Subscription):
            self.subscriptions.end(pending.subscription, EXPIRED)
        self._resume_generation(pending, 0)
        self._done(pending)

    def _resume_generation(self, pending: Pending, generation: int) -> None:
        if isinstance(pending.task, Task):
            pending.task.generation = generation

    def _begin(self, kind: int, call: Owner | None) -> Pending:
        task = self.scheduler.task
        if (task is not None and task.cancelled) or (call is not None and call.ended):
            if task is None or task.throws < MAX_THROWS:
                if task is not None:
                    task.throws += 1
                raise Cancelled
            # A handler that catches it in a loop would hang the engine in this very step; so let it suspend, to be closed.
            pending = Pending(kind, None)
            pending.abandoned = True
            return pending
        pending = Pending(kind, call)
        if call is not None:
            call.owned[pending] = None
            self.scheduler.touch(call)
        return pending

    def start_job(self, function: Callable[..., object], args: tuple[object, ...], call: Owner | None, detached: bool) -> Pending:
        """Run a function outside the engine. Raises LocalProtocolError when it is not callable."""
        if not callable(function):
            raise LocalProtocolError(f"run() takes a function and its arguments, not {function!r}; do not call it yourself")
        pending = self._begin(JOB, call)
        if pending.abandoned:
            return pending
        self._job += 2
        pending.job = self._job
        pending.detached = detached
        self._jobs[self._job] = pending
        self.env.outbox.append(StartJob(self._job, function, args))
        return pending

    def job_finished(self, finished: JobFinished) -> None:
        """The answer to a StartJob; one that nobody waits for is a no-op."""
        pending = self._jobs.pop(finished.job, None)
        if pending is None:
            return
        pending.job = 0
        pending.result = finished.result
        pending.error = finished.error
        if pending.detached and finished.error is not None:
            self.env.count("jobs.failed")
            self.env.log(WARNING, "job-failed", f"a started job failed: {finished.error[0]}: {finished.error[1]}")
        self._resume_generation(pending, 0)
        self._done(pending)

    def sleep(self, seconds: float) -> Pending:
        """``ebr_core.sleep``."""
        if not seconds >= 0:
            raise LocalProtocolError(f"sleep() takes seconds, not {seconds!r}")
        pending = self._begin(SLEEP, None)
        if pending.abandoned:
            return pending
        pending.timer = self.env.after(seconds, TIME_UP, pending)
        return pending

    # Events.

    def wait_for_event(self, name: str, filter: EventFilter, timeout: float | None, call: Owner | None) -> Pending:
        """One match, or None when the time is up; subscribed from now on, not from the ``await`` on."""
        pending = self._begin(EVENT, call)
        if pending.abandoned:
            return pending
        try:
            pending.subscription = self.subscriptions.add(name, filter, once=True, receiver=pending)
            if timeout is not None:
                if not timeout > 0:
                    raise LocalProtocolError(f"a wait's timeout is above 0 seconds, not {timeout!r}")
                pending.timer = self.env.after(timeout, TIME_UP, pending)
        except Exception:
            self.abandon(pending)
            raise
        return pending

    def notify_on_event(
        self, name: str, filter: EventFilter, route: Callable[..., object], timeout: float | None, call: Owner | None
    ) -> Subscription:
        """``route(event, call)`` for each match."""
        if not callable(route):
            raise LocalProtocolError(f"notify_on_event() takes a function as its route, not {route!r}")
        if (self.scheduler.task is not None and self.scheduler.task.cancelled) or (call is not None and call.ended):
            raise Cancelled
        subscription = self.subscriptions.add(name, filter, timeout=timeout, receiver=NotificationRoute(route, call))
        if call is not None:
            call.owned[subscription] = None
        return subscription

    def add_event_route(self, name: str, function: Callable[..., object]) -> None:
        """``@script.event``: for as long as the engine lives."""
        self.subscriptions.add(name, receiver=EventRoute(function))
        self.event_routes += 1

    def expire(self, subscription: Subscription) -> None:
        """A subscription's time is up."""
        receiver = subscription.receiver
        subscription.timer = None
        self.subscriptions.end(subscription, EXPIRED)
        if isinstance(receiver, NotificationRoute) and isinstance(receiver.call, Owner):
            receiver.call.owned.pop(subscription, None)
            self.scheduler.touch(receiver.call)
        elif isinstance(receiver, HostListener):
            self.env.outbox.append(SubscriptionEnded(subscription.id, EXPIRED))

    def unsubscribe(self, subscription: Subscription) -> None:
        """A script wants no more of these events."""
        receiver = subscription.receiver
        self.subscriptions.end(subscription, CANCELLED)
        if isinstance(receiver, NotificationRoute) and isinstance(receiver.call, Owner):
            receiver.call.owned.pop(subscription, None)
            self.scheduler.touch(receiver.call)

    def end_owned(self, subscription: Subscription) -> None:
        """Its transaction has come to an end."""
        self.subscriptions.end(subscription, OWNER_ENDED)

    def cancel_subscription(self, id: int) -> None:
        """``SubscriptionCancelled``: one that is gone is a no-op."""
        subscription = self.subscriptions.find(id)
        if subscription is not None:
            self.subscriptions.end(subscription, CANCELLED)
            self.env.outbox.append(SubscriptionEnded(id, CANCELLED))

    def raise_event(self, name: str, params: Mapping[str, EventValue] | Sequence[EventValue] | None, one: bool = False) -> None:
        """Queue an event for its subscribers. Raises LocalProtocolError when it cannot be meant."""
        event = make_event(name, params)
        if self.subscriptions.wanted(name):
            self._raise(event, one)

    def raise_changes(self, changes: Sequence[Change]) -> None:
        """Raise what has changed in the user location."""
        for change in changes:
            if self.subscriptions.wanted(change.kind):
                self._raise(describe(change, self.env.wall_offset), False)

    def _raise(self, event: Event, one: bool) -> None:
        generation = 0 if self.scheduler.task is None else self.scheduler.task.generation + 1
        if generation > self.env.config.max_generations:
            self.env.count("events.cut")
            self.env.log(WARNING, "event-chain", f"{event.name} not raised: {generation - 1} events have each raised the next")
            return
        self._raises.append(_Raise(event, generation, one))
        if not self._deliveries_queued:
            self._deliveries_queued = True
            self.scheduler.ready.append(self._deliveries)

    def _deliver(self) -> None:
        current = self._raises[0]
        matches = current.matches
        if matches is None:
            matches = current.matches = self.subscriptions.match(current.event)
        while current.at < len(matches) and matches[current.at].outcome is not None:
            current.at += 1  # ended meanwhile
        if current.at < len(matches):
            self._deliver_to(matches[current.at], current)
            current.at = len(matches) if current.one else current.at + 1
        if current.at >= len(matches):
            self._raises.popleft()
        self._deliveries_queued = bool(self._raises)
        if not self._raises:
            return
        self._streak += 1
        if self._streak < _QUANTUM:
            self.scheduler.ready.appendleft(self._deliveries)
        else:
            self._streak = 0
            self.scheduler.ready.append(self._deliveries)

    def _deliver_to(self, subscription: Subscription, current: _Raise) -> None:
        receiver = subscription.receiver
        event = current.event
        self.env.count("events.delivered")
        if subscription.once:
            self.subscriptions.end(subscription, NOTIFIED)
        if isinstance(receiver, NotificationRoute):
            call = receiver.call if isinstance(receiver.call, Owner) else None
            self.scheduler.step(self.scheduler.new_task(receiver.function, (event, call), call, current.generation))
        elif isinstance(receiver, Pending):
            receiver.result = event
            self._resume_generation(receiver, current.generation)
            self._done(receiver)
        elif isinstance(receiver, EventRoute):
            self.scheduler.step(self.scheduler.new_task(receiver.function, (event,), None, current.generation))
        else:
            self.env.outbox.append(EventNotified(subscription.id, event))
            if subscription.once:
                self.env.outbox.append(SubscriptionEnded(subscription.id, NOTIFIED))

    # User location.

    def lookup(self, aor: str) -> list[Contact]:
        """The contacts of an address of record, given as ``user@domain`` or as a URI."""
        return self.location.lookup(self.read_aor(aor))

    def read_aor(self, text: str) -> str:
        """``user@domain`` as it is, a URI's address of record; "", which nobody has, for what is neither."""
        if ":" not in text.partition("@")[0] and not text.startswith("<"):
            return text
        try:
            return self.aor_of(Uri.parse(NameAddr.parse(text).uri))
        except MessageError:
            return ""

    def aor_of(self, uri: Uri) -> str:
        """The address of record that a URI names."""
        return aor_of(uri, self.env.config.use_domain)
