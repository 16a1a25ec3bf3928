"""Parsing and forwarding: the time of each, beside sippy where it is installed, the memory, and how time grows with length."""

import gc
import time
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks.messages import INVITE, OK, REGISTER, invite
from ebr_core.message import Request, parse_message
from long_messages import SHAPES, read_everything

__all__ = ["each", "floor", "growth", "parsing"]

VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0123456789abcdef"
TARGET = "sip:bob@192.0.2.12:5060"


def floor(data: bytes) -> list[str]:
    """The least that any parser does; what the speed of a machine is told by."""
    end = data.find(b"\r\n\r\n")
    return data[:end].decode("utf-8", "surrogateescape").split("\r\n")


def each(function: Callable[[bytes], object], data: bytes, times: int) -> float:
    """CPU microseconds for one call, the best of five runs: what disturbs it only ever adds."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            function(data)
        best = min(best, time.process_time() - start)
    return best / times * 1e6


def core_fields(data: bytes) -> tuple[object, ...]:
    """What a proxy wants to know of a request, asked for as a user would."""
    message = parse_message(data)
    via = message.via
    return (
        via.branch,
        via.host,
        via.port,
        message.call_id,
        message.cseq,
        message.cseq_method,
        message.from_uri,
        message.from_tag,
        message.to_uri,
        message.to_tag,
        message.max_forwards,
        message.contacts[0].uri,
        message.expires,
        len(message.body),
    )


def sippy_fields() -> Callable[[bytes], tuple[object, ...]]:
    """The same of sippy, whose messages are made of text; it parses what is asked for, the URIs in full."""
    request: Any = import_module("sippy.SipRequest").SipRequest

    def fields(data: bytes) -> tuple[object, ...]:
        message = request(data.decode())
        via, sender, target = message.getHFBody("via"), message.getHFBody("from"), message.getHFBody("to")
        expires = message.getHFBodys("expires")
        return (
            *(via.getBranch(), *via.getAddr(), str(message.getHFBody("call-id")), *message.getHFBody("cseq").getCSeq()),
            *(sender.getUrl(), sender.getTag(), target.getUrl(), target.getTag()),
            message.getHFBody("max-forwards").getNum(),
            *(message.getHFBody("contact").getUrl(), expires[0].getNum() if expires else None, message.getBody()),
        )

    return fields


def _forwarding(times: int) -> float:
    request = parse_message(INVITE)
    if not isinstance(request, Request):
        raise RuntimeError("the INVITE is no request")
    sender = request

    def forward(_: bytes) -> bytes:
        return sender.forwarded(TARGET, (("Via", VIA),), 69).to_bytes()

    if len(forward(b"")) < len(INVITE) + len(VIA):
        raise RuntimeError("the INVITE was not forwarded")
    return each(forward, INVITE, times)


def _memory() -> float:
    """What a parsed INVITE keeps, in multiples of its bytes; the bytes themselves are not counted."""
    datas = [invite(f"bob{number}", number) for number in range(1000)]
    for data in datas[:50]:
        parse_message(data)  # what is remembered of all messages is no part of one
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [parse_message(data) for data in datas]
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return taken / sum(map(len, datas[: len(kept)]))


def growth(scale: float) -> dict[str, float]:
    """Nanoseconds for each byte of short and long messages: with linear time it falls, or stays."""
    times = int(10 * scale) + 2
    found = {}
    for name, shape in SHAPES.items():
        for steps in (64, 512):
            data = shape(steps)
            found[f"{name}, {len(data) / 1000:.0f} kB"] = each(read_everything, data, times) / len(data) * 1e3
    return found


def parsing(scale: float) -> dict[str, float]:
    """One round: microseconds by name; what is a multiple of something begins with ``ratio``."""
    times = int(1000 * scale) + 50
    found = {}
    for name, data in (("INVITE", INVITE), ("REGISTER", REGISTER), ("200 OK", OK)):
        found[f"parse {name}, {len(data)} B"] = each(parse_message, data, times)
    found["core fields of the INVITE"] = each(core_fields, INVITE, times)
    found["forward the INVITE"] = _forwarding(times)
    if find_spec("sippy") is not None:
        found["sippy: core fields of the INVITE"] = each(sippy_fields(), INVITE, times // 4)
    found["ratio: memory of a parsed INVITE to its bytes"] = _memory()
    return found
