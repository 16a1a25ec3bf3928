"""One branch of a fork: a client transaction, and what became of it (RFC 3261 16.6 to 16.8)."""

from typing import Final, final

from ebr_core.environment import Environment
from ebr_core.message import Response, build_cancel
from ebr_core.proxy.target import Target
from ebr_core.timers import Timer, TimerOwner
from ebr_core.transaction import ClientTransaction, Transactions, TransactionUser

__all__ = ["CANCEL_TIMEOUT", "TIMER_C", "Branch"]

# Kinds of the one timer that a branch has at a time.
TIMER_C: Final = 0
CANCEL_TIMEOUT: Final = 1  # 9.1: no final response 64*T1 after the CANCEL


@final
class Branch(TransactionUser):
    """``status`` is the newest response's, 0 before any. ``local``: the final status was made here (timer, transport), the
    device never said a word. ``given_up``: replaced or no longer wanted, so its outcome is nobody's answer."""

    __slots__ = (
        "_env",
        "_timer",
        "_transactions",
        "cancel_reason",
        "cancelled",
        "context",
        "given_up",
        "local",
        "response",
        "sent_at",
        "status",
        "target",
        "transaction",
    )

    def __init__(self, env: Environment, transactions: Transactions, context: TimerOwner, target: Target) -> None:
        self._env: Final = env
        self._transactions: Final = transactions
        self._timer: Timer | None = None
        self.context: Final = context
        self.target: Final = target
        self.transaction: ClientTransaction | None = None  # while it may still need a CANCEL
        self.sent_at: Final = env.now
        self.status = 0
        self.response: Response | None = None  # the final one, unless it was made here
        self.local = False
        self.given_up = False
        self.cancelled = False
        self.cancel_reason = ""

    @property
    def final(self) -> bool:
        """Whether the branch has its final response."""
        return self.status >= 200

    @property
    def silent(self) -> bool:
        """Whether nothing at all has come back."""
        return self.transaction is not None and self.transaction.waiting

    def finish(self, status: int, response: Response | None) -> None:
        """The final response is here; ``response`` None when it was made here."""
        self.status = status
        self.response = response
        self.local = response is None

    def release(self) -> None:
        """Nothing more is to be sent for this branch: let go of its transaction and timer."""
        self._env.timers.cancel(self._timer)
        self._timer = None
        self.transaction = None

    def provisional(self, status: int) -> None:
        """A 1xx came: keep Timer C running (16.7 step 2), and send the CANCEL that had to wait for it (9.1)."""
        first = self.status == 0
        self.status = status
        transaction = self.transaction
        if transaction is None or transaction.method != "INVITE":
            return
        if self.cancelled:
            if first:
                self._send_cancel(transaction)
                self._limit_cancel()
            return
        if status == 100 and not first:
            return  # only 101 to 199 set the timer anew
        config = self._env.config
        start = self._env.now
        if config.fr_inv_timeout is not None:
            delay = config.fr_inv_timeout
        else:
            delay = config.timer_c
            if status == 100:
                start = self.sent_at
        self._env.timers.cancel(self._timer)
        self._timer = self._env.timers.set(start + delay, TIMER_C, self)

    def cancel(self, reason: str) -> None:
        """Send a CANCEL with this Reason value (RFC 3326), or hold it back until a provisional response comes (9.1)."""
        transaction = self.transaction
        if transaction is None or self.cancelled or transaction.method != "INVITE":
            return
        self.cancelled = True
        self.cancel_reason = reason
        self._limit_cancel()
        if transaction.provisional:
            self._send_cancel(transaction)

    def _limit_cancel(self) -> None:
        self._env.timers.cancel(self._timer)
        self._timer = self._env.after(64 * self._env.config.t1, CANCEL_TIMEOUT, self)

    def fired(self) -> None:
        """Its timer has just gone off."""
        self._timer = None

    def _send_cancel(self, transaction: ClientTransaction) -> None:
        if transaction.request is None:
            return
        headers = [("Reason", self.cancel_reason)] if self.cancel_reason else []
        cancel = build_cancel(transaction.request, headers)
        self._transactions.send_request(cancel, cancel.via.branch, transaction.route, None)
