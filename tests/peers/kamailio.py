"""Kamailio as a registrar that asks for a password, and as a proxy in front of another server."""

import socket
import time
from contextlib import suppress
from pathlib import Path

from peers.programs import PATIENCE, Program, free_ports

__all__ = ["PASSWORD", "Kamailio"]

PASSWORD = "secret"

# REGISTER needs the password. A call to "guarded" too, what goes to "nobody" is refused, everything else goes to the next hop.
_CONFIG = """\
#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
enable_sctp=no
disable_tls=yes
dns=no
rev_dns=no
sip_warning=1
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}

loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"

modparam("auth", "qop", "auth")
modparam("rr", "enable_full_lr", 1)

request_route {{
    force_rport();  # the answers take the way of the request, by the relay in front
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("example.org", "{password}", "0")) {{
            www_challenge("example.org", "1");
            exit;
        }}
        save("location");
        exit;
    }}
    if (is_method("OPTIONS")) {{
        sl_send_reply("200", "Keepalive");
        exit;
    }}
    if (is_method("INVITE") && $rU == "guarded" && !pv_proxy_authenticate("example.org", "{password}", "0")) {{
        proxy_challenge("example.org", "1");
        exit;
    }}
    if ($rU == "nobody" || $rU == "guarded") {{
        if (!is_method("ACK")) sl_send_reply("404", "Not Found");
        exit;
    }}
    if (!has_totag()) record_route();
    $du = "sip:127.0.0.1:{next_hop}";
    t_relay();
}}
"""

_PROBE = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKprobe;rport\r\nMax-Forwards: 1\r\n"
    "From: <sip:probe@example.org>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)


class Kamailio(Program):
    """One Kamailio on the port ``port`` of 127.0.0.1, UDP and TCP, in front of the port ``next_hop``."""

    def __init__(self, path: str, folder: Path, next_hop: int = 9) -> None:
        (self.port,) = free_ports(1)
        home = folder / "kamailio"
        home.mkdir()
        (home / "kamailio.cfg").write_text(_CONFIG.format(port=self.port, next_hop=next_hop, password=PASSWORD))
        command = [path, "-DD", "-E", "-m", "16", "-M", "4", "-f", "kamailio.cfg", "-w", str(home), "-Y", str(home)]
        super().__init__([*command, "-P", str(home / "kamailio.pid")], home)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        # It prints its addresses before it reads from them.
        deadline = time.monotonic() + PATIENCE
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", self.port))
            probe.settimeout(0.05)
            while time.monotonic() < deadline:
                # Refused while it is not there: the next send or receive says so.
                with suppress(TimeoutError, ConnectionRefusedError):
                    probe.send(_PROBE.format(port=probe.getsockname()[1]).encode())
                    if probe.recv(65_535).startswith(b"SIP/2.0 200"):
                        return
        raise AssertionError("Kamailio does not answer:\n" + "\n".join(self.stdout.lines + self.stderr.lines))
