"""The four transaction machines as data: state x input -> next state, actions, with the section that says so.

An input that has no row in a state is a stated no-op: the machine stays where it is and does nothing.
"""

from typing import Final, TypeAlias

__all__ = [
    "INPUT_NAMES",
    "INVITE_CLIENT_ROWS",
    "INVITE_SERVER_ROWS",
    "NON_INVITE_CLIENT_ROWS",
    "NON_INVITE_SERVER_ROWS",
    "STATE_NAMES",
    "Row",
    "Table",
]

# States.
CALLING: Final = 0
TRYING: Final = 1
PROCEEDING: Final = 2
ACCEPTED: Final = 3
COMPLETED: Final = 4
CONFIRMED: Final = 5
TERMINATED: Final = 6
STATE_NAMES: Final = ("calling", "trying", "proceeding", "accepted", "completed", "confirmed", "terminated")

# Inputs: what arrives from the network (client: responses; server: requests), from the transaction user, and from the timers.
GOT_1XX: Final = 0
GOT_2XX: Final = 1
GOT_FINAL: Final = 2  # 300 to 699
GOT_REQUEST: Final = 3  # a retransmission
GOT_ACK: Final = 4
SEND_1XX: Final = 5
SEND_2XX: Final = 6
SEND_FINAL: Final = 7
TRANSPORT_ERROR: Final = 8
TIMER_A: Final = 9
TIMER_B: Final = 10
TIMER_D: Final = 11
TIMER_E: Final = 12
TIMER_F: Final = 13
TIMER_G: Final = 14
TIMER_H: Final = 15
TIMER_I: Final = 16
TIMER_J: Final = 17
TIMER_K: Final = 18
TIMER_L: Final = 19
TIMER_M: Final = 20
INPUTS: Final = 21
INPUT_NAMES: Final = (
    *("1xx", "2xx", "300-699", "request", "ACK", "send 1xx", "send 2xx", "send 300-699", "transport error"),
    *(f"timer {letter}" for letter in "ABDEFGHIJKLM"),
)

# Actions. The machines do the first eight themselves; the last four are told to the transaction user.
SEND: Final = 0  # client: the request again; server: the newest response
SEND_ACK: Final = 1  # 17.1.1.3
BACK_OFF: Final = 2  # the next retransmission, after twice the interval, unbounded
BACK_OFF_T2: Final = 3  # the same, at most T2
SLOW_DOWN: Final = 4  # the next retransmission after T2
STOP_RETRANSMITTING: Final = 5
START_G: Final = 6
LINGER: Final = 7  # replace the time-out by the timer that ends the new state
PASS: Final = 8  # the response goes to the transaction user
TIMED_OUT: Final = 9
FAILED: Final = 10  # the transport could not deliver
PASS_ACK: Final = 11  # an ACK for a 2xx that came on the transaction's own branch
ABSORB: Final = 12  # nothing to do, and nobody to tell

Row: TypeAlias = tuple[int, int, int, tuple[int, ...]]
Table: TypeAlias = "tuple[tuple[int, tuple[int, ...]] | None, ...]"


def table_of(rows: tuple[Row, ...]) -> Table:
    """The rows as one flat tuple, indexed by state * INPUTS + input: the hot path does no hashing."""
    table: list[tuple[int, tuple[int, ...]] | None] = [None] * (INPUTS * len(STATE_NAMES))
    for state, what, next_state, actions in rows:
        at = state * INPUTS + what
        if table[at] is not None:
            raise ValueError(f"two rows for {STATE_NAMES[state]}, {INPUT_NAMES[what]}")
        table[at] = (next_state, actions)
    return tuple(table)


# RFC 3261 17.1.1, figure 5, with the Accepted state of RFC 6026 8.4.
INVITE_CLIENT_ROWS: Final[tuple[Row, ...]] = (
    (CALLING, TIMER_A, CALLING, (SEND, BACK_OFF)),  # 17.1.1.2: 2*T1, 4*T1 ... without a cap
    (CALLING, TIMER_B, TERMINATED, (TIMED_OUT,)),  # 17.1.1.2
    (CALLING, TRANSPORT_ERROR, TERMINATED, (FAILED,)),  # 17.1.4
    (CALLING, GOT_1XX, PROCEEDING, (STOP_RETRANSMITTING, PASS)),  # 17.1.1.2
    (CALLING, GOT_2XX, ACCEPTED, (STOP_RETRANSMITTING, LINGER, PASS)),  # 6026 8.4
    (CALLING, GOT_FINAL, COMPLETED, (STOP_RETRANSMITTING, LINGER, SEND_ACK, PASS)),  # 17.1.1.2
    (PROCEEDING, GOT_1XX, PROCEEDING, (PASS,)),
    (PROCEEDING, GOT_2XX, ACCEPTED, (LINGER, PASS)),  # 6026 8.4
    (PROCEEDING, GOT_FINAL, COMPLETED, (LINGER, SEND_ACK, PASS)),
    (PROCEEDING, TRANSPORT_ERROR, TERMINATED, (FAILED,)),  # a CANCEL or the peer itself is gone
    (ACCEPTED, GOT_2XX, ACCEPTED, (PASS,)),  # 6026 7.2: each 2xx goes to the transaction user
    (ACCEPTED, TIMER_M, TERMINATED, ()),  # 6026 8.4
    (COMPLETED, GOT_FINAL, COMPLETED, (SEND_ACK,)),  # 17.1.1.2
    (COMPLETED, TIMER_D, TERMINATED, ()),
    (COMPLETED, TRANSPORT_ERROR, TERMINATED, ()),  # 17.1.1.2: the final response was passed up already
)

# RFC 3261 17.1.2, figure 6.
NON_INVITE_CLIENT_ROWS: Final[tuple[Row, ...]] = (
    (TRYING, TIMER_E, TRYING, (SEND, BACK_OFF_T2)),  # 17.1.2.2
    (TRYING, TIMER_F, TERMINATED, (TIMED_OUT,)),
    (TRYING, TRANSPORT_ERROR, TERMINATED, (FAILED,)),  # 17.1.4
    (TRYING, GOT_1XX, PROCEEDING, (SLOW_DOWN, PASS)),
    (TRYING, GOT_2XX, COMPLETED, (STOP_RETRANSMITTING, LINGER, PASS)),
    (TRYING, GOT_FINAL, COMPLETED, (STOP_RETRANSMITTING, LINGER, PASS)),
    (PROCEEDING, TIMER_E, PROCEEDING, (SEND, SLOW_DOWN)),  # 17.1.2.2: every T2
    (PROCEEDING, TIMER_F, TERMINATED, (TIMED_OUT,)),
    (PROCEEDING, TRANSPORT_ERROR, TERMINATED, (FAILED,)),
    (PROCEEDING, GOT_1XX, PROCEEDING, (PASS,)),
    (PROCEEDING, GOT_2XX, COMPLETED, (STOP_RETRANSMITTING, LINGER, PASS)),
    (PROCEEDING, GOT_FINAL, COMPLETED, (STOP_RETRANSMITTING, LINGER, PASS)),
    (COMPLETED, GOT_1XX, COMPLETED, (ABSORB,)),
    (COMPLETED, GOT_2XX, COMPLETED, (ABSORB,)),
    (COMPLETED, GOT_FINAL, COMPLETED, (ABSORB,)),
    (COMPLETED, TIMER_K, TERMINATED, ()),
)

# RFC 3261 17.2.1, figure 7, with the Accepted state of RFC 6026 8.7.
INVITE_SERVER_ROWS: Final[tuple[Row, ...]] = (
    (PROCEEDING, GOT_REQUEST, PROCEEDING, (SEND,)),  # 17.2.1
    (PROCEEDING, SEND_1XX, PROCEEDING, (SEND,)),
    (PROCEEDING, SEND_2XX, ACCEPTED, (SEND, LINGER)),  # 6026 8.5
    (PROCEEDING, SEND_FINAL, COMPLETED, (SEND, START_G, LINGER)),
    (ACCEPTED, GOT_REQUEST, ACCEPTED, (ABSORB,)),  # 6026 7.1
    (ACCEPTED, GOT_ACK, ACCEPTED, (PASS_ACK,)),  # 6026 8.7
    (ACCEPTED, SEND_2XX, ACCEPTED, (SEND,)),  # 6026 8.7
    (ACCEPTED, TIMER_L, TERMINATED, ()),
    (COMPLETED, GOT_REQUEST, COMPLETED, (SEND,)),  # 17.2.1
    (COMPLETED, TIMER_G, COMPLETED, (SEND, BACK_OFF_T2)),
    (COMPLETED, GOT_ACK, CONFIRMED, (STOP_RETRANSMITTING, LINGER)),
    (COMPLETED, TIMER_H, TERMINATED, (TIMED_OUT,)),
    (CONFIRMED, GOT_REQUEST, CONFIRMED, (ABSORB,)),
    (CONFIRMED, GOT_ACK, CONFIRMED, (ABSORB,)),
    (CONFIRMED, TIMER_I, TERMINATED, ()),
)

# RFC 3261 17.2.2, figure 8.
NON_INVITE_SERVER_ROWS: Final[tuple[Row, ...]] = (
    (TRYING, GOT_REQUEST, TRYING, (ABSORB,)),  # 17.2.2: discarded
    (TRYING, SEND_1XX, PROCEEDING, (SEND,)),
    (TRYING, SEND_2XX, COMPLETED, (SEND, LINGER)),
    (TRYING, SEND_FINAL, COMPLETED, (SEND, LINGER)),
    (PROCEEDING, GOT_REQUEST, PROCEEDING, (SEND,)),
    (PROCEEDING, SEND_1XX, PROCEEDING, (SEND,)),
    (PROCEEDING, SEND_2XX, COMPLETED, (SEND, LINGER)),
    (PROCEEDING, SEND_FINAL, COMPLETED, (SEND, LINGER)),
    (COMPLETED, GOT_REQUEST, COMPLETED, (SEND,)),
    (COMPLETED, TIMER_J, TERMINATED, ()),
)

INVITE_CLIENT: Final = table_of(INVITE_CLIENT_ROWS)
NON_INVITE_CLIENT: Final = table_of(NON_INVITE_CLIENT_ROWS)
INVITE_SERVER: Final = table_of(INVITE_SERVER_ROWS)
NON_INVITE_SERVER: Final = table_of(NON_INVITE_SERVER_ROWS)
