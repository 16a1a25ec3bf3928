"""What the SIPp phones and callers do, as SIPp's XML; ``[words]`` in brackets are SIPp's own and filled in by it.

One SIPp process is one user agent on one port. A phone's main scenario registers it and then lingers; the calls that reach
it meanwhile run its second scenario (``-oocsf``), whose end is the end of the process.
"""

__all__ = [
    "SDP",
    "answer",
    "bye",
    "call",
    "cancel",
    "expect",
    "linger",
    "lose_call",
    "phone_ends",
    "pickup_call",
    "refused",
    "register",
    "register_with_password",
    "reply",
    "scenario",
    "take_bye",
    "take_call",
    "take_call_and_hang_up",
    "take_calls",
]

SDP = """\
v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 40000 RTP/AVP 0
a=rtpmap:0 PCMU/8000"""


def scenario(*steps: str) -> str:
    """A whole scenario file."""
    return '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="ebr">\n' + "\n".join(steps) + "\n</scenario>\n"


def linger(seconds: float) -> str:
    """Do nothing for a while; what arrives is still logged."""
    return f'<pause milliseconds="{round(seconds * 1000)}"/>'


def expect(what: int | str, *, optional: bool = False, routes: bool = False) -> str:
    """Wait for a response (a status) or a request (a method); ``routes``: take over its Record-Route."""
    kind = "response" if isinstance(what, int) else "request"
    attributes = (' optional="true"' if optional else "") + (' rrs="true"' if routes else "")
    return f'<recv {kind}="{what}"{attributes}/>'


def phone_ends() -> str:
    """The last step of a phone's call: the test waits for the end of the process."""
    return '<nop><action><exec int_cmd="stop_now"/></action></nop>'


# As a client.


def register(user: str, *, after: float = 0.0, stays: float = 60.0) -> str:
    """Register this port, then be there for calls."""
    text = _request(
        "REGISTER", "sip:example.org", user, user, 1, f"Contact: <sip:{user}@[local_ip]:[local_port]>", "Expires: 3600"
    )
    return scenario(*([linger(after)] if after else []), _send(text), expect(200), linger(stays))


def register_with_password(user: str, password: str, transport: str = "UDP") -> str:
    """Register this port; the password is asked for first."""
    steps = []
    for cseq, signed in ((1, ""), (2, f"[authentication username={user} password={password}]")):
        fields = [f"Contact: <sip:{user}@[local_ip]:[local_port];transport={transport.lower()}>", "Expires: 3600"]
        text = _request("REGISTER", "sip:example.org", user, user, cseq, *fields, *([signed] if signed else []))
        steps.append(_send(text.replace("SIP/2.0/UDP", f"SIP/2.0/{transport}")))
        steps.append(expect(200) if signed else expect(401).replace("/>", ' auth="true"/>'))
    return scenario(*steps)


def call(caller: str, callee: str) -> str:
    """An INVITE that is retransmitted until something comes back."""
    fields = [f"Contact: <sip:{caller}@[local_ip]:[local_port]>", "Content-Type: application/sdp"]
    return _send(_request("INVITE", f"sip:{callee}@example.org", caller, callee, 1, *fields, body=SDP))


def answer(caller: str, callee: str) -> str:
    """The 2xx and its ACK, on the route that the 2xx gave."""
    text = _request("ACK", "[next_url]", caller, callee, 1, "[routes]", to=f"To: <sip:{callee}@example.org>[peer_tag_param]")
    return expect(200, routes=True) + "\n" + _send(text, again=False)


def bye(user: str, other: str) -> str:
    """The caller hangs up, and waits for the 200."""
    text = _request("BYE", "[next_url]", user, other, 2, "[routes]", to=f"To: <sip:{other}@example.org>[peer_tag_param]")
    # Tied together, else a repeated 200 to the INVITE would count as this one.
    return _send(text).replace("<send", '<send start_txn="bye"') + '\n<recv response="200" response_txn="bye"/>'


def refused(caller: str, callee: str, status: int) -> str:
    """A final response that is not 2xx, and its ACK, which has the INVITE's branch (RFC 3261 17.1.1.3)."""
    text = _request("ACK", f"sip:{callee}@example.org", caller, callee, 1, to="[last_To:]", branch="INVITE")
    return expect(status) + "\n" + _send(text, again=False)


def cancel(caller: str, callee: str) -> str:
    """A CANCEL, its 200, the INVITE's 487 and its ACK."""
    text = _request("CANCEL", f"sip:{callee}@example.org", caller, callee, 1, branch="INVITE")
    return "\n".join([_send(text), expect(200), refused(caller, callee, 487)])


def pickup_call(caller: str, callee: str) -> str:
    """A call that is refused with 480."""
    return scenario(call(caller, callee), expect(100, optional=True), refused(caller, callee, 480))


# As a server: fields of the request are copied.


def take_call(*steps: str) -> str:
    """The scenario of a phone that is called."""
    return take_calls(*steps, phone_ends())


def take_calls(*steps: str) -> str:
    """The scenario of a phone that is called again and again, until the test ends it."""
    return scenario(expect("INVITE", routes=True), *steps)


def take_call_and_hang_up(user: str, *steps: str) -> str:
    """The same of a phone that ends the call after these steps."""
    caller = '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>'  # in the BYE it is the To, with its tag
    invite = f'<recv request="INVITE" rrs="true"><action>{caller}</action></recv>'
    hang_up = _send(_request("BYE", "[next_url]", user, "", 1, "[routes]", to="To: [$caller]"))
    return scenario(invite, *steps, hang_up, expect(200), phone_ends())


def reply(user: str, status: int, reason: str) -> str:
    """A response to the request that came last; a 2xx to an INVITE carries SDP and is retransmitted until its ACK."""
    fields = ["[last_Via:]", "[last_Record-Route:]", "[last_From:]", "[last_To:];tag=[pid]t[call_number]", "[last_Call-ID:]"]
    lines = [f"SIP/2.0 {status} {reason}", *fields, "[last_CSeq:]", f"Contact: <sip:{user}@[local_ip]:[local_port]>"]
    if status // 100 != 2:
        return _send("\n".join([*lines, "Content-Length: 0", "", ""]), again=status >= 300)
    return _send("\n".join([*lines, "Content-Type: application/sdp", "Content-Length: [len]", "", SDP]))


def take_bye() -> str:
    """The other side hangs up."""
    fields = ["SIP/2.0 200 OK", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"]
    return expect("BYE") + "\n" + _send("\n".join([*fields, "Content-Length: 0", "", ""]), again=False)


def lose_call(user: str) -> str:
    """The scenario of a phone that rings and is cancelled: the CANCEL and its 200, the INVITE's 487 and the ACK to that."""
    # A CANCEL has one Via (RFC 3261 9.1), and the 487 needs both of the INVITE.
    vias = [f'<ereg regexp=".*" search_in="hdr" header="Via:" occurence="{n}" assign_to="via{n}"/>' for n in (1, 2)]
    invite = f'<recv request="INVITE"><action>{"".join(vias)}</action></recv>'
    fields = ["[last_From:]", "[last_To:];tag=[pid]t[call_number]", "[last_Call-ID:]"]
    ok = ["SIP/2.0 200 OK", "[last_Via:]", *fields, "[last_CSeq:]", "Content-Length: 0", "", ""]
    terminated = [
        "SIP/2.0 487 Request Terminated",
        "Via: [$via1]",
        "Via: [$via2]",
        *fields,
        "CSeq: 1 INVITE",
        "Content-Length: 0",
    ]
    return scenario(
        invite,
        reply(user, 180, "Ringing"),
        expect("CANCEL"),
        _send("\n".join(ok), again=False),
        _send("\n".join([*terminated, "", ""])),
        expect("ACK"),
        phone_ends(),
    )


def _send(text: str, *, again: bool = True) -> str:
    attribute = ' retrans="500"' if again else ""
    return f"<send{attribute}><![CDATA[\n\n{text}\n\n]]></send>"


def _request(
    method: str, uri: str, user: str, other: str, cseq: int, *fields: str, to: str = "", branch: str = "", body: str = ""
) -> str:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{branch or method}",
        "Max-Forwards: 70",
        f"From: <sip:{user}@example.org>;tag=[pid]t[call_number]",
        to or f"To: <sip:{other}@example.org>",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        *fields,
        "Content-Length: [len]" if body else "Content-Length: 0",
    ]
    return "\n".join([*lines, "", body])
