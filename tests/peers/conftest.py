"""Servers and SIP programs for one test, and their end. A program that is missing skips the test, under CI it fails it."""

import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from corpus_checks import check_stream
from peers.baresip import Baresip
from peers.kamailio import Kamailio
from peers.kinds import first_of_each_kind, version, write
from peers.linphone import Linphone
from peers.programs import Ebr, Program
from peers.relay import Passed, Relay, split_stream
from peers.sipp import Sipp

Server = Ebr | Kamailio | Relay

_PACKAGES = {
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "linphonec": "linphone-cli",
    "sipsak": "sipsak",
    "kamailio": "kamailio",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--capture-to", type=Path, metavar="FOLDER", help="write the messages of test_capture.py there")


def program(name: str) -> str:
    """The path of an installed program."""
    # Debian has servers where a user's PATH does not lead.
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
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
    """``baresip(server, user, registers=…, answers=…, tcp=…, options=…)`` starts a baresip."""
    path = program("baresip")
    with ExitStack() as stack:

        def start(server: Server, user: str, *, registers: bool, answers: bool, tcp: bool = False, options: str = "") -> Baresip:
            address = f"127.0.0.1:{server.port}"
            phone = Baresip(path, tmp_path, address, user, registers=registers, answers=answers, tcp=tcp, options=options)
            stack.callback(lambda: print("\n".join([f"baresip of {user}:", *phone.stdout.lines, *phone.stderr.lines])))
            stack.callback(phone.close)
            return phone

        yield start


@pytest.fixture
def linphone(tmp_path: Path) -> Iterator[Callable[..., Linphone]]:
    """``linphone(server, user, tcp=…, password=…)`` starts a linphonec."""
    path = program("linphonec")
    with ExitStack() as stack:

        def start(server: Server, user: str, *, tcp: bool = False, password: str = "") -> Linphone:
            phone = Linphone(path, tmp_path, server.port, user, tcp=tcp, password=password)
            stack.callback(lambda: print("\n".join([f"linphonec of {user}:", *phone.stdout.lines, *phone.stderr.lines])))
            stack.callback(phone.close)
            return phone

        yield start


@pytest.fixture
def kamailio(tmp_path: Path) -> Iterator[Callable[..., Kamailio]]:
    """``kamailio(next_hop=None)`` starts a Kamailio in front of a server. It must end on SIGTERM, with 0."""
    path = program("kamailio")
    started: list[Kamailio] = []

    def start(next_hop: Server | None = None) -> Kamailio:
        started.append(Kamailio(path, tmp_path, *([] if next_hop is None else [next_hop.port])))
        return started[-1]

    yield start
    for server in started:
        code = server.stop()
        print("\n".join(["kamailio:", *server.stdout.lines, *server.stderr.lines]))
        assert code == 0


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """``run(name, *arguments)`` starts any program of the list, in the test's folder."""
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> Program:
            started = Program([program(name), *arguments], tmp_path)
            stack.callback(lambda: print("\n".join([f"{name}:", *started.stdout.lines, *started.stderr.lines])))
            stack.callback(started.stop, signal.SIGKILL)
            return started

        yield start


@pytest.fixture
def relay() -> Iterator[Callable[..., Relay]]:
    """``relay(target=0)`` opens a port in front of another one. What passed it by TCP must have been whole messages."""
    all_opened: list[Relay] = []
    with ExitStack() as stack:

        def start(target: int = 0) -> Relay:
            opened = Relay(target)
            all_opened.append(opened)
            stack.callback(lambda: print(opened.transcript()))
            stack.callback(opened.close)
            return opened

        yield start
    for opened in all_opened:
        for stream in opened.streams:
            check_stream(stream, 100, split_stream(stream))


@pytest.fixture
def keep(request: pytest.FixtureRequest) -> Callable[..., dict[str, bytes]]:
    """``keep(program, messages, label="")`` checks messages of that program and returns the first of each kind, by kind and
    label. With ``--capture-to`` it writes those that are new there."""
    folder: Path | None = request.config.getoption("--capture-to", default=None)

    def keep(name: str, messages: Iterable[Passed], label: str = "") -> dict[str, bytes]:
        kinds = first_of_each_kind(messages, label)
        if folder is not None:
            write(folder, name, version(program(name)), kinds)
        return kinds

    return keep
