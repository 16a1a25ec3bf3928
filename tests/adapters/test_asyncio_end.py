"""The asyncio pump with an engine double: how it ends, well or badly, and how it is misused."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from asyncio_double import FakeEngine, Phone, closed_port, make, run
from ebr_asyncio import Server
from ebr_core.actions import Action, SendDatagram, Stopped
from ebr_core.errors import LocalProtocolError
from ebr_core.inputs import (
    DatagramReceived,
    EventRaised,
    Input,
    ShutdownRequested,
    Started,
    TimerTick,
)
from ebr_net import ListenError, ListenSpec


def test_stopped_ends_serve_forever() -> None:
    async def main() -> None:
        server, engine = make()
        async with server:
            serving = asyncio.create_task(server.serve_forever())
            await asyncio.sleep(0)
            assert not serving.done()
            await server.close(grace=3.0)
            await serving
            await server.close()
            with Phone() as phone:
                phone.send(b"late", server.listeners[0].bound)
        assert engine.of(ShutdownRequested) == [ShutdownRequested(3.0)]
        assert engine.of(DatagramReceived) == []

    run(main())


def test_nothing_is_fed_after_stopped() -> None:
    async def main() -> None:
        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, DatagramReceived):
                server.raise_event("E")
                return [Stopped(), SendDatagram(b"bye", input.source, 0)]
            return None

        server, engine = make(on_input)
        with Phone() as phone:
            async with server:
                for _ in range(3):
                    phone.send(b"x", server.listeners[0].bound)
                await server.serve_forever()
                assert (await phone.receive())[0] == b"bye"
        assert len(engine.seen) == 2

    run(main())


def test_close_waits_for_stopped() -> None:
    async def main() -> None:
        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, ShutdownRequested):
                engine.deadline = engine.seen[-1][1] + 0.02
                return []
            if isinstance(input, TimerTick):
                return [SendDatagram(b"bye", phone.address, 0), Stopped()]
            return None

        server, engine = make(on_input)
        with Phone() as phone:
            async with server:
                await server.close(grace=0.02)
                assert engine.of(TimerTick) == [TimerTick()]
                assert (await phone.receive())[0] == b"bye"

    run(main())


def test_an_exception_out_of_the_engine_is_raised_twice_over() -> None:
    async def main() -> None:
        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, DatagramReceived):
                raise ZeroDivisionError("a bug")
            return None

        server, engine = make(on_input)

        async def use(phone: Phone) -> None:
            async with server:
                waiter = asyncio.create_task(server.wait_for_event("E"))
                phone.send(b"1", server.listeners[0].bound)
                phone.send(b"2", server.listeners[0].bound)
                with pytest.raises(ZeroDivisionError, match="a bug"):
                    await server.serve_forever()
                assert await waiter is None

        with Phone() as phone, pytest.raises(ZeroDivisionError, match="a bug"):
            await use(phone)
        assert len(engine.of(DatagramReceived)) == 1  # nothing is fed to an engine that failed
        assert engine.of(ShutdownRequested) == []

    run(main())


async def serve(server: Server) -> None:
    async with server:
        server.raise_event("E")
        await server.serve_forever()


def test_an_exception_out_of_the_engine_passes_through_serve_forever_once() -> None:
    async def main() -> None:
        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            if isinstance(input, EventRaised):
                raise ZeroDivisionError("a bug")
            return None

        server, _ = make(on_input)
        with pytest.raises(ZeroDivisionError):
            await serve(server)

    run(main())


def test_an_observer_that_fails_is_a_bug_too() -> None:
    def observer(input: Input, actions: Sequence[Action], now: float) -> None:
        if isinstance(input, EventRaised):
            raise KeyError("observer")

    async def main() -> None:
        server, _ = make(observer=observer)
        with pytest.raises(KeyError, match="observer"):
            await serve(server)

    run(main())


def test_a_failed_start_is_raised_and_gives_the_port_back() -> None:
    async def main() -> None:
        address = closed_port()

        def on_input(engine: FakeEngine, input: Input) -> list[Action] | None:
            raise ZeroDivisionError("a bug")

        for _ in range(2):
            server, _engine = make(on_input, listen=[ListenSpec("udp", *address)])
            with pytest.raises(ZeroDivisionError):
                async with server:
                    raise AssertionError("entered")

    run(main())


def test_a_port_in_use() -> None:
    async def main() -> None:
        first, _ = make()
        async with first:
            port = first.listeners[0].bound[1]
            second, engine = make(listen=["udp:127.0.0.1:0", f"udp:127.0.0.1:{port}"])
            with pytest.raises(ListenError, match=f"127.0.0.1:{port}: the address is in use"):
                async with second:
                    raise AssertionError("entered")
            assert engine.seen == []

    run(main())


def test_cancelling_serve_forever_leaves_cleanly() -> None:
    async def main() -> None:
        server, engine = make()

        async def serve() -> None:
            async with server:
                await server.serve_forever()

        task = asyncio.create_task(serve())
        await engine.until(Started)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.of(ShutdownRequested) == [ShutdownRequested(0.0)]

    run(main())


class NoReaderLoop(asyncio.SelectorEventLoop):
    """As the Proactor loop of Windows."""

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:  # type: ignore[override]  # a double
        raise NotImplementedError

    def remove_reader(self, fd: Any) -> bool:
        raise NotImplementedError


def test_a_loop_without_add_reader_is_named() -> None:
    async def main() -> None:
        server, _ = make()
        with pytest.raises(ListenError, match=r"NoReaderLoop cannot watch UDP sockets.*SelectorEventLoop"):
            async with server:
                raise AssertionError("entered")

    run(main(), NoReaderLoop)


# Misuse


def test_a_server_must_be_entered_and_only_once() -> None:
    async def main() -> None:
        server, _ = make()
        for call in (server.raise_event, server.raise_event_threadsafe):
            with pytest.raises(LocalProtocolError, match="async with"):
                call("E")
        for coroutine in (server.wait_for_event("E"), server.serve_forever()):
            with pytest.raises(LocalProtocolError, match="async with"):
                await coroutine
        await server.close()
        async with server:
            pass
        with pytest.raises(LocalProtocolError, match="once"):
            await server.__aenter__()

    run(main())


def test_an_impossible_event_is_told_to_who_raises_it() -> None:
    async def main() -> None:
        server, engine = make()
        async with server:
            for call in (server.raise_event, server.raise_event_threadsafe):
                with pytest.raises(LocalProtocolError, match="value"):
                    call("E", {"x": object()})  # type: ignore[dict-item]  # the misuse in question
            params: dict[str, str | int | None] = {"b": 1, "a": None}
            server.raise_event("E", params)
            params["b"] = "changed later"
            assert await engine.until(EventRaised) == [EventRaised("E", {"b": 1, "a": None})]

    run(main())


def test_an_address_is_checked_before_anything_is_opened() -> None:
    with pytest.raises(ListenError, match="expected udp:HOST:PORT"):
        make(listen=["5060"])


def test_a_thread_that_outlives_the_loop_is_told() -> None:
    server, _ = make()

    async def main() -> None:
        async with server:
            pass

    run(main())
    with pytest.raises(LocalProtocolError, match="closed"):
        server.raise_event_threadsafe("E")
