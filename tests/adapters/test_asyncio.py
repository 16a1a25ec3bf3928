"""The asyncio pump with an engine double: packets and time; real loopback sockets, the loop's own clock."""

import asyncio
import itertools
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any

import pytest

from asyncio_double import FakeEngine, Phone, closed_port, echo, make, run
from ebr_asyncio import Server
from ebr_core.actions import (
    Action,
    Event,
    SendDatagram,
)
from ebr_core.config import Config
from ebr_core.errors import FilterError
from ebr_core.inputs import (
    DatagramReceived,
    EventRaised,
    Input,
    SendFailed,
    ShutdownRequested,
    Started,
    TimerTick,
)
from ebr_core.script import Script
from ebr_net import ListenSpec

# Packets


def test_it_starts_with_the_real_addresses_and_answers() -> None:
    async def main() -> None:
        server, engine = make(echo, listen=["udp:127.0.0.1:0", ListenSpec("udp", "127.0.0.1", 0, ("sip.example.org", 0))])
        assert server.listeners == []
        before = time.time()
        with Phone() as phone:
            async with server:
                first, second = server.listeners
                (started,) = engine.of(Started)
                assert started.listeners == (first, second)
                assert before <= started.wall <= time.time()
                assert engine.config == Config()
                assert second.advertised == ("sip.example.org", second.bound[1])
                for listener in (first, second):
                    phone.send(b"ping", listener.bound)
                    assert await phone.receive() == (b"PING", listener.bound)
        assert [each.listener for each in engine.of(DatagramReceived)] == [0, 1]
        assert engine.of(ShutdownRequested) == [ShutdownRequested(0.0)]
        assert server.dropped_datagrams == 0

    run(main())


def test_a_wildcard_server_answers_from_the_address_that_was_asked() -> None:
    async def main() -> None:
        server, engine = make(echo, listen=["udp:0.0.0.0:0"])
        with Phone() as phone:
            async with server:
                asked = ("127.0.0.2", server.listeners[0].bound[1])
                phone.send(b"ping", asked)
                assert await phone.receive() == (b"PING", asked)
        assert engine.of(DatagramReceived)[0].local == asked

    run(main())


def test_the_unbound_socket_sends_and_is_read() -> None:
    async def main() -> None:
        nowhere = ("::1", 0)

        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, Started):
                return [SendDatagram(b"hello", phone.address, None), SendDatagram(b"x", nowhere, None)]
            return None

        server, engine = make(on_input)
        with Phone() as phone:
            async with server:
                data, source = await phone.receive()
                assert data == b"hello"
                assert source != server.listeners[0].bound
                phone.send(b"answer", source)
                assert await engine.until(DatagramReceived) == [DatagramReceived(b"answer", phone.address, 0)]
                (failed,) = await engine.until(SendFailed)
                assert (failed.destination, failed.listener) == (nowhere, None)

    run(main())


def test_a_batch_of_64_leaves_the_loop_its_turn() -> None:
    async def main() -> None:
        turns = [0]
        at: list[int] = []

        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, DatagramReceived):
                at.append(turns[0])
            return None

        server, _ = make(on_input)
        with Phone() as phone:
            async with server:
                for _ in range(150):
                    phone.send(b"x", server.listeners[0].bound)
                async with asyncio.timeout(10):
                    while len(at) < 150:
                        turns[0] += 1
                        await asyncio.sleep(0)
        assert at == sorted(at)
        assert len(set(at)) >= 3
        assert max(at.count(turn) for turn in set(at)) <= 64

    run(main())


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often a watched socket woke it up."""

    wakeups = 0

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:  # type: ignore[override]  # a double
        def counted() -> None:
            self.wakeups += 1
            callback(*args)

        super().add_reader(fd, counted)


def test_an_icmp_error_reaches_the_engine_and_does_not_spin_the_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        nobody = closed_port()

        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, Started):
                return [SendDatagram(b"INVITE one", nobody, 0), SendDatagram(b"INVITE two", nobody, 0)]
            return None

        server, engine = make(on_input)
        async with server:
            assert await engine.until(SendFailed, 2) == [
                SendFailed(nobody, 0, b"INVITE one", "ECONNREFUSED"),
                SendFailed(nobody, 0, b"INVITE two", "ECONNREFUSED"),
            ]
            woken = loop.wakeups
            assert 1 <= woken <= 3
            for _ in range(200):  # each turn polls the sockets
                await asyncio.sleep(0)
            assert loop.wakeups == woken

    run(main(), CountingLoop)


def test_a_send_that_fails_at_once_comes_back_behind_the_actions() -> None:
    async def main() -> None:
        bad = ("127.0.0.1", 70_000)

        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, Started):
                return [SendDatagram(b"x", bad, 0), SendDatagram(b"y", phone.address, 0)]
            return None

        server, engine = make(on_input)
        with Phone() as phone:
            async with server:
                assert (await phone.receive())[0] == b"y"
                assert await engine.until(SendFailed) == [SendFailed(bad, 0, b"x", "EINVAL")]

    run(main())


# Time


def test_work_left_lets_the_loop_turn_between_ticks() -> None:
    async def main() -> None:
        turns = [0]
        at: list[int] = []

        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, Started):
                engine.deadline = 0.0
            if isinstance(input, TimerTick):
                at.append(turns[0])
                if len(at) == 10:
                    engine.deadline = None
            return None

        server, engine = make(on_input)
        async with server:
            async with asyncio.timeout(10):
                while len(at) < 10:
                    turns[0] += 1
                    await asyncio.sleep(0)
        assert all(earlier < later for earlier, later in itertools.pairwise(at))
        times = [now for _, now in engine.seen]
        assert times == sorted(times)

    run(main())


def test_the_deadline_is_kept_also_when_it_moves() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        fired: list[tuple[float, float]] = []

        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, EventRaised):
                assert isinstance(input.params, dict)
                engine.deadline = loop.time() + input.params["ms"] / 1000
            if isinstance(input, TimerTick):
                assert engine.deadline is not None
                fired.append((engine.deadline, min(loop.time(), engine.seen[-1][1])))
                engine.deadline = None
            return None

        server, engine = make(on_input)
        async with server:
            server.raise_event("E", {"ms": 60_000})
            await engine.until(EventRaised, 1)
            server.raise_event("E", {"ms": 20})  # earlier: the timer follows
            await engine.until(TimerTick)
            server.raise_event("E", {"ms": 10})
            await engine.until(EventRaised, 3)
            server.raise_event("E", {"ms": 40})  # later: the armed timer fires in vain, without a tick
            await engine.until(TimerTick, 2)
        assert all(now > deadline - 0.001 for deadline, now in fired)
        assert len(fired) == 2

    run(main())


class EarlyLoop(asyncio.SelectorEventLoop):
    """Fires timers before their time, as some loops do."""

    def call_at(  # type: ignore[override]  # a double
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return super().call_at(when - 60, callback, *args, context=context)


def test_a_timer_that_fires_early_is_taken_for_its_deadline() -> None:
    async def main() -> None:
        deadline = asyncio.get_running_loop().time() + 30

        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            engine.deadline = deadline if isinstance(input, Started) else None
            return None

        server, engine = make(on_input)
        stopped = asyncio.Event()
        async with server:
            while not engine.of(TimerTick):
                await asyncio.sleep(0)
            engine.on_input = None
            stopped.set()
        assert stopped.is_set()
        assert next(now for each, now in engine.seen if isinstance(each, TimerTick)) == deadline

    # no asyncio.timeout here: on this loop it would strike at once
    with asyncio.Runner(loop_factory=EarlyLoop) as runner:
        runner.run(main())


def test_a_slow_step_is_told_as_an_event() -> None:
    async def main() -> None:
        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, EventRaised):
                engine.last_handlers = ("push",)
                end = time.monotonic() + 0.06
                while time.monotonic() < end:
                    pass
            return None

        server, engine = make(on_input)
        async with server:
            server.raise_event("E_SLOW")
            await engine.until(EventRaised, 2)
            for _ in range(20):
                await asyncio.sleep(0)
        slow, threshold = engine.of(EventRaised)
        assert slow == EventRaised("E_SLOW")
        assert threshold.name == "E_CORE_THRESHOLD"
        assert isinstance(threshold.params, dict)
        assert threshold.params["source"] == "push"
        assert threshold.params["time"] >= 60_000
        assert threshold.params["extra"] == ""

    run(main())


# With the real engine


OPTIONS = b"""OPTIONS sip:127.0.0.1:%d SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKasyncio1;rport
Max-Forwards: 70
From: <sip:alice@example.org>;tag=1
To: <sip:127.0.0.1>
Call-ID: asyncio@example.org
CSeq: 1 OPTIONS
Content-Length: 0

""".replace(b"\n", b"\r\n")


def test_the_real_engine_answers_and_ends() -> None:
    async def main() -> None:
        script = Script()

        @script.event("E_HELLO")
        def hello(event: Event) -> None:
            server.raise_event("E_ANSWER", {"said": event["said"]})

        with Phone() as phone:
            async with Server(script, listen="udp:127.0.0.1:0") as server:
                bound = server.listeners[0].bound
                phone.send(OPTIONS % (bound[1], phone.address[1]), bound)
                data, source = await phone.receive()
                assert data.startswith(b"SIP/2.0 200 ")
                assert source == bound
                answer = asyncio.create_task(server.wait_for_event("E_ANSWER", {"said": "hi"}, timeout=5))
                await asyncio.sleep(0)  # it subscribes when it first runs
                server.raise_event("E_HELLO", {"said": "hi"})
                assert await answer == Event("E_ANSWER", ("said",), ("hi",))
                assert await server.wait_for_event("E_NEVER", timeout=0.02) is None
                with pytest.raises(FilterError):
                    await server.wait_for_event("E_UL_CONTACT_INSERT", {"no-such-attribute": "x"})

    run(main())
