"""An engine double, a phone, and a runner that tolerates no leftovers, for the tests of the asyncio pump."""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

from ebr_asyncio import Server
from ebr_core.actions import (
    Action,
    SendDatagram,
    Stopped,
)
from ebr_core.config import Config
from ebr_core.inputs import (
    DatagramReceived,
    Input,
    ShutdownRequested,
)
from ebr_net import ListenSpec

T = TypeVar("T")
Address = tuple[str, int]


class FakeEngine:
    """Keeps what it was fed. ``on_input`` decides the actions; without one, it only stops when asked to."""

    def __init__(self, on_input: "Callable[[FakeEngine, Input], list[Action] | None] | None") -> None:
        self.on_input = on_input
        self.seen: list[tuple[Input, float]] = []
        self.deadline: float | None = None
        self.last_handlers: tuple[str, ...] = ()
        self.inside = False
        self.config: Config | None = None
        self.arrived = asyncio.Condition()

    def handle(self, input: Input, *, now: float) -> list[Action]:
        assert not self.inside, "re-entered"
        self.inside = True
        try:
            self.seen.append((input, now))
            actions = self.on_input(self, input) if self.on_input is not None else None
            if actions is None:
                actions = [Stopped()] if isinstance(input, ShutdownRequested) else []
            return actions
        finally:
            self.inside = False

    def sizes(self) -> dict[str, int]:
        return {}

    def of(self, kind: type[T]) -> list[T]:
        return [each for each, _ in self.seen if isinstance(each, kind)]

    async def until(self, kind: type[T], count: int = 1) -> list[T]:
        """Let the loop turn until so many inputs of a kind have come."""
        async with asyncio.timeout(10):
            while len(self.of(kind)) < count:
                await asyncio.sleep(0)
        return self.of(kind)


def make(
    on_input: Callable[[FakeEngine, Input], list[Action] | None] | None = None,
    *,
    listen: Sequence[str | ListenSpec] = ("udp:127.0.0.1:0",),
    logger: logging.Logger | None = None,
    observer: Callable[[Input, Sequence[Action], float], None] | None = None,
) -> tuple[Server, FakeEngine]:
    engine = FakeEngine(on_input)

    def factory(script: object, *, config: Config, tokens: Callable[[int], bytes]) -> FakeEngine:
        assert len(tokens(16)) == 16
        engine.config = config
        return engine

    server = Server(
        cast(Any, None), listen=listen, logger=logger, observer=observer, engine_factory=cast(Any, factory)
    )  # fmt: skip
    return server, engine


def run(main: Coroutine[Any, Any, T], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> T:
    """asyncio.run, after which no task or socket may be left (a ResourceWarning is an error), and no callback may have failed."""
    complaints: list[dict[str, Any]] = []

    async def bounded() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        result = await asyncio.wait_for(main, 20)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        result = runner.run(bounded())
    gc.collect()
    assert complaints == []
    return result


class Phone:
    """A UDP socket on the loopback."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.setblocking(False)
        self.address: Address = self.sock.getsockname()

    def __enter__(self) -> "Phone":
        return self

    def __exit__(self, *args: object) -> None:
        self.sock.close()

    def send(self, data: bytes, destination: Address) -> None:
        self.sock.sendto(data, destination)

    async def receive(self) -> tuple[bytes, Address]:
        async with asyncio.timeout(10):
            return await asyncio.get_running_loop().sock_recvfrom(self.sock, 65_535)


def closed_port() -> Address:
    with Phone() as phone:
        return phone.address


def echo(engine: FakeEngine, input: Input) -> list[Action] | None:
    if isinstance(input, DatagramReceived):
        return [SendDatagram(input.data.upper(), input.source, input.listener, input.local)]
    return None
