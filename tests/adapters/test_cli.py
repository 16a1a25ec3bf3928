"""The ``ebr`` command: its errors, its demonstrations, and a server that starts, serves and stops."""

import io
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebr_cli import main
from ebr_cli.loading import load_script
from ebr_cli.run import announcement, read_config
from ebr_cli.trace import LadderRecorder, Tracer
from ebr_conformance.dialogs import Packet
from ebr_conformance.phones import Phone
from ebr_conformance.scripts import push_notification
from ebr_conformance.tokens import TokenStream
from ebr_core import ConfigError, Script
from ebr_core.actions import SendDatagram
from ebr_core.inputs import DatagramReceived, EventRaised, Listener, TimerTick
from ebr_core.message import Response, parse_message

SCRIPT = "from ebr_core import Script\nscript = Script()\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder; what the command adds to sys.path and sys.modules is taken back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = dict.fromkeys(sys.modules)
    yield tmp_path
    for name in [name for name in sys.modules if name not in before]:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that the command prints for a mistake."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("ebr: error: ")
    assert captured.err.count("\n") == 1
    return captured.err.removeprefix("ebr: error: ").strip()


# The grammar.


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["run"], "required: SCRIPT"),
        (["run", "s.py", "--lis", "udp:127.0.0.1:0"], "unrecognized arguments: --lis"),
        (["run", "s.py", "--listen", "127.0.0.1"], "expected udp:HOST:PORT"),
        (["run", "s.py", "--listen", "tcp:127.0.0.1:5060"], "'tcp' is not supported"),
        (["run", "s.py", "--listen", "udp:127.0.0.1:99999"], "expected udp:HOST:PORT"),
        (["run", "s.py", "--advertise", "a.example.org"], "--advertise belongs behind the --listen"),
        (["run", "s.py", "--listen", "udp:127.0.0.1:0", "--advertise", "a b"], "cannot be advertised"),
        (["run", "s.py", "--listen", "udp:127.0.0.1:0", "--advertise", "a", "--advertise", "b"], "two addresses to advertise"),
        (["run", "s.py", "--set", "t1"], "--set expects NAME=VALUE, not 't1'"),
        (["run", "s.py", "--set", "t9=1"], "unknown setting 't9'"),
        (["run", "s.py", "--set", "t1=soon"], "t1 takes a number, not 'soon'"),
        (["run", "s.py", "--set", "t1=-1"], "t1 must be more than 0"),
        (["run", "s.py", "--log-level", "loud"], "invalid choice: 'loud'"),
        (["run", "s.py", "--runtime", "twisted"], "unknown runtime 'twisted'; there are: asyncio"),
        (["run", "s.py", "--secret", "nowhere"], "--secret nowhere: No such file or directory"),
        (["demo"], "required: SCENARIO"),
        (["demo", "dance"], "invalid choice: 'dance'"),
    ],
)
def test_a_wrong_command_line_is_explained_in_one_line(
    arguments: list[str], expected: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "s.py").write_text(SCRIPT)
    assert expected in error_of(capsys, *arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], "demo"),
        (["run", "--help"], "--set fr_inv_timeout=30"),
        (["demo", "--help"], "pickup"),
        (["--version"], "ebr "),
    ],
)
def test_help_and_version(arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 0
    assert expected in capsys.readouterr().out


# Settings.


def test_an_empty_secret_is_refused_and_a_full_one_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "s.py").write_text(SCRIPT)
    (folder / "secret").write_bytes(b" \n")
    assert error_of(capsys, "run", "s.py", "--secret", "secret") == "--secret secret: the file is empty"
    (folder / "secret").write_bytes(b"swordfish\n")
    assert read_config([], [], "secret").secret == b"swordfish"


def test_settings_and_domains_come_together() -> None:
    config = read_config([("domains", "a.example"), ("early_6xx", "yes"), ("fr_inv_timeout", "5")], ["B.example"], None)
    assert config.domains == ("a.example", "b.example")
    assert (config.early_6xx, config.fr_inv_timeout) == (True, 5.0)
    with pytest.raises(ConfigError, match="early_6xx takes yes or no"):
        read_config([("early_6xx", "perhaps")], [], None)


# Scripts.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n", "bad.py holds no Script"),
        ("from ebr_core import Script\na, b = Script(), Script()\n", "bad.py holds 2 Script objects"),
        ("x = 1\ndef f(:\n", "bad.py:2: "),
        ("x = 1\n\nimport no_such_module\n", "bad.py:3: ModuleNotFoundError: No module named 'no_such_module'"),
        ("def f():\n    return 1 / 0\nf()\n", "bad.py:2: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", "ended the program"),
        ("x = '\0'\n", "bad.py"),
    ],
)
def test_a_broken_script_is_explained_in_one_line(
    text: str, expected: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.py").write_text(text)
    assert expected in error_of(capsys, "run", "bad.py")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing.py", "there is no script missing.py"),
        ("folder/", "folder/ is a folder, not a script"),
        ("no_such_module_here", "there is no file and no module called 'no_such_module_here'"),
        ("ebr_conformance.nothing", "there is no file and no module called 'ebr_conformance.nothing'"),
        ("..", "is neither a file nor the name of a module"),
        ("ebr_conformance.ladder", "ebr_conformance.ladder holds no Script"),
    ],
)
def test_a_missing_script_is_explained_in_one_line(
    name: str, expected: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "folder").mkdir()
    assert expected in error_of(capsys, "run", name)


def test_a_script_is_found_by_its_name_or_because_it_is_the_only_one(folder: Path) -> None:
    (folder / "named.py").write_text("from ebr_core import Script\nother = Script()\nscript = Script()\n")
    (folder / "only.py").write_text("from ebr_core import Script\nrouting = Script()\nthe_same = routing\n")
    (folder / "with_helper.py").write_text("import only\nscript = only.routing\n")
    assert isinstance(load_script("named.py"), Script)
    assert isinstance(load_script("only.py"), Script)
    assert isinstance(load_script(str(folder / "with_helper.py")), Script)
    assert isinstance(load_script("only"), Script)
    assert isinstance(load_script("ebr_conformance.scripts.plain"), Script)


# Serving.


def test_a_port_in_use_is_explained_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "s.py").write_text(SCRIPT)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert f"udp:127.0.0.1:{port}" in error_of(capsys, "run", "s.py", "--listen", f"udp:127.0.0.1:{port}")


def test_an_announcement_names_the_advertised_address_where_it_differs() -> None:
    assert announcement(Listener(1, "sip", "udp", ("127.0.0.1", 5060))) == "ebr: listening on udp 127.0.0.1:5060"
    assert announcement(Listener(1, "sip", "udp", ("::1", 5060), ("sip.example.org", 5062))) == (
        "ebr: listening on udp [::1]:5060 (advertised sip.example.org:5062)"
    )


@contextmanager
def running(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", tuple[str, int]]]:
    """``ebr run`` in a process of its own, and where it listens."""
    command = [sys.executable, "-m", "ebr_cli", "run", *arguments, "--listen", "udp:127.0.0.1:0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stderr is not None
        assert select.select([process.stderr], [], [], 20)[0], "it does not say that it listens"
        line = process.stderr.readline()
        match = re.fullmatch(r"ebr: listening on udp (127\.0\.0\.1):(\d+)\n", line)
        assert match, line + process.stderr.read()
        yield process, (match[1], int(match[2]))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ask(phone: Phone, packets: list[Packet], sock: socket.socket) -> Response:
    [packet] = packets
    sock.sendto(packet.data, packet.destination)
    answer = parse_message(sock.recv(65_535))
    assert isinstance(answer, Response)
    return answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_answers_options_and_ends_on_a_signal(number: signal.Signals) -> None:
    with running("ebr_conformance.scripts.plain", "--domain", "example.org", "--trace") as (process, proxy):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            sock.bind(("127.0.0.1", 0))
            phone = Phone("probe", sock.getsockname(), "example.org", proxy, TokenStream(0))
            answer = ask(phone, phone.request("OPTIONS", f"sip:{proxy[0]}:{proxy[1]}"), sock)
            assert answer.status == 200
            assert ask(phone, phone.register(), sock).status == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert "Traceback" not in err
        assert "OPTIONS sip:127.0.0.1" in out
        assert "200 OK (REGISTER)" in out


# Demonstrations.


@pytest.mark.parametrize(
    ("scenario", "event", "told"),
    [
        ("push", "E_UL_CONTACT_INSERT", "ms from REGISTER to the INVITE that reached mobile."),
        ("wait", "E_UL_CONTACT_INSERT", "ms from REGISTER to the INVITE that reached bob."),
        ("pickup", "E_CALL_PICKUP", "ms from the call to 33 to the INVITE that reached charlie."),
    ],
)
def test_a_demonstration_draws_its_ladder(
    scenario: str, event: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "130")
    assert main(["demo", scenario]) == 0
    out = capsys.readouterr().out
    assert re.search(rf"^\d+\.\d {re.escape(told)}$", out, re.MULTILINE)
    assert re.search(rf"^{event}\n    \w+=", out, re.MULTILINE)
    assert "INVITE sip:bob@example.org" in out
    assert "200 OK (BYE)" in out
    assert re.search(r"ms  alice +ebr +\w+", out)


def test_the_readme_shows_the_script_that_the_demonstration_runs() -> None:
    script = Path(push_notification.__file__).read_text()
    readme = Path(__file__).parents[2] / "README.md"
    assert f"```python\n{script}```\n" in readme.read_text()


# Tracing.


OPTIONS = (
    b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def test_a_recorder_keeps_what_passes() -> None:
    recorder = LadderRecorder({("127.0.0.1", 5070): "alice"})
    recorder(TimerTick(), [], 100.0)
    recorder(DatagramReceived(OPTIONS, ("127.0.0.1", 5070), 1), [SendDatagram(b"\0", ("127.0.0.1", 9), 1)], 100.5)
    recorder(EventRaised("E_X"), [], 101.0)
    recorder.note(102.0, "the end")
    assert recorder.ladder.compact().splitlines() == [
        "0.500  alice -> ebr        OPTIONS sip:127.0.0.1",
        "0.500  ebr -> 127.0.0.1:9  1 bytes",
        "1.000  * E_X raised",
        "2.000  * the end",
    ]


def test_a_tracer_whose_reader_has_gone_falls_silent() -> None:
    class Closed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    stream = Closed()
    tracer = Tracer(stream)
    for _ in range(2):
        tracer(DatagramReceived(OPTIONS, ("127.0.0.1", 5070), 1), [], 7.0)
    assert stream.getvalue().count("OPTIONS sip:127.0.0.1") == 1


def test_a_tracer_draws_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    tracer = Tracer(sys.stdout)
    tracer(DatagramReceived(OPTIONS, ("127.0.0.1", 5070), 1), [], 7.0)
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["ms", "ebr", "127.0.0.1:5070"]
    assert "OPTIONS sip:127.0.0.1" in out[2]
