"""What the traffic of an engine shows about its calls, and whether it keeps the rules; it looks into nothing else."""

from dataclasses import dataclass, fields

from ebr_core.actions import SendDatagram
from ebr_core.message import Message, Request, Response, parse_message

__all__ = ["NOTIFIED", "PUSHED", "SUSPENDED", "Totals", "Witness"]

PUSHED = ("bob", "carol")
"""Users whose calls wait for late branches, 20 seconds long."""

SUSPENDED = ("dora", "erin")
"""Users whose callers wait until they register, 40 seconds long."""

NOTIFIED = ("fork_call", "take_over")
"""The notification routes that add branches."""


@dataclass
class Totals:
    """What the examples contained, all together."""

    calls: int = 0
    answered: int = 0
    late_branches: int = 0
    cancels_in_wait: int = 0
    cancel_then_200: int = 0  # our CANCEL was on its way when the phone's 200 came
    ok_then_cancel: int = 0  # the caller had sent its CANCEL before our 200 reached it
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    refused: int = 0  # ICMP errors
    examples: int = 0
    steps: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, field.name)} {field.name.replace('_', ' ')}" for field in fields(self))


class _Invite:
    """One INVITE that the engine has received."""

    def __init__(self, request: Request, at: float) -> None:
        self.user = "" if request.to_tag else request.uri.partition(":")[2].partition("@")[0]
        self.call_id = request.call_id
        self.at = at
        self.final: bytes | None = None  # the first final response
        self.accepted = False  # a 2xx went upstream
        self.cancelled = False
        self.forked = False
        self.decided = False  # a branch has had a 2xx or a 6xx
        self.refused = False  # a 6xx has certainly counted

    def waits(self, now: float) -> bool:
        """Whether its script certainly waits."""
        if self.final is not None or self.decided:
            return False
        if self.user in PUSHED:
            return now < self.at + 20
        return self.user in SUSPENDED and not self.forked and now < self.at + 40


class Witness:
    """Sees each datagram that the engine gets, just before, and each that it sends. Its assertions are the rules."""

    def __init__(self, totals: Totals) -> None:
        self.totals = totals
        self.invites: dict[str, _Invite] = {}  # by the branch of the caller's Via
        self._calls: dict[str, _Invite] = {}  # the INVITE of each Call-ID that began the call; re-INVITEs are no forks
        self._requests: set[tuple[str, str]] = set()
        self._branches: set[str] = set()  # of INVITEs that the engine sent
        self._inside: set[str] = set()  # those of them inside a dialog
        self._cancelled: set[str] = set()  # those of them that it has cancelled
        self._ringing: set[str] = set()  # those whose 1xx has arrived
        self._refused: set[str] = set()  # those whose 6xx has arrived
        self._early_cancels: set[str] = set()  # sent while no 2xx had gone upstream
        self._cancels: set[str] = set()
        self._before: set[str] = set()  # Call-IDs known before the input in hand

    def leaves_phone(self, message: Message) -> None:
        """A phone sends this."""
        if isinstance(message, Request) and message.method == "CANCEL":
            invite = self.invites.get(message.via.branch)
            if invite is not None and not invite.accepted:
                self._early_cancels.add(message.via.branch)

    def reaches_engine(self, data: bytes, now: float) -> None:
        """The engine is about to get this."""
        message = parse_message(data)
        branch = message.via.branch
        if isinstance(message, Response):
            self._response_of_phone(message, branch)
            return
        self._requests.add((branch, message.method))
        if message.method == "INVITE" and branch not in self.invites:
            self.totals.calls += 1
            self.invites[branch] = _Invite(message, now)
            if not message.to_tag:
                self._calls[message.call_id] = self.invites[branch]
        elif message.method == "CANCEL" and branch not in self._cancels:
            self._cancels.add(branch)
            invite = self.invites.get(branch)
            if invite is None:
                return
            invite.cancelled = True
            self.totals.cancels_in_wait += invite.waits(now)
            self.totals.ok_then_cancel += invite.accepted and branch in self._early_cancels

    def _response_of_phone(self, response: Response, branch: str) -> None:
        if response.cseq_method != "INVITE" or branch in self._inside:
            return
        if response.status < 200:
            self._ringing.add(branch)
        elif response.status >= 600 and branch in self._ringing and branch not in self._cancelled:
            self._refused.add(branch)
        if 200 <= response.status < 300 and branch in self._cancelled:
            self._cancelled.discard(branch)
            self.totals.cancel_then_200 += 1
        if (200 <= response.status < 300 or response.status >= 600) and response.call_id in self._calls:
            self._calls[response.call_id].decided = True

    def leaves_engine(self, action: SendDatagram, notified: bool) -> None:
        """The engine has sent this; ``notified``: one of the routes in NOTIFIED ran in that step."""
        message = parse_message(action.data)
        branch = message.via.branch
        if isinstance(message, Response):
            self._response_of_engine(message, branch, action.data)
        elif message.method == "CANCEL":
            assert branch in self._branches, "a CANCEL for an INVITE that was never sent"
            self._cancelled.add(branch)
        elif message.method == "ACK" and branch in self._refused and branch not in self._inside:
            # It was no stray, nor had the branch been given up before; with the ACK its transaction has taken it.
            self._calls[message.call_id].refused = True
        elif message.method == "INVITE" and branch not in self._branches:
            self._branches.add(branch)
            if message.to_tag:
                self._inside.add(branch)
                return
            invite = self._calls[message.call_id]
            assert invite.final is None, "a branch after the answer"
            assert not invite.cancelled, "a branch after the caller's CANCEL"
            assert not invite.refused, "a branch after a 6xx"
            invite.forked = True
            if notified and message.call_id in self._before:
                self.totals.late_branches += 1

    def step_ends(self) -> None:
        """All actions of one input were seen."""
        self._before.update(self._calls.keys() - self._before)

    def _response_of_engine(self, response: Response, branch: str, data: bytes) -> None:
        assert (branch, response.cseq_method) in self._requests, f"a response to no request: {data!r}"
        if response.cseq_method != "INVITE" or response.status < 200:
            return
        invite = self.invites[branch]
        if 200 <= response.status < 300:
            # Each 2xx goes upstream, one that crosses the 487 too (16.7 step 5).
            self.totals.answered += not invite.accepted
            invite.accepted = True
        else:
            assert not invite.accepted, f"a failure after a 2xx: {data!r}"
            assert invite.final in (None, data), f"two final responses:\n{invite.final!r}\n{data!r}"
        if invite.final is None:
            invite.final = data

    def unanswered(self) -> list[str]:
        """The Call-IDs of INVITEs without a final response."""
        return [invite.call_id for invite in self.invites.values() if invite.final is None]
