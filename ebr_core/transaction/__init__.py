"""The transaction layer (RFC 3261 17, RFC 6026): four machines as tables, and the matching of messages to them."""

from ebr_core.transaction.client import (
    FAILED,
    NOTHING,
    RESPONSE,
    TIMED_OUT,
    ClientTransaction,
    TransactionUser,
)
from ebr_core.transaction.server import ServerTransaction, ServerUser
from ebr_core.transaction.transactions import MAGIC_COOKIE, Transactions

__all__ = [
    "FAILED",
    "MAGIC_COOKIE",
    "NOTHING",
    "RESPONSE",
    "TIMED_OUT",
    "ClientTransaction",
    "ServerTransaction",
    "ServerUser",
    "TransactionUser",
    "Transactions",
]
