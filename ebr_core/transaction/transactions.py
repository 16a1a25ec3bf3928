"""All transactions of one engine, and which of them a message belongs to (RFC 3261 17.1.3, 17.2.3)."""

from typing import Final, final

from ebr_core.environment import Environment
from ebr_core.message import Request, Response
from ebr_core.transaction.client import NOTHING, ClientTransaction, TransactionUser
from ebr_core.transaction.server import ServerTransaction
from ebr_core.transaction.tables import TERMINATED
from ebr_core.transport import Route

__all__ = ["MAGIC_COOKIE", "Transactions", "client_key"]

MAGIC_COOKIE: Final = "z9hG4bK"


def client_key(branch: str, method: str) -> str:
    """A CANCEL shares the branch of its INVITE (9.1) and is told apart by its method."""
    return branch + " CANCEL" if method == "CANCEL" else branch


def _server_key(request: Request, method: str) -> str:
    via = request.via
    # The cookie alone promises an identifier that is not there: two requests could have the same (RFC 4475 3.2.1).
    if via.branch.startswith(MAGIC_COOKIE) and len(via.branch) > len(MAGIC_COOKIE):
        return f"{via.branch} {via.sent_by} {method}"
    # 17.2.3, for RFC 2543 peers. The To tag is left out: an ACK has one where its INVITE had none.
    parts = (request.uri, request.from_tag, request.call_id, str(request.cseq), via.sent_by, via.branch, method)
    return "\n".join(parts)


@final
class Transactions:
    """Finds, makes and forgets transactions.

    Used alone by a UA: set ``env.now``, hand in messages and due timers, tell the transaction user what the results say.
    """

    __slots__ = ("_clients", "_env", "_servers")

    def __init__(self, env: Environment) -> None:
        self._env: Final = env
        self._clients: Final[dict[str, ClientTransaction]] = {}
        self._servers: Final[dict[str, ServerTransaction]] = {}

    def sizes(self) -> dict[str, int]:
        """How many transactions there are, by kind."""
        return {"client_transactions": len(self._clients), "server_transactions": len(self._servers)}

    def unanswered(self) -> list[ServerTransaction]:
        """The server transactions that still owe a final response, oldest first. O(n)."""
        return [transaction for transaction in self._servers.values() if not transaction.answered]

    # Server side.

    def receive_request(self, request: Request, route: Route) -> ServerTransaction | None:
        """The new server transaction of a request; None for a retransmission, which is dealt with here. Not for ACK.

        ``route``: where its responses go (``Transport.response_route``).
        """
        key = _server_key(request, request.method)
        known = self._servers.get(key)
        if known is not None:
            self._env.count("transactions.retransmissions_received")
            known.repeat()
            return None
        transaction = ServerTransaction(self._env, key, request, route)
        self._servers[key] = transaction
        return transaction

    def receive_ack(self, ack: Request) -> bool:
        """True when the ACK must be passed on, because no INVITE transaction here takes it (17.1.1.3, 13.2.2.4)."""
        transaction = self._servers.get(_server_key(ack, "INVITE"))
        if transaction is None:
            return True
        return transaction.acknowledge()

    def find_cancelled(self, cancel: Request) -> ServerTransaction | None:
        """The transaction that a CANCEL means (9.2): the same branch and sent-by, and a method other than CANCEL."""
        return self._servers.get(_server_key(cancel, "INVITE"))

    def fire_server(self, transaction: ServerTransaction, kind: int) -> None:
        """A timer of a server transaction is due."""
        transaction.fire(kind)
        if transaction.state == TERMINATED:
            self._forget_server(transaction)

    def end_unanswered(self, transaction: ServerTransaction) -> None:
        """End a server transaction that gets no answer (RFC 4320 4.2)."""
        transaction.terminate()
        self._forget_server(transaction)

    def _forget_server(self, transaction: ServerTransaction) -> None:
        del self._servers[transaction.key]
        transaction.user = None

    # Client side.

    def send_request(self, request: Request, branch: str, route: Route, user: TransactionUser | None) -> ClientTransaction:
        """Send a request whose top Via has this branch, and keep at it."""
        transaction = ClientTransaction(self._env, client_key(branch, request.method), request, route, user)
        self._clients[transaction.key] = transaction
        return transaction

    def find_client(self, branch: str, method: str) -> ClientTransaction | None:
        """The client transaction of a response: branch and CSeq method must both be its own (17.1.3)."""
        transaction = self._clients.get(client_key(branch, method))
        return transaction if transaction is not None and transaction.method == method else None

    def receive_response(self, transaction: ClientTransaction, response: Response) -> int:
        """Hand a response to its transaction; the result is of ``ClientTransaction``."""
        return self._settled(transaction, transaction.receive(response))

    def fire_client(self, transaction: ClientTransaction, kind: int) -> int:
        """A timer of a client transaction is due."""
        return self._settled(transaction, transaction.fire(kind))

    def fail_client(self, transaction: ClientTransaction) -> int:
        """The transport could not deliver a message of this transaction."""
        return self._settled(transaction, transaction.fail())

    def abandon(self, transaction: ClientTransaction) -> None:
        """Forget a client transaction whose answer is no longer waited for (9.1)."""
        transaction.stop()
        if self._clients.pop(transaction.key, None) is not None:
            transaction.user = None

    def _settled(self, transaction: ClientTransaction, result: int) -> int:
        if transaction.state == TERMINATED and self._clients.pop(transaction.key, None) is not None and result == NOTHING:
            transaction.user = None
        return result
