"""The four machines: every state with every input, by its row or by the stated lack of one."""

from collections.abc import Callable

import pytest

from ebr_core.transaction import (
    FAILED,
    NOTHING,
    RESPONSE,
    TIMED_OUT,
)
from ebr_core.transaction import tables as t
from ebr_core.transport import Route
from transaction_bench import TCP, UDP, Bench, request

ROWS = {
    "INVITE client": t.INVITE_CLIENT_ROWS,
    "non-INVITE client": t.NON_INVITE_CLIENT_ROWS,
    "INVITE server": t.INVITE_SERVER_ROWS,
    "non-INVITE server": t.NON_INVITE_SERVER_ROWS,
}

# The tables as such.


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_every_state_of_a_row_can_be_reached_and_every_state_can_be_left(rows: tuple[t.Row, ...]) -> None:
    reached = {rows[0][0]}
    while more := {row[2] for row in rows if row[0] in reached} - reached:
        reached |= more
    assert {row[0] for row in rows} <= reached
    assert t.TERMINATED in reached
    ends = {t.TERMINATED}
    while more := {row[0] for row in rows if row[2] in ends} - ends:
        ends |= more
    assert ends >= reached


def test_names_stand_for_all_states_and_inputs() -> None:
    assert len(t.INPUT_NAMES) == t.INPUTS == 21
    assert (t.STATE_NAMES[t.TERMINATED], t.INPUT_NAMES[t.TIMER_A], t.INPUT_NAMES[t.TIMER_M]) == (
        "terminated",
        "timer A",
        "timer M",
    )


def test_two_rows_for_one_case_are_refused() -> None:
    row = t.INVITE_CLIENT_ROWS[0]
    with pytest.raises(ValueError, match="two rows for calling, timer A"):
        t.table_of((row, row))


# Each state with each input, driven through the transactions.

Reach = Callable[[Bench, Route], None]


def client_in(method: str, *statuses: int) -> Reach:
    def reach(bench: Bench, route: Route) -> None:
        bench.start_client(method, route)
        for status in statuses:
            bench.receive(status)

    return reach


def server_in(method: str, *steps: int) -> Reach:
    """Responses given; 0 stands for an ACK that is received."""

    def reach(bench: Bench, route: Route) -> None:
        server = bench.start_server(method, route)
        for step in steps:
            if step:
                assert bench.respond(step)
            else:
                server.acknowledge()

    return reach


REACH: dict[tuple[str, int], Reach] = {
    ("INVITE client", t.CALLING): client_in("INVITE"),
    ("INVITE client", t.PROCEEDING): client_in("INVITE", 180),
    ("INVITE client", t.ACCEPTED): client_in("INVITE", 200),
    ("INVITE client", t.COMPLETED): client_in("INVITE", 486),
    ("non-INVITE client", t.TRYING): client_in("BYE"),
    ("non-INVITE client", t.PROCEEDING): client_in("BYE", 100),
    ("non-INVITE client", t.COMPLETED): client_in("BYE", 200),
    ("INVITE server", t.PROCEEDING): server_in("INVITE", 100),
    ("INVITE server", t.ACCEPTED): server_in("INVITE", 200),
    ("INVITE server", t.COMPLETED): server_in("INVITE", 486),
    ("INVITE server", t.CONFIRMED): server_in("INVITE", 486, 0),
    ("non-INVITE server", t.TRYING): server_in("BYE"),
    ("non-INVITE server", t.PROCEEDING): server_in("BYE", 100),
    ("non-INVITE server", t.COMPLETED): server_in("BYE", 200),
}


def feed(bench: Bench, what: int) -> object:
    """One input; the object is what came back to the transaction user."""
    client, server = bench.client, bench.server
    if client is not None:
        if what <= t.GOT_FINAL:
            return bench.receive((180, 200, 404)[what])
        if what == t.TRANSPORT_ERROR:
            return bench.transactions.fail_client(client)
        return bench.fire(client, bench.pop(what))
    assert server is not None
    if what == t.GOT_REQUEST:
        assert bench.transactions.receive_request(request(server.method), UDP) is None
        return None
    if what == t.GOT_ACK:
        return server.acknowledge()
    if t.SEND_1XX <= what <= t.SEND_FINAL:
        return bench.respond((180, 200, 404)[what - t.SEND_1XX])
    bench.fire(server, bench.pop(what))
    return None


CLIENT_INPUTS = [t.GOT_1XX, t.GOT_2XX, t.GOT_FINAL, t.TRANSPORT_ERROR, *range(t.TIMER_A, t.INPUTS)]
SERVER_INPUTS = [t.GOT_REQUEST, t.GOT_ACK, t.SEND_1XX, t.SEND_2XX, t.SEND_FINAL, *range(t.TIMER_A, t.INPUTS)]
PRODUCT = [
    (machine, state, what) for machine, state in REACH for what in (CLIENT_INPUTS if "client" in machine else SERVER_INPUTS)
]


@pytest.mark.parametrize("route", [UDP, TCP], ids=["unreliable", "reliable"])
@pytest.mark.parametrize(
    ("machine", "state", "what"), PRODUCT, ids=[f"{m} {t.STATE_NAMES[s]} {t.INPUT_NAMES[w]}" for m, s, w in PRODUCT]
)
def test_each_input_in_each_state_takes_its_row_or_does_nothing(machine: str, state: int, what: int, route: Route) -> None:
    bench = Bench()
    REACH[machine, state](bench, route)
    transaction = bench.client or bench.server
    assert transaction is not None
    assert transaction.state == state
    bench.taken()
    timers = len(bench.env.timers)
    row = next((row for row in ROWS[machine] if row[0] == state and row[1] == what), None)
    came_back = feed(bench, what)
    sent = bench.taken()
    if row is None:
        assert transaction.state == state
        assert sent == []
        assert not came_back
        if what < t.TIMER_A:  # a timer that fires is no longer pending, whatever its row
            assert len(bench.env.timers) == timers
        return
    assert transaction.state == row[2]
    assert len(sent) == sum(1 for action in row[3] if action in (t.SEND, t.SEND_ACK))
    assert all(line.startswith("ACK ") for line in sent) is (t.SEND_ACK in row[3] or not sent)
    if bench.client is not None:
        told = {t.PASS: RESPONSE, t.TIMED_OUT: TIMED_OUT, t.FAILED: FAILED}
        assert came_back == next((told[action] for action in row[3] if action in told), NOTHING)
    elif what == t.GOT_ACK:
        assert came_back is (t.PASS_ACK in row[3])
    elif t.SEND_1XX <= what <= t.SEND_FINAL:
        assert came_back is True
    if row[2] == t.TERMINATED:
        assert bench.empty()


def test_every_row_stands_for_a_case_above() -> None:
    cases = {(machine, state, what) for machine, state, what in PRODUCT}
    assert {(machine, row[0], row[1]) for machine, rows in ROWS.items() for row in rows} <= cases
