"""The engine: one input in, together with the time; the complete, ordered list of actions out."""

from collections.abc import Callable, Sequence
from math import inf
from typing import Final, assert_never, final

from ebr_core.actions import INFO, WARNING, Action, Stopped
from ebr_core.config import Config
from ebr_core.environment import Environment
from ebr_core.errors import LocalProtocolError
from ebr_core.events import Subscription, Subscriptions
from ebr_core.inputs import (
    DatagramReceived,
    EventRaised,
    Input,
    JobFinished,
    SendFailed,
    ShutdownRequested,
    Started,
    SubscriptionCancelled,
    SubscriptionRequested,
    TimerTick,
    WallClockStepped,
)
from ebr_core.message import MessageError, Request, Response, Via, build_response, parse_message
from ebr_core.proxy import Branch, Proxy, ResponseContext
from ebr_core.registrar import Registrar
from ebr_core.script.call import Call
from ebr_core.script.dispatch import Dispatcher
from ebr_core.script.pending import Pending
from ebr_core.script.receivers import HostListener
from ebr_core.script.runtime import Runtime
from ebr_core.script.script import Script
from ebr_core.timers import TimerOwner
from ebr_core.transaction import (
    FAILED,
    RESPONSE,
    TIMED_OUT,
    ClientTransaction,
    ServerTransaction,
    Transactions,
)
from ebr_core.transport import Transport
from ebr_core.usrloc import Contact, Location

__all__ = ["Engine"]

# How often a draining engine looks whether its last transactions have been answered, in seconds.
_DRAIN_STEP: Final = 0.1

# In the year 8307: a date still has four digits for its year, for as long as any engine may run.
_LATEST_WALL: Final = 2e11


@final
class _Periodic(TimerOwner):
    """A timer route, and when it is due next."""

    __slots__ = ("due", "function", "period")

    def __init__(self, function: Callable[..., object], period: float, began: float) -> None:
        self.function: Final = function
        self.period: Final = period
        self.due = began


@final
class _Drain(TimerOwner):
    """A shutdown in progress."""

    __slots__ = ("closing", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self.closing = False


@final
class Engine:
    """SIP proxy, registrar and event-based routing as a pure state machine; it does no I/O.

    Feed ``Started`` first, then every packet, finished job and raised event as it comes, and ``TimerTick`` when ``deadline``
    has come; after each, perform the returned actions in their order. The same script, configuration, tokens, inputs and
    times give the same actions.

    ``tokens(n)`` returns n random bytes: ``os.urandom`` in production, a seeded stream in tests. ``budget``: how many timers
    are fired and how many steps of ready work are taken in one ``handle``.
    """

    __slots__ = (
        "_budget",
        "_dispatcher",
        "_draining",
        "_env",
        "_handling",
        "_location",
        "_periodic",
        "_runtime",
        "_script",
        "_started",
        "_subscriptions",
        "_transactions",
        "_transport",
    )

    def __init__(
        self,
        script: Script,
        *,
        tokens: Callable[[int], bytes],
        config: Config | None = None,
        budget: int = 64,
    ) -> None:
        if budget < 1:
            raise LocalProtocolError(f"the budget of a step is at least 1, not {budget}")
        config = Config() if config is None else config
        env = Environment(config, tokens)
        self._script: Final = script
        self._budget: Final = budget
        self._env: Final = env
        self._transport: Final = Transport(config.domains)
        self._transactions: Final = Transactions(env)
        self._location: Final = Location(env)
        self._subscriptions: Final = Subscriptions(env)
        proxy = Proxy(env, self._transport, self._transactions)
        self._runtime: Final = Runtime(env, proxy, self._location, Registrar(env, self._location), self._subscriptions)
        self._dispatcher: Final = Dispatcher(script, self._runtime)
        self._started = False
        self._draining: _Drain | None = None
        self._handling = False
        self._periodic = 0

    # What the adapter needs.

    @property
    def deadline(self) -> float | None:
        """The instant at which ``TimerTick`` must be fed (the clock of ``now``); not after ``now`` when work was left; None
        when nothing is to come. O(1)."""
        if self._runtime.scheduler.ready or self._env.outbox:  # actions are left where an input was refused
            return self._env.now
        return self._env.timers.deadline

    @property
    def last_handlers(self) -> Sequence[str]:
        """The names of the handlers that ran in the last ``handle``."""
        return tuple(self._runtime.scheduler.handlers)

    @property
    def counters(self) -> dict[str, int]:
        """The statistics so far."""
        return dict(self._env.counters)

    def sizes(self) -> dict[str, int]:
        """The number of entries of everything that comes and goes; all zeros when all has ended.

        What the script itself keeps for good (event routes, timer routes) is not counted.
        """
        sizes = dict(self._transactions.sizes())
        sizes["contacts"] = len(self._location)
        sizes.update({f"location_{name}": size for name, size in self._location.sizes().items()})
        sizes["subscriptions"] = len(self._subscriptions) - self._runtime.event_routes
        sizes.update(self._runtime.sizes())
        sizes["timers"] = len(self._env.timers) - self._periodic
        return sizes

    def handle(self, input: Input, *, now: float) -> list[Action]:
        """Apply one input at the instant ``now`` (monotonic seconds); returns the actions, in order.

        A ``now`` that runs backwards counts as the latest one. Raises LocalProtocolError, and changes nothing, for an input
        before ``Started``, a second ``Started``, an unknown listener, or a call from inside a handler. What comes from the
        network never raises.
        """
        if self._handling:
            raise LocalProtocolError("handle() was called from inside handle(); queue the input and feed it afterwards")
        if not self._started and not isinstance(input, Started):
            raise LocalProtocolError(f"the first input is Started, not {type(input).__name__}")
        env, runtime = self._env, self._runtime
        scheduler = runtime.scheduler
        if isinstance(input, DatagramReceived):
            self._transport.listener(input.listener)  # an unknown one is the host's mistake, and found before anything changes
        if not now > env.now:
            now = env.now
        elif now == inf:
            raise LocalProtocolError("now is a time in seconds, not infinity")
        self._handling = True
        try:
            env.now = now
            scheduler.handlers.clear()
            for _ in range(self._budget):
                due = env.timers.pop(env.now)
                if due is None:
                    break
                self._fire(due[0], due[1])
                scheduler.settle()
            self._apply(input)
            scheduler.settle()
            if scheduler.ready:
                runtime.run(self._budget)
        finally:
            self._handling = False
        return env.take_actions()

    # Inputs.

    def _apply(self, input: Input) -> None:
        match input:
            case DatagramReceived():
                self._datagram(input)
            case TimerTick():
                pass
            case JobFinished():
                self._runtime.job_finished(input)
            case EventRaised():
                self._runtime.raise_event(input.name, input.params)
            case SendFailed():
                self._send_failed(input)
            case SubscriptionRequested():
                if input.subscription % 2 == 0:
                    raise LocalProtocolError(f"the host's numbers of subscriptions are odd: {input.subscription}")
                self._subscriptions.add(
                    input.name,
                    input.filter,
                    timeout=input.timeout,
                    once=input.once,
                    receiver=HostListener(),
                    id=input.subscription,
                )
            case SubscriptionCancelled():
                self._runtime.cancel_subscription(input.subscription)
            case Started():
                self._start(input)
            case WallClockStepped():
                self._set_wall(input.wall)
            case ShutdownRequested():
                self._shut_down(input.grace)
            case _:
                assert_never(input)

    def _start(self, input: Started) -> None:
        if self._started:
            raise LocalProtocolError("the engine was started before")
        self._set_wall(input.wall)
        self._transport.start(input.listeners)
        self._started = True
        env, script, runtime = self._env, self._script, self._runtime
        for name, function in script.events:
            runtime.add_event_route(name, function)
        for period, function in script.timers:
            self._arm(_Periodic(function, period, env.now))
            self._periodic += 1
        for function in script.startups:
            runtime.scheduler.start(function, ())

    def _set_wall(self, wall: float) -> None:
        if not 0 <= wall <= _LATEST_WALL:
            raise LocalProtocolError(f"wall time is in seconds since 1970, not {wall!r}")
        self._env.wall_offset = wall - self._env.now

    def _datagram(self, input: DatagramReceived) -> None:
        env = self._env
        data = input.data
        if len(data) <= 4 and not data.strip(b"\r\n\0"):
            env.count("received.keepalive")  # RFC 5626 4.4.1, and the zero bytes that some phones send
            return
        try:
            message = parse_message(data, env.config)
        except MessageError as error:
            self._malformed(input, error)
            return
        listener = self._transport.listener(input.listener)
        if input.local is not None:
            self._transport.learn(input.local, listener)
        if isinstance(message, Request):
            env.count("received.request")
            self._dispatcher.receive(message, input.source, listener, input.local)
        else:
            env.count("received.response")
            self._response(message)

    def _malformed(self, input: DatagramReceived, error: MessageError) -> None:
        """Count it; answer it where it can be answered, without keeping anything."""
        env = self._env
        env.count("dropped.malformed")
        request = error.partial
        if request is None or request.method == "ACK" or not request.via.host:
            return
        try:
            request.stamp_received(input.source[0], input.source[1])
            response = build_response(request, error.status, error.reason, to_tag=request.to_tag or env.token())
        except (MessageError, LocalProtocolError):
            return
        listener = self._transport.listener(input.listener)
        self._transport.response_route(request.via, input.source, listener, input.local).send(env, response.to_bytes())

    def _response(self, response: Response) -> None:
        transaction = self._transactions.find_client(response.via.branch, response.cseq_method)
        if transaction is None:
            self._env.count("dropped.stray_response")  # RFC 6026 7.3
            return
        branch = transaction.user
        if isinstance(branch, Branch) and response.names.count("via") < 2 and len(response.values("via")) < 2:
            self._env.count("dropped.malformed")  # 16.7 step 3: what is left when ours is taken off must lead to the caller
            return
        result = self._transactions.receive_response(transaction, response)
        if isinstance(branch, Branch) and result == RESPONSE:
            context = branch.context
            assert isinstance(context, ResponseContext)
            context.receive(branch, response)
            self._touch(context)

    def _send_failed(self, input: SendFailed) -> None:
        env = self._env
        env.count("transport.send_failed")
        found = self._transaction_of(input.data)
        if found is None:
            return
        env.log(INFO, "send-failed", f"{input.destination[0]}:{input.destination[1]}: {input.error}", method=found.method)
        self._client_result(found, self._transactions.fail_client(found))

    def _transaction_of(self, data: bytes) -> ClientTransaction | None:
        """The client transaction of a request that could not be delivered: its branch and method, from what is left of it."""
        head = data[:4096].decode("utf-8", "surrogateescape")
        lines = head.split("\r\n")
        method = lines[0].partition(" ")[0]
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon and name.strip().lower() in ("via", "v"):
                try:
                    return self._transactions.find_client(Via.parse(value.strip()).branch, method)
                except MessageError:
                    return None
        return None

    # Timers.

    def _fire(self, owner: TimerOwner, kind: int) -> None:
        if isinstance(owner, ClientTransaction):
            self._client_result(owner, self._transactions.fire_client(owner, kind))
        elif isinstance(owner, ServerTransaction):
            self._transactions.fire_server(owner, kind)
        elif isinstance(owner, Branch):
            context = owner.context
            assert isinstance(context, ResponseContext)
            context.branch_timer(owner, kind)
            self._touch(context)
        elif isinstance(owner, Call):
            owner.fire(kind)
        elif isinstance(owner, ResponseContext):
            owner.fire(kind)
            self._touch(owner)
        elif isinstance(owner, Subscription):
            self._runtime.expire(owner)
        elif isinstance(owner, Contact):
            self._runtime.raise_changes(self._location.expire(owner))
        elif isinstance(owner, Pending):
            self._runtime.fire_pending(owner, kind)
        elif isinstance(owner, _Periodic):
            self._arm(owner)
            self._runtime.scheduler.start(owner.function, ())
        elif isinstance(owner, _Drain):
            self._drain(owner)

    def _arm(self, periodic: _Periodic) -> None:
        """The next instant keeps the rhythm, however late a tick came; whole periods that have gone by are left out."""
        missed = max(0, int((self._env.now - periodic.due) / periodic.period))
        periodic.due += (missed + 1) * periodic.period
        self._env.timers.set(periodic.due, 0, periodic)

    def _client_result(self, transaction: ClientTransaction, result: int) -> None:
        if result != TIMED_OUT and result != FAILED:
            return
        branch = transaction.user
        transaction.user = None
        if isinstance(branch, Branch):
            context = branch.context
            assert isinstance(context, ResponseContext)
            context.lose(branch, transaction, 408 if result == TIMED_OUT else 503)
            self._touch(context)

    def _touch(self, context: ResponseContext) -> None:
        call = context.server.user
        if isinstance(call, Call):
            self._runtime.scheduler.touch(call)
        else:
            context.dissolve()

    # The end.

    def _shut_down(self, grace: float) -> None:
        until = self._env.now + max(grace, 0.0)
        drain = self._draining
        if drain is not None:
            drain.until = min(drain.until, until)  # it looks at the clock soon enough
            return
        self._dispatcher.draining = True
        self._draining = drain = _Drain(until)
        self._drain(drain)

    def _drain(self, drain: _Drain) -> None:
        env = self._env
        left = len(self._transactions.unanswered())
        if left and env.now < drain.until:
            env.timers.set(min(env.now + _DRAIN_STEP, drain.until), 0, drain)
            return
        if not drain.closing:
            drain.closing = True
            if left:
                env.log(WARNING, "shutdown", f"{left} requests were not answered before the end", unanswered=left)
            self._runtime.close()
        if self._runtime.scheduler.ready:
            env.timers.set(env.now, 0, drain)  # handlers are still on their way out
            return
        env.outbox.append(Stopped())
