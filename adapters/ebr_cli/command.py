"""The command line: its grammar, and what its errors look like."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

from ebr_cli.errors import CliError
from ebr_core.errors import ConfigError
from ebr_net import ListenError, ListenSpec, parse_advertise, parse_listen

__all__ = ["main"]

_RUN_EXAMPLES = """\
examples:
  ebr run push.py
  ebr run push.py --listen udp:192.168.1.10:5060 --domain example.org
  ebr run ebr_conformance.scripts.push_notification --listen udp:0.0.0.0:5060 --advertise sip.example.org
  ebr run push.py --set fr_inv_timeout=30 --set early_6xx=yes --trace
"""

_DEMO_SCENARIOS = """\
scenarios:
  push     Alice calls Bob; his desk phone rings, a push wakes his mobile, which joins the ringing call and answers
  wait     Alice calls Bob, who is not registered; the call waits until he is
  pickup   Alice calls Bob, who does not answer; Charlie dials 33 and gets the call
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CliError(f"{message} (see: {self.prog} --help)")


class _Listen(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Any = None) -> None:
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or []), parse_listen(values)])


class _Advertise(argparse.Action):
    """Belongs to the ``--listen`` before it, so the order on the command line counts."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Any = None) -> None:
        listen: list[ListenSpec] = list(namespace.listen or [])
        if not listen:
            raise CliError("--advertise belongs behind the --listen whose address it replaces")
        if listen[-1].advertised is not None:
            raise CliError(f"--listen {listen[-1]} has two addresses to advertise")
        listen[-1] = replace(listen[-1], advertised=parse_advertise(values))
        namespace.listen = listen


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise CliError(f"--set expects NAME=VALUE, not {text!r}")
    return name.strip(), value.strip()


def _version() -> str:
    try:
        return version("ebr")
    except PackageNotFoundError:
        return "unknown (not installed)"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="ebr", description="Event-based routing for SIP.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"ebr {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_run(commands)
    demo = commands.add_parser(
        "demo",
        help="show a scenario with virtual phones over loopback sockets",
        description="Run a scenario on this machine, with a real server and virtual phones, and draw what happened.",
        epilog=_DEMO_SCENARIOS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    demo.add_argument("scenario", choices=["push", "wait", "pickup"], metavar="SCENARIO", help="push, wait or pickup")
    return parser


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
    run = commands.add_parser(
        "run",
        help="serve a routing script",
        description="Serve a routing script until SIGINT or SIGTERM.",
        epilog=_RUN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    run.add_argument("script", metavar="SCRIPT", help="a Python file or the name of a module, holding one Script")
    run.add_argument(
        "--listen",
        action=_Listen,
        metavar="udp:HOST:PORT",
        help="an address to listen on (default: udp:127.0.0.1:5060); may be repeated",
    )
    run.add_argument(
        "--advertise",
        action=_Advertise,
        metavar="HOST[:PORT]",
        help="what others shall use instead of the address of the --listen before it",
    )
    run.add_argument("--domain", action="append", default=[], metavar="NAME", help="a domain that is ours; may be repeated")
    run.add_argument(
        "--secret", metavar="FILE", help="a file with the key of our tokens, so that calls in progress survive a restart"
    )
    run.add_argument("--runtime", default="asyncio", metavar="NAME", help="the adapter to run on (default: asyncio)")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        dest="settings",
        metavar="NAME=VALUE",
        help="a field of ebr_core.Config; may be repeated",
    )
    run.add_argument(
        "--log-level",
        default="info",
        type=str.lower,
        choices=["debug", "info", "warning", "error"],
        metavar="LEVEL",
        help="debug, info, warning or error (default: info)",
    )
    run.add_argument("--trace", action="store_true", help="draw every message on standard output")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 1 (it failed in its work), 2 (it was used wrongly), 130 (interrupted)."""
    try:
        arguments = _parser().parse_args(argv)
        if arguments.command == "demo":
            from ebr_cli.demo import demo

            return demo(arguments.scenario)
        from ebr_cli.run import run

        return run(arguments)
    except (CliError, ConfigError, ListenError) as error:
        print(f"ebr: error: {error}", file=sys.stderr, flush=True)
        return 2
    except KeyboardInterrupt:
        return 130
