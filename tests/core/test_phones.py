"""Virtual phones, calling each other without a proxy."""

from ebr_conformance.dialogs import Packet
from ebr_conformance.ladder import Ladder, label_of
from ebr_conformance.phones import Phone
from ebr_conformance.tokens import TokenStream
from ebr_core.message import Request, build_response, parse_message

ALICE, BOB = ("192.0.2.11", 5060), ("192.0.2.12", 5060)


def pair() -> tuple[Phone, Phone]:
    tokens = TokenStream(0)
    return Phone("alice", ALICE, "example.org", BOB, tokens), Phone("bob", BOB, "example.org", ALICE, tokens)


def play(packets: list[Packet], *phones: Phone, until: float = 10.0) -> str:
    """Let packets and time flow until nothing is left; returns the compact ladder."""
    ladder, now = Ladder(), 0.0
    by_address = {phone.address: phone for phone in phones}
    while now <= until:
        while packets:
            packet = packets.pop(0)
            source, target = by_address[packet.source], by_address[packet.destination]
            ladder.message(now, source.name, target.name, *label_of(parse_message(packet.data)))
            packets += target.receive(packet.data, now, packet.source)
        due = [phone.deadline for phone in phones if phone.deadline is not None]
        if not due:
            break
        now = min(due)
        for phone in phones:
            packets += phone.tick(now)
    return ladder.compact()


def test_a_call_is_answered_acknowledged_and_ended() -> None:
    alice, bob = pair()
    bob.rings, bob.answers = 0.5, 2.0
    assert play(alice.invite("bob"), alice, bob).splitlines() == [
        "0.000  alice -> bob  INVITE sip:bob@example.org",
        "0.500  bob -> alice  180 Ringing (INVITE)",
        "2.000  bob -> alice  200 OK (INVITE)",
        "2.000  alice -> bob  ACK sip:bob@192.0.2.12:5060",
    ]
    assert alice.responses() == [180, 200]
    assert len(alice.dialogs) == len(bob.dialogs) == 1
    assert play(bob.bye(), alice, bob).splitlines() == [
        "0.000  bob -> alice  BYE sip:alice@192.0.2.11:5060",
        "0.000  alice -> bob  200 OK (BYE)",
    ]
    assert alice.dialogs == bob.dialogs == []


def test_a_cancelled_invite_gets_200_and_487() -> None:
    alice, bob = pair()
    bob.answers = 2.0
    packets = alice.invite("bob")
    assert play([*packets, *alice.cancel()], alice, bob).splitlines() == [
        "0.000  alice -> bob  INVITE sip:bob@example.org",
        "0.000  alice -> bob  CANCEL sip:bob@example.org",
        "0.000  bob -> alice  180 Ringing (INVITE)",
        "0.000  bob -> alice  200 OK (CANCEL)",
        "0.000  bob -> alice  487 Request Terminated (INVITE)",
        "0.000  alice -> bob  ACK sip:bob@example.org",
    ]


def test_a_declining_phone_says_so_once_and_repeats_it_when_asked_again() -> None:
    alice, bob = pair()
    bob.rings, bob.declines, bob.declines_after = None, 486, 1.0
    play(alice.invite("bob"), alice, bob)
    assert alice.responses() == [486]
    play(alice.resend(), alice, bob)
    assert alice.responses() == [486, 486]
    assert len(bob.requests("INVITE")) == len(bob.requests("ACK")) == 2


def test_the_route_set_is_followed_in_both_directions() -> None:
    alice, bob = pair()
    bob.rings, bob.answers = None, 0.0
    [invite] = alice.invite("bob")
    request = parse_message(invite.data)
    assert isinstance(request, Request)
    request.insert(1, "record-route", "<sip:192.0.2.1;lr>")
    request.insert(1, "record-route", "<sip:192.0.2.2;lr>")
    [answer] = bob.receive(request.to_bytes(), 0.0, ALICE)
    [ack] = alice.receive(answer.data, 0.0, BOB)
    assert ack.destination == ("192.0.2.1", 5060)
    assert [str(route) for route in parse_message(ack.data).values("route")] == ["<sip:192.0.2.1;lr>", "<sip:192.0.2.2;lr>"]
    [bye] = bob.bye()
    assert bye.destination == ("192.0.2.2", 5060)
    assert parse_message(bye.data).values("route") == ["<sip:192.0.2.2;lr>", "<sip:192.0.2.1;lr>"]


def test_a_merged_request_is_refused() -> None:
    alice, bob = pair()
    [invite] = alice.invite("bob")
    bob.receive(invite.data, 0.0, ALICE)
    other = invite.data.replace(b"branch=z9hG4bK", b"branch=z9hG4bKother", 1)
    [refusal] = bob.receive(other, 0.0, ALICE)
    assert label_of(parse_message(refusal.data))[0] == "482 Loop Detected (INVITE)"


def test_a_silent_phone_hears_nothing_and_an_asked_one_retransmits() -> None:
    alice, bob = pair()
    bob.silent = alice.retransmits = True
    ladder = play(alice.invite("bob"), alice, bob, until=3.0)
    assert [line.split()[0] for line in ladder.splitlines()] == ["0.000", "0.500", "1.500"]
    assert bob.received == []


def test_registering_counts_its_cseq_and_keeps_its_call_id() -> None:
    alice, _ = pair()
    first, second = (parse_message(packet.data) for packet in [*alice.register(q="0.5"), *alice.unregister()])
    assert (first.cseq, second.cseq) == (1, 2)
    assert first.call_id == second.call_id
    assert first.header("contact") == "<sip:alice@192.0.2.11:5060>;q=0.5"
    assert (first.expires, second.expires) == (3600, 0)


def test_what_is_no_sip_is_kept_aside() -> None:
    alice, _ = pair()
    assert alice.receive(b"\x00\x01", 0.0) == []
    assert alice.malformed == [b"\x00\x01"]
    stray = build_response(parse_message(alice.invite("bob")[0].data), 200)  # type: ignore[arg-type]  # it is a request
    stray.replace("cseq", "7 OPTIONS")
    assert alice.receive(stray.to_bytes(), 0.0) == []
