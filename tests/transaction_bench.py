"""Transactions alone, with a clock moved by hand: what the tests of the transaction layer share."""

from ebr_conformance.tokens import TokenStream
from ebr_core.actions import SendDatagram
from ebr_core.config import Config
from ebr_core.environment import Environment
from ebr_core.inputs import Listener
from ebr_core.message import Request, Response, build_request, build_response, parse_message
from ebr_core.timers import TimerOwner
from ebr_core.transaction import (
    NOTHING,
    ClientTransaction,
    ServerTransaction,
    Transactions,
)
from ebr_core.transport import Route

UDP = Route(("192.0.2.9", 5060), Listener(1, "sip", "udp", ("192.0.2.1", 5060)))
TCP = Route(("192.0.2.9", 5060), Listener(2, "sip", "tcp", ("192.0.2.1", 5060)))


def request(method: str = "INVITE", branch: str = "z9hG4bKx", *, to: str = "<sip:bob@example.org>", **more: str) -> Request:
    headers = [
        ("Via", f"SIP/2.0/UDP {more.get('sent_by', '192.0.2.9')};branch={branch}"),
        ("From", f"<sip:alice@example.org>;tag={more.get('from_tag', 'a')}"),
        ("To", to),
        ("Call-ID", more.get("call_id", "c1")),
        ("CSeq", f"{more.get('cseq', '1')} {method}"),
        ("Max-Forwards", "70"),
    ]
    message = parse_message(build_request(method, more.get("uri", "sip:bob@example.org"), headers).to_bytes())
    assert isinstance(message, Request)
    return message


def response(to: Request, status: int) -> Response:
    message = parse_message(build_response(to, status, to_tag="b").to_bytes())
    assert isinstance(message, Response)
    return message


class Bench:
    """Transactions with a clock moved by hand; what goes out and what the transaction user is told, each with its time."""

    def __init__(self, **settings: float | None) -> None:
        self.env = Environment(Config(**settings), TokenStream(0))  # type: ignore[arg-type]  # all of them are times
        self.transactions = Transactions(self.env)
        self.sent: list[tuple[float, str]] = []
        self.told: list[tuple[float, int]] = []
        self.client: ClientTransaction | None = None
        self.server: ServerTransaction | None = None

    def start_client(self, method: str, route: Route) -> ClientTransaction:
        self.client = self.transactions.send_request(request(method), "z9hG4bKx", route, None)
        return self.client

    def start_server(self, method: str, route: Route) -> ServerTransaction:
        self.server = self.transactions.receive_request(request(method), route)
        assert self.server is not None
        return self.server

    def receive(self, status: int) -> int:
        assert self.client is not None
        to = request(self.client.method)
        return self.transactions.receive_response(self.client, response(to, status))

    def respond(self, status: int) -> bool:
        assert self.server is not None
        return self.server.answer(request(self.server.method), status)

    def taken(self) -> list[str]:
        """Start lines of what went out just now."""
        return [each.data.split(b"\r\n")[0].decode() for each in self.env.take_actions() if isinstance(each, SendDatagram)]

    def fire(self, owner: TimerOwner, kind: int) -> int:
        if isinstance(owner, ClientTransaction):
            return self.transactions.fire_client(owner, kind)
        assert isinstance(owner, ServerTransaction)
        self.transactions.fire_server(owner, kind)
        return NOTHING

    def pop(self, kind: int) -> int:
        """Take out the pending timer of that kind, if there is one, as time does before it fires."""
        while (due := self.env.timers.pop(1e9)) is not None and due[1] != kind:
            pass
        return kind

    def run(self, until: float) -> None:
        """Let time go by up to ``until``."""
        self.sent += [(self.env.now, line) for line in self.taken()]
        while (deadline := self.env.timers.deadline) is not None and deadline <= until:
            self.env.now = deadline
            due = self.env.timers.pop(deadline)
            assert due is not None
            told = self.fire(due[0], due[1])
            if told != NOTHING:
                self.told.append((self.env.now, told))
            self.sent += [(self.env.now, line) for line in self.taken()]
        self.env.now = until

    def times(self, word: str) -> list[float]:
        return [time for time, line in self.sent if line.startswith(word)]

    def empty(self) -> bool:
        return not any(self.transactions.sizes().values()) and len(self.env.timers) == 0
