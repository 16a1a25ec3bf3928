"""Messages that real programs sent (tests/corpus): each is read as it is meant, forwarded, and sent over a stream."""

import re
from collections import Counter

import pytest

from corpus_checks import CORPUS, Reading, check, check_stream, foreign
from ebr_core.message import Credentials, Dtmf, Request, Response, ha1, parse_message

FILES = sorted(CORPUS.glob("*.sip"))
MESSAGES = {path.stem: path.read_bytes() for path in FILES}
REQUESTS = {name: data for name, data in MESSAGES.items() if not data.startswith(b"SIP/2.0 ")}
PASSWORD = "secret"  # Alice's and Bob's, in all of them

# Several programs, no two of the same habits. "linphonec-5.1.65-invite-authorized-tcp": program, version, kind.
_NAME = re.compile(r"(?P<program>[a-z]+)-(?P<version>[0-9.]+)-(?P<kind>(?P<status>[1-6][0-9]{2}-)?(?P<method>[a-z]+)[a-z-]*)")


def test_every_program_has_its_share() -> None:
    names = [_NAME.fullmatch(name) for name in MESSAGES]
    programs = Counter(name["program"] for name in names if name is not None)
    assert len(names) == sum(programs.values())
    assert [program for program, count in programs.items() if count >= 5] == [
        "baresip",
        "kamailio",
        "linphonec",
        "sipp",
        "sipsak",
    ]


@pytest.mark.parametrize("name", MESSAGES)
def test_two_readings_agree(name: str) -> None:
    message = check(MESSAGES[name])
    found = _NAME.fullmatch(name)
    assert found is not None
    method = found["method"].removeprefix(
        "re" if found["method"] == "reinvite" else "un" if found["method"] == "unregister" else ""
    )
    if isinstance(message, Response):
        assert (f"{message.status}-", message.cseq_method.lower()) == (found["status"], method)
    else:
        assert (None, message.method.lower()) == (found["status"], method)


@pytest.mark.parametrize("name", REQUESTS)
def test_forwarding_changes_three_lines(name: str) -> None:
    data = REQUESTS[name]
    request = parse_message(data)
    assert isinstance(request, Request)
    hops = request.max_forwards - 1 if request.max_forwards > 0 else 70
    via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnext"
    forwarded = request.forwarded("sip:next@192.0.2.2", [("Via", via)], hops)

    start, *lines = Reading(data).lines
    expected = [f"{request.method} sip:next@192.0.2.2 SIP/2.0".encode(), f"Via: {via}".encode()]
    expected += [f"Max-Forwards: {hops}".encode() if line.lower().startswith(b"max-forwards") else line for line in lines]
    if not any(line.lower().startswith(b"max-forwards") for line in lines):
        expected.append(f"Max-Forwards: {hops}".encode())
    out = forwarded.to_bytes()
    assert Reading(out).lines == expected
    assert Reading(out).body == Reading(data).body
    assert request.to_bytes() == data
    assert Reading(data).lines == [start, *lines]

    # And whoever gets it reads the same, but for what is new.
    arrived = parse_message(out)
    assert isinstance(arrived, Request)
    assert (arrived.uri, arrived.max_forwards, arrived.via.branch) == ("sip:next@192.0.2.2", hops, "z9hG4bKnext")
    assert arrived.headers("via")[1:] == request.headers("via")
    assert (arrived.call_id, arrived.cseq, arrived.from_tag, arrived.to_tag) == (
        *(request.call_id, request.cseq, request.from_tag, request.to_tag),
    )


@pytest.mark.parametrize("size", [7, 160, 4096])
def test_as_one_stream(size: int) -> None:
    # 20.14: a stream needs Content-Length, a datagram does not.
    messages = [data for data in MESSAGES.values() if Reading(data).all("content-length")]
    assert len(messages) > 40
    check_stream(b"".join(messages), size, messages)


@pytest.mark.parametrize("name", [name for name in REQUESTS if "-authorized" in name])
def test_their_digest_is_ours(name: str) -> None:
    request = parse_message(REQUESTS[name])
    assert isinstance(request, Request)
    (text,) = request.headers("Authorization") or request.headers("Proxy-Authorization")
    credentials = Credentials.parse(text)
    # sipsak's user is called "bob@".
    assert (credentials.username.rstrip("@"), credentials.realm) == (request.from_.parse_uri().user, "example.org")
    secret = ha1(credentials.algorithm, credentials.username, credentials.realm, PASSWORD)
    assert credentials.check(secret, request.method, request.body)
    assert not credentials.check(secret, "OPTIONS", request.body)
    guess = ha1(credentials.algorithm, credentials.username, credentials.realm, "guess")
    assert not credentials.check(guess, request.method, request.body)


def test_a_pressed_key() -> None:
    found = [parse_message(data) for name, data in REQUESTS.items() if name.endswith("-info")]
    assert [Dtmf.parse(message.content_type or "", message.body) for message in found] == [Dtmf("5", 250)]


@pytest.mark.parametrize("name", MESSAGES)
def test_nothing_but_the_loopback_is_named(name: str) -> None:
    assert foreign(MESSAGES[name]) == []
