"""``ebr demo``: the documented scenarios, on this machine, over real sockets."""

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence

from ebr_asyncio import Server
from ebr_cli.live import LivePhones
from ebr_cli.trace import LadderRecorder
from ebr_conformance.ladder import describe_event, supports_drawing
from ebr_conformance.phones import Phone
from ebr_conformance.scripts import call_pickup, push_notification, wait_for_event
from ebr_conformance.tokens import TokenStream
from ebr_core import Config, Script
from ebr_core.actions import Action, Event, StartJob
from ebr_core.inputs import Input

__all__ = ["demo"]

DOMAIN = "example.org"
TIME_LIMIT = 9.0  # seconds


class _Stage:
    """A server, its phones, and what happened."""

    def __init__(self, script: Script) -> None:
        self.recorder = LadderRecorder()
        self.tokens = TokenStream(os.urandom(32))
        self.server = Server(
            script,
            listen=["udp:127.0.0.1:0"],
            config=Config(domains=(DOMAIN,)),
            tokens=self.tokens,
            observer=self._observe,
        )
        self.parties: list[str] = []
        self.jobs: list[str] = []
        self.event: Event | None = None
        self.latency = 0.0  # seconds
        self.cause = ""
        self._watch: asyncio.Task[Event | None] | None = None
        self._phones: LivePhones | None = None

    @property
    def phones(self) -> LivePhones:
        """The phones; there are none before the server listens."""
        if self._phones is None:
            self._phones = LivePhones(self.server.listeners[0].bound, DOMAIN, self.tokens)
        return self._phones

    def phone(self, name: str, *, user: str | None = None, rings: float | None = 0.0, answers: float | None = None) -> Phone:
        phone = self.phones.add(name, user=user, rings=rings, answers=answers)
        self.recorder.names[phone.address] = name
        self.parties.append(name)
        if len(self.parties) == 1:
            self.parties.append("ebr")
        return phone

    async def watch(self, name: str, filter: dict[str, str | int]) -> None:
        self._watch = asyncio.create_task(self.server.wait_for_event(name, filter))
        await asyncio.sleep(0)

    async def register(self, phone: Phone) -> None:
        self.phones.do(phone, phone.register)
        await self.phones.until(lambda: 200 in phone.responses("REGISTER"))

    async def measure(self, cause: str, began: float, phone: Phone) -> None:
        """How long it took from ``began`` to the INVITE that reached ``phone``, and what the event was."""
        await self.phones.until(lambda: phone.requests("INVITE"))
        self.cause = f"{cause} to the INVITE that reached {phone.name}"
        self.latency = next(time for time, m in phone.received if m.cseq_method == "INVITE" and m.to_tag == "") - began
        assert self._watch is not None
        self.event = await self._watch

    async def hang_up(self, caller: Phone) -> None:
        await self.phones.until(lambda: 200 in caller.responses("INVITE"))
        await asyncio.sleep(0.3)
        self.phones.do(caller, caller.bye)
        await self.phones.until(lambda: 200 in caller.responses("BYE"))

    def _observe(self, input: Input, actions: Sequence[Action], now: float) -> None:
        self.recorder(input, actions, now)
        for action in actions:
            if isinstance(action, StartJob):
                self.jobs.append(action.function.__name__)
                arguments = ", ".join(map(str, action.args))
                self.recorder.note(now, f"{action.function.__name__}({arguments})")
                self.phones.changed()


async def _push(stage: _Stage) -> None:
    alice, desk = stage.phone("alice"), stage.phone("desk", user="bob")
    mobile = stage.phone("mobile", user="bob", answers=0.5)
    await stage.register(desk)
    await stage.watch("E_UL_CONTACT_INSERT", {"aor": mobile.aor})
    stage.phones.do(alice, lambda: alice.invite("bob"))
    await stage.phones.until(lambda: stage.jobs and 180 in alice.responses())
    await asyncio.sleep(1.0)  # the push travels, the mobile wakes up
    began = stage.phones.do(mobile, mobile.register)
    await stage.measure("from REGISTER", began, mobile)
    await stage.phones.until(lambda: desk.requests("CANCEL") and desk.requests("ACK"))
    await stage.hang_up(alice)


async def _wait(stage: _Stage) -> None:
    alice, bob = stage.phone("alice"), stage.phone("bob", answers=0.5)
    await stage.watch("E_UL_CONTACT_INSERT", {"aor": bob.aor})
    stage.phones.do(alice, lambda: alice.invite("bob"))
    await stage.phones.until(lambda: 100 in alice.responses())
    await asyncio.sleep(1.0)  # nobody is there
    began = stage.phones.do(bob, bob.register)
    await stage.measure("from REGISTER", began, bob)
    await stage.hang_up(alice)


async def _pickup(stage: _Stage) -> None:
    alice, bob, charlie = stage.phone("alice"), stage.phone("bob"), stage.phone("charlie", answers=0.5)
    await stage.register(bob)
    await stage.register(charlie)
    await stage.watch("E_CALL_PICKUP", {"group": call_pickup.GROUP})
    stage.phones.do(alice, lambda: alice.invite("bob"))
    await stage.phones.until(lambda: 180 in alice.responses())
    await asyncio.sleep(1.0)  # Bob is out
    began = stage.phones.do(charlie, lambda: charlie.invite(call_pickup.PICKUP))
    await stage.measure("from the call to 33", began, charlie)
    await stage.phones.until(lambda: bob.requests("CANCEL") and bob.requests("ACK"))
    await stage.hang_up(alice)


_SCENARIOS: dict[str, tuple[str, Script, Callable[[_Stage], Awaitable[None]]]] = {
    "push": ("Alice calls Bob; his desk phone rings; a push wakes his mobile.", push_notification.script, _push),
    "wait": ("Alice calls Bob, who is not registered yet.", wait_for_event.script, _wait),
    "pickup": ("Alice calls Bob, who does not answer; Charlie dials 33.", call_pickup.script, _pickup),
}


def demo(scenario: str) -> int:
    """Play a scenario and draw it; returns 0, or 1 if it did not come to its end."""
    title, script, play = _SCENARIOS[scenario]
    stage = _Stage(script)
    trouble = asyncio.run(_play(stage, play))
    print(f"{title}\n")
    width = shutil.get_terminal_size((110, 24)).columns
    print(stage.recorder.ladder.draw(stage.parties, ascii_only=not supports_drawing(sys.stdout), width=width))
    if stage.event is not None:
        print(f"\n{_wrapped(describe_event(stage.event, full=True))}")
    if trouble:
        print(f"ebr: error: the scenario did not come to its end: {trouble}", file=sys.stderr, flush=True)
        return 1
    print(f"\n{stage.latency * 1000:.1f} ms {stage.cause}.", flush=True)
    return 0


async def _play(stage: _Stage, play: Callable[[_Stage], Awaitable[None]]) -> str:
    """Returns what went wrong, or an empty text."""
    try:
        async with asyncio.timeout(TIME_LIMIT), stage.server:
            try:
                await play(stage)
            finally:
                stage.phones.close()
    except TimeoutError:
        return f"{TIME_LIMIT:.0f} s were not enough"
    return ""


def _wrapped(text: str) -> str:
    name, *attributes = text.split(" ")
    return "\n".join([name, *(f"    {attribute}" for attribute in attributes)])
