"""The script API: which handler gets a request, and what it may do with it."""

import pytest

from ebr_conformance.phones import Phone
from ebr_conformance.simulation import Simulation
from ebr_core import Config, LocalProtocolError, Script, ServerRequest
from ebr_core.message import Request, Response
from notes import failures, logged, note, noted
from row_scripts import Simulate, at_home, registrar_script


def relay_script() -> Script:
    """Registrations, and calls to whoever has registered."""
    script = registrar_script()

    @script.request("INVITE")
    def route(request: ServerRequest) -> None:
        request.relay(request.lookup())

    return script


def a_call(sim: Simulation) -> tuple[Phone, Phone]:
    """Alice's call to Bob's desk phone, answered at 1.1; what a test looks at comes after that."""
    alice, desk = at_home(sim, rings=None, answers=0.1)
    return alice, desk


def last_response(phone: Phone) -> Response:
    """The newest response that it received."""
    return [message for _, message in phone.received if isinstance(message, Response)][-1]


# Which handler.


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("OPTIONS", "sip:example.org", 200), ("MESSAGE", "bob", 405), ("OPTIONS", "sip:192.0.2.1", 200)],
)
def test_without_a_handler_the_engine_answers(simulate: Simulate, method: str, target: str, status: int) -> None:
    """OPTIONS to ourselves 200, everything else 405; both say what would be taken."""
    sim = simulate(relay_script())
    alice = sim.phone("alice")
    sim.at(1.0, alice.request, method, target)
    sim.run(until=10.0)
    assert alice.responses(method) == [status]
    assert last_response(alice).values("allow") == ["ACK", "BYE", "CANCEL", "INVITE", "OPTIONS", "REGISTER"]


def test_a_methods_own_handler_goes_before_the_one_for_all(simulate: Simulate) -> None:
    """`@script.request()` gets what has no handler of its own; a handler may have several methods; `def` and `async def` mix."""
    script = Script()

    @script.request()
    def all_others(request: ServerRequest) -> None:
        request.reply(503)

    @script.request("MESSAGE", "INFO")
    async def two(request: ServerRequest) -> None:
        request.reply(202)

    sim = simulate(script)
    alice = sim.phone("alice")
    for at, method in enumerate(("MESSAGE", "INFO", "OPTIONS", "INVITE", "FOO"), 1):
        sim.at(float(at), alice.request, method, "bob")
    sim.run(until=50.0)
    answers = {method: alice.responses(method) for method in ("MESSAGE", "INFO", "OPTIONS", "INVITE", "FOO")}
    assert answers == {"MESSAGE": [202], "INFO": [202], "OPTIONS": [503], "INVITE": [503], "FOO": [503]}


def test_two_handlers_for_one_method_and_one_for_ACK_are_refused() -> None:
    script = registrar_script()
    with pytest.raises(LocalProtocolError, match=r"two handlers for REGISTER: .*register and .*again"):

        @script.request("REGISTER")
        def again(request: ServerRequest) -> None:
            """Never registered."""

    for in_dialog in (False, True):
        with pytest.raises(LocalProtocolError, match="an ACK never starts a handler"):
            script.request("ACK", in_dialog=in_dialog)(again_for_ack)
    script.request("REGISTER", in_dialog=True)(again_for_ack)
    assert list(script.requests) == ["REGISTER"]


def again_for_ack(request: ServerRequest) -> None:
    """Never called."""


def test_a_retransmission_starts_no_second_handler(simulate: Simulate) -> None:
    """Its transaction was there before its handler; a non-INVITE gets the answer again, once there is one."""
    script = Script()

    @script.request("MESSAGE")
    async def slow(request: ServerRequest) -> None:
        note("handler")
        await request.wait_for_event("E_DOOR", timeout=2.0)
        request.reply(202)

    sim = simulate(script)
    alice = sim.phone("alice")
    sim.at(1.0, alice.request, "MESSAGE", "bob")
    sim.at(1.5, alice.resend)
    sim.at(4.0, alice.resend)
    noted(sim, 20.0)
    sim.expect(
        """
        1.000  alice -> ebr  MESSAGE sip:bob@example.org
        1.000  * E_NOTE handler
        1.500  alice -> ebr  MESSAGE sip:bob@example.org
        3.000  ebr -> alice  202 Accepted (MESSAGE)
        4.000  alice -> ebr  MESSAGE sip:bob@example.org
        4.000  ebr -> alice  202 Accepted (MESSAGE)
        """
    )


def test_without_new_transaction_the_100_goes_out_after_200_ms(simulate: Simulate) -> None:
    script = Script()

    @script.request("INVITE")
    async def slow(request: ServerRequest) -> None:
        if request.aor.startswith("slow"):
            await request.run(job)
        request.reply(486)

    sim = simulate(script)
    sim.job(job, delay=0.5)
    alice = sim.phone("alice")
    sim.at(1.0, alice.invite, "slow")
    sim.at(3.0, alice.invite, "quick")
    sim.run(until=20.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:slow@example.org
        1.200  ebr -> alice  100 Trying (INVITE)
        1.500  ebr -> alice  486 Busy Here (INVITE)
        3.000  alice -> ebr  INVITE sip:quick@example.org
        3.000  ebr -> alice  486 Busy Here (INVITE)
        """,
        hide=("ACK",),
    )


def job() -> None:
    """Its end is up to the simulation."""


# Inside a dialog.


def test_in_a_dialog_the_proxy_forwards_and_no_handler_runs(simulate: Simulate) -> None:
    """The BYE, a re-INVITE and an INFO of the call that was record-routed; the INVITE handler ran once."""
    script = registrar_script()

    @script.request("INVITE", "BYE", "INFO")
    def route(request: ServerRequest) -> None:
        note(request.method)
        request.relay(request.lookup())

    sim = simulate(script)
    alice, desk = a_call(sim)
    sim.at(2.0, alice.in_dialog, "INVITE")
    sim.at(3.0, desk.in_dialog, "INFO")
    sim.at(4.0, alice.bye)
    noted(sim, 20.0)
    sim.expect(
        """
        2.000  alice -> ebr  INVITE sip:bob@192.0.2.12:5060
        2.000  ebr -> desk   INVITE sip:bob@192.0.2.12:5060
        2.000  desk -> ebr   200 OK (INVITE)
        2.000  ebr -> alice  200 OK (INVITE)
        2.000  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        2.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        3.000  desk -> ebr   INFO sip:alice@192.0.2.11:5060
        3.000  ebr -> alice  INFO sip:alice@192.0.2.11:5060
        3.000  alice -> ebr  200 OK (INFO)
        3.000  ebr -> desk   200 OK (INFO)
        4.000  alice -> ebr  BYE sip:bob@192.0.2.12:5060
        4.000  ebr -> desk   BYE sip:bob@192.0.2.12:5060
        4.000  desk -> ebr   200 OK (BYE)
        4.000  ebr -> alice  200 OK (BYE)
        """,
        hide=("100",),
        since=2.0,
    )
    assert [entry.label for entry in sim.trace.entries if entry.is_note] == ["E_NOTE INVITE"]


def test_an_in_dialog_handler_takes_its_method_and_relays(simulate: Simulate) -> None:
    """It sees the BYE before it is forwarded; INFO, which has none, is forwarded as ever."""
    script = relay_script()

    @script.request("BYE", in_dialog=True)
    async def bye(request: ServerRequest) -> None:
        note(request.method, bool(request.to_tag), request.uri)
        await request.run(job)
        request.relay()

    sim = simulate(script)
    sim.job(job, delay=0.25)
    alice, _ = a_call(sim)
    sim.at(2.0, alice.in_dialog, "INFO")
    sim.at(3.0, alice.bye)
    noted(sim, 20.0)
    sim.expect(
        """
        2.000  alice -> ebr  INFO sip:bob@192.0.2.12:5060
        2.000  ebr -> desk   INFO sip:bob@192.0.2.12:5060
        2.000  desk -> ebr   200 OK (INFO)
        2.000  ebr -> alice  200 OK (INFO)
        3.000  alice -> ebr  BYE sip:bob@192.0.2.12:5060
        3.000  * E_NOTE BYE True sip:bob@192.0.2.12:5060
        3.250  ebr -> desk   BYE sip:bob@192.0.2.12:5060
        3.250  desk -> ebr   200 OK (BYE)
        3.250  ebr -> alice  200 OK (BYE)
        """,
        since=2.0,
    )


def test_an_in_dialog_handler_that_does_not_relay_is_at_fault(simulate: Simulate) -> None:
    script = relay_script()

    @script.request("BYE", in_dialog=True)
    def bye(request: ServerRequest) -> None:
        """Forgets to relay."""

    sim = simulate(script)
    alice, desk = a_call(sim)
    sim.at(2.0, alice.bye)
    sim.run(until=20.0)
    assert alice.responses("BYE") == [500]
    assert desk.requests("BYE") == []
    assert len(logged(sim, "handler-ended")) == 1


def test_in_a_dialog_that_is_not_ours_nothing_is_relayed(simulate: Simulate) -> None:
    """481 for what is addressed to us, 403 for who wants to reach a stranger; no handler runs, in-dialog ones apart."""
    sim = simulate(relay_script())
    alice, carol = sim.phone("alice"), sim.phone("carol")

    def inside(target: str) -> bytes:
        packet = alice.request("INFO", target)[0]
        return packet.data.replace(b"\r\nCall-ID", b";tag=x\r\nCall-ID", 1)

    sim.inject(inside("bob"), alice.address)
    sim.inject(inside(carol.contact), alice.address)
    sim.run(until=10.0)
    assert alice.responses("INFO") == [481, 403]
    assert carol.received == []


# CANCEL.


def test_a_CANCEL_handler_only_observes(simulate: Simulate) -> None:
    """The CANCEL is answered, and the phones get theirs, before it runs; an answer of its own comes too late."""
    script = relay_script()

    @script.request("CANCEL")
    def observe(request: ServerRequest) -> None:
        note(request.method, request.aor, request.header("Reason"), request.reply(500))

    sim = simulate(script)
    alice, _ = at_home(sim)
    sim.at(3.0, alice.cancel, headers=[("Reason", "SIP;cause=600")])
    noted(sim, 20.0)
    sim.expect(
        """
        3.000  alice -> ebr  CANCEL sip:bob@example.org
        3.000  ebr -> alice  200 OK (CANCEL)
        3.000  ebr -> desk   CANCEL sip:bob@192.0.2.12:5060
        3.000  * E_NOTE CANCEL bob@example.org SIP;cause=600 False
        3.000  desk -> ebr   200 OK (CANCEL)
        3.000  desk -> ebr   487 Request Terminated (INVITE)
        3.000  ebr -> desk   ACK sip:bob@192.0.2.12:5060
        3.000  ebr -> alice  487 Request Terminated (INVITE)
        3.000  alice -> ebr  ACK sip:bob@example.org
        """,
        since=3.0,
    )
    assert failures(sim) == []


def test_a_CANCEL_that_finds_nothing_starts_no_handler(simulate: Simulate) -> None:
    """481; and the handler for all methods is none for CANCEL."""
    script = Script()

    @script.request("CANCEL")
    def observe(request: ServerRequest) -> None:
        note("observed")

    @script.request()
    def refuse(request: ServerRequest) -> None:
        note(request.method)
        request.reply(486)

    sim = simulate(script)
    alice = sim.phone("alice")
    (invite,) = alice.invite("bob")
    assert invite.data.startswith(b"INVITE ")
    sim.at(1.0, alice.cancel)
    noted(sim, 10.0)
    sim.expect(
        """
        1.000  alice -> ebr  CANCEL sip:bob@example.org
        1.000  ebr -> alice  481 Call/Transaction Does Not Exist (CANCEL)
        """
    )


# What a handler sees, and how much of it there may be.


def test_what_a_request_tells(simulate: Simulate) -> None:
    script = Script()
    seen: list[object] = []

    @script.request("MESSAGE")
    def look(request: ServerRequest) -> None:
        seen.extend([request.method, request.uri, request.from_uri, request.to_uri, request.to_tag, request.aor])
        seen.extend([request.caller, request.source, request.header("X-COLOUR"), request.header("x-none"), request.lookup()])
        assert isinstance(request.message, Request)
        seen.append(request.call_id == request.message.call_id)
        request.reply(202, "Taken", [("X-Answer", "42")], b"thanks")

    sim = simulate(script)
    alice = sim.phone("alice")
    sim.at(1.0, alice.request, "MESSAGE", "sip:bob;day=1@EXAMPLE.org;x=y", headers=[("X-Colour", "red")])
    sim.run(until=10.0)
    assert seen == [
        "MESSAGE",
        "sip:bob;day=1@EXAMPLE.org;x=y",
        "sip:alice@example.org",
        "sip:bob;day=1@EXAMPLE.org;x=y",
        "",
        "bob;day=1@example.org",
        "alice@example.org",
        ("192.0.2.11", 5060),
        "red",
        None,
        [],
        True,
    ]
    answer = last_response(alice)
    assert (answer.status, answer.reason, answer.header("x-answer"), answer.body) == (202, "Taken", "42", b"thanks")


def test_misuse_of_a_request_is_an_error_and_changes_nothing(simulate: Simulate) -> None:
    script = Script()

    @script.request("MESSAGE")
    def wrong(request: ServerRequest) -> None:
        with pytest.raises(LocalProtocolError, match="from 100 to 699, not 99"):
            request.reply(99)
        with pytest.raises(LocalProtocolError, match=r"save\(\) is for REGISTER, not for MESSAGE"):
            request.save()
        assert request.reply(202) is True
        assert request.reply(500) is False
        with pytest.raises(LocalProtocolError, match="the MESSAGE was answered before"):
            request.relay()

    sim = simulate(script)
    alice = sim.phone("alice")
    sim.at(1.0, alice.request, "MESSAGE", "bob")
    sim.run(until=10.0)
    assert alice.responses("MESSAGE") == [202]
    assert failures(sim) == []


def test_more_waiting_work_than_max_ready_refuses_new_requests(simulate: Simulate) -> None:
    """503 with Retry-After while the queue is full, without a handler; the queue takes them again as it shrinks."""
    script = Script()

    @script.request("MESSAGE")
    def take(request: ServerRequest) -> None:
        request.reply(202)

    for _ in range(10):
        script.startup(_idle)
    sim = simulate(script, config=Config(max_ready=2), budget=1)
    alice = sim.phone("alice")
    for _ in range(9):  # the first step of ten is done, and each packet's own step makes room for another one
        (packet,) = alice.request("MESSAGE", "bob")
        sim.inject(packet.data, packet.source)
    sim.run(until=10.0)
    assert alice.responses("MESSAGE") == [503] * 7 + [202] * 2
    assert sim.engine.counters["requests.refused"] == 7
    refused = next(message for _, message in alice.received if isinstance(message, Response))
    assert refused.header("retry-after") == "10"


def _idle() -> None:
    """Takes its turn."""
