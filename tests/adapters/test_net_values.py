"""What every adapter makes of log actions, of jobs, and of slow steps."""

import functools
import logging

import pytest

from ebr_core.actions import ERROR, INFO, Logged
from ebr_core.inputs import EventRaised, JobFinished, TimerTick
from ebr_net import (
    is_async_job,
    job_failed,
    job_finished,
    log_action,
    threshold_event,
)

# Log lines


def sample() -> bool:
    return True


def logged(caplog: pytest.LogCaptureFixture, action: Logged) -> logging.LogRecord:
    with caplog.at_level(logging.INFO, "ebr.test"):
        log_action(logging.getLogger("ebr.test"), action)
    (record,) = caplog.records
    return record


def test_a_log_line_shows_text_code_and_fields(caplog: pytest.LogCaptureFixture) -> None:
    record = logged(caplog, Logged(INFO, "reply", "sent a reply", {"status": 200, "reason": "Not Found", "method": "INVITE"}))
    assert record.getMessage() == "sent a reply (reply) status=200 reason='Not Found' method=INVITE"
    assert record.levelno == logging.INFO
    assert record.__dict__["ebr_code"] == "reply"
    assert record.__dict__["ebr_fields"]["status"] == 200


def test_what_a_peer_sent_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    record = logged(caplog, Logged(INFO, "bad", "from a\nb", {"user": "x\r\n2026 ERROR forged\x1b[31m", "raw": b"\n"}))
    assert "\n" not in record.getMessage()
    assert "\r" not in record.getMessage()
    assert "\x1b" not in record.getMessage()


def test_a_failed_handler_is_shown_with_its_source(caplog: pytest.LogCaptureFixture) -> None:
    line = sample.__code__.co_firstlineno
    frames = [(__file__, line, "sample"), ("<string>", 1, "<module>")]
    record = logged(caplog, Logged(ERROR, "handler-failed", "a handler raised", {"error": "KeyError", "frames": frames}))
    assert record.getMessage().splitlines() == [
        "a handler raised (handler-failed) error=KeyError",
        f'  File "{__file__}", line {line}, in sample',
        "    def sample() -> bool:",
        '  File "<string>", line 1, in <module>',
    ]


def test_a_level_that_is_off_costs_no_formatting(caplog: pytest.LogCaptureFixture) -> None:
    class Loud:
        def __repr__(self) -> str:
            raise AssertionError("formatted")

    logger = logging.getLogger("ebr.test")
    with caplog.at_level(logging.ERROR, "ebr.test"):
        log_action(logger, Logged(INFO, "x", "y", {"field": Loud()}))
    assert caplog.records == []


# Jobs


def test_a_result_that_a_journal_can_hold_is_copied() -> None:
    result: dict[str, list[object]] = {"a": [None, True, 1, 1.5, "x", b"y", {"z": []}]}
    finished = job_finished(2, result)
    assert finished == JobFinished(2, {"a": [None, True, 1, 1.5, "x", b"y", {"z": []}]})
    result["a"].append("later")
    assert finished == JobFinished(2, {"a": [None, True, 1, 1.5, "x", b"y", {"z": []}]})


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize("result", [(1,), {1: 2}, {"a": object()}, [Text("x")], {1, 2}])
def test_any_other_result_fails_the_job(result: object) -> None:
    finished = job_finished(2, result)
    assert finished.result is None
    assert finished.error is not None
    assert finished.error[0] == "TypeError"


def test_a_result_that_contains_itself_fails_the_job() -> None:
    result: list[object] = []
    result.append(result)
    assert job_finished(2, result) == JobFinished(2, error=("TypeError", "a job's result is nested too deeply"))


def test_a_coroutine_as_result_is_closed() -> None:
    async def forgotten() -> None:
        raise AssertionError("it ran")

    finished = job_finished(2, forgotten())
    assert finished.error is not None
    assert "coroutine" in finished.error[1]


def test_a_failed_job_tells_type_and_text() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert job_failed(2, OSError("no route")) == JobFinished(2, error=("OSError", "no route"))
    finished = job_failed(2, Unprintable())
    assert finished.error is not None
    assert finished.error[0] == "Unprintable"


def test_the_kind_of_a_job_is_told_from_its_function() -> None:
    async def native(x: int) -> None: ...

    class Callable:
        async def __call__(self) -> None: ...

    assert is_async_job(native)
    assert is_async_job(functools.partial(native, 1))
    assert is_async_job(Callable())
    assert not is_async_job(print)
    assert not is_async_job(functools.partial(print, 1))


# The threshold


class Handlers:
    deadline = None

    def __init__(self, *names: str) -> None:
        self.last_handlers = names

    def handle(self, input: object, *, now: float) -> list[object]:
        raise AssertionError("it is only looked at")


def test_a_slow_step_is_an_event() -> None:
    engine = Handlers("register", "push")
    event = threshold_event(TimerTick(), engine, 0.0612)  # type: ignore[arg-type]  # a double
    assert event == EventRaised("E_CORE_THRESHOLD", {"source": "register,push", "time": 61_200, "extra": ""})
    quiet = threshold_event(TimerTick(), Handlers(), 0.0612)  # type: ignore[arg-type]  # a double
    assert quiet == EventRaised("E_CORE_THRESHOLD", {"source": "TimerTick", "time": 61_200, "extra": ""})
    assert threshold_event(TimerTick(), engine, 0.05) is None  # type: ignore[arg-type]  # a double
    assert event is not None
    assert threshold_event(event, engine, 1.0) is None  # type: ignore[arg-type]  # a double
