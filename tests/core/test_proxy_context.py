"""A response context alone: many branches, one answer (RFC 3261 16.6 to 16.10, RFC 4320)."""

from typing import Any

import pytest

from ebr_core.proxy import Target
from ebr_core.proxy.context import (
    ADDED,
    DUPLICATE,
    NEXT_GROUP,
    NOTHING,
    REFUSED,
    REPLACED,
    RETRANSMITTED,
    UNROUTABLE,
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


# One answer from many.


def test_the_answer_goes_up_when_the_last_branch_has_failed() -> None:
    bench = forked(21, 22)
    assert bench.answer(21, 486) == ["ACK > 192.0.2.21"]
    assert bench.answer(22, 404) == ["ACK > 192.0.2.22", *upstream(486)]
    assert bench.last().values("via") == ["SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKup"]
    assert bench.last().to_tag == "t21"
    assert bench.context.ended
    assert bench.context.branches == []


def test_a_branch_has_one_final_response() -> None:
    bench = forked(21, 22)
    bench.answer(21, 486)
    assert bench.answer(21, 486) == ["ACK > 192.0.2.21"]
    assert bench.answer(22, 486) == ["ACK > 192.0.2.22", *upstream(486)]
    assert bench.answer(22, 486) == ["ACK > 192.0.2.22"]


def test_provisionals_go_up_except_100() -> None:
    bench = forked(21)
    assert bench.answer(21, 100) == []
    assert bench.answer(21, 180) == upstream(180)
    assert bench.answer(21, 183) == upstream(183)
    bench.answer(21, 486)
    assert bench.answer(21, 180) == []


def test_a_2xx_goes_up_at_once_and_the_others_are_cancelled() -> None:
    bench = forked(21, 22, 23)
    bench.answer(22, 180)
    bench.answer(23, 486)
    assert bench.answer(21, 200) == [*upstream(200), "CANCEL > 192.0.2.22"]
    assert bench.last().header("reason") == 'SIP ;cause=200 ;text="Call completed elsewhere"'
    assert bench.answer(22, 487) == ["ACK > 192.0.2.22"]
    assert bench.add(target(24)) == [REFUSED]


def test_every_2xx_goes_up_even_after_another_answer() -> None:
    bench = forked(21, 22)
    bench.answer(22, 180)
    bench.answer(21, 200)
    assert bench.answer(22, 200) == upstream(200)
    assert bench.answer(22, 200) == upstream(200)  # its retransmission: nobody but the callee repeats a 2xx
    late = forked(21)
    late.context.server.answer(late.request, 404)
    late.take()
    assert late.answer(21, 200) == upstream(200)


def test_a_6xx_cancels_and_waits_for_the_others() -> None:
    bench = forked(21, 22)
    bench.answer(22, 180)
    assert bench.answer(21, 603) == ["ACK > 192.0.2.21", "CANCEL > 192.0.2.22"]
    assert bench.add(target(23)) == [REFUSED]
    assert bench.answer(22, 487) == ["ACK > 192.0.2.22", *upstream(603)]


def test_a_2xx_that_crosses_a_6xx_wins() -> None:
    bench = forked(21, 22)
    bench.answer(22, 180)
    bench.answer(21, 603)
    assert bench.answer(22, 200) == upstream(200)


def test_early_6xx_goes_up_first() -> None:
    bench = forked(21, 22, early_6xx=True)
    bench.answer(22, 180)
    assert bench.answer(21, 603) == ["ACK > 192.0.2.21", *upstream(603), "CANCEL > 192.0.2.22"]
    assert bench.answer(22, 487) == ["ACK > 192.0.2.22"]


def test_challenges_of_all_branches_are_collected() -> None:
    bench = forked(21, 22, 23, 24)
    bench.answer(21, 407, ("Proxy-Authenticate", 'Digest realm="a, b"'))
    bench.answer(22, 404)
    bench.answer(23, 401, ("WWW-Authenticate", 'Digest realm="c"'), ("WWW-Authenticate", 'Digest realm="d"'))
    assert bench.answer(24, 401, ("WWW-Authenticate", 'Digest realm="e"'))[-1:] == upstream(407)
    assert bench.last().headers("proxy-authenticate") == ['Digest realm="a, b"']
    assert bench.last().headers("www-authenticate") == ['Digest realm="c"', 'Digest realm="d"', 'Digest realm="e"']


def test_a_503_is_not_passed_on() -> None:
    bench = forked(21, 22)
    bench.answer(21, 503, ("Retry-After", "60"))
    assert bench.answer(22, 503)[-1:] == upstream(500)
    assert bench.last().header("retry-after") is None
    better = forked(21, 22)
    better.answer(21, 503)
    assert better.answer(22, 502)[-1:] == upstream(502)


def test_who_cannot_be_reached_counts_as_503() -> None:
    bench = forked(21, 22)
    assert bench.unreachable(21) == []
    assert bench.answer(22, 480)[-1:] == upstream(480)
    assert forked(21).unreachable(21) == upstream(500)


def test_nowhere_to_go_is_500() -> None:
    bench = Bench()
    assert bench.add(NOWHERE) == [UNROUTABLE]
    assert bench.take() == upstream(500)


def test_silence_is_408_after_timer_b() -> None:
    bench = forked(21)
    assert bench.run(32.0)[-1] == (32.0, *upstream(408))
    assert bench.context.ended


# Max-Forwards and Record-Route of a branch.


@pytest.mark.parametrize(("hops", "sent"), [("70", 69), ("1", 0), (None, 70)])
def test_each_branch_has_a_hop_less(hops: str | None, sent: int) -> None:
    bench = Bench(request() if hops is None else request(Max_Forwards=hops))
    bench.add(target(21))
    bench.take()
    assert bench.last().max_forwards == sent


def test_no_branch_without_a_hop_left() -> None:
    bench = Bench(request("OPTIONS", Max_Forwards="0"))
    assert bench.add(target(21)) == [UNROUTABLE]
    assert bench.take() == upstream(483)


@pytest.mark.parametrize(("more", "setting", "count"), [({}, True, 1), ({}, False, 0), ({"to_tag": "t"}, True, 0)])
def test_only_what_opens_a_dialog_is_record_routed(more: dict[str, str], setting: bool, count: int) -> None:
    bench = Bench(request(**more), record_route=setting)
    bench.add(target(21))
    bench.take()
    assert len(bench.last().values("record-route")) == count


def test_a_branch_that_leaves_by_another_listener_is_record_routed_twice() -> None:
    bench = Bench()
    bench.add(target(21, listener=2))
    bench.take()
    assert [value.partition(";")[0] for value in bench.last().values("record-route")] == [
        "<sip:10.0.0.1:5070",
        "<sip:192.0.2.1:5060",
    ]
    assert str(bench.last().via).startswith("SIP/2.0/UDP 10.0.0.1:5070;")


# Devices (rows P8 to P10).


def test_a_device_that_rings_gets_no_second_branch() -> None:
    bench = forked(21)
    bench.answer(21, 180)
    assert bench.add(target(21)) == [DUPLICATE]
    assert bench.take() == []


def test_a_device_that_was_silent_is_sent_the_same_invite_again() -> None:
    bench = forked(21)
    assert bench.add(target(21)) == [DUPLICATE]  # named twice in one step
    assert bench.take() == []
    bench.run(0.3)
    assert bench.add(target(21)) == [RETRANSMITTED]
    assert bench.take() == ["INVITE > 192.0.2.21"]
    first, second = (each.message for each in bench.sent)
    assert first.to_bytes() == second.to_bytes()


def test_a_device_on_another_flow_is_rung_there_and_its_old_branch_given_up() -> None:
    bench = Bench()
    bench.add(target(21, device="d"))
    bench.answer(21, 180)
    assert bench.add(target(22, device="d")) == [REPLACED]
    assert bench.take() == ["INVITE > 192.0.2.22", "CANCEL > 192.0.2.21"]
    assert bench.answer(21, 180) == []  # it is nobody's answer any more
    assert bench.answer(21, 486) == ["ACK > 192.0.2.21"]
    assert bench.answer(22, 404)[-1:] == upstream(404)


def test_a_given_up_branch_that_never_spoke_is_not_waited_for() -> None:
    bench = Bench()
    bench.add(target(21, device="d"))
    bench.add(target(22, device="d"))
    assert bench.answer(22, 404)[-1:] == upstream(404)
    assert bench.answer(21, 180) == ["CANCEL > 192.0.2.21"]  # 9.1: the CANCEL had to wait for this
    assert bench.answer(21, 487) == ["ACK > 192.0.2.21"]
    assert bench.context.branches == []


def test_a_device_that_has_moved_out_of_reach_rings_on_where_it_did() -> None:
    bench = Bench()
    bench.add(target(21, device="d"))
    bench.answer(21, 180)
    assert bench.add(Target(NOWHERE.uri, device="d")) == [UNROUTABLE]
    assert bench.add(target(21, device="d")) == [DUPLICATE]
    assert bench.take() == []
    assert bench.answer(21, 200) == upstream(200)


def test_two_ways_to_a_device_at_the_same_time_are_one_branch() -> None:
    bench = Bench()
    assert [bench.context.add(target(number, device="d"), replace=False) for number in (21, 22)] == [ADDED, DUPLICATE]
    assert bench.take() == ["INVITE > 192.0.2.21"]


def test_a_device_that_has_answered_is_not_asked_again_but_one_that_was_lost_is() -> None:
    bench = Bench(can_grow=True)
    bench.context.wait(0, 100.0)
    bench.add(target(21), target(22))
    bench.answer(21, 486)
    bench.unreachable(22)
    assert bench.add(target(21), target(22)) == [REFUSED, ADDED]


def test_replacing_sends_the_new_branches_before_it_gives_up_the_old() -> None:
    bench = forked(21, 22)
    bench.answer(21, 180)
    bench.answer(22, 180)
    assert bench.context.replace([target(22), target(23)]) == [DUPLICATE, ADDED]
    assert bench.take() == ["INVITE > 192.0.2.23", "CANCEL > 192.0.2.21"]


def test_replacing_by_nothing_gives_up_nothing() -> None:
    bench = forked(21)
    bench.answer(21, 180)
    assert bench.context.replace([]) == []
    assert bench.context.replace([NOWHERE]) == [UNROUTABLE]
    assert bench.take() == []


def test_a_call_has_so_many_branches_and_no_more() -> None:
    bench = forked(21, 22, max_branches=2)
    bench.answer(21, 486)
    assert bench.add(target(23)) == [REFUSED]
    assert bench.take() == []
    assert [each.code for each in bench.logged] == ["branch-limit"]
    assert bench.answer(22, 404)[-1:] == upstream(486)


# Serial forking.


def test_the_next_group_comes_when_the_first_has_failed() -> None:
    bench = forked(21)
    bench.context.serial.append([target(22)])
    bench.answer(21, 486)
    assert bench.settle() == NEXT_GROUP
    bench.add(*bench.context.serial.pop(0))
    assert bench.answer(22, 404)[-1:] == upstream(486)


@pytest.mark.parametrize("status", [200, 603])
def test_no_group_follows_an_answer_for_all(status: int) -> None:
    bench = forked(21)
    bench.context.serial.append([target(22)])
    assert bench.answer(21, status)[-1:] == upstream(status)
    assert bench.settle() == NOTHING
    assert bench.context.serial == []
