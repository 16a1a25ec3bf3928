"""The pump between asyncio and the engine: sockets, one timer, jobs; no SIP, no policy."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self, assert_never, final

from ebr_asyncio.jobs import Jobs
from ebr_core.actions import (
    Action,
    CancelJob,
    Event,
    EventFilter,
    EventNotified,
    EventValue,
    Logged,
    SendDatagram,
    StartJob,
    Stopped,
    SubscriptionEnded,
)
from ebr_core.config import Config
from ebr_core.engine import Engine
from ebr_core.errors import EbrError, LocalProtocolError
from ebr_core.events import make_event
from ebr_core.inputs import (
    EventRaised,
    Input,
    Listener,
    ShutdownRequested,
    Started,
    SubscriptionCancelled,
    SubscriptionRequested,
    TimerTick,
)
from ebr_core.script import Script
from ebr_net import (
    BATCH_LIMIT,
    BATCH_SECONDS,
    BoundSocket,
    EngineFactory,
    ListenError,
    ListenSpec,
    Sockets,
    SteppedEngine,
    log_action,
    receive,
    system_tokens,
    threshold_event,
)

__all__ = ["Server"]

_SHUTDOWN_MARGIN: Final = 5.0  # seconds beyond the grace that the engine gets to say Stopped


@final
class Server:
    """Runs a script's engine on the asyncio loop in which it is entered::

        async with Server(script, listen=["udp:0.0.0.0:5060"]) as server:
            await server.serve_forever()

    Leaving the block closes all that was opened. ``observer(input, actions, now)`` is called after each step of the engine,
    before its actions are performed. An exception out of the engine or the observer is a bug: it stops the server, and is
    raised by ``serve_forever()`` and on leaving the block. Raises ListenError for a malformed address.
    """

    def __init__(
        self,
        script: Script,
        *,
        listen: Sequence[str | ListenSpec] = ("udp:127.0.0.1:5060",),
        config: Config | None = None,
        tokens: Callable[[int], bytes] | None = None,
        logger: logging.Logger | None = None,
        observer: Callable[[Input, Sequence[Action], float], None] | None = None,
        engine_factory: EngineFactory = Engine,
    ) -> None:
        self._sockets: Final = Sockets(listen, self._watch)
        self._watched: Final[list[int]] = []  # file descriptors
        self.engine: Final[SteppedEngine] = engine_factory(script, config=config or Config(), tokens=tokens or system_tokens)
        self._logger: Final = logger or logging.getLogger("ebr")
        self._observer: Final = observer
        self._queue: Final[deque[Input]] = deque()  # what arose while the engine was in a step, or outside the loop's callbacks
        self._waits: Final[dict[int, asyncio.Future[Event | None]]] = {}  # by subscription
        self._next_subscription = 1
        self._stopped: Final = asyncio.Event()
        self._failure: BaseException | None = None
        self._pumping = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._turn: asyncio.Handle | None = None
        # Set by `async with`.
        self._clock: Callable[[], float] = time.monotonic
        self._loop: asyncio.AbstractEventLoop | None = None
        self._jobs: Jobs | None = None

    @property
    def listeners(self) -> list[Listener]:
        """The bound sockets, with their real ports; empty before ``async with``."""
        return self._sockets.listeners

    @property
    def dropped_datagrams(self) -> int:
        """How many packets a full send buffer did not take."""
        return self._sockets.dropped

    async def __aenter__(self) -> Self:
        """Bind the sockets and start the engine. Raises ListenError; LocalProtocolError when entered before."""
        if self._loop is not None:
            raise LocalProtocolError("a Server can be entered once; make another one")
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._jobs = Jobs(self._loop, lambda finished: self._step((finished,)), self._logger)
        try:
            self._sockets.open()
            self._step((Started(self.listeners, time.time()),))
            if self._failure is not None:
                raise self._failure
        except BaseException:
            await self._tear_down()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
        if self._failure is not None and self._failure is not error:
            raise self._failure

    async def serve_forever(self) -> None:
        """Wait until the engine has stopped, after ``close`` from elsewhere. Raises what came out of the engine, if anything
        did. Cancelling it leaves the server running; leaving ``async with`` ends that."""
        self._running()
        await self._stopped.wait()
        if self._failure is not None:
            raise self._failure

    async def close(self, grace: float = 0.0) -> None:
        """Take no new transactions, let live ones finish for at most ``grace`` seconds, then close everything. May be called
        again, with a shorter grace too. Does not raise what came out of the engine."""
        if self._loop is None:
            return
        try:
            if not self._stopped.is_set():
                self._feed(ShutdownRequested(grace))
                async with asyncio.timeout(grace + _SHUTDOWN_MARGIN):
                    await self._stopped.wait()
        except TimeoutError:
            self._logger.error("the engine did not stop within %s s after its grace; closing", _SHUTDOWN_MARGIN)
        finally:
            await self._tear_down()

    def raise_event(self, name: str, params: Mapping[str, EventValue] | Sequence[EventValue] | None = None) -> None:
        """Raise an event from code in the loop, a script's handler included: it is queued, never nested. Raises
        LocalProtocolError when the server is not running, and for a name or a value that no event can have."""
        self._running()
        self._feed(_event(name, params))

    def raise_event_threadsafe(self, name: str, params: Mapping[str, EventValue] | Sequence[EventValue] | None = None) -> None:
        """``raise_event`` from any thread. What comes after the server has stopped is dropped."""
        loop, _ = self._running()
        input = _event(name, params)
        try:
            loop.call_soon_threadsafe(self._feed, input)
        except RuntimeError:
            raise LocalProtocolError("the event loop of this server is closed") from None

    async def wait_for_event(self, name: str, filter: EventFilter = None, timeout: float | None = None) -> Event | None:
        """The next event of that name that matches; None when ``timeout`` seconds are up or the server stops. Raises
        LocalProtocolError when the server is not running, FilterError for a filter that cannot be meant."""
        loop, _ = self._running()
        if self._stopped.is_set():
            return None
        subscription = self._next_subscription
        self._next_subscription += 2  # odd: the even ones are the engine's
        wait: asyncio.Future[Event | None] = loop.create_future()
        self._waits[subscription] = wait
        self._feed(SubscriptionRequested(subscription, name, filter, timeout, True))
        try:
            return await wait
        finally:
            if self._waits.pop(subscription, None) is not None:
                self._feed(SubscriptionCancelled(subscription))

    # The pump. Everything below runs in callbacks of the loop, and no callback runs inside another.

    def _running(self) -> tuple[asyncio.AbstractEventLoop, Jobs]:
        if self._loop is None or self._jobs is None:
            raise LocalProtocolError("the server is not running: use it inside `async with`")
        return self._loop, self._jobs

    def _watch(self, bound: BoundSocket) -> None:
        loop, _ = self._running()
        try:
            loop.add_reader(bound.fileno(), self._on_readable, bound)
        except NotImplementedError:
            raise ListenError(
                f"{type(loop).__name__} cannot watch UDP sockets (no add_reader); on Windows use asyncio.SelectorEventLoop"
            ) from None
        self._watched.append(bound.fileno())

    def _feed(self, input: Input) -> None:
        if self._stopped.is_set():
            return
        self._queue.append(input)
        if not self._pumping:
            self._schedule()

    def _schedule(self) -> None:
        if self._turn is None:
            self._turn = self._running()[0].call_soon(self._on_turn)

    def _on_readable(self, bound: BoundSocket) -> None:
        self._step(receive(bound))

    def _on_turn(self) -> None:
        self._turn = None
        deadline = self.engine.deadline
        due = deadline is not None and deadline <= self._clock()
        self._step((TimerTick(),) if due else ())

    def _on_timer(self) -> None:
        self._timer = None
        deadline = self.engine.deadline
        # The timer was left alone if its deadline went away or moved to a later time; then there is nothing to do yet.
        due = deadline is not None and deadline <= self._timer_at
        self._step((TimerTick(),) if due else ())

    def _step(self, inputs: Iterable[Input]) -> None:
        """Feed these inputs, then what is queued; then see to it that the next wake-up comes."""
        if self._stopped.is_set():
            return
        self._pumping = True
        try:
            for each in inputs:
                self._handle(each)
                if self._stopped.is_set():
                    return
            self._drain()
        except BaseException as error:
            self._failure = error
            self._halt()
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
        else:
            self._rearm()
        finally:
            self._pumping = False

    def _drain(self) -> None:
        # Bounded as a batch of packets is: a queue that refills itself must leave the loop its turn.
        end = time.monotonic() + BATCH_SECONDS
        for count in range(min(len(self._queue), BATCH_LIMIT)):
            if self._stopped.is_set() or (count and time.monotonic() >= end):
                return
            self._handle(self._queue.popleft())

    def _rearm(self) -> None:
        if self._stopped.is_set():
            return
        deadline = self.engine.deadline
        if self._queue or (deadline is not None and deadline <= self._clock()):
            self._schedule()
        elif deadline is not None and (self._timer is None or deadline < self._timer_at):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._running()[0].call_at(deadline, self._on_timer)
            self._timer_at = deadline

    def _handle(self, input: Input) -> None:
        now = began = self._clock()
        if isinstance(input, TimerTick):
            now = max(now, self.engine.deadline or 0.0)  # some loops fire a timer up to a millisecond early
        try:
            actions = self.engine.handle(input, now=now)
        except EbrError as error:
            if isinstance(input, SubscriptionRequested):  # a filter that cannot be meant, say: its caller's business
                self._end_wait(input.subscription, None, error)
                return
            raise
        slow = threshold_event(input, self.engine, self._clock() - began)
        if slow is not None:
            self._queue.append(slow)
        if self._observer is not None:
            self._observer(input, actions, now)
        for action in actions:
            self._perform(action)

    def _perform(self, action: Action) -> None:
        match action:
            case SendDatagram():
                failure = self._sockets.send(action)
                if failure is not None:
                    self._queue.append(failure)
            case StartJob():
                self._running()[1].start(action)
            case CancelJob():
                self._running()[1].cancel(action.job)
            case EventNotified():
                self._end_wait(action.subscription, action.event)
            case SubscriptionEnded():
                self._end_wait(action.subscription, None)
            case Logged():
                log_action(self._logger, action)
            case Stopped():
                self._halt()
            case _:
                assert_never(action)

    def _end_wait(self, subscription: int, event: Event | None, error: EbrError | None = None) -> None:
        wait = self._waits.pop(subscription, None)
        if wait is None or wait.done():
            return
        if error is not None:
            wait.set_exception(error)
        else:
            wait.set_result(event)

    def _halt(self) -> None:
        """Nothing reaches the engine from here on."""
        loop, _ = self._running()
        self._stopped.set()
        self._queue.clear()
        while self._watched:
            loop.remove_reader(self._watched.pop())
        for handle in (self._timer, self._turn):
            if handle is not None:
                handle.cancel()
        self._timer = self._turn = None
        for subscription in list(self._waits):
            self._end_wait(subscription, None)

    async def _tear_down(self) -> None:
        _, jobs = self._running()
        self._halt()
        self._sockets.close()
        jobs.cancel_all()
        await jobs.wait_closed()


def _event(name: str, params: Mapping[str, EventValue] | Sequence[EventValue] | None) -> EventRaised:
    # Checked here, where the caller can still be told; and copied, because it waits in a queue.
    return EventRaised(name, make_event(name, params).params())
