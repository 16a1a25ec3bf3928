"""baresip without sound card or terminal: its own audio bridge is microphone and loudspeaker, its TCP port is the keypad."""

import json
import re
import socket
import time
from pathlib import Path
from typing import Any

from peers.programs import PATIENCE, Program, free_ports

__all__ = ["Baresip"]

# The ringback tone would hold the one player that the audio bridge has, and the call would then be silent.
_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
audio_player aubridge,{user}
audio_source aubridge,{user}
audio_alert aubridge,alert
ringback_disabled yes
rtp_stats yes
rtp_ports {rtp}-{rtp_end}
ctrl_tcp_listen 127.0.0.1:{control}
module_path {modules}
module g711.so
module aubridge.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
"""


class Baresip(Program):
    """One baresip, of the user ``user``. It registers at once if ``registers``, and answers every call at once if ``answers``.

    ``proxy``: the address it sends everything to. ``options``: more parameters of its account.
    """

    def __init__(
        self,
        path: str,
        folder: Path,
        proxy: str,
        user: str,
        *,
        registers: bool,
        answers: bool,
        tcp: bool = False,
        options: str = "",
    ) -> None:
        self.user = user
        # Beside each SIP port and each RTP port baresip takes the next one too.
        sip, rtp, control = free_ports(3, spacing=8)
        self.port = sip
        home = folder / user
        home.mkdir()
        modules = Path(path).resolve().parent.parent / "lib" / "baresip" / "modules"
        config = _CONFIG.format(sip=sip, rtp=rtp, rtp_end=rtp + 7, control=control, user=user, modules=modules)
        (home / "config").write_text(config)
        params = f"regint={60 if registers else 0};answermode={'auto' if answers else 'manual'}{options}"
        transport = ";transport=tcp" if tcp else ""
        account = f'<sip:{user}@example.org{transport}>;outbound="sip:{proxy}{transport}";{params}\n'
        (home / "accounts").write_text(account)
        (home / "contacts").write_text("")
        super().__init__([path, "-f", str(home)], folder)
        self.events: list[dict[str, Any]] = []
        self._unread = b""
        try:
            self.stdout.wait_for("baresip is ready")
            self._control = socket.create_connection(("127.0.0.1", control), PATIENCE)
        except BaseException:
            self.stop()
            raise

    def do(self, command: str, params: str = "") -> None:
        """Have it do something: ``dial`` somebody, ``hangup``, ``quit``."""
        data = json.dumps({"command": command, "params": params}).encode()
        self._control.sendall(b"%d:%s," % (len(data), data))

    def wait_for_event(self, kind: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """The first event of that type that was not returned before. Raises AssertionError when it does not come."""
        deadline = time.monotonic() + timeout
        while True:
            while (event := self._take()) is not None:
                self.events.append(event)
                if event.get("type") == kind:
                    return event
            self._control.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self._control.recv(65_536)
            except TimeoutError:
                data = b""
            if not data:
                raise AssertionError(f"{self.user}: no {kind} among {[event.get('type') for event in self.events]}")
            self._unread += data

    def packets(self) -> tuple[int, int]:
        """The RTP packets that it sent and received in the call that has ended; of a baresip that has ended."""
        for line in self.stdout.lines + self.stderr.lines:
            if (found := re.match(r"packets:\s+(\d+)\s+(\d+)", line)) is not None:
                return int(found.group(1)), int(found.group(2))
        raise AssertionError(f"{self.user}: no call statistics")

    def quit(self) -> int:
        """Have it unregister and end; returns its exit code."""
        self.do("quit")
        self.wait()
        return self.close()

    def close(self) -> int:
        """End the process, if it still runs."""
        if hasattr(self, "_control"):
            self._control.close()
        # Without a server it would wait for the answer to its last REGISTER.
        return self.stop(timeout=2.0)

    def _take(self) -> dict[str, Any] | None:
        # Netstrings: length, colon, JSON, comma.
        size, colon, rest = self._unread.partition(b":")
        if not colon or len(rest) <= int(size):
            return None
        self._unread = rest[int(size) + 1 :]
        event: dict[str, Any] = json.loads(rest[: int(size)])
        return event
