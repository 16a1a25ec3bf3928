"""linphonec without sound card: its keypad is its standard input, its home a folder of the test."""

from pathlib import Path

from peers.programs import Program, free_ports

__all__ = ["Linphone"]

# It would announce the machine's own addresses and write a random UUID into each Contact.
_CONFIG = """\
[sip]
sip_port={sip}
sip_tcp_port={sip}
sip_tls_port=0
bind_address=127.0.0.1
default_proxy=0
register_only_when_network_is_up=0
guess_hostname=0
use_ipv6=0
use_info=1
use_rfc2833=0

[rtp]
audio_rtp_port={rtp}
bind_address=127.0.0.1

[video]
automatically_initiate=0
automatically_accept=0

[misc]
uuid=00000000-0000-4000-8000-{sip:012}

[proxy_0]
reg_proxy=<sip:127.0.0.1:{proxy}{transport}>
reg_route=<sip:127.0.0.1:{proxy}{transport};lr>
reg_identity="{name}" <sip:{user}@example.org>
reg_expires=60
reg_sendregister=1
publish=0

[auth_info_0]
username={user}
passwd={password}
realm=example.org
"""


class Linphone(Program):
    """One linphonec, of the user ``user``, that registers by way of the port ``proxy``."""

    def __init__(self, path: str, folder: Path, proxy: int, user: str, *, tcp: bool = False, password: str = "") -> None:
        self.user = user
        sip, rtp = free_ports(2, spacing=8)
        self.port = sip
        home = folder / user
        # Without a folder for its database it starts no network.
        (home / ".local" / "share" / "linphone").mkdir(parents=True)
        config = _CONFIG.format(
            sip=sip,
            rtp=rtp,
            proxy=proxy,
            transport=";transport=tcp" if tcp else "",
            user=user,
            name=user.title(),
            password=password,
        )
        (home / "linphonerc").write_text(config)
        environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""}
        # With its log, which alone says when it is registered.
        super().__init__([path, "-d", "4", "-c", "linphonerc"], home, environment, typed=True)

    def wait_registered(self) -> None:
        """Wait until it knows that it is registered; before, its calls are nobody's. Raises AssertionError."""
        self.stdout.wait_for("to [LinphoneRegistrationOk]")

    def close(self) -> int:
        """End the process, if it still runs."""
        return self.stop(timeout=2.0)
