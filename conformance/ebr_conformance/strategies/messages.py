"""Whole messages, streams of them, and messages that were damaged on the way."""

from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from hypothesis.vendor.pretty import RepresentationPrinter

from ebr_conformance.strategies.addresses import METHODS, SampleAddress, SampleVia, branches, marked_addresses, marked_vias, uris
from ebr_conformance.strategies.fields import LISTS, VALUES, call_ids, methods, spellings, unknown_fields
from ebr_conformance.strategies.parts import COMMA, LWS, plain, spacings, tokens

__all__ = ["Sample", "bodies", "messages", "mutated", "requests", "responses", "streams"]


@dataclass(frozen=True)
class Sample:
    """A message as bytes, and what was put into it: what a parser must read out of it again.

    ``method`` is that of the CSeq, too; ``uri`` is None in a response, ``status`` in a request. ``vias`` in order, however they
    are spread over lines. ``fields``: canonical lower-case name and value of each header field in order, with as few blanks
    as the grammar allows. ``max_forwards`` and ``content_length`` are None where there is no such field.
    """

    data: bytes = field(repr=False)
    method: str
    uri: str | None
    status: int | None
    reason: str
    vias: tuple[SampleVia, ...]
    from_: SampleAddress
    to: SampleAddress
    call_id: str
    cseq: int
    max_forwards: int | None
    content_length: int | None
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"Sample({self.data!r})"

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        # All that a failing test needs to show; Hypothesis would print every attribute.
        printer.text(repr(self))


# ---- bodies

_LINES: Final = (b"v=0\r\n", b"\r\n", b"a: b\r\n", b"\r\n\r\n", b"INVITE sip:a@b SIP/2.0\r\n", b"\0\xff\r\n", b"x", b"--\r\n")
_SIMPLE: Final = ("application/sdp", "text/plain;charset=utf-8", "application/dtmf-relay", "application/x-own", "message/sipfrag")


def _part(drawn: tuple[str, bytes, str]) -> bytes:
    media_type, content, disposition = drawn
    return f"Content-Type: {media_type}\r\n{disposition}\r\n".encode() + content


def _multipart(drawn: tuple[list[bytes], str, bytes, bytes, str]) -> tuple[str, bytes]:
    parts, boundary, preamble, epilogue, kind = drawn
    delimiter = b"--" + boundary.strip('"').encode()
    body = preamble + b"".join([delimiter + b"\r\n" + part + b"\r\n" for part in parts]) + delimiter + b"--" + epilogue
    return f"multipart/{kind};boundary={boundary}", body


def _contents() -> SearchStrategy[bytes]:
    return st.lists(st.sampled_from(_LINES), max_size=3).map(b"".join) | st.binary(max_size=12)


def _multiparts(inner: SearchStrategy[tuple[str, bytes]], boundaries: tuple[str, ...]) -> SearchStrategy[tuple[str, bytes]]:
    headers = st.sampled_from(("", "Content-Disposition: session\r\n", "Content-ID: <1@example.org>\r\n"))
    part = st.tuples(inner, headers).map(lambda drawn: _part((drawn[0][0], drawn[0][1], drawn[1])))
    return st.tuples(
        st.lists(part, min_size=1, max_size=3),
        st.sampled_from(boundaries),
        st.sampled_from((b"", b"\r\n", b"For those who do not know MIME.\r\n")),
        st.sampled_from((b"", b"\r\n", b"\r\nThe end.")),
        st.sampled_from(("mixed", "alternative", "related")),
    ).map(_multipart)


def bodies() -> SearchStrategy[tuple[str, bytes]]:
    """A media type with its parameters, and a body of it: lines, binary, multipart, multipart in multipart. ("", b"") for
    none."""
    simple = st.tuples(st.sampled_from(_SIMPLE), _contents())
    # No boundary is the beginning of another one, and none of them can come up in a body.
    nested = _multiparts(simple, ("inner-1", '"inner 2"'))
    return st.just(("", b"")) | simple | _multiparts(simple | nested, ("outer_1", '"outer:2?"'))


# ---- messages

_COLONS: Final = (": ", ":", " : ", "\t:\t", ":  ")
_VERSIONS: Final = ("SIP/2.0", "SIP/2.0", "SIP/2.0", "sip/2.0")
_REASONS: Final = ("OK", "", "Ringing", "Pas trouv\u00e9", "a/b;c=%20?!", "\u65e5\u672c \t-", "No \udc80 UTF-8")
_STATUSES: Final = (200, 100, 180, 183, 302, 401, 404, 486, 503, 603, 199, 699)
_EXTRAS: Final = sorted(VALUES)
# Coprime with all steps below; more fields than that are never drawn.
_PLACES: Final = 31


def _known_field(name: str) -> SearchStrategy[list[tuple[str, str]]]:
    values = st.lists(VALUES[name], min_size=1, max_size=2) if name in LISTS else VALUES[name].map(lambda value: [value])
    return values.map(lambda drawn: [(name, value) for value in drawn])


_NAMED: Final = frozenset({*VALUES, "via", "from", "to", "call-id", "cseq", "max-forwards", "content-type", "content-length"})
_KNOWN: Final = {name: _known_field(name) for name in _EXTRAS}
# Under several names, so that one is drawn for every second message.
_UNKNOWN: Final = dict.fromkeys([f"?{number}" for number in range(12)], unknown_fields().map(lambda each: [each]))
_EXTRA_FIELDS: Final = {**_UNKNOWN, **_KNOWN}
_EXTRA_NAMES: Final = st.lists(st.sampled_from(sorted(_EXTRA_FIELDS)), max_size=4, unique=True)
_STYLES: Final = st.just([0]) | st.lists(st.integers(0, 5), min_size=1, max_size=4)
_VIAS: Final = st.lists(marked_vias(), min_size=1, max_size=3)
_BRANCHES: Final = branches()
_TAGGED: Final = marked_addresses(tag=tokens("1928301774", "a~b"))
_UNTAGGED: Final = marked_addresses()
_CSEQS: Final = st.sampled_from((1, 0, 2**31 - 1)) | st.integers(0, 2**31 - 1)
_ZEROS: Final = st.sampled_from(("", "", "", "0", "000"))
_BODIES: Final = bodies()
_CALL_IDS: Final = call_ids()
_BOOLEANS: Final = st.booleans()
_SPACINGS: Final = spacings()
_COLON_LISTS: Final = st.just([": "]) | st.lists(st.sampled_from(_COLONS), min_size=1, max_size=3)


def _via_lines(draw: DrawFn, vias: list[SampleVia]) -> list[tuple[str, str]]:
    lines: list[str] = []
    for via in vias:
        if lines:
            together = draw(_BOOLEANS)
            if together:
                lines[-1] += COMMA + via.text
                continue
        lines.append(via.text)
    return [("via", line) for line in lines]


def _message(draw: DrawFn, start: str, method: str, uri: str | None, status: int | None, reason: str, stream: bool) -> Sample:
    vias = draw(_VIAS)
    from_ = draw(_TAGGED)
    to = draw(_TAGGED if status is not None else _UNTAGGED | _TAGGED)
    call_id = draw(_CALL_IDS)
    cseq = draw(_CSEQS)
    zeros = draw(_ZEROS)
    max_forwards = draw(st.sampled_from((70, 0, 255, None)))
    media_type, body = draw(_BODIES)
    fields = _via_lines(draw, vias)
    core = [("from", from_.text), ("to", to.text), ("call-id", call_id), ("cseq", f"{zeros}{cseq}{LWS}{method}")]
    if max_forwards is not None:
        core.append(("max-forwards", f"{zeros}{max_forwards}"))
    if media_type:
        core.append(("content-type", media_type))
    counted = draw(_BOOLEANS) or stream
    if counted:
        core.append(("content-length", f"{zeros}{len(body)}"))
    fields += core
    for name in draw(_EXTRA_NAMES):
        fields += draw(_EXTRA_FIELDS[name])
    # Any step but 1 puts them into an odd order; fields of one name change theirs too, so the Vias are put back into it.
    step = draw(st.sampled_from((1, 1, 3, 7, 30)))
    if step != 1:
        order = sorted(range(len(fields)), key=lambda place: (place + 1) * step % _PLACES)
        in_order = iter([each for each in fields if each[0] == "via"])
        fields = [next(in_order) if fields[place][0] == "via" else fields[place] for place in order]

    spacing = draw(_SPACINGS)
    colons = draw(_COLON_LISTS)
    styles = draw(_STYLES)
    lines = [start]
    for number, (name, value) in enumerate(fields):
        choices = spellings(name) if name in _NAMED else (name,)
        spelling = choices[styles[number % len(styles)] % len(choices)]
        lines.append(spelling + colons[number % len(colons)] + spacing.apply(value, number))
    text = "\r\n".join(lines) + "\r\n\r\n"
    return Sample(
        text.encode("utf-8", "surrogateescape") + body,
        method,
        uri,
        status,
        reason,
        tuple(_plain_via(via) for via in vias),
        _plain_address(from_),
        _plain_address(to),
        call_id,
        cseq,
        max_forwards,
        len(body) if counted else None,
        tuple((name.lower(), plain(value).strip(" ")) for name, value in fields),
        body,
    )


def _plain_via(via: SampleVia) -> SampleVia:
    return SampleVia(plain(via.text), via.transport, via.host, via.port, via.branch, via.params)


def _plain_address(address: SampleAddress) -> SampleAddress:
    return SampleAddress(plain(address.text), address.display, address.uri, address.params)


_METHODS: Final = methods()
_URIS: Final = uris()


@st.composite
def requests(draw: DrawFn, *, stream: bool = False) -> Sample:
    """Requests of any method to any URI, with what RFC 3261 8.1.1 asks for and up to five fields more. Lines end with CRLF.

    ``stream``: all have a Content-Length, as on TCP (18.3); else some do.
    """
    method = draw(_METHODS)
    uri = draw(_URIS)
    return _message(draw, f"{method} {uri} {draw(st.sampled_from(_VERSIONS))}", method, uri, None, "", stream)


@st.composite
def responses(draw: DrawFn, *, stream: bool = False) -> Sample:
    """Responses of any status and reason phrase, as ``requests``."""
    status = draw(st.sampled_from(_STATUSES))
    reason = draw(st.sampled_from(_REASONS))
    method = draw(st.sampled_from(METHODS))
    return _message(draw, f"{draw(st.sampled_from(_VERSIONS[:1]))} {status} {reason}", method, None, status, reason, stream)


def messages(*, stream: bool = False) -> SearchStrategy[Sample]:
    """Requests and responses."""
    return requests(stream=stream) | responses(stream=stream)


def streams(*, max_size: int = 4) -> SearchStrategy[list[bytes]]:
    """What goes over a connection, in pieces: messages, PING (CRLF CRLF) and PONG (CRLF) of RFC 5626 between them; a PONG
    never stands beside another keep-alive, with which it would make a PING. ``b"".join`` gives the bytes."""
    message = messages(stream=True).map(lambda sample: sample.data)
    piece = st.sampled_from((b"\r\n", b"\r\n\r\n")) | message | message
    return st.lists(piece, max_size=max_size).map(_apart)


def _apart(pieces: list[bytes]) -> list[bytes]:
    kept: list[bytes] = []
    for piece in pieces:
        # What follows a PONG must not begin with CRLF, nor may it come behind one half of a PING.
        if kept and len(kept[-1]) <= 4 and len(piece) <= 4 and b"\r\n" in (kept[-1], piece):
            continue
        kept.append(piece)
    return kept


# ---- damage

_MARKS: Final = [
    b"",
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b"\xc3\xa9",
    *[bytes([each]) for each in b'"<>;,=:@ \t%[]\\()*+-/'],
]
_PIECES: Final = [
    *(b"-1", b"4294967296", b"9" * 400, b"sip:", b"sips:x", b"tel:+1", b";lr", b";tag=", b"\r\n ", b"\r\n\r\n", b"\r\nVia: "),
    *(b"[::1]", b"SIP/2.0", b"SIP/3.0", b"\r\nl: 5", b"\r\nContent-Length: 0", b"\r\nTo: <sip:a@b>"),
]
_EDITS: Final = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 12), st.sampled_from(_MARKS) | st.sampled_from(_PIECES)),
    min_size=1,
    max_size=5,
)


def mutated(samples: SearchStrategy[Sample] | SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    """The messages with a few bytes cut out and others put in: some still are messages, most are not."""
    return st.builds(_edited, samples, _EDITS)


def _edited(sample: Sample | bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    data = sample.data if isinstance(sample, Sample) else sample
    for place, length, piece in edits:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + length :]
    return data
