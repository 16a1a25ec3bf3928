"""A call as a script sees it: a request with its branches, those to come too."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, final

from ebr_core.actions import ERROR, INFO, Event, EventFilter, EventValue
from ebr_core.errors import LocalProtocolError
from ebr_core.events import Subscription
from ebr_core.inputs import Address, Listener
from ebr_core.message import MessageError, Request, Uri
from ebr_core.proxy import ResponseContext, Target
from ebr_core.proxy.context import DUPLICATE, NEXT_GROUP
from ebr_core.proxy.proxy import OWN_DIALOG
from ebr_core.script.owner import Owner
from ebr_core.script.pending import Pending
from ebr_core.script.runtime import Runtime
from ebr_core.script.task import Task
from ebr_core.timers import Timer
from ebr_core.transaction import ServerTransaction
from ebr_core.usrloc import Contact

__all__ = ["Call", "Where", "target_of"]

Where: TypeAlias = Contact | Target | str
"""A place to send a request to: a looked-up contact, a Target, or a URI."""

NotificationHandler: TypeAlias = Callable[..., object]


def target_of(contact: Contact) -> Target:
    """The branch target of a registered contact: its own Path, received address and listener, and its device."""
    return Target(
        contact.uri,
        path=contact.path,
        received=contact.received,
        q=1000 if contact.q < 0 else contact.q,
        listener=contact.listener,
        device=contact.device,
    )


@final
class Call(Owner):
    """What ``request.new_transaction()`` gives, and what notification routes get.

    Everything that it starts (subscriptions, waits, handlers) ends when its final response has gone upstream or the caller has
    given up. On a call that has ended, ``relay``, ``inject_branch`` and the like do nothing and say so by their result; waits
    raise Cancelled.
    """

    __slots__ = ("_context", "_message", "_route_state", "_runtime", "_server", "_trying")

    def __init__(
        self,
        runtime: Runtime,
        server: ServerTransaction,
        message: Request,
        incoming: Listener,
        local: Address | None,
        route_state: int,
    ) -> None:
        super().__init__()
        self._runtime: Final = runtime
        self._server: Final = server
        self._message: Final = message
        self._route_state: Final = route_state
        self._context: Final = ResponseContext(runtime.proxy, server, message, incoming, local)
        self._trying: Timer | None = None
        server.user = self
        if message.method == "INVITE":
            self._trying = runtime.env.after(runtime.env.config.trying_after, 0, self)

    def __repr__(self) -> str:
        return f"<Call {self._message.method} {self._message.uri} {self._message.call_id}>"

    @property
    def call_id(self) -> str:
        """The request's Call-ID."""
        return self._message.call_id

    @property
    def method(self) -> str:
        """The request's method."""
        return self._message.method

    @property
    def context(self) -> ResponseContext:
        """The response context below (RFC 3261 16.2)."""
        return self._context

    # Answering.

    def trying(self) -> None:
        """Send the 100 to an INVITE, unless something was sent before (17.2.1)."""
        if self._trying is not None:
            self._stop_trying()
            self._server.answer(self._message, 100)

    def _stop_trying(self) -> None:
        self._runtime.env.timers.cancel(self._trying)
        self._trying = None

    def fire(self, kind: int) -> None:
        """200 ms have passed: the caller hears that its INVITE has arrived."""
        self._trying = None
        self._server.answer(self._message, 100)

    def reply(self, status: int, reason: str | None = None, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> bool:
        """Answer the request; a final response ends its branches. False when it was answered before.

        Raises LocalProtocolError for a status outside 100 to 699 or a header that cannot be sent.
        """
        if not 100 <= status <= 699:
            raise LocalProtocolError(f"a response has a status from 100 to 699, not {status}")
        if self._context.ended:
            return False
        self._stop_trying()
        if not self._server.answer(self._message, status, reason, headers, body):
            return False
        self._context.replied(status)
        self._runtime.scheduler.touch(self)
        return True

    def hangup(self) -> None:
        """End the call before it is answered: CANCEL to every phone that rings, 487 to the caller."""
        self._context.cancel("")
        self._runtime.scheduler.touch(self)

    # Forking.

    def lookup(self, aor: str) -> list[Contact]:
        """The contacts of an address of record, best first."""
        return self._runtime.lookup(aor)

    def relay(self, targets: Where | Iterable[Where] | None = None, *, serial: bool = False, anywhere: bool = False) -> int:
        """Send the request on: to looked-up contacts, to a URI, or (None) to its own Request-URI (``t_relay``).

        In parallel, or with ``serial`` one group of equal q after the other (16.6). Nothing to send it to: 480, unless the
        call waits for new branches. To a URI that is neither ours, nor a registered contact, nor reached inside a dialog
        that we record-routed: 403, unless ``anywhere``. Returns the number of targets that ring or are planned.
        """
        if self._context.ended:
            return 0
        self.trying()
        chosen = self._targets(targets, anywhere)
        if chosen is None:
            self.reply(403)
            return 0
        self._runtime.scheduler.touch(self)
        if not chosen:
            if self._context.idle and not self._context.serial:
                self.reply(480)
            return 0
        if serial:
            groups: dict[int, list[Target]] = {}
            for target in sorted(chosen, key=_by_q):
                groups.setdefault(target.q, []).append(target)
            self._context.serial.extend(groups.values())
            self._next_group()
            return len(chosen)
        taken = 0
        for target in chosen:
            if self._context.add(target, replace=False) <= DUPLICATE:
                taken += 1
        return taken

    def _targets(self, where: Where | Iterable[Where] | None, anywhere: bool) -> list[Target] | None:
        """None when one of them would make us an open relay."""
        if where is None:
            where = self._message.uri
            anywhere = anywhere or self._route_state == OWN_DIALOG
        if self._route_state != OWN_DIALOG and not anywhere and "route" in self._message.names:
            return None  # a Route that is not ours would take it to a stranger
        if isinstance(where, str | Contact | Target):
            where = (where,)
        chosen = []
        for item in where:
            if isinstance(item, Contact):
                chosen.append(target_of(item))
            elif isinstance(item, Target):
                chosen.append(item)
            elif anywhere or self._is_ours(item):
                chosen.append(Target(item))
            else:
                return None
        return chosen

    def _is_ours(self, text: str) -> bool:
        try:
            return self._runtime.proxy.transport.owns(Uri.parse(text))
        except MessageError:
            return False

    def _next_group(self) -> None:
        if self._context.serial:
            for target in self._context.serial.pop(0):
                self._context.add(target, replace=False)

    def fork_to(self, aor: str, timeout: float) -> None:
        """Ring every contact that an address of record (or a URI) has, and every one that registers in ``timeout`` seconds.

        Look-up and subscription are one step, so no registration can fall between them (row W6).
        """
        aor = self._runtime.read_aor(aor)  # events name it in this form only
        self.wait_for_new_branches(timeout=timeout)
        for name in ("E_UL_CONTACT_INSERT", "E_UL_CONTACT_UPDATE"):
            self.notify_on_event(name, {"aor": aor}, _inject, timeout=timeout)
        self.relay(self.lookup(aor))

    def wait_for_new_branches(self, count: int | None = None, timeout: float | None = None) -> None:
        """Keep the call open for late branches (``t_wait_for_new_branches``): a final failure is held back until ``timeout``
        seconds have passed (None: fr_inv_timeout, else Timer C), ``count`` more branches are final, or nothing is left that
        could add one. Raises LocalProtocolError for a count or timeout that is not above 0.
        """
        if count is not None and count < 1:
            raise LocalProtocolError(f"wait_for_new_branches() waits for 1 branch or more, not {count}")
        if timeout is not None and not timeout > 0:
            raise LocalProtocolError(f"a wait's timeout is above 0 seconds, not {timeout!r}")
        self.trying()
        self._context.wait(count or 0, timeout)
        self._runtime.scheduler.touch(self)

    def wait_no_more_branches(self) -> None:
        """The branches that are there decide, at once if they are all final (``t_wait_no_more_branches``)."""
        self._context.end_wait()
        self._runtime.scheduler.touch(self)

    def inject_branch(self, where: Event | Where, *, cancel: bool = False, anywhere: bool = False) -> bool:
        """Add a late branch (``t_inject_branches``): for the contact that an E_UL_CONTACT event tells of, or for a contact.

        A device that rings already gets no second branch. ``cancel`` gives up the branches before it. False when nothing was
        added: the call has ended, the contact is gone, the device has answered.
        """
        return self.inject_branches([where], cancel=cancel, anywhere=anywhere) > 0

    def inject_branches(self, where: Iterable[Event | Where], *, cancel: bool = False, anywhere: bool = False) -> int:
        """Add late branches; with ``cancel`` the branches before them are given up, after the new ones were sent, and only
        if there is a new one. The number of targets that ring."""
        if self._context.ended:
            return 0
        self.trying()
        found: list[Where] = []
        for item in where:
            place = self._contact_of(item) if isinstance(item, Event) else item
            if place is not None:
                found.append(place)
        targets = self._targets(found, anywhere)
        if targets is None:
            self._log(INFO, "inject-refused", "a branch to an address that is neither ours nor registered; see anywhere=True")
            return 0
        results = self._context.replace(targets) if cancel else [self._context.add(target) for target in targets]
        self._runtime.scheduler.touch(self)
        return sum(1 for result in results if result <= DUPLICATE)

    def _contact_of(self, event: Event) -> Where | None:
        aor, uri = event.get("aor"), event.get("uri")
        if not isinstance(uri, str):
            raise LocalProtocolError(f"{event.name} has no attribute uri, so it names no contact to ring")
        contact = self._runtime.location.find(aor, uri) if isinstance(aor, str) else None
        if contact is not None:
            return contact
        return None if event.name.startswith("E_UL_") else uri  # it was unregistered meanwhile

    def cancel_branches(self) -> None:
        """CANCEL every branch that rings (``t_cancel_branch``); their 487 counts as their answer."""
        self._context.cancel_branches("")
        self._runtime.scheduler.touch(self)

    # Events and jobs.

    def notify_on_event(
        self, name: str, filter: EventFilter, route: NotificationHandler, timeout: float | None = None
    ) -> Subscription:
        """``route(event, call)`` for each match, until ``timeout`` seconds have passed or the call has ended.

        Raises FilterError, and LocalProtocolError for an impossible timeout; Cancelled when the call has ended.
        """
        return self._runtime.notify_on_event(name, filter, route, timeout, self)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End what ``notify_on_event`` gave, before its time; one that has ended is a no-op."""
        self._runtime.unsubscribe(subscription)

    def wait_for_event(self, name: str, filter: EventFilter = None, timeout: float | None = None) -> Awaitable[Event | None]:
        """Await one match; None when ``timeout`` seconds have passed. Subscribed from now on, not from the ``await`` on."""
        self._context.hold()
        return self._runtime.wait_for_event(name, filter, timeout, self)

    def raise_event(
        self, name: str, params: Mapping[str, EventValue] | Sequence[EventValue] | None = None, *, one: bool = False
    ) -> None:
        """Raise an event: see ``Script.raise_event``."""
        self._runtime.raise_event(name, params, one)

    def run(self, function: Callable[..., object], *args: object) -> Awaitable[Any]:
        """Run ``function(*args)`` outside the engine, from now on, and await its result. Raises JobFailed when it fails."""
        self._context.hold()
        return self._runtime.start_job(function, args, self, False)

    def start(self, function: Callable[..., object], *args: object) -> None:
        """``run`` without a result: a failure is logged, and the job goes on when the call ends."""
        self._runtime.start_job(function, args, self, True)

    # For the engine.

    def cancelled(self, reason: str) -> None:
        """The caller's CANCEL has come (16.10); ``reason``: its Reason value or ""."""
        self._context.cancel(reason)
        self._runtime.scheduler.touch(self)

    def fail(self, status: int) -> None:
        """No handler will answer the request any more: it gets this status, and no branch goes on."""
        self.reply(status)

    def settle(self) -> None:
        """After each step: fork on, answer, and end what belongs to an answered call."""
        context = self._context
        while context.evaluate(bool(self.owned)) == NEXT_GROUP:
            self._next_group()
        if self._server.user is None:
            self._end()  # it stays unanswered (RFC 4320)
        if not context.ended and context.idle and not self.owned and not context.cancelled:
            self._log(ERROR, "handler-ended", f"the handler of {self!r} ended without reply, relay or wait")
            self.reply(500)
            context.dissolve()
        if context.ended or context.cancelled:
            self._end()  # cancelled: what is still to come, a 487 mostly, is the phones' to say

    def _end(self) -> None:
        if self.ended:
            return
        self.ended = True
        self._stop_trying()
        runtime = self._runtime
        for item in list(self.owned):
            if isinstance(item, Subscription):
                runtime.end_owned(item)
            elif isinstance(item, Pending):
                if item.detached:
                    item.call = None
                elif item.task is None:
                    runtime.abandon(item)
            elif isinstance(item, Task) and not self._has_moved_on(item):
                runtime.cancel_task(item)
        self.owned.clear()

    def _has_moved_on(self, task: Task) -> bool:
        """Whether it answered the request itself, and waits now for something that is not the call's."""
        return task is self._runtime.scheduler.stepped and task.waiting is not None and task.waiting.call is None

    def _log(self, level: int, code: str, text: str) -> None:
        self._runtime.env.log(level, code, text, call_id=self._message.call_id, method=self._message.method)


def _by_q(target: Target) -> int:
    return -target.q


def _inject(event: Event, call: Call) -> None:
    call.inject_branch(event)
