"""Scripts for the tests of the corner cases: the documented push script, with other figures."""

from collections.abc import Callable
from typing import Any, TypeAlias

from ebr_conformance.phones import Phone
from ebr_conformance.simulation import Simulation
from ebr_core import Call, Event, Script, ServerRequest

__all__ = ["Simulate", "at_home", "push_script", "registrar_script"]

Simulate: TypeAlias = Callable[..., Simulation]
"""The fixture ``simulate``."""


def at_home(sim: Simulation, **behaviour: Any) -> tuple[Phone, Phone]:
    """Alice's phone and Bob's desk phone; he has registered it at 0.0, she calls him at 1.0."""
    alice = sim.phone("alice")
    desk = sim.phone("desk", user="bob", **behaviour)
    sim.at(0.0, desk.register)
    sim.at(1.0, alice.invite, "bob")
    return alice, desk


def registrar_script(*, received: bool = False) -> Script:
    """A script that saves registrations. ``received``: contacts are reached at the address that they register from."""
    script = Script()

    @script.request("REGISTER")
    async def register(request: ServerRequest) -> None:
        await request.save(received=received)

    return script


def push_script(
    *,
    wait: float | None = 20.0,
    branches: int | None = None,
    subscribed: float | None = 20.0,
    received: bool = False,
    on_contact: Callable[[Event, Call], object] | None = None,
) -> Script:
    """Rings what the callee has, waits ``wait`` seconds or for ``branches`` branches, and rings what registers within
    ``subscribed`` seconds; ``on_contact`` does what is done about those instead."""
    script = registrar_script(received=received)

    @script.request("INVITE")
    def push(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.wait_for_new_branches(branches, timeout=wait)
        for name in ("E_UL_CONTACT_INSERT", "E_UL_CONTACT_UPDATE"):
            call.notify_on_event(name, {"aor": request.aor}, on_contact or _inject, timeout=subscribed)
        call.relay(request.lookup())

    return script


def _inject(event: Event, call: Call) -> None:
    call.inject_branch(event)
