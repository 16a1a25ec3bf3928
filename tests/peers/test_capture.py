"""What real programs send, by way of a relay that keeps each byte: all of it can be read, and goes out again as it came.

With ``--capture-to tests/corpus`` one message of each kind is written there; ``make capture`` does that.
"""

import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from peers import scenarios as s
from peers.baresip import Baresip
from peers.kamailio import PASSWORD, Kamailio
from peers.linphone import Linphone
from peers.programs import PATIENCE, Ebr, Program, free_ports
from peers.relay import Passed, Relay
from peers.sipp import StartEbr

pytestmark = pytest.mark.peers

PLAIN = "ebr_conformance.scripts.plain"

TRANSPORTS = ["udp", "tcp"]

Keep = Callable[..., dict[str, bytes]]
OpenRelay = Callable[..., Relay]
Run = Callable[..., Program]
StartBaresip = Callable[..., Baresip]
StartKamailio = Callable[..., Kamailio]
StartLinphone = Callable[..., Linphone]


def up(relay: Relay) -> list[Passed]:
    """What went to the port behind the relay."""
    return [passed for passed in relay.passed if passed.up]


def down(relay: Relay) -> list[Passed]:
    """What came back from it."""
    return [passed for passed in relay.passed if not passed.up]


def start_ebr(ebr: StartEbr, relay: Relay) -> Ebr:
    """A server that is known by the relay's address, so that whatever a phone sends takes that way."""
    server = ebr(PLAIN, "--advertise", f"127.0.0.1:{relay.port}")
    relay.target = server.port
    return server


def sipp_answers(run: Run, *options: str) -> int:
    """SIPp's own answering scenario, for one call; its port."""
    port, control = free_ports(2)
    run("sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-cp", str(control), "-m", "1", "-nostdin", "-nd", *options)
    return port


def sipp_calls(run: Run, proxy: int, *options: str) -> Program:
    """SIPp, with one call."""
    port, control = free_ports(2)
    command = ["sipp", f"127.0.0.1:{proxy}", *options, "-i", "127.0.0.1", "-p", str(port), "-cp", str(control)]
    return run(*command, "-m", "1", "-nostdin", "-nd")


def lacks(kinds: Iterable[str], transport: str, *wanted: str) -> list[str]:
    """The kinds that did not come."""
    suffix = "-tcp" if transport == "tcp" else ""
    return [kind for kind in wanted if kind + suffix not in kinds]


def ask(phone: Relay, *methods: str) -> None:
    """Send a phone requests outside a dialog, and wait for each answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", phone.port))
        for method in methods:
            fields = [
                f"{method} sip:bob@127.0.0.1:{phone.target} SIP/2.0",
                f"Via: SIP/2.0/UDP 127.0.0.1:{client.getsockname()[1]};branch=z9hG4bK{method};rport",
                "Max-Forwards: 70",
                "From: <sip:carol@example.org>;tag=1",
                "To: <sip:bob@example.org>",
                f"Call-ID: {method}",
                f"CSeq: 1 {method}",
                "Content-Type: text/plain",
                "Content-Length: 5",
            ]
            client.send("\r\n".join([*fields, "", "hello"]).encode())
            client.recv(65_535)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sipp_calls_sipp(transport: str, run: Run, relay: OpenRelay, keep: Keep) -> None:
    mode = ["-t", "t1"] if transport == "tcp" else []
    between = relay(sipp_answers(run, *mode))
    assert sipp_calls(run, between.port, "-sn", "uac", *mode).wait() == 0
    assert len(between.passed) == 6
    kinds = keep("sipp", between.passed)
    assert lacks(kinds, transport, "invite", "ack", "bye", "180-invite", "200-invite", "200-bye") == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sipp_registers_with_kamailio(
    transport: str, run: Run, relay: OpenRelay, kamailio: StartKamailio, keep: Keep, tmp_path: Path
) -> None:
    between = relay(kamailio().port)
    (tmp_path / "register.xml").write_text(s.register_with_password("alice", PASSWORD, transport.upper()))
    mode = ["-t", "t1"] if transport == "tcp" else []
    assert sipp_calls(run, between.port, "-sf", "register.xml", *mode).wait() == 0
    assert lacks(keep("sipp", up(between)), transport, "register", "register-authorized") == []
    assert lacks(keep("kamailio", down(between)), transport, "401-register", "200-register") == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_kamailio_between_two_sipps(transport: str, run: Run, relay: OpenRelay, kamailio: StartKamailio, keep: Keep) -> None:
    behind = relay(sipp_answers(run))
    before = relay(kamailio(behind).port)
    mode = ["-t", "t1"] if transport == "tcp" else []
    assert sipp_calls(run, before.port, "-sn", "uac", *mode).wait() == 0
    answers = keep("kamailio", down(before))
    assert lacks(answers, transport, "100-invite", "180-invite", "200-invite", "200-bye") == []
    requests = keep("kamailio", up(behind), f"from-{transport}")
    assert [kind for kind in ("invite", "ack", "bye") if f"{kind}-from-{transport}" not in requests] == []
    invite = requests[f"invite-from-{transport}"]
    assert invite.count(b"\r\nVia: ") == 2
    # One for each of its sides, where they differ in transport (RFC 5658).
    assert invite.count(b"\r\nRecord-Route: ") == (1 if transport == "udp" else 2)


def test_baresips_call_each_other(ebr: StartEbr, relay: OpenRelay, baresip: StartBaresip, keep: Keep) -> None:
    between = relay()
    start_ebr(ebr, between)
    bob = baresip(between, "bob", registers=True, answers=False)
    between.wait_for("200 REGISTER")
    alice = baresip(between, "alice", registers=True, answers=False)
    between.wait_for("200 REGISTER", 2)

    # One call that is given up, one that is refused, and one that is answered, held and transferred.
    for last in ("hangup", "busy", "accept"):
        alice.do("dial", "sip:bob@example.org")
        bob.wait_for_event("CALL_INCOMING")
        alice.wait_for_event("CALL_RINGING")
        if last == "hangup":
            alice.do("hangup")
            bob.wait_for_event("CALL_CLOSED")
        elif last == "busy":
            bob.do("hangup")
            alice.wait_for_event("CALL_CLOSED")
        else:
            bob.do("accept")
            alice.wait_for_event("CALL_ESTABLISHED")
            bob.wait_for_event("CALL_ESTABLISHED")
    bob.do("hold")
    bob.wait_for_event("CALL_REMOTE_SDP")
    bob.do("transfer", "sip:carol@example.org")
    between.wait_for("200 NOTIFY", 4)  # from the phone, and from the server, that it was tried and that it failed
    bob.do("hangup")
    between.wait_for("200 BYE", 2)
    alice.do("options", "sip:bob@example.org")
    between.wait_for("405 OPTIONS")
    aside = relay(bob.port)
    ask(aside, "OPTIONS", "MESSAGE", "JUMP")
    assert (alice.quit(), bob.quit()) == (0, 0)
    kinds = keep("baresip", [*up(between), *down(aside)])
    requests = ["register", "unregister", "invite", "reinvite", "ack", "cancel", "bye", "refer", "notify", "options"]
    responses = ["180-invite", "200-invite", "200-cancel", "487-invite", "486-invite", "200-bye", "200-options", "200-message"]
    assert lacks(kinds, "udp", *requests, *responses) == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_baresip_proves_itself_to_kamailio(
    transport: str, relay: OpenRelay, kamailio: StartKamailio, baresip: StartBaresip, keep: Keep
) -> None:
    between = relay(kamailio().port)
    tcp = transport == "tcp"
    alice = baresip(between, "alice", registers=True, answers=False, tcp=tcp, options=f";auth_pass={PASSWORD}")
    between.wait_for("200 REGISTER")
    alice.do("dial", "sip:guarded@example.org")
    alice.wait_for_event("CALL_CLOSED")
    assert alice.quit() == 0
    requests = ["register", "register-authorized", "invite", "invite-authorized", "ack"]
    assert lacks(keep("baresip", up(between)), transport, *requests) == []
    responses = ["401-register", "200-register", "407-invite", "404-invite"]
    assert lacks(keep("kamailio", down(between)), transport, *responses) == []


def test_linphones_call_each_other(ebr: StartEbr, relay: OpenRelay, linphone: StartLinphone, keep: Keep) -> None:
    between = relay()
    start_ebr(ebr, between)
    bob, alice = linphone(between, "bob"), linphone(between, "alice")
    bob.wait_registered()
    alice.wait_registered()

    # One call that is given up, one that is refused, and one that is answered and held.
    alice.type("call sip:bob@example.org")
    between.wait_for("180 INVITE", 2)  # from the phone, and from the server
    alice.type("terminate")
    alice.stdout.wait_for("Call 1 with sip:bob@example.org ended")
    bob.stdout.wait_for('Call 1 with "Alice" <sip:alice@example.org> ended')
    alice.type("call sip:bob@example.org")
    between.wait_for("180 INVITE", 4)
    bob.type("terminate")
    alice.stdout.wait_for("Call 2 with sip:bob@example.org ended")
    alice.type("call sip:bob@example.org")
    between.wait_for("180 INVITE", 6)
    bob.type("answer")
    for phone in (alice, bob):
        phone.stdout.wait_for("Media streams established")
    bob.type("5")  # not Alice: nobody pauses with a request of his own still open
    between.wait_for("200 INFO", 2)  # from the phone, and from the server
    alice.type("pause")
    alice.stdout.wait_for("Call 3 with sip:bob@example.org is now paused")
    alice.type("terminate")
    between.wait_for("200 BYE", 2)
    alice.type("chat sip:bob@example.org hello")
    between.wait_for("200 MESSAGE", 2)
    aside = relay(bob.port)
    ask(aside, "OPTIONS", "JUMP")
    alice.type("quit")
    assert alice.wait() == 0
    kinds = keep("linphonec", [*up(between), *down(aside)])
    requests = ["register", "unregister", "invite", "reinvite", "ack", "cancel", "bye", "message", "info"]
    responses = ["180-invite", "200-invite", "200-cancel", "487-invite", "200-bye", "200-options", "200-message"]
    assert lacks(kinds, "udp", *requests, *responses) == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_linphone_proves_itself_to_kamailio(
    transport: str, relay: OpenRelay, kamailio: StartKamailio, linphone: StartLinphone, keep: Keep
) -> None:
    between = relay(kamailio().port)
    alice = linphone(between, "alice", tcp=transport == "tcp", password=PASSWORD)
    alice.wait_registered()
    alice.type("call sip:guarded@example.org")
    between.wait_for("ACK", 2)  # for the 407, and for the 404
    alice.type("quit")
    assert alice.wait() == 0
    requests = ["register", "register-authorized", "invite", "invite-authorized", "ack"]
    assert lacks(keep("linphonec", up(between)), transport, *requests) == []
    responses = ["401-register", "200-register", "407-invite", "404-invite"]
    assert lacks(keep("kamailio", down(between)), transport, *responses) == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sipsak_asks_kamailio(transport: str, run: Run, relay: OpenRelay, kamailio: StartKamailio, keep: Keep) -> None:
    between = relay(kamailio().port)
    to = ["-H", "localhost", "-E", transport, "-p", f"127.0.0.1:{between.port}", "-a", PASSWORD]
    assert run("sipsak", *to, "-s", "sip:bob@example.org").wait() == 0
    run("sipsak", *to, "-m", "0", "-s", "sip:bob@example.org").wait()
    run("sipsak", *to, "-U", "-C", "sip:bob@127.0.0.1:5070", "-x", "60", "-s", "sip:bob@example.org").wait()
    kinds = keep("sipsak", up(between))
    assert lacks(kinds, transport, "options", "register", "register-authorized") == []
    assert lacks(keep("kamailio", down(between)), transport, "200-options", "483-options", "401-register") == []
