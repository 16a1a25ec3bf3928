"""Virtual phones: SIP user agents without I/O, with a behaviour that a test or a demonstration sets.

A phone is driven like the engine: set ``now``, call a method, send the packets that it returns; give it what arrives with
``receive``; call ``tick`` at its ``deadline``. It does what it is told and no more: it retransmits only when asked, so that
a ladder shows the proxy's doings and not the phone's.
"""

from collections.abc import Callable
from heapq import heappop, heappush

from ebr_conformance.dialogs import Dialog, Headers, Incoming, Packet, host_port
from ebr_core.inputs import Address
from ebr_core.message import (
    Message,
    MessageError,
    NameAddr,
    Request,
    Response,
    Uri,
    build_ack,
    build_cancel,
    build_request,
    build_response,
    parse_message,
)

__all__ = ["Phone"]

_ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, UPDATE")


class Phone:
    """A user agent called ``name``, of the user ``user`` (the same, unless given), at ``address``.

    Behaviour, as attributes that may be changed at any time; delays are in seconds after the INVITE:

    * ``rings``: when it sends 180, or None for never;
    * ``answers``: when it sends 200, or None for never;
    * ``declines`` and ``declines_after``: the status it refuses with, or None, and when;
    * ``silent``: it ignores whatever comes (switched off);
    * ``retransmits``: it retransmits over lossy networks as RFC 3261 17.1.1.2, 17.1.2.2 and 13.3.1.4 say.

    What it saw and sent is in ``received`` and ``sent``, with times.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        domain: str,
        proxy: Address,
        tokens: Callable[[int], bytes],
        *,
        user: str | None = None,
        rings: float | None = 0.0,
        answers: float | None = None,
        declines: int | None = None,
        declines_after: float = 0.0,
        silent: bool = False,
        retransmits: bool = False,
        t1: float = 0.5,
    ) -> None:
        self.name = name
        self.user = name if user is None else user
        self.address = address
        self.domain = domain
        self.proxy = proxy
        self.rings = rings
        self.answers = answers
        self.declines = declines
        self.declines_after = declines_after
        self.silent = silent
        self.retransmits = retransmits
        self.t1 = t1
        self.now = 0.0
        self.received: list[tuple[float, Message]] = []
        self.sent: list[tuple[float, Message]] = []
        self.malformed: list[bytes] = []
        self.dialogs: list[Dialog] = []  # the newest last
        self._tokens = tokens
        self._timers: list[tuple[float, int, Callable[[], list[Packet]]]] = []
        self._timer_count = 0
        self._cseq = 0
        self._registration = self._token()
        self._last_invite: Request | None = None
        self._last_packet: Packet | None = None
        self._invites: dict[str, Request] = {}  # those it sent, by branch
        self._open: dict[tuple[str, str], Request] = {}  # requests without a response, by branch and method
        self._incoming: dict[str, Incoming] = {}  # INVITEs it received, by branch

    # What a phone is: its names.

    @property
    def aor(self) -> str:
        """``user@domain``."""
        return f"{self.user}@{self.domain}"

    @property
    def contact(self) -> str:
        """Its contact URI."""
        return f"sip:{self.user}@{host_port(self.address)}"

    def responses(self, method: str = "INVITE") -> list[int]:
        """The statuses it received to its requests of ``method``, in order."""
        return [m.status for _, m in self.received if isinstance(m, Response) and m.cseq_method == method]

    def requests(self, method: str) -> list[Request]:
        """The requests of ``method`` that it received, retransmissions included."""
        return [m for _, m in self.received if isinstance(m, Request) and m.method == method]

    # What a user does with it.

    def register(
        self,
        expires: int = 3600,
        *,
        contact: str | None = None,
        instance: str = "",
        reg_id: int = 0,
        q: str = "",
        headers: Headers = (),
    ) -> list[Packet]:
        """REGISTER (RFC 3261 10.2). ``contact``: another URI, or a whole Contact value if it has ``<`` or is ``*``."""
        value = self.contact if contact is None else contact
        if value != "*" and "<" not in value:
            value = f"<{value}>"
            value += f";q={q}" if q else ""
            value += f';+sip.instance="<{instance}>"' if instance else ""
            value += f";reg-id={reg_id}" if reg_id else ""
        fields = [("Contact", value), ("Expires", str(expires)), *headers]
        return self._request("REGISTER", f"sip:{self.domain}", f"sip:{self.aor}", fields, call_id=self._registration)

    def unregister(self, *, contact: str | None = None, instance: str = "", reg_id: int = 0) -> list[Packet]:
        """REGISTER with ``Expires: 0``."""
        return self.register(0, contact=contact, instance=instance, reg_id=reg_id)

    def invite(self, target: str, *, headers: Headers = (), body: bytes | None = None) -> list[Packet]:
        """INVITE ``target``: a user of the domain, ``user@domain`` or a URI. The default body is a session description."""
        offer = self._session() if body is None else body
        fields = [("Contact", f"<{self.contact}>"), _ALLOW, *headers]
        if offer:
            fields.append(("Content-Type", "application/sdp"))
        return self._request("INVITE", self._uri_of(target), self._uri_of(target), fields, offer)

    def request(self, method: str, target: str, *, headers: Headers = (), body: bytes = b"") -> list[Packet]:
        """Any other request outside a dialog, as OPTIONS or MESSAGE."""
        return self._request(method, self._uri_of(target), self._uri_of(target), headers, body)

    def cancel(self, *, headers: Headers = ()) -> list[Packet]:
        """CANCEL its last INVITE (RFC 3261 9.1), whether or not it has had a provisional response yet."""
        assert self._last_invite is not None, f"{self.name} has nothing to cancel"
        return self._start(build_cancel(self._last_invite, list(headers)), self._hop_of(self._last_invite))

    def bye(self, dialog: Dialog | None = None) -> list[Packet]:
        """BYE in its newest dialog, or in ``dialog``."""
        chosen = self.dialogs[-1] if dialog is None else dialog
        packets = self.in_dialog("BYE", dialog=chosen)
        self.dialogs.remove(chosen)
        return packets

    def in_dialog(self, method: str, *, dialog: Dialog | None = None, headers: Headers = (), body: bytes = b"") -> list[Packet]:
        """A request inside a dialog, as a re-INVITE or INFO, along its route set (RFC 3261 12.2.1.1)."""
        chosen = self.dialogs[-1] if dialog is None else dialog
        chosen.cseq += 1
        fields = list(headers)
        if method in ("INVITE", "UPDATE"):
            fields.insert(0, ("Contact", f"<{self.contact}>"))
        request, destination = self._inside(chosen, method, chosen.cseq, fields, body)
        return self._start(request, destination)

    def resend(self) -> list[Packet]:
        """Its last request once more, as a retransmission (the same bytes)."""
        assert self._last_packet is not None, f"{self.name} has sent no request yet"
        return [self._last_packet]

    def answer(self, status: int = 200, *, headers: Headers = ()) -> list[Packet]:
        """Answer the newest INVITE that has no final response yet, now; nothing if there is none."""
        for incoming in reversed(self._incoming.values()):
            if incoming.final is None:
                return self._respond(incoming, status, headers)
        return []

    # What its driver does.

    @property
    def deadline(self) -> float | None:
        """When to call ``tick``, or None."""
        return self._timers[0][0] if self._timers else None

    def tick(self, now: float) -> list[Packet]:
        """Do what is due at ``now``."""
        self.now = now
        packets: list[Packet] = []
        while self._timers and self._timers[0][0] <= now:
            packets += heappop(self._timers)[2]()
        return packets

    def receive(self, data: bytes, now: float, source: Address | None = None) -> list[Packet]:
        """Take one datagram, which came from ``source`` (the proxy, if not given); what is no SIP goes to ``malformed``."""
        self.now = now
        if self.silent:
            return []
        try:
            message = parse_message(data)
        except MessageError:
            self.malformed.append(data)
            return []
        self.received.append((now, message))
        if isinstance(message, Response):
            return self._receive_response(message)
        message.stamp_received(*(self.proxy if source is None else source))
        return self._receive_request(message)

    # The client's side.

    def _request(
        self, method: str, uri: str, to: str, fields: Headers, body: bytes = b"", *, call_id: str | None = None
    ) -> list[Packet]:
        self._cseq += 1
        head = [
            ("Via", self._via()),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.aor}>;tag={self._token()}"),
            ("To", f"<{to}>"),
            ("Call-ID", self._token() if call_id is None else call_id),
            ("CSeq", f"{self._cseq} {method}"),
        ]
        return self._start(build_request(method, uri, [*head, *fields], body), self.proxy)

    def _inside(self, dialog: Dialog, method: str, cseq: int, fields: Headers, body: bytes = b"") -> tuple[Request, Address]:
        head = [
            ("Via", self._via()),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in dialog.route),
            ("From", dialog.local),
            ("To", dialog.remote),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        hop = NameAddr.parse(dialog.route[0]).uri if dialog.route else dialog.target
        return build_request(method, dialog.target, [*head, *fields], body), self._address_of(hop)

    def _start(self, request: Request, destination: Address) -> list[Packet]:
        packet = self._packet(request, destination)
        self._last_packet = packet
        key = (request.via.branch, request.method)
        self._open[key] = request
        if self.retransmits:
            cap = 64 * self.t1 if request.method == "INVITE" else 8 * self.t1
            self._repeat(packet, lambda: key in self._open, self.t1, cap, self.now + 64 * self.t1)
        return [packet]

    def _receive_response(self, response: Response) -> list[Packet]:
        key = (response.via.branch, response.cseq_method)
        if response.cseq_method != "INVITE":
            if response.status >= 200:
                self._open.pop(key, None)
            return []
        invite = self._invites.get(response.via.branch)
        if invite is None:
            return []
        if response.status < 200:
            if self._open.get(key) is invite:
                # Its retransmissions stop with the first response (17.1.1.2).
                del self._open[key]
            return []
        self._open.pop(key, None)
        if response.status >= 300:
            return [self._packet(build_ack(invite, response), self._hop_of(invite))]
        return self._confirm(invite, response)

    def _confirm(self, invite: Request, response: Response) -> list[Packet]:
        """13.2.2.4: each 2xx of each dialog gets its ACK, a retransmitted one the same ACK again."""
        dialog = self._dialog_of(response.call_id, response.to_tag)
        if dialog is None:
            target = response.contacts[0].uri if response.contacts else invite.uri
            route = tuple(reversed(response.values("record-route")))
            local, remote = invite.header("from") or "", response.header("to") or ""
            dialog = Dialog(response.call_id, local, remote, target, route, response.cseq)
            self.dialogs.append(dialog)
        if dialog.ack is None or dialog.ack.cseq != response.cseq:
            dialog.ack = self._inside(dialog, "ACK", response.cseq, [])[0]
        hop = NameAddr.parse(dialog.route[0]).uri if dialog.route else dialog.target
        return [self._packet(dialog.ack, self._address_of(hop))]

    # The server's side.

    def _receive_request(self, request: Request) -> list[Packet]:
        if request.method == "INVITE":
            return self._receive_invite(request)
        if request.method == "ACK":
            for incoming in self._incoming.values():
                if incoming.is_acknowledged_by(request):
                    incoming.acknowledged = True
            return []
        if request.method == "CANCEL":
            return self._receive_cancel(request)
        known = not request.to_tag or self._dialog_of(request.call_id, request.from_tag) is not None
        if request.method == "BYE" and known:
            self.dialogs = [d for d in self.dialogs if (d.call_id, d.remote_tag) != (request.call_id, request.from_tag)]
        status = 200 if known or request.method != "BYE" else 481
        tag = "" if request.to_tag else self._token()
        return [self._reply(request, build_response(request, status, to_tag=tag, headers=[_ALLOW]))]

    def _receive_invite(self, request: Request) -> list[Packet]:
        incoming = self._incoming.get(request.via.branch)
        if incoming is not None:
            latest = incoming.final or incoming.provisional
            return [] if latest is None else [self._reply(incoming.request, latest)]
        incoming = Incoming(request, request.to_tag or self._token())
        merged = any(other.final is None and other.merges_with(request) for other in self._incoming.values())
        self._incoming[request.via.branch] = incoming
        if merged and not request.to_tag:
            return self._respond(incoming, 482)
        if request.to_tag:
            return self._respond(incoming, 200)
        packets: list[Packet] = []
        if self.rings is not None:
            packets += self._later(self.rings, lambda: self._ring(incoming))
        if self.declines is not None:
            status = self.declines
            packets += self._later(self.declines_after, lambda: self._respond(incoming, status))
        elif self.answers is not None:
            packets += self._later(self.answers, lambda: self._respond(incoming, 200))
        return packets

    def _receive_cancel(self, request: Request) -> list[Packet]:
        incoming = self._incoming.get(request.via.branch)
        status = 481 if incoming is None else 200
        tag = self._token() if incoming is None else incoming.tag
        packets = [self._reply(request, build_response(request, status, to_tag=tag))]
        if incoming is not None and incoming.final is None:
            packets += self._respond(incoming, 487)
        return packets

    def _ring(self, incoming: Incoming) -> list[Packet]:
        if incoming.final is not None:
            return []
        headers = [("Contact", f"<{self.contact}>")]
        incoming.provisional = build_response(incoming.request, 180, to_tag=incoming.tag, headers=headers)
        return [self._reply(incoming.request, incoming.provisional)]

    def _respond(self, incoming: Incoming, status: int, headers: Headers = ()) -> list[Packet]:
        if incoming.final is not None:
            return []
        request = incoming.request
        fields, body = list(headers), b""
        if status < 300:
            fields += [("Contact", f"<{self.contact}>"), _ALLOW, ("Content-Type", "application/sdp")]
            body = self._session()
            self._accept(request, incoming.tag)
        tag = "" if request.to_tag else incoming.tag
        incoming.final = build_response(request, status, to_tag=tag, headers=fields, body=body)
        packet = self._reply(request, incoming.final)
        if self.retransmits:
            waiting = self.now + 64 * self.t1
            self._repeat(packet, lambda: not incoming.acknowledged, self.t1, 8 * self.t1, waiting)
        return [packet]

    def _accept(self, request: Request, tag: str) -> None:
        """12.1.1: the dialog of a 2xx that we send; a re-INVITE only refreshes the target (12.2.2)."""
        target = request.contacts[0].uri if request.contacts else request.from_.uri
        dialog = self._dialog_of(request.call_id, request.from_tag)
        if dialog is not None:
            dialog.target = target
            return
        local = f"{request.header('to') or ''};tag={tag}"
        route = request.values("record-route")
        self.dialogs.append(Dialog(request.call_id, local, request.header("from") or "", target, route, self._cseq))

    # Helpers.

    def _dialog_of(self, call_id: str, remote_tag: str) -> Dialog | None:
        for dialog in self.dialogs:
            if (dialog.call_id, dialog.remote_tag) == (call_id, remote_tag):
                return dialog
        return None

    def _later(self, delay: float, what: Callable[[], list[Packet]]) -> list[Packet]:
        if delay <= 0:
            return what()
        self._timer_count += 1
        heappush(self._timers, (round(self.now + delay, 6), self._timer_count, what))
        return []

    def _repeat(self, packet: Packet, wanted: Callable[[], bool], interval: float, cap: float, end: float) -> None:
        def again() -> list[Packet]:
            if self.now >= end or not wanted():
                return []
            self._repeat(packet, wanted, min(2 * interval, cap), cap, end)
            return [packet]

        self._later(interval, again)

    def _reply(self, request: Request, response: Response) -> Packet:
        via = request.via
        host = via.received or via.host
        return self._packet(response, (host, via.rport or via.port or 5060))

    def _packet(self, message: Message, destination: Address) -> Packet:
        self.sent.append((self.now, message))
        if isinstance(message, Request) and message.method == "INVITE":
            self._invites[message.via.branch] = self._last_invite = message
        return Packet(message.to_bytes(), self.address, destination)

    def _hop_of(self, invite: Request) -> Address:
        """Where an INVITE went: its ACK and CANCEL go there too (17.1.1.3)."""
        route = invite.values("route")
        return self._address_of(NameAddr.parse(route[0]).uri) if route else self.proxy

    def _address_of(self, uri: str) -> Address:
        parsed = Uri.parse(uri)
        return parsed.host, parsed.port or 5060

    def _via(self) -> str:
        return f"SIP/2.0/UDP {host_port(self.address)};branch=z9hG4bK{self._token()};rport"

    def _uri_of(self, target: str) -> str:
        if target.startswith(("sip:", "sips:", "tel:")):
            return target
        return f"sip:{target}" if "@" in target else f"sip:{target}@{self.domain}"

    def _session(self) -> bytes:
        host = self.address[0]
        version = "IP6" if ":" in host else "IP4"
        lines = ["v=0", f"o=- 0 0 IN {version} {host}", "s=-", f"c=IN {version} {host}", "t=0 0", "m=audio 40000 RTP/AVP 0"]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _token(self) -> str:
        return self._tokens(8).hex()
