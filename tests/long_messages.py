"""An INVITE that grows by about 32 bytes a step, in each of the ways that once cost some parser more than linear time."""

from collections.abc import Callable

from ebr_core import Config
from ebr_core.message import Message, MessageError, NameAddr, Request, Uri, Via, build_response, headers, parse_message

__all__ = ["NO_LIMITS", "SHAPES", "invite", "read_everything"]

NO_LIMITS = Config(
    max_message_size=1 << 24, max_headers=1 << 24, max_line_length=1 << 24, max_params=1 << 24, max_body_parts=1 << 24
)


def read_everything(data: bytes, config: Config = NO_LIMITS) -> int:
    """Parse, read each field of the message in each way there is, forward and answer; the number of readings refused."""
    try:
        message = parse_message(data, config)
    except MessageError as error:
        if error.partial is not None:
            build_response(error.partial, error.status, to_tag="t").to_bytes()
        return 1
    readings: list[Callable[[], object]] = [
        *[lambda field=field: message.read(field) for field in headers.FIELDS.values()],
        *(lambda: message.contacts, lambda: message.routes, lambda: message.record_routes, lambda: message.from_),
        *(lambda: message.to, lambda: message.via.params, lambda: message.parts(config), lambda: message.expires),
        *[lambda text=text: NameAddr.parse(text).params for text in message.values("contact")],
        *[lambda text=text: Via.parse(text).params for text in message.values("via")],
        lambda: _route_it(message),
    ]
    refused = 0
    for reading in readings:
        try:
            repr(reading())
        except MessageError:
            refused += 1
    return refused


def _route_it(message: Message) -> None:
    if isinstance(message, Request):
        uri = message.request_uri
        repr((uri.key, uri.equivalent(Uri.parse(str(uri))), uri.aor))
        message.stamp_received("192.0.2.11", 5060)
        message.forwarded("sip:bob@192.0.2.12", (("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx"),), 69).to_bytes()
        build_response(message, 200, to_tag="t").to_bytes()
    message.copy().pop_value("via")


def invite(
    *,
    user: str = "bob",
    display: str = "Alice",
    params: str = "",
    via: str = "",
    contact: str = "<sip:alice@192.0.2.11>",
    fields: str = "",
    content_type: str = "text/plain",
    body: str = "",
) -> bytes:
    """An INVITE with something of any length in one of its places."""
    lines = [
        f"INVITE sip:{user}@example.org SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKlong;rport{via}",
        "Max-Forwards: 70",
        f'From: "{display}" <sip:alice@example.org>;tag=a1{params}',
        "To: <sip:bob@example.org>",
        "Call-ID: long",
        "CSeq: 1 INVITE",
        f"Contact: {contact}",
        f"{fields}Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


SHAPES: dict[str, Callable[[int], bytes]] = {
    "one long field": lambda n: invite(fields=f"Subject: {'x' * 32 * n}\r\n"),
    "many fields": lambda n: invite(fields="X-Unknown: abcdefghijklmnopqrs\r\n" * n),
    "many known fields": lambda n: invite(fields="Route: <sip:192.0.2.111:506;lr>\r\n" * n),
    "different names": lambda n: invite(fields="".join([f"X-{number:05}: abcdefghijklmnopqrstu\r\n" for number in range(n)])),
    "folding": lambda n: invite(fields="Subject: a" + "\r\n abcdefghijklmnopqrstuvwxyz123" * n + "\r\n"),
    "quoted pairs": lambda n: invite(display='\\"\\\\' * 8 * n),
    "an open quotation": lambda n: invite(contact='"' + "\\\\" * 16 * n),
    "open brackets": lambda n: invite(contact="<" * 32 * n),
    "parameters": lambda n: invite(params=";abcdefghijklmn=opqrstuvwxyz1234" * n),
    "parameters of Via": lambda n: invite(via=";abcdefghijklmn=opqrstuvwxyz1234" * n),
    "Via values": lambda n: invite(via=",SIP/2.0/UDP 192.0.2.1;branch=12" * n),
    "Contact values": lambda n: invite(contact=",".join(["<sip:abcdefghij@192.0.2.100:506>"] * n)),
    "empty values": lambda n: invite(contact="," * 32 * n + "<sip:a@192.0.2.1>"),
    "escapes": lambda n: invite(user="%41%62%2e%20%zz%" * 2 * n),
    "a display name of words": lambda n: invite(contact="word " * 6 * n + "<sip:alice@192.0.2.11>"),
    "comments": lambda n: invite(fields="Retry-After: 5 " + "(" * 16 * n + ")" * 16 * n + "\r\n"),
    "digits": lambda n: invite(fields=f"Expires: {'9' * 32 * n}\r\n"),
    "a body": lambda n: invite(body="x" * 32 * n),
    "body parts": lambda n: invite(
        content_type="multipart/mixed;boundary=b", body="--b\r\n\r\nabcdefghijklmnopqrstuvw\r\n" * n + "--b--"
    ),
    "almost boundaries": lambda n: invite(
        content_type="multipart/mixed;boundary=b", body="--b\r\n\r\n" + "\r\n--" * 8 * n + "\r\n--b--"
    ),
}
