"""A response context alone: how long it waits, for whom, and what a CANCEL does (RFC 3261 16.7 to 16.10, RFC 4320)."""

from typing import Any

import pytest

from ebr_core.message import Request
from ebr_core.proxy import Target
from ebr_core.proxy.context import (
    ADDED,
    NOTHING,
    REFUSED,
)
from proxy_bench import Bench, request, target

CALLER = "192.0.2.11"
NOWHERE = Target("sip:bob@phone.example.com")


def forked(*numbers: int, **settings: Any) -> Bench:
    bench = Bench(**settings)
    assert bench.add(*(target(number) for number in numbers)) == [ADDED] * len(numbers)
    assert bench.take() == [f"INVITE > 192.0.2.{number}" for number in numbers]
    return bench


def upstream(*statuses: int) -> list[str]:
    return [f"{status} > {CALLER}" for status in statuses]


# Timer C, and the time after a CANCEL.


def test_timer_c_runs_from_the_request_for_a_100_and_anew_for_every_other_1xx() -> None:
    bench = forked(21)
    bench.run(3.0)
    bench.answer(21, 100)
    assert bench.env.timers.deadline == 180.5
    bench.run(10.0)
    bench.answer(21, 100)
    assert bench.env.timers.deadline == 180.5
    bench.answer(21, 180)
    assert bench.env.timers.deadline == 190.5
    bench.run(20.0)
    bench.answer(21, 100)
    assert bench.env.timers.deadline == 190.5
    bench.answer(21, 183)
    assert bench.run(201.0)[:2] == [(200.5, "CANCEL > 192.0.2.21"), (200.5, *upstream(408))]
    assert bench.answer(21, 487) == ["ACK > 192.0.2.21"]


def test_fr_inv_timeout_stands_in_for_timer_c() -> None:
    bench = forked(21, fr_inv_timeout=5.0)
    bench.run(1.0)
    bench.answer(21, 100)
    assert bench.run(30.0)[:2] == [(6.0, "CANCEL > 192.0.2.21"), (6.0, *upstream(408))]


def test_a_2xx_that_crosses_timer_c_still_goes_up() -> None:
    bench = forked(21)
    bench.answer(21, 180)
    bench.run(181.0)
    assert bench.answer(21, 200) == upstream(200)


def test_a_branch_that_ignores_its_cancel_ends_after_64_t1() -> None:
    bench = forked(21)
    bench.answer(21, 180)
    bench.context.cancel("")
    bench.settle()
    log = bench.run(60.0)
    assert log[0] == (0.0, "CANCEL > 192.0.2.21")
    assert (32.0, *upstream(487)) in log
    assert bench.transactions.sizes()["client_transactions"] == 0


def test_the_64_t1_count_from_a_cancel_that_had_to_wait_for_its_1xx() -> None:
    """9.1: a phone that first speaks after 30 s has not had its time yet; what it says to the CANCEL is still for this call."""
    bench = forked(21)
    bench.run(5.0)
    bench.context.cancel("")
    bench.run(30.0)
    bench.take()
    assert bench.answer(21, 180) == ["CANCEL > 192.0.2.21", *upstream(180)]
    bench.run(61.9)
    bench.take()
    assert bench.answer(21, 487) == ["ACK > 192.0.2.21", *upstream(487)]


def test_a_branch_that_ignores_the_cancel_of_a_6xx_does_not_hold_it_back_for_ever() -> None:
    bench = forked(21, 22)
    bench.answer(22, 180)
    bench.answer(21, 603)
    assert (32.0, *upstream(603)) in bench.run(60.0)


# The caller's CANCEL (16.10).


def test_a_cancel_without_branches_is_answered_at_once() -> None:
    bench = Bench(can_grow=True)
    bench.context.wait(0, 20.0)
    bench.context.cancel("")
    bench.settle()
    assert bench.take() == upstream(487)
    assert len(bench.env.timers) == 2  # G and H, for its ACK: nothing waits any more
    bench.context.cancel("")
    assert bench.add(target(21)) == [REFUSED]


def test_a_cancel_with_its_reason_goes_to_who_rings_now_and_to_who_did_not_speak_later() -> None:
    bench = forked(21, 22)
    bench.answer(21, 180)
    bench.context.cancel("Q.850 ;cause=16")
    assert bench.take() == ["CANCEL > 192.0.2.21"]
    assert bench.last().header("reason") == "Q.850 ;cause=16"
    assert bench.add(target(23)) == [REFUSED]
    assert bench.answer(22, 180) == ["CANCEL > 192.0.2.22", *upstream(180)]
    assert bench.answer(21, 487) == ["ACK > 192.0.2.21"]
    assert bench.answer(22, 487) == ["ACK > 192.0.2.22", *upstream(487)]


def test_a_cancel_stops_a_serial_search() -> None:
    bench = forked(21)
    bench.answer(21, 180)
    bench.context.serial.append([target(22)])
    bench.context.cancel("")
    assert bench.answer(21, 487)[-1:] == upstream(487)
    assert bench.settle() == NOTHING


# Waiting for late branches.


def test_a_failure_is_held_back_while_something_can_grow() -> None:
    bench = forked(21)
    bench.can_grow = True
    bench.context.wait(0, 20.0)
    assert bench.answer(21, 486) == ["ACK > 192.0.2.21"]
    assert [entry for entry in bench.run(20.0) if CALLER in entry[1]] == [(20.0, *upstream(486))]


def test_a_wait_ends_with_the_last_that_could_add_a_branch() -> None:
    bench = forked(21)
    bench.can_grow = True
    bench.context.wait(0, 20.0)
    bench.answer(21, 486)
    bench.can_grow = False
    bench.settle()
    assert bench.take() == upstream(486)


def test_a_wait_for_a_number_of_branches() -> None:
    bench = forked(21)
    bench.can_grow = True
    bench.context.wait(1, 20.0)
    assert bench.answer(21, 486) == ["ACK > 192.0.2.21"]
    bench.add(target(22))
    assert bench.answer(22, 404)[-1:] == upstream(486)


@pytest.mark.parametrize(("settings", "ends"), [({}, 180.5), ({"fr_inv_timeout": 7.0}, 7.0)])
def test_a_wait_without_a_timeout_goes_by_the_invite_timer(settings: dict[str, Any], ends: float) -> None:
    bench = Bench(can_grow=True, held_call_refresh=0.0, **settings)
    bench.context.wait(0, None)
    assert bench.run(200.0)[0] == (ends, *upstream(408))


def test_no_more_branches_lets_those_that_are_there_decide() -> None:
    bench = forked(21)
    bench.can_grow = True
    bench.context.wait(0, 20.0)
    bench.answer(21, 486)
    bench.context.end_wait()
    bench.settle()
    assert bench.take() == upstream(486)


def test_waiting_once_all_is_over_changes_nothing() -> None:
    bench = forked(21)
    bench.answer(21, 486)
    timers = len(bench.env.timers)
    bench.context.wait(0, 20.0)
    bench.context.hold()
    assert (bench.context.waiting, len(bench.env.timers)) == (False, timers)


def test_nothing_asked_nothing_answered() -> None:
    bench = Bench()
    assert bench.settle() == NOTHING
    assert bench.context.idle
    assert bench.take() == []


# A held call (row P14).


def test_a_held_call_gets_a_182_each_minute() -> None:
    bench = Bench(can_grow=True)
    bench.context.wait(0, 200.0)
    assert bench.run(199.0) == [(60.0, *upstream(182)), (120.0, *upstream(182)), (180.0, *upstream(182))]


def test_a_provisional_of_a_branch_does_as_well() -> None:
    bench = forked(21)
    bench.can_grow = True
    bench.context.wait(0, 200.0)
    bench.run(30.0)
    bench.answer(21, 180)
    assert bench.run(160.0)[-2:] == [(90.0, *upstream(182)), (150.0, *upstream(182))]


@pytest.mark.parametrize(("method", "refresh"), [("INVITE", 0.0), ("MESSAGE", 60.0)])
def test_no_182_where_it_is_off_or_where_no_invite_is(method: str, refresh: float) -> None:
    bench = Bench(request(method), can_grow=True, held_call_refresh=refresh)
    bench.context.wait(0, 150.0)
    assert bench.run(149.0) == []


def test_a_reply_of_the_scripts_own_counts_for_the_refresh_and_a_final_one_ends_the_branches() -> None:
    bench = forked(21)
    bench.can_grow = True
    bench.context.wait(0, 200.0)
    bench.answer(21, 180)
    bench.run(30.0)
    bench.context.server.answer(bench.request, 183)
    bench.context.replied(183)
    assert [entry for entry in bench.run(95.0) if "182" in entry[1]] == [(90.0, *upstream(182))]
    bench.context.server.answer(bench.request, 480)
    bench.context.replied(480)
    bench.settle()
    assert bench.take() == [*upstream(480), "CANCEL > 192.0.2.21"]


# Other methods (RFC 4320).


def test_a_non_invite_hears_final_responses_only() -> None:
    bench = Bench(request("MESSAGE"))
    bench.add(target(21))
    assert bench.answer(21, 100) == []
    assert bench.answer(21, 183) == []
    assert bench.answer(21, 200) == upstream(200)
    assert bench.answer(21, 200) == []
    assert bench.context.branches == []


@pytest.mark.parametrize("how", ["silence", "a 408"])
def test_a_non_invite_never_gets_a_408(how: str) -> None:
    bench = Bench(request("MESSAGE"))
    bench.add(target(21))
    bench.take()
    if how == "silence":
        assert [text for _, text in bench.run(40.0) if CALLER in text] == []
    else:
        assert bench.answer(21, 408) == []
    assert bench.context.ended
    assert bench.transactions.sizes()["server_transactions"] == 0
    assert bench.transactions.unanswered() == []


def test_a_non_invite_is_not_cancelled() -> None:
    bench = Bench(request("MESSAGE"))
    bench.add(target(21), target(22))
    bench.take()
    assert bench.answer(21, 200) == upstream(200)
    assert bench.answer(22, 200) == []
    assert [each.message.method for each in bench.sent if isinstance(each.message, Request)] == ["MESSAGE", "MESSAGE"]
