"""The simulation itself: its network, its jobs, its clock, and how its failures read."""

import pytest

from ebr_conformance.scripts import plain, push_notification
from ebr_conformance.simulation import Flight, Simulation
from ebr_core import Config, JobFailed, Script, ServerRequest
from ebr_core.inputs import DatagramReceived
from ebr_core.message import Request


def call_of_alice(sim: Simulation) -> None:
    """Bob registers at 0, Alice calls at 1, he answers at 1.4, before anybody retransmits."""
    alice, bob = sim.phone("alice"), sim.phone("bob", rings=None, answers=0.4)
    sim.at(0.0, bob.register)
    sim.at(1.0, alice.invite, "bob")


def test_a_ladder_that_differs_is_shown_beside_the_expected_one() -> None:
    sim = Simulation(plain.script)
    call_of_alice(sim)
    sim.run(until=3.0)
    expected = """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.000  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        1.400  bob -> ebr    200 OK (INVITE)
        1.400  ebr -> alice  200 OK (INVITE)
        1.400  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        1.400  ebr -> bob    ACK sip:bob@192.0.2.12:5060
    """
    sim.expect(expected, hide=("100", "REGISTER"))
    sim.expect(expected, hide=("100",), since=1.0)
    with pytest.raises(AssertionError, match=r"\n +> 1.000 ebr -> alice 100 Trying \(INVITE\)\n"):
        sim.expect(expected, hide=("REGISTER",))
    with pytest.raises(AssertionError, match=r"1.000 ebr -> carol INVITE \S+ ! 1.000 ebr -> bob INVITE"):
        sim.expect(expected.replace("ebr -> bob    INVITE", "ebr -> carol INVITE"), hide=("100", "REGISTER"))


def test_time_ends_where_it_is_told_to_or_when_nothing_is_left() -> None:
    sim = Simulation(plain.script)
    call_of_alice(sim)
    sim.run(until=1.25)
    assert sim.now == 1.25
    assert sim.trace.entries[-1].time == 1.0
    sim.run()
    assert sim.now == 3600.0  # the registration ran out
    assert not any(sim.engine.sizes().values())
    with pytest.raises(AssertionError, match="has passed"):
        sim.at(1.0, sim.run)


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not() -> None:
    def bytes_of(seed: int) -> list[bytes]:
        sim = Simulation(plain.script, seed=seed)
        call_of_alice(sim)
        sim.run(until=10.0)
        return [each.data for _, each, _ in sim.record if isinstance(each, DatagramReceived)]

    assert bytes_of(1) == bytes_of(1)
    assert bytes_of(1) != bytes_of(2)


def test_datagrams_take_their_time_get_lost_and_are_doubled() -> None:
    sim = Simulation(plain.script)
    lost: list[Flight] = []

    def drop(flight: Flight) -> bool:
        first_invite = isinstance(flight.message, Request) and flight.target == "bob" and not lost
        if first_invite:
            lost.append(flight)
        return first_invite

    def copies(flight: Flight) -> int:
        return 2 if isinstance(flight.message, Request) and flight.message.method == "ACK" and flight.target == "bob" else 1

    alice, bob = sim.phone("alice"), sim.phone("bob", rings=None, answers=0.3)
    sim.send(bob.register())
    sim.run(until=1.0)
    sim.drop, sim.copies, sim.delay = drop, copies, 0.01
    sim.send(alice.invite("bob"))
    sim.run(until=5.0)
    sim.expect(
        """
        1.000  alice -> ebr  INVITE sip:bob@example.org
        1.010  ebr -> alice  100 Trying (INVITE)
        1.010  ebr -x bob    INVITE sip:bob@192.0.2.12:5060
        1.510  ebr -> bob    INVITE sip:bob@192.0.2.12:5060
        1.820  bob -> ebr    200 OK (INVITE)
        1.830  ebr -> alice  200 OK (INVITE)
        1.840  alice -> ebr  ACK sip:bob@192.0.2.12:5060
        1.850  ebr -> bob    ACK sip:bob@192.0.2.12:5060
        """,
        since=1.0,
    )
    assert len(bob.requests("ACK")) == 2
    assert [flight.time for flight in lost] == [1.01]


def test_an_unreachable_phone_is_reported_and_an_unknown_one_swallows() -> None:
    sim = Simulation(plain.script, config=Config(fr_timeout=2.0))
    alice, bob = sim.phone("alice"), sim.phone("bob")
    sim.send(bob.register())
    sim.run(until=1.0)
    sim.unreachable.add(bob.address)
    sim.send(alice.invite("bob"))
    sim.run(until=1.5)
    assert alice.responses()[-1] >= 500
    sim.move(bob, ("192.0.2.77", 5060))
    sim.unreachable.clear()
    sim.send(alice.invite("bob"))
    sim.run(until=3.4)
    assert alice.responses()[-1] == 100
    sim.run(until=3.6)
    assert alice.responses()[-1] == 408
    assert "192.0.2.12:5060" in sim.trace.compact()


def test_jobs_end_as_they_are_told_to() -> None:
    script = Script()
    told: list[object] = []

    def job(number: int) -> int:
        return number + 1

    async def native() -> None:
        """Would need a runtime."""

    @script.request("MESSAGE")
    async def on_message(request: ServerRequest) -> None:
        for function, arguments in ((job, (1,)), (native, ())):
            try:
                told.append(await request.run(function, *arguments))
            except JobFailed as error:
                told.append(error.type_name)
        request.reply(200)

    sim = Simulation(script)
    alice = sim.phone("alice")

    def ask(time: float) -> list[object]:
        told.clear()
        sim.at(time, alice.request, "MESSAGE", "bob")
        sim.run(until=time + 50.0)
        return list(told)

    assert ask(0.0) == [2, "TypeError"]
    sim.job(job, delay=3.0, result="late")
    sim.job(native, result=lambda: [1, {"a": b"b"}])
    assert ask(100.0) == ["late", [1, {"a": b"b"}]]
    sim.job(job, result=ValueError("no"))
    sim.job(native, result=object())
    assert ask(200.0) == ["ValueError", "TypeError"]
    assert [(time, name) for time, name, _ in sim.jobs_started] == [
        (0.0, "job"),
        (0.0, "native"),
        (100.0, "job"),
        (103.0, "native"),
        (200.0, "job"),
        (200.0, "native"),
    ]


def test_watched_events_appear_in_the_ladder_until_nobody_watches() -> None:
    sim = Simulation(push_notification.script)
    bob = sim.phone("bob")
    sim.watch("E_UL_CONTACT_INSERT", "E_HELLO")
    sim.send(bob.register())
    sim.run(until=1.0)
    sim.raise_event("E_HELLO", {"to": "you"})
    sim.expect(
        """
        0.000  * E_UL_CONTACT_INSERT aor=bob@example.org
        1.000  * E_HELLO to=you
        """,
        hide=("REGISTER",),
    )
    sim.unwatch()
    sim.raise_event("E_HELLO")
    assert len(sim.trace.without(("REGISTER",)).entries) == 2
    assert sim.engine.sizes()["subscriptions"] == 0


def test_noise_is_taken_and_shutdown_ends_the_engine() -> None:
    sim = Simulation(plain.script)
    sim.inject(b"\xff\x00")
    sim.inject(b"")
    assert sim.trace.entries == []
    assert not sim.stopped
    sim.shutdown()
    sim.run(until=40.0)
    assert sim.stopped


def test_a_simulation_that_never_rests_says_so() -> None:
    script = Script()

    @script.timer(1.0)
    def again() -> None:
        """Time goes on."""

    with pytest.raises(AssertionError, match="not idle after 50 steps"):
        Simulation(script).run(max_steps=50)
