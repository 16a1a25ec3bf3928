"""What every adapter shares: addresses, sockets, batches, the error queue."""

import errno
import select
import socket
from collections.abc import Iterator

import pytest

import ebr_net.datagrams
from ebr_core.actions import SendDatagram
from ebr_core.inputs import DatagramReceived, SendFailed
from ebr_net import (
    BoundSocket,
    ListenError,
    ListenSpec,
    Sockets,
    bind,
    bind_all,
    open_unbound,
    parse_advertise,
    parse_listen,
    read_batch,
    read_errors,
    send,
)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here")


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        yield sock


@pytest.fixture
def loopback() -> Iterator[BoundSocket]:
    bound = bind(ListenSpec("udp", "127.0.0.1", 0), 0)
    yield bound
    bound.close()


def address(bound: BoundSocket) -> tuple[str, int]:
    assert bound.listener is not None
    return bound.listener.bound


def readable(bound: BoundSocket, timeout: float) -> bool:
    poll = select.poll()
    poll.register(bound, select.POLLIN)
    return bool(poll.poll(timeout * 1000))


def closed_port() -> tuple[str, int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        name: tuple[str, int] = sock.getsockname()
    return name


# Addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("udp:192.0.2.1:5060", ListenSpec("udp", "192.0.2.1", 5060)),
        ("UDP:0.0.0.0:0", ListenSpec("udp", "0.0.0.0", 0)),
        ("udp:[::1]:5060", ListenSpec("udp", "::1", 5060)),
        ("udp:localhost:5070", ListenSpec("udp", "localhost", 5070)),
        ("udp:10.0.0.1:5060 as sip.example.org", ListenSpec("udp", "10.0.0.1", 5060, ("sip.example.org", 0))),
        ("udp:[::]:5060 as [2001:db8::1]:5080", ListenSpec("udp", "::", 5060, ("2001:db8::1", 5080))),
    ],
)
def test_parse_listen(text: str, expected: ListenSpec) -> None:
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "5060", "udp", "udp:", "udp:127.0.0.1", "udp:127.0.0.1:", "udp:127.0.0.1:x", "udp:127.0.0.1:65536", "udp:::1:5060",
     "udp:[::1]", "udp:[1.2.3.4]:5060", "udp:[::1:5060", "udp::5060", "tcp:127.0.0.1:5060", "127.0.0.1:5060", "udp:a b:1"],
)  # fmt: skip
def test_parse_listen_says_what_is_expected(text: str) -> None:
    with pytest.raises(ListenError, match="expected udp:HOST:PORT") as caught:
        parse_listen(text)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip.example.org", ("sip.example.org", 0)),
        ("192.0.2.1:5080", ("192.0.2.1", 5080)),
        ("[2001:db8::1]:5080", ("2001:db8::1", 5080)),
        ("2001:db8::1", ("2001:db8::1", 0)),
    ],
)
def test_parse_advertise(text: str, expected: tuple[str, int]) -> None:
    assert parse_advertise(text) == expected


@pytest.mark.parametrize("text", ["", ":5060", "host:", "host:0", "host:99999", "0.0.0.0", "[::]:5060", "a/b", "udp:host:5060"])
def test_parse_advertise_refuses(text: str) -> None:
    with pytest.raises(ListenError, match="cannot be advertised"):
        parse_advertise(text)


def test_a_spec_prints_as_it_is_written() -> None:
    assert str(parse_listen("udp:[::1]:5060")) == "udp:[::1]:5060"


# Binding


def test_bind_takes_a_free_port_and_advertises_it(loopback: BoundSocket) -> None:
    assert loopback.listener is not None
    assert loopback.listener.bound[0] == "127.0.0.1"
    assert loopback.listener.bound[1] > 0
    assert loopback.listener.advertised == loopback.listener.bound
    assert not loopback.sock.getblocking()
    assert not loopback.wildcard


def test_an_advertised_host_takes_the_bound_port() -> None:
    bound = bind(parse_listen("udp:127.0.0.1:0 as sip.example.org"), 3)
    try:
        assert bound.listener is not None
        assert bound.listener.id == bound.reads_as == 3
        assert bound.listener.advertised == ("sip.example.org", bound.listener.bound[1])
    finally:
        bound.close()


def test_a_wildcard_is_never_advertised() -> None:
    bound = bind(parse_listen("udp:0.0.0.0:0"), 0)
    try:
        assert bound.listener is not None
        assert bound.listener.bound[0] == "0.0.0.0"
        assert bound.listener.advertised[0] != "0.0.0.0"
        assert bound.listener.advertised[1] == bound.listener.bound[1]
    finally:
        bound.close()


def test_a_port_in_use_is_told_in_one_line(loopback: BoundSocket) -> None:
    port = address(loopback)[1]
    with pytest.raises(ListenError, match=rf"^cannot listen on udp:127.0.0.1:{port}: the address is in use by another socket$"):
        bind(ListenSpec("udp", "127.0.0.1", port), 1)


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(ListenError, match=r"udp:192\.0\.2\.1:5060: no interface of this machine has that address"):
        bind(ListenSpec("udp", "192.0.2.1", 5060), 0)


def test_bind_all_is_all_or_nothing(loopback: BoundSocket) -> None:
    free = closed_port()
    with pytest.raises(ListenError, match="in use"):
        bind_all([ListenSpec("udp", *free), ListenSpec("udp", *address(loopback))])
    bind(ListenSpec("udp", *free), 0).close()  # it was given back


def test_sockets_need_an_address() -> None:
    with pytest.raises(ListenError, match="at least one address"):
        Sockets([], lambda bound: None)


def test_what_is_answered_to_an_unbound_socket_counts_as_the_first_listeners(phone: socket.socket) -> None:
    watched: list[BoundSocket] = []
    sockets = Sockets("udp:127.0.0.1:0", watched.append)
    sockets.open()
    try:
        assert sockets.send(SendDatagram(b"hi", phone.getsockname(), None)) is None
        data, source = phone.recvfrom(100)
        assert data == b"hi"
        assert source != sockets.listeners[0].bound
        bound, unbound = sockets
        assert watched == [bound, unbound]
        phone.sendto(b"answer", source)
        assert readable(unbound, 5)
        assert list(read_batch(unbound)) == [DatagramReceived(b"answer", phone.getsockname(), 0)]
    finally:
        sockets.close()


# Reading


def test_an_empty_socket_gives_an_empty_batch(loopback: BoundSocket) -> None:
    assert list(read_batch(loopback)) == []


def test_a_batch_ends_at_its_limit_and_keeps_the_order(loopback: BoundSocket, phone: socket.socket) -> None:
    for number in range(70):
        phone.sendto(b"%d" % number, address(loopback))
    first = list(read_batch(loopback, seconds=60))
    assert [packet.data for packet in first] == [b"%d" % number for number in range(64)]
    assert first[0] == DatagramReceived(b"0", phone.getsockname(), 0)
    assert readable(loopback, 0)
    assert len(list(read_batch(loopback, seconds=60))) == 6


def test_a_batch_ends_when_its_time_is_up(loopback: BoundSocket, phone: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(ebr_net.datagrams, "monotonic", lambda: clock[0])
    for _ in range(10):
        phone.sendto(b"x", address(loopback))
    handled = 0
    for _ in read_batch(loopback):
        handled += 1
        clock[0] += 0.001  # what the caller does with a packet counts
    assert handled == 4


def test_empty_and_large_datagrams_arrive_whole(loopback: BoundSocket, phone: socket.socket) -> None:
    large = b"x" * 65_507
    phone.sendto(b"", address(loopback))
    phone.sendto(large, address(loopback))
    assert [packet.data for packet in read_batch(loopback, seconds=60)] == [b"", large]


def test_a_wildcard_socket_answers_from_the_address_that_was_asked(phone: socket.socket) -> None:
    bound = bind(parse_listen("udp:0.0.0.0:0"), 0)
    try:
        asked = ("127.0.0.2", address(bound)[1])
        phone.sendto(b"ping", asked)
        assert readable(bound, 5)
        assert list(read_batch(bound)) == [DatagramReceived(b"ping", phone.getsockname(), 0, asked)]
        assert send(bound, SendDatagram(b"pong", phone.getsockname(), 0, asked)) is None
        assert phone.recvfrom(100) == (b"pong", asked)
    finally:
        bound.close()


@needs_ipv6
def test_ipv6_wildcard_answers_from_the_address_that_was_asked() -> None:
    bound = bind(parse_listen("udp:[::]:0"), 0)
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as phone:
            phone.bind(("::1", 0))
            phone.settimeout(5)
            asked = ("::1", address(bound)[1])
            phone.sendto(b"ping", asked)
            assert readable(bound, 5)
            assert list(read_batch(bound)) == [DatagramReceived(b"ping", phone.getsockname()[:2], 0, asked)]
            assert send(bound, SendDatagram(b"pong", phone.getsockname()[:2], 0, asked)) is None
            data, source = phone.recvfrom(100)
            assert (data, source[:2]) == (b"pong", asked)
    finally:
        bound.close()


# What could not be delivered


def test_a_closed_port_is_told_once_and_then_the_socket_is_quiet(loopback: BoundSocket) -> None:
    nobody = closed_port()
    assert send(loopback, SendDatagram(b"OPTIONS sip:x", nobody, 0)) is None
    assert readable(loopback, 5)
    assert read_errors(loopback) == [SendFailed(nobody, 0, b"OPTIONS sip:x", "ECONNREFUSED")]
    assert read_errors(loopback) == []
    assert list(read_batch(loopback)) == []
    assert not readable(loopback, 0)


@needs_ipv6
def test_a_closed_ipv6_port_is_told() -> None:
    bound = open_unbound(socket.AF_INET6, 0)
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as gone:
            gone.bind(("::1", 0))
            nobody = gone.getsockname()[:2]
        assert send(bound, SendDatagram(b"x", nobody, None)) is None
        assert readable(bound, 5)
        assert read_errors(bound) == [SendFailed(nobody, None, b"x", "ECONNREFUSED")]
    finally:
        bound.close()


def test_the_error_of_one_packet_neither_stops_the_next_nor_hides_arrivals(loopback: BoundSocket, phone: socket.socket) -> None:
    nobody = closed_port()
    for number in range(3):
        assert send(loopback, SendDatagram(b"lost", nobody, 0)) is None
        assert send(loopback, SendDatagram(b"%d" % number, phone.getsockname(), 0)) is None
        assert phone.recv(100) == b"%d" % number
    phone.sendto(b"in", address(loopback))
    assert readable(loopback, 5)
    assert [packet.data for packet in read_batch(loopback)] == [b"in"]
    assert read_errors(loopback) == [SendFailed(nobody, 0, b"lost", "ECONNREFUSED")] * 3


def test_a_pending_error_does_not_end_a_batch(loopback: BoundSocket, phone: socket.socket) -> None:
    assert send(loopback, SendDatagram(b"lost", closed_port(), 0)) is None
    phone.sendto(b"in", address(loopback))
    assert [packet.data for packet in read_batch(loopback)] == [b"in"]


@pytest.mark.parametrize(
    ("destination", "error"),
    [
        (("::1", 5060), "EAFNOSUPPORT"),
        (("localhost", 5060), "EAFNOSUPPORT"),
        (("127.0.0.1\0", 5060), "EAFNOSUPPORT"),
        (("127.0.0.1", 70_000), "EINVAL"),
        (("127.0.0.1", 0), "EINVAL"),
        (("255.255.255.255", 5060), "EACCES"),
    ],
)
def test_an_impossible_destination_fails_at_once(loopback: BoundSocket, destination: tuple[str, int], error: str) -> None:
    assert send(loopback, SendDatagram(b"x", destination, 0)) == SendFailed(destination, 0, b"x", error)


def test_a_packet_that_is_too_long_fails_exactly_once(loopback: BoundSocket, phone: socket.socket) -> None:
    data = b"x" * 65_508
    assert send(loopback, SendDatagram(data, phone.getsockname(), 0)) == SendFailed(phone.getsockname(), 0, data, "EMSGSIZE")
    assert read_errors(loopback) == []


class FullSocket(socket.socket):
    """Its send buffer takes nothing."""

    code = errno.EAGAIN

    def sendto(self, *args: object) -> int:
        raise OSError(self.code, "full")


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOBUFS])
def test_a_full_buffer_drops_and_counts(code: int) -> None:
    with FullSocket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.code = code
        bound = BoundSocket(sock, listener=None, reads_as=0)
        assert send(bound, SendDatagram(b"x", ("127.0.0.1", 5060), None)) is None
        assert send(bound, SendDatagram(b"x", ("127.0.0.1", 5060), None)) is None
        assert bound.dropped == 2
