"""What is ourselves: no branch comes back to us, a wildcard socket learns its addresses, and engines do not mix."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from bare import Bare, request
from ebr_conformance.scripts import plain
from ebr_conformance.tokens import TokenStream
from ebr_core import (
    DatagramReceived,
    Engine,
    EventRaised,
    Listener,
    LocalProtocolError,
    Script,
    SendDatagram,
    ServerRequest,
    Started,
)


@pytest.mark.parametrize("contact", ["sip:bob@192.0.2.1", "sip:bob@192.0.2.1:5060;a=1", "sip:192.0.2.1;transport=udp"])
def test_a_contact_that_is_ourselves_is_no_way_to_anybody(contact: str) -> None:
    """16.3 step 4, RFC 5393: two such contacts would double each INVITE until Max-Forwards ends, some 2**70 of them."""
    bare = Bare(plain.script)
    sent: list[bytes] = []
    bare.on_action = lambda action: sent.append(getattr(action, "data", b"").partition(b"\r\n")[0])
    bare.feed(request("REGISTER", "bob", 1, contact=contact))
    bare.feed(request("INVITE", "bob", 2))
    starts = [line for line in sent if line]  # the log has none
    assert starts == [b"SIP/2.0 200 OK", b"SIP/2.0 100 Trying", b"SIP/2.0 500 Server Internal Error"]
    assert bare.engine.counters["proxy.unroutable"] == 1


def test_a_wildcard_socket_learns_the_addresses_that_it_is_reached_at() -> None:
    """They are own domains for REGISTER, and no way to anybody."""
    script = Script()
    seen: list[str] = []

    @script.request("REGISTER")
    async def register(each: ServerRequest) -> None:
        await each.save()

    @script.request("INVITE")
    def invite(each: ServerRequest) -> None:
        seen.append(each.aor)
        each.relay(each.lookup())

    engine = Engine(script, tokens=TokenStream(0))
    engine.handle(Started([Listener(1, "sip", "udp", ("0.0.0.0", 5060), ("192.0.2.1", 5060))], 0.0), now=0.0)
    register_bytes = request("REGISTER", "bob", 1, contact="sip:bob@10.0.0.1").data.replace(b"bob@example.org", b"bob@10.0.0.1")
    invite_bytes = request("INVITE", "bob", 2).data.replace(b"INVITE sip:bob@example.org", b"INVITE sip:bob@10.0.0.1")

    def status(data: bytes, local: tuple[str, int] | None) -> bytes:
        sent = engine.handle(DatagramReceived(data, ("10.0.0.9", 5060), 1, local), now=1.0)
        last = [action for action in sent if isinstance(action, SendDatagram)][-1]
        return last.data[8:11]

    assert status(register_bytes, None) == b"404"
    register_bytes = register_bytes.replace(b"z9hG4bK1", b"z9hG4bK3")
    assert status(register_bytes, ("10.0.0.1", 5060)) == b"200"
    assert status(invite_bytes, ("10.0.0.1", 5060)) == b"500"
    assert seen == ["bob@10.0.0.1"]


def test_two_engines_in_two_threads_keep_their_handlers_apart() -> None:
    """The verbs of one script act on the engine whose handler is running in that thread."""
    script = Script()
    both = Barrier(2, timeout=10.0)

    @script.event("E_MARK")
    def mark(event: object) -> None:
        script.state["count"] = script.state.get("count", 0) + 1
        both.wait()  # both handlers are in their step at once
        script.log.info("count", count=script.state["count"])

    def play(rounds: int) -> list[object]:
        engine = Engine(script, tokens=TokenStream(0))
        engine.handle(Started([Listener(1, "sip", "udp", ("192.0.2.1", 5060))], 0.0), now=0.0)
        return [
            getattr(action, "fields", {}).get("count")
            for number in range(rounds)
            for action in engine.handle(EventRaised("E_MARK"), now=float(number))
        ]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(play, [50, 50])) == [list(range(1, 51))] * 2


def test_a_job_in_a_worker_thread_is_no_handler() -> None:
    """Whatever handler runs meanwhile, a verb in a job raises."""
    script = Script()
    errors: list[str] = []

    def job() -> None:
        try:
            script.raise_event("E_OTHER")
        except LocalProtocolError as error:
            errors.append(str(error))

    @script.event("E_MARK")
    def mark(event: object) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(job).result()

    engine = Engine(script, tokens=TokenStream(0))
    engine.handle(Started([Listener(1, "sip", "udp", ("192.0.2.1", 5060))], 0.0), now=0.0)
    engine.handle(EventRaised("E_MARK"), now=1.0)
    assert errors == ["only a handler that an engine is running can do this"]
