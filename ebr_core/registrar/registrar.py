"""REGISTER: from request to bindings and response."""

from math import floor
from sys import intern
from typing import Final, final

from ebr_core.environment import Environment
from ebr_core.inputs import Address, Listener
from ebr_core.message import Request, Uri, reason_phrase
from ebr_core.registrar.fields import (
    ContactField,
    Rejected,
    contact_value,
    expires_of,
    http_date,
    path_of,
    read_contact,
    socket_text,
    source_uri,
)
from ebr_core.registrar.plan import plan_bindings, plan_removal_of_all
from ebr_core.usrloc import Change, Contact, Location, Operation

__all__ = ["Registrar", "SaveResult", "aor_of"]


def aor_of(uri: Uri, use_domain: bool) -> str:
    """The address of record of a To URI (10.3 step 5): "user@host", the user unescaped, the host in lower case.

    Without ``use_domain`` the user alone; without a user the host; for a tel URI its text.
    """
    return uri.aor if use_domain or uri.user is None else uri.user


@final
class SaveResult:
    """What became of a REGISTER: the response to send, and the changes to raise as events (none unless it is a 200)."""

    __slots__ = ("changes", "headers", "reason", "status")

    def __init__(self, status: int, reason: str, headers: list[tuple[str, str]], changes: list[Change]) -> None:
        self.status: Final = status
        self.reason: Final = reason
        self.headers: Final = headers
        self.changes: Final = changes

    def __repr__(self) -> str:
        return f"<SaveResult {self.status} {self.reason}, {len(self.changes)} changes>"


@final
class Registrar:
    """The registrar of one engine, without authentication."""

    __slots__ = ("_date", "_date_at", "_env", "_location", "_sockets")

    def __init__(self, env: Environment, location: Location) -> None:
        self._env: Final = env
        self._location: Final = location
        self._sockets: Final[dict[int, str]] = {}
        self._date = ""
        self._date_at = -1

    def save(
        self, request: Request, aor: str, *, source: Address, listener: Listener | None, received: bool = False
    ) -> SaveResult:
        """Apply a REGISTER to ``aor``: RFC 3261 10.3 from step 6 on, OpenSIPS's ``save()``.

        It is applied whole, then the status is 200, or not at all. ``received`` stores the packet's source, so that calls go
        there instead of to the contact URI. No content raises.
        """
        env = self._env
        try:
            path = path_of(request)
            operations = self._plan(request, aor, path, source, listener, received)
        except Rejected as rejected:
            env.count("registrar.rejected")
            return SaveResult(rejected.status, rejected.reason, list(rejected.headers), [])
        changes = self._location.apply(aor, operations) if operations else []
        env.count("registrar.accepted")
        headers = [("Contact", contact_value(contact, env.now)) for contact in self._location.lookup(aor)]
        if path and any(option.lower() == "path" for option in request.values("supported")):
            headers += [("Path", value) for value in path]
        headers.append(("Date", self._date_now()))
        return SaveResult(200, reason_phrase(200), headers, changes)

    def _plan(
        self,
        request: Request,
        aor: str,
        path: tuple[str, ...],
        source: Address,
        listener: Listener | None,
        received: bool,
    ) -> list[Operation]:
        values = request.values("contact")
        if not values:
            if request.header("contact") is not None:
                raise Rejected(400, "Invalid Contact")
            return []
        config = self._env.config
        now = self._env.now
        existing = self._location.all_contacts(aor)
        if "*" in values:
            if len(values) > 1 or expires_of(request.header("expires"), -1) != 0:
                raise Rejected(400, "Invalid Contact: * Must Be Alone, With Expires: 0")
            return plan_removal_of_all(existing, request.call_id, request.cseq, now, config)
        if len(values) > config.max_headers:
            raise Rejected(400, "Too Many Contacts")
        default = max(config.default_expires, config.min_expires)
        by_uri: dict[str, ContactField] = {}
        for value in values:
            field = read_contact(value, default)
            # The same URI twice: the later value counts, in its own place.
            by_uri.pop(field.uri, None)
            by_uri[field.uri] = field
        fields = list(by_uri.values())

        for_all = expires_of(request.header("expires"), default)
        user_agent = intern(request.header("user-agent") or "n/a")
        methods = intern(",".join(request.values("allow")))
        socket = "" if listener is None else self._socket(listener)
        received_uri = source_uri(source, "udp" if listener is None else listener.transport) if received else ""
        fresh: list[Contact | None] = []
        for field in fields:
            expires = self._granted(field.expires if field.expires >= 0 else for_all)
            if expires == 0:
                fresh.append(None)
                continue
            contact = Contact(
                aor,
                field.uri,
                field.key,
                now + expires,
                received=received_uri,
                path=path,
                q=field.q,
                user_agent=user_agent,
                listener=None if listener is None else listener.id,
                socket=socket,
                source=source,
                call_id=request.call_id,
                cseq=request.cseq,
                instance=field.instance,
                reg_id=field.reg_id,
                methods=methods if field.methods is None else field.methods,
                registered_at=now,
            )
            fresh.append(contact)
        return plan_bindings(fields, fresh, existing, request.call_id, request.cseq, now, config)

    def _granted(self, requested: int) -> int:
        """The expiry that a contact gets, in seconds; 0 removes it. Raises Rejected for one that is too brief (423)."""
        config = self._env.config
        expires = requested
        if 0 < expires < config.min_expires:
            if config.raise_short_expires:
                expires = config.min_expires
            elif expires < 3600:  # 10.3 step 7: an hour or more is never too brief
                raise Rejected(423, reason_phrase(423), (("Min-Expires", str(config.min_expires)),))
        return min(expires, config.max_expires) if config.max_expires else expires

    def _socket(self, listener: Listener) -> str:
        text = self._sockets.get(listener.id)
        if text is None:
            text = self._sockets[listener.id] = socket_text(listener)
        return text

    def _date_now(self) -> str:
        wall = floor(self._env.now + self._env.wall_offset)
        if wall != self._date_at:
            self._date_at = wall
            self._date = http_date(wall)
        return self._date
