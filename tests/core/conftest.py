"""What the ladder tests share: simulations that must end clean."""

import gc
from collections.abc import Callable, Iterator

import pytest

from ebr_conformance.simulation import Simulation


def run_out(sim: Simulation) -> None:
    """Let everything come to its end; then the engine must count nothing any more."""
    sim.run()
    left = {name: size for name, size in sim.engine.sizes().items() if size}
    assert not left, f"all has ended, and the engine still counts {left}"


@pytest.fixture
def simulate(request: pytest.FixtureRequest) -> Iterator[Callable[..., Simulation]]:
    """``Simulation``, with a check after the test: once all calls and registrations have run out, the engine counts nothing
    any more, and nothing of it is left that only the garbage collector could free."""
    made: list[Simulation] = []

    def make(*args: object, **options: object) -> Simulation:
        made.append(Simulation(*args, **options))  # type: ignore[arg-type]  # checked at run time, by its signature
        return made[-1]

    failures = request.session.testsfailed
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    # What was there before is none of the test's doing. It stays frozen: with thousands of tests collected, to look at all of it
    # again before each test took longer than the tests.
    gc.freeze()
    flags = gc.get_debug()
    try:
        yield make
        if request.session.testsfailed > failures:
            return  # it stopped halfway, and its traceback keeps everything alive
        while made:
            run_out(made.pop())
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert gc.garbage == [], f"only the collector frees {[type(item) for item in gc.garbage[:20]]}"
    finally:
        gc.set_debug(flags)
        gc.garbage.clear()
        if was_enabled:
            gc.enable()
