"""A response context alone, with a clock moved by hand: what the tests of the proxy layer share."""

from dataclasses import dataclass
from typing import Any

from ebr_conformance.tokens import TokenStream
from ebr_core.actions import Logged, SendDatagram
from ebr_core.config import Config
from ebr_core.environment import Environment
from ebr_core.inputs import Listener
from ebr_core.message import Message, Request, Response, build_request, build_response, parse_message
from ebr_core.proxy import Branch, Proxy, ResponseContext, Target
from ebr_core.transaction import FAILED, RESPONSE, TIMED_OUT, ClientTransaction, ServerTransaction, ServerUser, Transactions
from ebr_core.transport import Route, Transport

UDP = Listener(1, "sip", "udp", ("192.0.2.1", 5060))
INSIDE = Listener(2, "sip", "udp", ("10.0.0.1", 5070))
CALLER = ("192.0.2.11", 5060)


def request(method: str = "INVITE", uri: str = "sip:bob@example.org", *, branch: str = "z9hG4bKup", **more: str) -> Request:
    """A request of Alice's as it arrives; ``more``: header fields by their names, with underscores, and ``to_tag``."""
    to_tag = more.pop("to_tag", "")
    headers = [
        ("Via", f"SIP/2.0/UDP 192.0.2.11;branch={branch}"),
        ("From", "<sip:alice@example.org>;tag=a"),
        ("To", "<sip:bob@example.org>" + (f";tag={to_tag}" if to_tag else "")),
        ("Call-ID", more.pop("call_id", "c1")),
        ("CSeq", f"1 {method}"),
        *((name.replace("_", "-"), value) for name, value in more.items()),
    ]
    message = parse_message(build_request(method, uri, headers).to_bytes())
    assert isinstance(message, Request)
    return message


def target(number: int, **more: Any) -> Target:
    """Phone number so and so, at 192.0.2.<number>."""
    return Target(f"sip:bob@192.0.2.{number}", **more)


@dataclass
class Sent:
    """One message that went out."""

    to: str
    message: Message

    @property
    def text(self) -> str:
        what = self.message.method if isinstance(self.message, Request) else str(getattr(self.message, "status", ""))
        return f"{what} > {self.to}"


class Bench:
    """One request that is proxied. ``evaluate`` is called after everything that happens, as the script layer does."""

    def __init__(self, message: Request | None = None, *, can_grow: bool = False, **settings: Any) -> None:
        self.env = Environment(Config(domains=("example.org",), secret=b"k", **settings), TokenStream(0))
        transport = Transport(self.env.config.domains)
        transport.start((UDP, INSIDE))
        self.transactions = Transactions(self.env)
        self.proxy = Proxy(self.env, transport, self.transactions)
        self.request = request() if message is None else message
        server = self.transactions.receive_request(self.request, Route(CALLER, UDP))
        assert isinstance(server, ServerTransaction)
        server.user = ServerUser()
        self.server = server
        self.context = ResponseContext(self.proxy, server, self.request, UDP, None)
        self.can_grow = can_grow
        self.sent: list[Sent] = []
        self.logged: list[Logged] = []

    def take(self) -> list[str]:
        """What went out since the last time: "INVITE > 192.0.2.21", "486 > 192.0.2.11"."""
        taken: list[Sent] = []
        for action in self.env.take_actions():
            if isinstance(action, SendDatagram):
                taken.append(Sent(action.destination[0], parse_message(action.data)))
            else:
                assert isinstance(action, Logged)
                self.logged.append(action)
        self.sent += taken
        return [each.text for each in taken]

    def last(self) -> Message:
        return self.sent[-1].message

    def add(self, *targets: Target) -> list[int]:
        results = [self.context.add(each) for each in targets]
        self.settle()
        return results

    def settle(self) -> int:
        return self.context.evaluate(self.can_grow)

    def answer(self, number: int, status: int, *headers: tuple[str, str], method: str = "") -> list[str]:
        """Phone ``number`` answers the newest request that it got; what goes out because of it."""
        self.take()
        method = method or self.request.method
        place = f"192.0.2.{number}"
        got = [each.message for each in self.sent if each.to == place]
        mine = [each for each in got if isinstance(each, Request) and each.method == method]
        response = parse_message(build_response(mine[-1], status, to_tag=f"t{number}", headers=headers).to_bytes())
        assert isinstance(response, Response)
        transaction = self.transactions.find_client(response.via.branch, method)
        if transaction is not None:
            result = self.transactions.receive_response(transaction, response)
            if isinstance(transaction.user, Branch) and result == RESPONSE:
                self.context.receive(transaction.user, response)
        self.settle()
        return self.take()

    def unreachable(self, number: int) -> list[str]:
        """Nobody is there: an ICMP error for the newest request to that phone."""
        self.take()
        (newest,) = [each.message for each in self.sent if each.to == f"192.0.2.{number}"][-1:]
        transaction = self.transactions.find_client(newest.via.branch, self.request.method)
        assert transaction is not None
        self._told(transaction, self.transactions.fail_client(transaction))
        return self.take()

    def _told(self, transaction: ClientTransaction, result: int) -> None:
        branch = transaction.user
        if isinstance(branch, Branch) and result in (TIMED_OUT, FAILED):
            transaction.user = None
            self.context.lose(branch, transaction, 408 if result == TIMED_OUT else 503)
        self.settle()

    def run(self, until: float) -> list[tuple[float, str]]:
        """Let time go by; what goes out, with its time."""
        log = [(self.env.now, text) for text in self.take()]
        while (deadline := self.env.timers.deadline) is not None and deadline <= until:
            self.env.now = deadline
            due = self.env.timers.pop(deadline)
            assert due is not None
            owner, kind = due
            if isinstance(owner, ClientTransaction):
                self._told(owner, self.transactions.fire_client(owner, kind))
            elif isinstance(owner, ServerTransaction):
                self.transactions.fire_server(owner, kind)
            elif isinstance(owner, Branch):
                self.context.branch_timer(owner, kind)
                self.settle()
            else:
                assert owner is self.context
                self.context.fire(kind)
                self.settle()
            log += [(deadline, text) for text in self.take()]
        self.env.now = until
        return log
