"""The client transactions (RFC 3261 17.1): a request sent until it is answered, its time-out, and the ACK to a failure."""

from typing import Final, final

from ebr_core.environment import Environment
from ebr_core.message import Request, Response, build_ack
from ebr_core.timers import Timer, TimerOwner
from ebr_core.transaction import tables as t
from ebr_core.transport import Route

__all__ = ["ClientTransaction", "TransactionUser"]

NOTHING: Final = 0
RESPONSE: Final = 1
TIMED_OUT: Final = 2
FAILED: Final = 3


class TransactionUser(TimerOwner):
    """Whoever a client transaction was made for; kept so that what comes back can be brought to it."""

    __slots__ = ()


@final
class ClientTransaction(TimerOwner):
    """One request on its way to one next hop.

    ``receive``, ``fire`` and ``fail`` return what the transaction user must be told: NOTHING, RESPONSE (handed to ``receive``
    just now), TIMED_OUT (timer B or F) or FAILED (the transport could not deliver).
    """

    __slots__ = (
        "_ack",
        "_data",
        "_env",
        "_interval",
        "_invite",
        "_retransmit",
        "_table",
        "_timeout",
        "key",
        "method",
        "request",
        "route",
        "state",
        "user",
    )

    def __init__(self, env: Environment, key: str, request: Request, route: Route, user: TransactionUser | None) -> None:
        self.key: Final = key
        self.method: Final = request.method
        self.route: Final = route
        self.user: TransactionUser | None = user
        self.request: Request | None = request if request.method == "INVITE" else None  # for its ACK and CANCEL
        self._env: Final = env
        self._data: bytes = request.to_bytes()
        self._ack = b""
        self._invite: Final = request.method == "INVITE"
        self._table: Final = t.INVITE_CLIENT if self._invite else t.NON_INVITE_CLIENT
        self.state: int = t.CALLING if self._invite else t.TRYING
        config = env.config
        self._interval = config.t1
        self._retransmit: Timer | None = None
        timer_b = 64 * config.t1 if config.fr_timeout is None else config.fr_timeout
        self._timeout: Timer | None = env.after(timer_b, t.TIMER_B if self._invite else t.TIMER_F, self)
        if not route.reliable:
            self._retransmit = env.after(config.t1, t.TIMER_A if self._invite else t.TIMER_E, self)
        route.send(env, self._data)

    @property
    def provisional(self) -> bool:
        """Whether a 1xx has come and no final response yet: the time for a CANCEL (9.1)."""
        return self.state == t.PROCEEDING

    @property
    def waiting(self) -> bool:
        """Whether nothing at all has come back yet."""
        return self.state == t.CALLING or self.state == t.TRYING

    def receive(self, response: Response) -> int:
        """A response on this transaction's branch."""
        status = response.status
        if status < 200:
            return self._step(t.GOT_1XX, None)
        if status < 300:
            return self._step(t.GOT_2XX, None)
        return self._step(t.GOT_FINAL, response)

    def fire(self, kind: int) -> int:
        """One of its timers is due."""
        if kind == t.TIMER_A or kind == t.TIMER_E:
            self._retransmit = None
        else:
            self._timeout = None
        return self._step(kind, None)

    def fail(self) -> int:
        """The transport could not deliver (17.1.4)."""
        return self._step(t.TRANSPORT_ERROR, None)

    def retransmit_now(self) -> None:
        """Send the request once more out of turn: its receiver has just shown that it is awake. Only before any response."""
        if self.waiting:
            self.route.send(self._env, self._data)

    def keep_waiting(self) -> None:
        """Stop timer B: from now on the transaction user decides how long to wait (a proxy's Timer C, 16.6 step 11)."""
        if self.state == t.PROCEEDING and self._invite:
            self._env.timers.cancel(self._timeout)
            self._timeout = None

    def _step(self, what: int, response: Response | None) -> int:
        row = self._table[self.state * t.INPUTS + what]
        if row is None:
            return NOTHING
        self.state, actions = row
        result = NOTHING
        for action in actions:
            if action == t.PASS:
                result = RESPONSE
            elif action == t.STOP_RETRANSMITTING:
                self._env.timers.cancel(self._retransmit)
                self._retransmit = None
            elif action == t.LINGER:
                self._linger()
            elif action == t.SEND:
                self.route.send(self._env, self._data)
            elif action == t.SEND_ACK:
                self._send_ack(response)
            elif action == t.BACK_OFF or action == t.BACK_OFF_T2 or action == t.SLOW_DOWN:
                self._schedule(action)
            elif action == t.TIMED_OUT:
                result = TIMED_OUT
            elif action == t.FAILED:
                result = FAILED
        if self.state == t.TERMINATED:
            self.stop()
        elif self.state == t.PROCEEDING and self._invite:
            self.keep_waiting()
        return result

    def _schedule(self, action: int) -> None:
        config = self._env.config
        timers = self._env.timers
        if action == t.SLOW_DOWN:
            self._interval = config.t2
        else:
            self._interval *= 2
            if action == t.BACK_OFF_T2:
                self._interval = min(self._interval, config.t2)
        timers.cancel(self._retransmit)
        if not self.route.reliable:
            self._retransmit = self._env.after(self._interval, t.TIMER_A if self._invite else t.TIMER_E, self)

    def _linger(self) -> None:
        env = self._env
        env.timers.cancel(self._timeout)
        if self.state == t.ACCEPTED:
            delay, kind = 64 * env.config.t1, t.TIMER_M
            self.request = None
        elif self._invite:
            delay, kind = env.config.timer_d, t.TIMER_D
            if env.config.wt_timer is not None:
                delay = env.config.wt_timer
        else:
            delay, kind = env.config.t4, t.TIMER_K
        if self.route.reliable and self.state == t.COMPLETED:
            delay = 0.0  # 17.1.1.2, 17.1.2.2
        self._timeout = env.after(delay, kind, self)
        self._data = b""  # answered: never sent again

    def _send_ack(self, response: Response | None) -> None:
        if not self._ack and response is not None and self.request is not None:
            self._ack = build_ack(self.request, response).to_bytes()
            self.request = None
        self.route.send(self._env, self._ack)

    def stop(self) -> None:
        """End at once, whatever the state."""
        self.state = t.TERMINATED
        self._env.timers.cancel(self._timeout)
        self._env.timers.cancel(self._retransmit)
        self._timeout = self._retransmit = None
        self.request = None
        self._data = self._ack = b""
