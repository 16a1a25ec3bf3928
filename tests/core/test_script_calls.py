"""The script API: what the verbs of a request and of its call do to the call."""

from ebr_core import Call, Event, ServerRequest
from row_scripts import Simulate, at_home, registrar_script


def test_a_user_part_that_looks_like_a_uri_is_not_read_as_one(simulate: Simulate) -> None:
    """The request's own look-up takes its address as it is: else dialling ``sip%3Abob`` would ring Bob under another name."""
    script = registrar_script()
    seen: list[object] = []

    @script.request("MESSAGE")
    def look(request: ServerRequest) -> None:
        seen.extend([request.aor, len(request.lookup())])
        request.reply(404)

    sim = simulate(script)
    sim.at(0.0, sim.phone("bob").register)
    for branch, user in enumerate(("bob", "sip%3Abob", "%3Csip%3Abob")):
        lines = [f"MESSAGE sip:{user}@example.org SIP/2.0", f"Via: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bK{branch}"]
        lines += ["From: <sip:eve@example.net>;tag=e", "To: <sip:bob@example.org>", f"Call-ID: {branch}", "CSeq: 1 MESSAGE"]
        sim.at(1.0, sim.inject, "\r\n".join([*lines, "", ""]).encode())
    sim.run(until=2.0)
    assert seen == ["bob@example.org", 1, "sip:bob@example.org", 0, "<sip:bob@example.org", 0]


def test_wait_no_more_branches_lets_those_that_are_there_decide(simulate: Simulate) -> None:
    """``t_wait_no_more_branches``: the 486 that was held back goes out in that instant, and the call hears of nothing more."""
    script = registrar_script()

    @script.request("INVITE")
    def wait(request: ServerRequest) -> None:
        call = request.new_transaction()
        call.wait_for_new_branches(timeout=20.0)
        call.notify_on_event("E_ENOUGH", None, enough)
        call.relay(request.lookup())

    sim = simulate(script)
    alice, _ = at_home(sim, declines=486)
    sim.at(4.25, sim.raise_event, "E_ENOUGH")
    sim.at(4.5, sim.raise_event, "E_ENOUGH")
    sim.run(until=60.0)
    sim.expect(
        """
        4.250  ebr -> alice  486 Busy Here (INVITE)
        4.250  alice -> ebr  ACK sip:bob@example.org
        """,
        since=2.0,
    )
    assert alice.responses() == [100, 180, 486]
    assert sim.engine.counters["events.delivered"] == 1


def enough(event: Event, call: Call) -> None:
    call.wait_no_more_branches()
