"""``ebr run``: a server around a script."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ebr_cli.errors import CliError
from ebr_cli.loading import load_script
from ebr_cli.trace import Tracer
from ebr_conformance.tokens import TokenStream
from ebr_core import Config, Script, tune_gc
from ebr_core.actions import Action
from ebr_core.inputs import Input, Listener
from ebr_net import ListenSpec, parse_listen

__all__ = ["announcement", "read_config", "run"]

GRACE = 5.0  # seconds that calls in progress get after the first signal; a second one ends at once


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes. Returns 0; raises CliError, ConfigError or ListenError for what the user can mend."""
    server_class = _find_runtime(arguments.runtime)
    config = read_config(arguments.settings, arguments.domain, arguments.secret)
    script = load_script(arguments.script)
    logging.basicConfig(
        stream=sys.stderr,
        level=arguments.log_level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    listen: list[ListenSpec] = arguments.listen or [parse_listen("udp:127.0.0.1:5060")]
    observer = Tracer(sys.stdout) if arguments.trace else None
    tune_gc()
    return asyncio.run(_serve(server_class, script, listen, config, observer))


async def _serve(
    server_class: Any,
    script: Script,
    listen: Sequence[ListenSpec],
    config: Config,
    observer: Callable[[Input, Sequence[Action], float], None] | None,
) -> int:
    stop, hurry = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, lambda: (hurry if stop.is_set() else stop).set())
    tokens = TokenStream(os.urandom(32))
    async with server_class(script, listen=listen, config=config, tokens=tokens, observer=observer) as server:
        for listener in server.listeners:
            print(announcement(listener), file=sys.stderr, flush=True)
        await _first_of(server.serve_forever(), stop.wait())
        await _first_of(server.close(grace=GRACE), hurry.wait())
    return 0


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait for one of them; its exception is raised, the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def announcement(listener: Listener) -> str:
    """``ebr: listening on udp 127.0.0.1:5060 (advertised sip.example.org:5060)``."""
    text = f"ebr: listening on {listener.transport} {_shown(*listener.bound)}"
    return text if listener.advertised == listener.bound else f"{text} (advertised {_shown(*listener.advertised)})"


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read_config(settings: Sequence[tuple[str, str]], domains: Sequence[str], secret: str | None) -> Config:
    """The Config of ``--set``, ``--domain`` and ``--secret``. Raises ConfigError or CliError."""
    config = Config.from_settings(dict(settings))
    if domains:
        config = replace(config, domains=(*config.domains, *domains))
    if secret is not None:
        try:
            key = Path(secret).read_bytes().strip()
        except OSError as error:
            raise CliError(f"--secret {secret}: {error.strerror or error}") from None
        if not key:
            raise CliError(f"--secret {secret}: the file is empty")
        config = replace(config, secret=key)
    return config


def _find_runtime(name: str) -> Any:
    """The Server class of an adapter, by the entry points ``ebr.adapters``; asyncio's comes with ebr."""
    known = {entry.name: entry for entry in entry_points(group="ebr.adapters")}
    if name == "asyncio":
        from ebr_asyncio import Server

        return Server
    names = ", ".join(sorted({"asyncio", *known}))
    if name not in known:
        raise CliError(f"unknown runtime {name!r}; there are: {names}")
    raise CliError(f"ebr run cannot drive the runtime {name!r} yet; use its Server in a program of your own")
