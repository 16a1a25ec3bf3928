"""Notes in a ladder: what a handler says, at the instant at which it says it."""

from ebr_conformance.simulation import Simulation
from ebr_core import Logged, Script

__all__ = ["failures", "logged", "note", "noted", "verbs"]

verbs = Script()
"""Verbs act on the engine whose handler is running, so one Script has them for all; a handler that named its own script would
make a reference cycle, and the fixture ``simulate`` finds those."""


def note(*what: object) -> None:
    """A line ``* E_NOTE what`` in the ladder of a simulation that was made with ``noted``."""
    verbs.raise_event("E_NOTE", [str(each) for each in what])


def noted(sim: Simulation, until: float, *, watching: str = "E_NOTE") -> Simulation:
    """Run with a view of the notes, and leave no subscription behind."""
    sim.watch(watching)
    sim.run(until=until)
    sim.unwatch()
    return sim


def logged(sim: Simulation, code: str) -> list[Logged]:
    """The lines of the log with this code."""
    return [line for line in sim.logs if line.code == code]


def failures(sim: Simulation) -> list[str]:
    """What handlers failed with, as "name: Type: text"; where it happened is left out."""
    return [line.text.partition(" (")[0] for line in logged(sim, "handler-failed")]
