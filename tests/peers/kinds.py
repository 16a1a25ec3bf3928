"""What was captured, one message of each kind, and the corpus that is made of it."""

import getpass
import re
import socket
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from corpus_checks import check, foreign
from ebr_core.message import Request, Response
from peers.programs import PATIENCE
from peers.relay import Passed

__all__ = ["first_of_each_kind", "version", "write"]

_VERSION_OPTION = {"sipp": "-v", "baresip": "-h", "linphonec": "-v", "sipsak": "--version", "kamailio": "-v"}

# Checked like the rest, but nearly the same as another one of the corpus: over TCP what a register or an invite shows already,
# and the end of what was proven once.
_TWIN = re.compile(
    r"(?!register|invite|options|401|100).*-tcp|(unregister|reinvite)-authorized|(ack|bye)-from-udp|200-(bye|cancel|notify|info)"
)


def first_of_each_kind(messages: Iterable[Passed], label: str = "") -> dict[str, bytes]:
    """The messages by kind: "invite", "401-register-tcp", and with a label behind it. Each must pass ``corpus_checks.check``."""
    kinds: dict[str, bytes] = {}
    for passed in messages:
        name = _kind(check(passed.data)) + ("-tcp" if passed.tcp else "") + (f"-{label}" if label else "")
        kinds.setdefault(name, passed.data)
    return kinds


def _kind(message: Request | Response) -> str:
    if isinstance(message, Response):
        return f"{message.status}-{message.cseq_method.lower()}"
    method = message.method.lower()
    if method == "invite" and message.to_tag:
        method = "reinvite"
    if method == "register" and (
        message.expires == 0 or any(contact.params.get("expires") == "0" for contact in message.contacts)
    ):
        method = "unregister"
    signed = message.header("authorization") or message.header("proxy-authorization")
    return f"{method}-authorized" if signed else method


def version(path: str) -> str:
    """The version of an installed program, by its own account."""
    command = [path, _VERSION_OPTION[Path(path).name]]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
    found = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
    assert found is not None, command
    return found.group()


def write(folder: Path, program: str, release: str, kinds: Mapping[str, bytes]) -> None:
    """One file for each message, where there is none yet. Refuses where the machine, the user or their folders are named."""
    secrets = [socket.gethostname(), socket.getfqdn(), getpass.getuser(), str(Path.home()), str(Path.cwd())]
    for kind, data in kinds.items():
        text = data.decode("utf-8", "replace")
        assert foreign(data) == [], text
        for secret in secrets:
            assert not re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text, re.IGNORECASE), f"{secret!r} in {kind}:\n{text}"
        path = folder / f"{program}-{release}-{kind}.sip"
        if not _TWIN.fullmatch(kind) and not path.exists():
            path.write_bytes(data)
