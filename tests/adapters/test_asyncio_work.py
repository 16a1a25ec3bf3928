"""The asyncio pump with an engine double: events, jobs, log lines."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from asyncio_double import FakeEngine, Phone, echo, make, run
from ebr_core.actions import (
    EXPIRED,
    INFO,
    NOTIFIED,
    Action,
    CancelJob,
    Event,
    EventNotified,
    Logged,
    SendDatagram,
    StartJob,
    Stopped,
    SubscriptionEnded,
)
from ebr_core.errors import FilterError
from ebr_core.inputs import (
    EventRaised,
    Input,
    JobFinished,
    Started,
    SubscriptionCancelled,
    SubscriptionRequested,
)

# Events


def test_an_event_raised_inside_a_step_is_queued_never_nested() -> None:
    async def main() -> None:
        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, EventRaised) and input.name == "E_FIRST":
                server.raise_event("E_SECOND", {"n": 1})
                server.raise_event("E_THIRD", [1, 2])
            return None

        server, engine = make(on_input)
        async with server:
            server.raise_event("E_FIRST")
            assert await engine.until(EventRaised, 3) == [
                EventRaised("E_FIRST"),
                EventRaised("E_SECOND", {"n": 1}),
                EventRaised("E_THIRD", [1, 2]),
            ]

    run(main())


def test_a_queue_that_refills_itself_leaves_the_loop_its_turn() -> None:
    async def main() -> None:
        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, EventRaised):
                server.raise_event(input.name)
            return None

        server, engine = make(on_input)
        async with server:
            server.raise_event("E_AGAIN")
            await engine.until(EventRaised, 300)
            engine.on_input = None
        assert len(engine.of(EventRaised)) >= 300

    run(main())


def test_events_from_threads_arrive_in_the_loop() -> None:
    async def main() -> None:
        server, engine = make()
        async with server:

            def raise_many() -> None:
                for n in range(100):
                    server.raise_event_threadsafe("E_T", {"n": n})

            threads = [threading.Thread(target=raise_many) for _ in range(3)]
            for thread in threads:
                thread.start()
            events = await engine.until(EventRaised, 300)
            for thread in threads:
                thread.join()
        assert sorted(cast(Any, event.params)["n"] for event in events) == sorted([*range(100)] * 3)
        server.raise_event_threadsafe("E_LATE")  # no error, no effect
        assert len(engine.of(EventRaised)) == 300

    run(main())


def waiting(engine: FakeEngine, input: Input) -> list[Action] | None:
    """Serves subscriptions: an event goes to every one of its name; E_EXPIRE ends them all."""
    if isinstance(input, EventRaised) and input.name == "E_EXPIRE":
        return [SubscriptionEnded(each.subscription, EXPIRED) for each in engine.of(SubscriptionRequested)]
    if isinstance(input, EventRaised):
        event = Event(input.name, ("n",), (7,))
        actions: list[Action] = []
        for each in engine.of(SubscriptionRequested):
            if each.name == input.name:
                actions += [EventNotified(each.subscription, event), SubscriptionEnded(each.subscription, NOTIFIED)]
        return actions
    if isinstance(input, SubscriptionRequested) and input.filter == "nonsense":
        raise FilterError("no = in 'nonsense'")
    return None


def test_wait_for_event() -> None:
    async def main() -> None:
        server, engine = make(waiting)
        async with server:
            task = asyncio.create_task(server.wait_for_event("E_X", {"n": 7}, 5.0))
            (wanted,) = await engine.until(SubscriptionRequested)
            assert wanted == SubscriptionRequested(1, "E_X", {"n": 7}, 5.0, True)
            server.raise_event("E_X")
            assert await task == Event("E_X", ("n",), (7,))

            task = asyncio.create_task(server.wait_for_event("E_Y"))
            assert (await engine.until(SubscriptionRequested, 2))[1].subscription == 3
            server.raise_event("E_EXPIRE")
            assert await task is None

            with pytest.raises(FilterError, match="nonsense"):
                await server.wait_for_event("E_X", "nonsense")
            assert engine.of(SubscriptionCancelled) == []

            task = asyncio.create_task(server.wait_for_event("E_Z"))
            await engine.until(SubscriptionRequested, 4)
            task.cancel()
            assert await engine.until(SubscriptionCancelled) == [SubscriptionCancelled(7)]

            task = asyncio.create_task(server.wait_for_event("E_Z"))
            await engine.until(SubscriptionRequested, 5)
        assert await task is None  # the server has stopped
        assert await server.wait_for_event("E_Z") is None

    run(main())


# Jobs


def jobs(*functions: Callable[..., object], args: tuple[object, ...] = ()) -> Any:
    def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
        if isinstance(input, Started):
            return [StartJob(2 * number, function, args) for number, function in enumerate(functions, 1)]
        if isinstance(input, EventRaised) and input.name == "E_CANCEL":
            return [CancelJob(2), CancelJob(4), CancelJob(99)]
        return None

    return on_input


def test_jobs_run_outside_and_their_ends_come_back() -> None:
    async def main() -> None:
        here = threading.get_ident()

        async def native(x: int) -> list[bool]:
            await asyncio.sleep(0)
            return [threading.get_ident() == here]

        def threaded(x: int) -> dict[str, bool]:
            return {"here": threading.get_ident() == here}

        async def fails(x: int) -> None:
            raise OSError("no route")

        def fails_too(x: int) -> None:
            raise StopIteration("odd")

        def unfit(x: int) -> object:
            return object()

        def wrong_arguments() -> None: ...

        async def wrong_arguments_too() -> None: ...

        async def gives_up(x: int) -> None:
            raise asyncio.CancelledError

        functions = (native, threaded, fails, fails_too, unfit, wrong_arguments, wrong_arguments_too, gives_up)
        server, engine = make(jobs(*functions, args=(1,)))
        async with server:
            ends = {each.job: each for each in await engine.until(JobFinished, len(functions))}
        assert ends[2] == JobFinished(2, [True])
        assert ends[4] == JobFinished(4, {"here": False})
        assert ends[6] == JobFinished(6, error=("OSError", "no route"))
        assert ends[8] == JobFinished(8, error=("StopIteration", "odd"))
        assert [cast(Any, ends[job].error)[0] for job in (10, 12, 14, 16)] == [*["TypeError"] * 3, "CancelledError"]

    run(main())


def test_a_cancelled_job_ends_without_a_word() -> None:
    async def main() -> None:
        started, cancelled, release = asyncio.Event(), asyncio.Event(), threading.Event()

        async def endless() -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        def blocking() -> None:
            release.wait(10)

        async def last() -> str:
            await cancelled.wait()
            return "last"

        server, engine = make(jobs(endless, blocking, last))
        async with server:
            await started.wait()
            server.raise_event("E_CANCEL")
            await cancelled.wait()
            release.set()
            assert await engine.until(JobFinished) == [JobFinished(6, "last")]

    run(main())


def test_leaving_ends_the_jobs_that_still_run() -> None:
    async def main() -> None:
        started, cleaned = asyncio.Event(), []

        async def endless() -> None:
            try:
                started.set()
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                cleaned.append(True)

        server, engine = make(jobs(endless))
        async with server:
            await started.wait()
        assert cleaned == [True]
        assert engine.of(JobFinished) == []

    run(main())


# Logging and observing


def test_what_the_engine_says_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        server, _ = make(lambda engine, input: [Logged(INFO, "hello", "said", {})] if isinstance(input, Started) else None)
        async with server:
            pass

    with caplog.at_level(logging.INFO, "ebr"):
        run(main())
    assert caplog.messages == ["said (hello)"]


def test_the_observer_sees_every_step_before_its_actions() -> None:
    async def main() -> None:
        seen: list[tuple[Input, list[Action], float]] = []
        server, engine = make(echo, observer=lambda input, actions, now: seen.append((input, list(actions), now)))
        with Phone() as phone:
            async with server:
                phone.send(b"a", server.listeners[0].bound)
                await phone.receive()
        assert [(input, now) for input, _, now in seen] == engine.seen
        assert seen[1][1] == [SendDatagram(b"A", phone.address, 0)]
        assert seen[-1][1] == [Stopped()]

    run(main())
