"""Servers, SIPp and baresip for one test, and their end. A program that is missing skips the test, under CI it fails it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from peers.baresip import Baresip
from peers.programs import Ebr
from peers.sipp import Sipp

_PACKAGES = {"sipp": "sip-tester", "baresip": "baresip-core"}


def program(name: str) -> str:
    """The path of an installed program."""
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is not installed: apt-get install {_PACKAGES[name]}"
        if "CI" in os.environ:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return path


@pytest.fixture
def ebr(tmp_path: Path) -> Iterator[Callable[..., Ebr]]:
    """``ebr(script, *options)`` starts a server. It must end on SIGTERM, with 0, and without having logged a warning."""
    servers: list[Ebr] = []

    def start(script: str, *options: str) -> Ebr:
        servers.append(Ebr(script, tmp_path, *options))
        return servers[-1]

    yield start
    ends = [(server.stop(), server) for server in servers]
    for code, server in ends:
        print("\n".join(["ebr run, standard output:", *server.stdout.lines, "standard error:", *server.stderr.lines]))
        assert code == 0
        assert [line for line in server.stderr.lines if not line.startswith("ebr: listening")] == []


@pytest.fixture
def sipp(tmp_path: Path) -> Iterator[Callable[..., Sipp]]:
    """``sipp(server, name, main, incoming=None, calls=1)`` starts a SIPp process."""
    path = program("sipp")
    with ExitStack() as stack:

        def start(server: Ebr, name: str, main: str, incoming: str | None = None, calls: int = 1) -> Sipp:
            agent = Sipp(path, tmp_path, server.address, name, main, incoming, calls)
            stack.callback(lambda: print(agent.transcript()))
            stack.callback(agent.stop)
            return agent

        yield start


@pytest.fixture
def baresip(tmp_path: Path) -> Iterator[Callable[..., Baresip]]:
    """``baresip(server, user, registers=…, answers=…)`` starts a baresip."""
    path = program("baresip")
    with ExitStack() as stack:

        def start(server: Ebr, user: str, *, registers: bool, answers: bool) -> Baresip:
            phone = Baresip(path, tmp_path, server, user, registers=registers, answers=answers)
            stack.callback(lambda: print("\n".join([f"baresip of {user}:", *phone.stdout.lines, *phone.stderr.lines])))
            stack.callback(phone.close)
            return phone

        yield start
