"""The same script, configuration, tokens, inputs and times give the same actions: recorded, replayed, and without a world."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ebr_conformance.scripts import call_pickup, push_notification, wait_for_event
from ebr_conformance.simulation import Flight, Simulation
from ebr_conformance.tokens import TokenStream
from ebr_core import Config, Engine, Script
from ebr_core.actions import Action, SendDatagram, StartJob
from ebr_core.message import Response
from forbid_io import forbid_io

SEED = 7
CONFIG = Config(domains=("example.org",))


def push() -> Simulation:
    """Two phones of Bob's wake up, one declines, one answers, some packets get lost or come twice; later nobody wakes up."""
    sim = Simulation(push_notification.script, config=CONFIG, seed=SEED)
    alice, desk = sim.phone("alice", retransmits=True), sim.phone("desk", user="bob", declines=486, retransmits=True)
    mobile = sim.phone("mobile", user="bob", answers=2.0, retransmits=True)
    sim.job(push_notification.send_push, delay=0.3)
    seen: list[int] = []

    def every_fifth_is_lost(flight: Flight) -> bool:
        seen.append(1)
        return len(seen) % 5 == 0

    def provisionals_come_twice(flight: Flight) -> int:
        return 2 if isinstance(flight.message, Response) and flight.message.status < 200 else 1

    sim.drop, sim.copies = every_fifth_is_lost, provisionals_come_twice
    sim.watch("E_UL_CONTACT_INSERT", "E_UL_CONTACT_DELETE")
    sim.at(0.0, desk.register, 60)
    sim.at(1.0, alice.invite, "bob")
    sim.at(4.5, mobile.register, instance="urn:uuid:1")
    sim.at(30.0, alice.bye)
    sim.at(70.0, alice.invite, "carol")
    sim.at(75.0, alice.cancel)
    sim.run(until=200.0)
    return sim


def pickup() -> Simulation:
    """Charlie takes Alice's call to Bob; two calls wait, so he gets both."""
    sim = Simulation(call_pickup.script, config=CONFIG, seed=SEED)
    callers = [sim.phone("alice"), sim.phone("frank")]
    bob, charlie = sim.phone("bob"), sim.phone("charlie", answers=1.0)
    sim.watch("E_CALL_PICKUP")
    sim.at(0.0, bob.register)
    sim.at(0.0, charlie.register)
    for caller in callers:
        sim.at(1.0, caller.invite, "bob")
    sim.at(3.0, charlie.invite, "33")
    sim.run(until=100.0)
    return sim


def wait() -> Simulation:
    """One caller waits until Bob registers, one gives up, one waits in vain."""
    sim = Simulation(wait_for_event.script, config=CONFIG, seed=SEED, budget=1)
    alice, frank, grace = sim.phone("alice"), sim.phone("frank"), sim.phone("grace")
    bob = sim.phone("bob", answers=0.5)
    sim.at(0.0, alice.invite, "bob")
    sim.at(0.0, frank.invite, "bob")
    sim.at(0.0, grace.invite, "nobody")
    sim.at(5.0, frank.cancel)
    sim.at(10.0, bob.register)
    sim.at(10.0, alice.resend)
    sim.run(until=120.0)
    return sim


SCENES: dict[str, tuple[Callable[[], Simulation], Script, int]] = {
    "push": (push, push_notification.script, 64),
    "pickup": (pickup, call_pickup.script, 64),
    "wait": (wait, wait_for_event.script, 1),
}


def digest(record: list[list[Action]]) -> str:
    """Of every byte and every number that went out."""
    result = hashlib.sha256()
    for actions in record:
        for action in actions:
            # A function's repr holds its address in memory.
            text = f"{action.job} {action.function.__qualname__} {action.args}" if isinstance(action, StartJob) else repr(action)
            result.update(f"{text}\n".encode())
    return result.hexdigest()


@pytest.mark.parametrize("name", SCENES)
def test_a_recording_replays_to_the_same_actions(name: str) -> None:
    scene, script, budget = SCENES[name]
    record = scene().record
    assert sum(isinstance(action, SendDatagram) for _, _, actions in record for action in actions) > 10
    engine = Engine(script, config=CONFIG, tokens=TokenStream(SEED), budget=budget)
    for now, input, actions in record:
        assert engine.handle(input, now=now) == actions


@pytest.mark.parametrize("name", SCENES)
def test_other_tokens_give_other_bytes(name: str) -> None:
    """The comparison above can fail."""
    scene, script, budget = SCENES[name]
    record = scene().record
    engine = Engine(script, config=CONFIG, tokens=TokenStream(SEED + 1), budget=budget)
    assert [engine.handle(input, now=now) for now, input, _ in record] != [actions for _, _, actions in record]


@pytest.mark.parametrize("name", SCENES)
def test_no_step_asks_the_world_outside(name: str) -> None:
    scene, script, budget = SCENES[name]
    engine = Engine(script, config=CONFIG, tokens=TokenStream(SEED), budget=budget)
    for now, input, actions in scene().record:
        with forbid_io():
            replayed = engine.handle(input, now=now)
        assert replayed == actions


PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from core.test_determinism import SCENES, digest
for name, (scene, _, _) in SCENES.items():
    print(name, digest([actions for _, _, actions in scene().record]))
"""


def test_two_processes_with_different_hash_seeds_give_the_same_bytes(tmp_path: Path) -> None:
    tests = Path(__file__).parent.parent
    outputs = []
    for hash_seed in ("1", "4242"):
        process = subprocess.run(
            [sys.executable, "-P", "-c", PROGRAM, str(tests)],
            cwd=tmp_path,  # not the checkout, whose pure modules would stand in front of a compiled build
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        outputs.append(process.stdout)
    here = "".join(f"{name} {digest([actions for _, _, actions in scene().record])}\n" for name, (scene, _, _) in SCENES.items())
    assert outputs == [here, here]
