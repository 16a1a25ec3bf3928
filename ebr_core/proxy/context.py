"""The response context of a proxied request (RFC 3261 16.2): its branches, late ones too, and the answer that comes of them."""

from typing import Final, final

from ebr_core.actions import INFO
from ebr_core.inputs import Address, Listener
from ebr_core.message import Request, Response
from ebr_core.proxy.branch import CANCEL_TIMEOUT, Branch
from ebr_core.proxy.choice import best_status
from ebr_core.proxy.forward import forwarded
from ebr_core.proxy.proxy import Proxy
from ebr_core.proxy.target import Target
from ebr_core.timers import Timer, TimerOwner
from ebr_core.transaction import MAGIC_COOKIE, ClientTransaction, ServerTransaction

__all__ = [
    "ADDED",
    "COMPLETED_ELSEWHERE",
    "DUPLICATE",
    "NEXT_GROUP",
    "NOTHING",
    "REFUSED",
    "REPLACED",
    "RETRANSMITTED",
    "UNROUTABLE",
    "ResponseContext",
]

# What became of a target.
ADDED: Final = 0
REPLACED: Final = 1  # the device's earlier branch was given up for this one
RETRANSMITTED: Final = 2  # the device has a branch, and had not heard of it yet
DUPLICATE: Final = 3  # the device is ringing already
REFUSED: Final = 4  # no branch can be added any more, or the device has answered
UNROUTABLE: Final = 5

# What `evaluate` asks of the script layer.
NOTHING: Final = 0
NEXT_GROUP: Final = 1  # fork to the next targets of a serial search

# Kinds of timers.
WAIT_ENDS: Final = 0
HELD: Final = 1

COMPLETED_ELSEWHERE: Final = 'SIP ;cause=200 ;text="Call completed elsewhere"'


@final
class ResponseContext(TimerOwner):
    """Forks one request, at once and later, and sends exactly one final response upstream (any number of 2xx apart).

    Whether anything can still add a branch is known above: ``evaluate(can_grow)`` is called whenever a handler step has
    returned and after everything that arrived for the context, and never inside a handler.
    """

    __slots__ = (
        "_created",
        "_env",
        "_held_timer",
        "_incoming",
        "_invite",
        "_last_upstream",
        "_local",
        "_proxy",
        "_stopped",
        "_wait_limit",
        "_wait_timer",
        "_waited",
        "branches",
        "cancelled",
        "record_route",
        "request",
        "serial",
        "server",
        "waiting",
    )

    def __init__(
        self, proxy: Proxy, server: ServerTransaction, request: Request, incoming: Listener, local: Address | None
    ) -> None:
        self._proxy: Final = proxy
        self._env: Final = proxy.env
        self._incoming: Final = incoming
        self._local: Final = local
        self._invite: Final = request.method == "INVITE"
        self._created = 0  # branches, over the life of the context
        self._stopped = False  # a 6xx or 2xx: no new branch
        self._wait_limit = 0
        self._wait_timer: Timer | None = None
        self._waited = False
        self._held_timer: Timer | None = None
        self._last_upstream = self._env.now  # of a provisional response that resets Timer C upstream
        self.server: Final = server
        self.request: Final = request
        self.record_route = proxy.env.config.record_route and not request.to_tag
        self.branches: Final[list[Branch]] = []
        self.serial: Final[list[list[Target]]] = []  # groups still to be tried, best first
        self.waiting = False
        self.cancelled = False

    @property
    def ended(self) -> bool:
        """Whether the final response has gone upstream."""
        server = self.server
        return server.final_status != 0 or server.user is None

    @property
    def idle(self) -> bool:
        """Whether nothing was asked of it yet: neither a branch nor a wait."""
        return not self.branches and not self._waited

    # Growing.

    def add(self, target: Target, replace: bool = True) -> int:
        """Fork to a target, unless its device has a live branch already (rows P8 to P10 of the corner cases).

        ``replace``: a device that comes by another way than its live branch has moved, and is followed there; False: the two
        are ways to the same device at the same time, and the one in use stays (row P11).
        """
        if self.ended or self.cancelled or self._stopped:
            return REFUSED
        known = self._branch_of(target)
        if known is not None and known.final and not known.local:
            return REFUSED
        if known is not None and not known.final and known.target.same_flow(target):
            # A second copy at the same instant, for a contact that was named twice, would tell the device nothing new.
            if known.silent and known.transaction is not None and known.sent_at < self._env.now:
                known.transaction.retransmit_now()
                return RETRANSMITTED
            return DUPLICATE
        if known is not None and not known.final and not replace:
            return DUPLICATE
        if self._created >= self._env.config.max_branches:
            self._env.log(
                INFO,
                "branch-limit",
                f"{target.uri} refused: the call has had {self._created} branches",
                uri=target.uri,
                call_id=self.request.call_id,
            )
            return REFUSED
        self._created += 1
        branch = self._send(target)
        if known is not None and not known.final:
            if branch.final:
                return UNROUTABLE  # there is no way to where the device has moved: it rings on where it did
            self.branches.append(branch)
            known.given_up = True
            known.cancel(COMPLETED_ELSEWHERE)
            return REPLACED
        self.branches.append(branch)
        return UNROUTABLE if branch.final else ADDED

    def replace(self, targets: list[Target]) -> list[int]:
        """Fork to the targets, then give up every earlier branch: the new ones are sent first, so that there is always one
        that can answer. Where no target could be taken nothing is cancelled."""
        before = list(self.branches)
        results = [self.add(target) for target in targets]
        taken = [target for target, result in zip(targets, results, strict=True) if result <= DUPLICATE]
        if taken:
            self.serial.clear()
            for branch in before:
                if branch.final or not any(branch.target.reaches(target) for target in taken):
                    branch.given_up = True
                    if not branch.final:
                        branch.cancel(COMPLETED_ELSEWHERE)
        return results

    def _branch_of(self, target: Target) -> Branch | None:
        for branch in reversed(self.branches):
            if not branch.given_up and branch.target.reaches(target):
                return branch
        return None

    def _send(self, target: Target) -> Branch:
        proxy = self._proxy
        request = self.request
        branch = Branch(self._env, proxy.transactions, self, target)
        if request.max_forwards == 0:
            branch.finish(483, None)  # 16.3 step 3: an OPTIONS gets as far as here, because we might have been its end
            return branch
        route = proxy.route_to(request, target, self._incoming, self._local)
        if route is None:
            branch.finish(500, None)
            return branch
        token = MAGIC_COOKIE + self._env.token()
        record_routes: tuple[str, ...] = ()
        if self.record_route:
            record_routes = proxy.record_routes(request.call_id, self._incoming, route.listener)
        copy = forwarded(
            request,
            uri=target.uri,
            via=proxy.via(route, token),
            routes=target.path,
            record_routes=record_routes,
            max_forwards=(request.max_forwards if request.max_forwards >= 0 else self._env.config.max_forwards + 1) - 1,
        )
        branch.transaction = proxy.transactions.send_request(copy, token, route, branch)
        return branch

    # Waiting for late branches.

    def wait(self, limit: int, timeout: float | None) -> None:
        """Hold the final failure back until ``timeout`` seconds have passed or ``limit`` (0: none) more branches are final."""
        if self.ended or self.cancelled or self._stopped:
            return
        config = self._env.config
        if timeout is None:
            timeout = config.timer_c if config.fr_inv_timeout is None else config.fr_inv_timeout
        self.waiting = self._waited = True
        self._wait_limit = self._created + limit if limit else 0
        self._env.timers.cancel(self._wait_timer)
        self._wait_timer = self._env.after(timeout, WAIT_ENDS, self)
        self.hold()

    def end_wait(self) -> None:
        """No more late branches: those that are there decide."""
        self.waiting = False
        self._env.timers.cancel(self._wait_timer)
        self._wait_timer = None

    def hold(self) -> None:
        """The request may stay unanswered for long: keep the upstream proxy's Timer C from ending it (13.3.1.1)."""
        refresh = self._env.config.held_call_refresh
        if self._invite and self._held_timer is None and refresh > 0 and not self.ended:
            self._held_timer = self._env.after(refresh, HELD, self)

    def fire(self, kind: int) -> None:
        """A timer of the context is due; ``evaluate`` comes next."""
        if kind == WAIT_ENDS:
            self._wait_timer = None
            self.waiting = False
            return
        self._held_timer = None
        if not self.ended:
            refresh = self._env.config.held_call_refresh
            if self._env.now - self._last_upstream >= refresh - 0.001:
                self._respond(182)
                self._held_timer = self._env.after(refresh, HELD, self)
            else:
                self._held_timer = self._env.timers.set(self._last_upstream + refresh, HELD, self)

    # What the branches report.

    def receive(self, branch: Branch, response: Response) -> None:
        """A response that a branch's transaction has passed up."""
        status = response.status
        if status < 200:
            if not branch.final:
                self._provisional(branch, response)
            return
        first = not branch.final
        if status < 300:
            branch.finish(status, response)
            branch.release()
            self._success(branch, response)
            return
        branch.release()
        if first:
            branch.finish(status, response)
            if status >= 600 and not branch.given_up and not self.ended:
                if self._env.config.early_6xx:
                    self._send_best()
                self._stop(COMPLETED_ELSEWHERE)

    def lose(self, branch: Branch, transaction: ClientTransaction, status: int) -> None:
        """A branch's transaction has ended without an answer: 408 for a time-out, 503 for the transport (16.8, 16.9)."""
        if branch.transaction is transaction:
            branch.release()
        if not branch.final:
            branch.finish(status, None)

    def branch_timer(self, branch: Branch, kind: int) -> None:
        """Timer C, or 64*T1 after a CANCEL."""
        branch.fired()
        transaction = branch.transaction
        if kind == CANCEL_TIMEOUT:
            if transaction is not None:
                self._proxy.transactions.abandon(transaction)
                self.lose(branch, transaction, 487 if self.cancelled else 408)
            return
        branch.cancel('SIP ;cause=480 ;text="NO_ANSWER"')
        if not branch.final:
            branch.finish(408, None)  # 16.8; its 487 is still acknowledged, and a 2xx that crosses still goes upstream

    def _provisional(self, branch: Branch, response: Response) -> None:
        branch.provisional(response.status)
        # RFC 4320 4.1: nothing but 100 for other methods, and each hop sends its own 100.
        if response.status == 100 or not self._invite or branch.given_up or self.ended:
            return
        response.pop_value("via")
        self._last_upstream = self._env.now
        self.server.respond(response)

    def _success(self, branch: Branch, response: Response) -> None:
        response.pop_value("via")
        if self._invite:
            # 16.7 step 5: each 2xx to an INVITE goes upstream, even after another final response.
            if not self.server.respond(response):
                self.server.route.send(self._env, response.to_bytes())
        elif not self.ended:
            self.server.respond(response)
        self._stop(COMPLETED_ELSEWHERE)

    def _stop(self, reason: str) -> None:
        self._stopped = True
        self.serial.clear()
        self.end_wait()
        self.cancel_branches(reason)

    # Ending.

    def cancel(self, reason: str) -> None:
        """The caller gave up: no new branch, a CANCEL for each that rings (16.10)."""
        if self.ended or self.cancelled:
            return
        self.cancelled = True
        self.serial.clear()
        self.end_wait()
        self.cancel_branches(reason)

    def cancel_branches(self, reason: str) -> None:
        """CANCEL every open branch; what they answer still counts."""
        for branch in self.branches:
            if not branch.final:
                branch.cancel(reason)

    def replied(self, status: int) -> None:
        """The script has sent a response of its own; a final one ends the branches."""
        if status >= 200:
            self._stop("")
        elif status > 100:
            self._last_upstream = self._env.now

    def evaluate(self, can_grow: bool) -> int:
        """Send the final response if it is time (16.7 steps 5 and 6)."""
        if self.ended:
            self.dissolve()
            return NOTHING
        for branch in self.branches:
            if not branch.final and not (branch.given_up and branch.silent):
                return NOTHING
        if self.cancelled:
            self._respond(487)
            self.dissolve()
            return NOTHING
        if self.serial:
            return NEXT_GROUP
        if self.waiting:
            if can_grow and not (self._wait_limit and self._created >= self._wait_limit):
                return NOTHING
            self.end_wait()
        if self.idle:
            return NOTHING
        self._send_best()
        self.dissolve()
        return NOTHING

    def best(self) -> tuple[int, Response | None]:
        """The best final response so far, as status and message (None when it was made here); 408 when there is none."""
        failed = [branch for branch in self.branches if branch.status >= 300 and not branch.given_up]
        if not failed:
            return 408, None
        chosen = failed[best_status([branch.status for branch in failed])]
        if chosen.status == 503:
            return 500, None  # 16.7 step 6: our next hop's overload is not ours
        if chosen.status in (401, 407) and chosen.response is not None:
            for branch in failed:  # 16.7 step 7
                if branch is not chosen and branch.status in (401, 407) and branch.response is not None:
                    for name in ("www-authenticate", "proxy-authenticate"):
                        for challenge in branch.response.headers(name):
                            chosen.response.append(name, challenge)
        return chosen.status, chosen.response

    def _send_best(self) -> None:
        status, response = self.best()
        if status == 408 and not self._invite:
            # RFC 4320 4.2: a 408 to a non-INVITE, be it ours or a branch's, always comes too late; silence is the answer.
            self._proxy.transactions.end_unanswered(self.server)
            return
        if response is None:
            self._respond(status)
            return
        response.pop_value("via")
        self.server.respond(response)

    def _respond(self, status: int) -> None:
        if 100 < status < 200:
            self._last_upstream = self._env.now
        self.server.answer(self.request, status)

    def dissolve(self) -> None:
        """Once answered: stop the timers, and let go of the branches when none needs a CANCEL any more."""
        if not self.ended:
            return
        self.end_wait()
        self._env.timers.cancel(self._held_timer)
        self._held_timer = None
        for branch in self.branches:
            if branch.transaction is not None:
                return
        self.branches.clear()
