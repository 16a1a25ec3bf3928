"""One binding of an address of record: OpenSIPS's ``ucontact_t``."""

from typing import Final, final

from ebr_core.inputs import Address
from ebr_core.timers import Timer, TimerOwner

__all__ = ["Contact"]


@final
class Contact(TimerOwner):
    """Where a device of ``aor`` can be reached, until ``expires_at`` (absolute seconds of the engine's clock).

    A refresh changes the Contact in place, so whoever keeps one sees its newest data. Only Location changes one that it holds.

    * ``uri``: as registered; ``key``: ``Uri.key`` of it, which equivalent URIs share, and some others too.
    * ``received``: "sip:IP:PORT" of the packet's source, "" if not stored; ``path``: the Path values in order (RFC 3327).
    * ``q``: thousandths, 0 to 1000, or -1 when the device gave none.
    * ``listener``: the id of the listener it registered through; ``socket``: the same as text, "udp:127.0.0.1:5060".
    * ``source``: where the packet came from.
    * ``instance``: ``+sip.instance`` without quotes (RFC 5626), "" if none; ``reg_id``: 0 if none.
    * ``registered_at``: when the newest REGISTER for it was applied, absolute seconds.
    * ``attr``, ``bflags``, ``latency`` (µs), ``shtag``: what OpenSIPS's events carry besides; nothing here sets them.
    """

    __slots__ = (
        "aor",
        "attr",
        "bflags",
        "call_id",
        "cseq",
        "expires_at",
        "instance",
        "key",
        "latency",
        "listener",
        "methods",
        "path",
        "q",
        "received",
        "reg_id",
        "registered_at",
        "shtag",
        "socket",
        "source",
        "timer",
        "uri",
        "user_agent",
    )

    def __init__(
        self,
        aor: str,
        uri: str,
        key: str,
        expires_at: float,
        *,
        received: str = "",
        path: tuple[str, ...] = (),
        q: int = -1,
        user_agent: str = "n/a",
        listener: int | None = None,
        socket: str = "",
        source: Address | None = None,
        call_id: str = "",
        cseq: int = 0,
        instance: str = "",
        reg_id: int = 0,
        methods: str = "",
        registered_at: float = 0.0,
        attr: str = "",
        bflags: int = 0,
        latency: int = 0,
        shtag: str = "",
    ) -> None:
        self.aor: Final = aor
        self.uri = uri
        self.key = uri if key == uri else key  # one string where they agree, as they mostly do
        self.expires_at = expires_at
        self.received = received
        self.path = path
        self.q = q
        self.user_agent = user_agent
        self.listener = listener
        self.socket = socket
        self.source = source
        self.call_id = call_id
        self.cseq = cseq
        self.instance = instance
        self.reg_id = reg_id
        self.methods = methods
        self.registered_at = registered_at
        self.attr = attr
        self.bflags = bflags
        self.latency = latency
        self.shtag = shtag
        # The timer names its owner, so these two are a cycle while the contact lives; firing and cancelling break it.
        self.timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Contact {self.uri} of {self.aor} until {self.expires_at:.3f}>"

    @property
    def device(self) -> str:
        """What tells this device from the others of the address of record: its instance, else its contact URI.

        Not ``key``: contacts that differ in a parameter such as ``line=`` share it, and are different phones.
        """
        return self.instance or self.uri

    def take_over(self, fresh: "Contact") -> None:
        """Become what ``fresh`` says; the address of record, the timer and what no REGISTER carries stay."""
        self.uri = fresh.uri
        self.key = fresh.key
        self.expires_at = fresh.expires_at
        self.received = fresh.received
        self.path = fresh.path
        self.q = fresh.q
        self.user_agent = fresh.user_agent
        self.listener = fresh.listener
        self.socket = fresh.socket
        self.source = fresh.source
        self.call_id = fresh.call_id
        self.cseq = fresh.cseq
        self.instance = fresh.instance
        self.reg_id = fresh.reg_id
        self.methods = fresh.methods
        self.registered_at = fresh.registered_at
