"""The environment that layers share: one outbox, tokens, statistics, timers from now on."""

from ebr_conformance.tokens import TokenStream
from ebr_core.actions import WARNING, Logged, Stopped
from ebr_core.config import Config
from ebr_core.environment import Environment
from ebr_core.timers import TimerOwner


def test_actions_are_taken_in_order_and_only_once() -> None:
    env = Environment(Config(), TokenStream(0))
    env.log(WARNING, "late", "too late by 3 s", seconds=3)
    env.outbox.append(Stopped())
    assert env.take_actions() == [Logged(WARNING, "late", "too late by 3 s", {"seconds": 3}), Stopped()]
    assert env.take_actions() == []


def test_taken_actions_stay_the_callers() -> None:
    env = Environment(Config(), TokenStream(0))
    env.outbox.append(Stopped())
    taken = env.take_actions()
    env.outbox.append(Stopped())
    assert len(taken) == 1


def test_statistics_add_up() -> None:
    env = Environment(Config(), TokenStream(0))
    env.count("a")
    env.count("a")
    env.count("b", 5)
    assert env.counters == {"a": 2, "b": 5}


def test_a_timer_is_set_from_the_time_of_the_input() -> None:
    env = Environment(Config(), TokenStream(0))
    env.now = 10.0
    owner = TimerOwner()
    assert env.after(0.25, 7, owner).when == 10.25
    assert env.timers.pop(10.25) == (owner, 7)


def test_tokens_are_cut_from_blocks_without_overlap() -> None:
    drawn: list[int] = []
    stream = TokenStream(1)

    def tokens(size: int) -> bytes:
        drawn.append(size)
        return stream(size)

    env = Environment(Config(), tokens)
    found = [env.token() for _ in range(64)]
    assert drawn == [512]
    assert all(len(token) == 16 and set(token) <= set("0123456789abcdef") for token in found)
    assert len(set(found)) == 64
    assert "".join(found) == TokenStream(1)(512).hex()
    assert len(env.token(3)) == 6
    assert drawn == [512, 512]


def test_a_token_is_never_pieced_together_from_two_blocks() -> None:
    env = Environment(Config(), TokenStream(2))
    env.token(511)
    second = TokenStream(2)(1024).hex()[1024:]
    assert env.token(2) == second[:4]


def test_random_bytes_come_straight_from_the_constructor() -> None:
    env = Environment(Config(), TokenStream(3))
    assert env.random_bytes(7) == TokenStream(3)(7)
