"""The server transactions (RFC 3261 17.2): one request, its retransmissions, and the responses to it."""

from collections.abc import Sequence
from typing import Final, final

from ebr_core.environment import Environment
from ebr_core.message import Request, Response, build_response
from ebr_core.timers import Timer, TimerOwner
from ebr_core.transaction import tables as t
from ebr_core.transport import Route

__all__ = ["ServerTransaction", "ServerUser"]


class ServerUser(TimerOwner):
    """Whoever answers a server transaction; kept so that a CANCEL and the timers can be brought to it."""

    __slots__ = ()


@final
class ServerTransaction(TimerOwner):
    """One request that was received; absorbs its retransmissions by sending the newest response again.

    A completed non-INVITE transaction keeps only its key and its response.
    """

    __slots__ = (
        "_data",
        "_env",
        "_interval",
        "_invite",
        "_linger_timer",
        "_retransmit",
        "_table",
        "final_status",
        "key",
        "method",
        "request",
        "route",
        "state",
        "to_tag",
        "user",
    )

    def __init__(self, env: Environment, key: str, request: Request, route: Route) -> None:
        self.key: Final = key
        self.method: Final = request.method
        self.route: Final = route
        self.request: Request | None = request  # until the final response
        self.user: ServerUser | None = None
        self.to_tag = ""  # of our own responses; drawn with the first
        self.final_status = 0  # of the first final response sent, or 0
        self._env: Final = env
        self._invite: Final = request.method == "INVITE"
        self._table: Final = t.INVITE_SERVER if self._invite else t.NON_INVITE_SERVER
        self.state: int = t.PROCEEDING if self._invite else t.TRYING
        self._data = b""  # the newest response
        self._interval = env.config.t1
        self._retransmit: Timer | None = None
        self._linger_timer: Timer | None = None

    @property
    def answered(self) -> bool:
        """Whether a final response was sent: for scripts the transaction has ended."""
        return self.final_status != 0

    def respond(self, response: Response) -> bool:
        """Send a response; False, and nothing sent, where the machine has no room for it (a final one was sent before)."""
        status = response.status
        what = t.SEND_1XX if status < 200 else t.SEND_2XX if status < 300 else t.SEND_FINAL
        if self._table[self.state * t.INPUTS + what] is None:
            return False
        data = response.to_bytes()
        if self.state == t.ACCEPTED:
            self.route.send(self._env, data)  # another 2xx: nobody retransmits it but its own UAS
            return True
        self._data = data
        if status >= 200:
            self.final_status = status
        self._step(what)
        return True

    def answer(
        self,
        request: Request,
        status: int,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> bool:
        """Build a response of our own to the transaction's request, and send it; False as ``respond``."""
        if status > 100:
            if not self.to_tag and not request.to_tag:
                self.to_tag = self._env.token()
            server = self._env.config.server
            if server:
                headers = [*headers, ("Server", server)]
        return self.respond(build_response(request, status, reason, to_tag=self.to_tag, headers=headers, body=body))

    def repeat(self) -> None:
        """The request came again."""
        self._step(t.GOT_REQUEST)

    def acknowledge(self) -> bool:
        """An ACK came on this transaction's branch; True when it must be passed on, because it belongs to a 2xx."""
        return self._step(t.GOT_ACK)

    def fire(self, kind: int) -> None:
        """One of its timers is due."""
        if kind == t.TIMER_G:
            self._retransmit = None
        else:
            self._linger_timer = None
        self._step(kind)

    def terminate(self) -> None:
        """End without an answer: a request that is to stay unanswered (RFC 4320 4.2)."""
        self.state = t.TERMINATED
        self._stop()

    def _step(self, what: int) -> bool:
        row = self._table[self.state * t.INPUTS + what]
        if row is None:
            return False
        self.state, actions = row
        passed = False
        for action in actions:
            if action == t.SEND:
                if self._data:
                    self.route.send(self._env, self._data)
            elif action == t.LINGER:
                self._linger()
            elif action == t.START_G:
                self._schedule(self._env.config.t1)
            elif action == t.BACK_OFF_T2:
                self._schedule(min(2 * self._interval, self._env.config.t2))
            elif action == t.STOP_RETRANSMITTING:
                self._env.timers.cancel(self._retransmit)
                self._retransmit = None
            elif action == t.PASS_ACK:
                passed = True
            elif action == t.TIMED_OUT:
                self._env.count("transactions.ack_missing")
        if self.state == t.TERMINATED:
            self._stop()
        return passed

    def _schedule(self, interval: float) -> None:
        self._interval = interval
        if not self.route.reliable:
            self._retransmit = self._env.after(interval, t.TIMER_G, self)

    def _linger(self) -> None:
        env = self._env
        env.timers.cancel(self._linger_timer)
        delay = 64 * env.config.t1
        if self.state == t.ACCEPTED:
            kind = t.TIMER_L
            if env.config.wt_timer is not None:
                delay = env.config.wt_timer
        elif self.state == t.CONFIRMED:
            kind, delay = t.TIMER_I, 0.0 if self.route.reliable else env.config.t4
        elif self._invite:
            kind = t.TIMER_H
        else:
            kind = t.TIMER_J
            if self.route.reliable:
                delay = 0.0
            elif env.config.wt_timer is not None:
                delay = env.config.wt_timer
        self._linger_timer = env.after(delay, kind, self)
        if self.state != t.COMPLETED:
            self._data = b""  # 6026 7.1: a retransmitted INVITE is absorbed in silence
        self.request = None

    def _stop(self) -> None:
        self._env.timers.cancel(self._retransmit)
        self._env.timers.cancel(self._linger_timer)
        self._retransmit = self._linger_timer = None
        self._data = b""
        self.request = None
