"""All live subscriptions of one engine: who wants to know of an event, and until when."""

from typing import Final, final

from ebr_core.actions import Event, EventFilter
from ebr_core.environment import Environment
from ebr_core.errors import LocalProtocolError
from ebr_core.events.filters import compile_filter
from ebr_core.events.index import EventIndex, Subscription

__all__ = ["EXPIRY", "Subscription", "Subscriptions"]

EXPIRY: Final = 0
"""The kind of a subscription's timer. Whoever takes it from the timers calls ``end(subscription, EXPIRED)``."""

_LONGEST: Final = 1e10  # seconds; about 300 years, and still exact in milliseconds


@final
class Subscriptions:
    """OpenSIPS's ``notify_on_event`` and ``wait_for_event``, with an id, an exact deadline and an outcome for each.

    ``verified`` counts the candidates that ``match`` has looked at since the start.
    """

    __slots__ = ("_count", "_environment", "_given", "_indexes", "_ordinal", "verified")

    def __init__(self, environment: Environment) -> None:
        self._environment: Final = environment
        self._indexes: Final[dict[str, EventIndex]] = {}
        self._given: Final[dict[int, Subscription]] = {}
        self._ordinal = 0
        self._count = 0
        self.verified = 0

    def __len__(self) -> int:
        return self._count

    def add(
        self,
        name: str,
        filter: EventFilter = None,
        *,
        timeout: float | None = None,
        once: bool = False,
        receiver: object | None = None,
        id: int | None = None,
    ) -> Subscription:
        """Subscribe to the event ``name`` for ``timeout`` seconds from now, or for good (None).

        ``id`` is an odd number of the host's choice; without it the subscription gets an even one. Raises FilterError for a
        filter that cannot be meant, LocalProtocolError for an empty name, a timeout that is not above 0 and an id that is
        even or in use; then nothing has changed.
        """
        if not name:
            raise LocalProtocolError("a subscription to an event without a name")
        if timeout is not None and not 0 < timeout <= _LONGEST:
            raise LocalProtocolError(f"the timeout of a subscription is above 0 s and at most {_LONGEST:.0f} s, not {timeout!r}")
        if id is not None and (id % 2 == 0 or id in self._given):
            raise LocalProtocolError(f"the number {id} of a subscription is {'even' if id % 2 == 0 else 'in use'}")
        conditions = compile_filter(name, filter)
        index = self._indexes.get(name)
        if index is None:
            index = self._indexes[name] = EventIndex(name)
        self._ordinal += 2
        subscription = Subscription(self._ordinal if id is None else id, self._ordinal, index.name, once, receiver)
        index.add(subscription, conditions)
        if id is not None:
            self._given[id] = subscription
        if timeout is not None:
            subscription.timer = self._environment.after(timeout, EXPIRY, subscription)
        self._count += 1
        return subscription

    def match(self, event: Event) -> list[Subscription]:
        """The live subscriptions that the event concerns, oldest first. The time it takes grows with their number and
        with the size of the event, not with the number of subscriptions."""
        index = self._indexes.get(event.name)
        if index is None:
            return []
        candidates = index.candidates(event)
        self.verified += len(candidates)
        found = [candidate for candidate in candidates if index.verify(candidate, event)]
        if len(found) > 1:
            found.sort(key=_age)
        return found

    def wanted(self, name: str) -> bool:
        """Whether anyone listens to the event at all; if not, it need not be built."""
        return name in self._indexes

    def find(self, id: int) -> Subscription | None:
        """The live subscription of a number that the host chose."""
        return self._given.get(id)

    def end(self, subscription: Subscription, outcome: str) -> None:
        """Take a subscription out: ``outcome`` is NOTIFIED, EXPIRED, CANCELLED or OWNER_ENDED. No-op when it has ended."""
        if subscription.outcome is not None:
            return
        subscription.outcome = outcome
        self._environment.timers.cancel(subscription.timer)
        subscription.timer = None
        subscription.receiver = None
        index = self._indexes[subscription.name]
        index.remove(subscription)
        if not len(index):
            del self._indexes[subscription.name]
        if subscription.id % 2:
            del self._given[subscription.id]
        self._count -= 1

    def live(self, name: str | None = None) -> list[Subscription]:
        """All live subscriptions, or those to one event, oldest first; a walk over all of them."""
        found: list[Subscription] = []
        for index in self._indexes.values():
            if name is None or index.name == name:
                found += index.subscriptions()
        found.sort(key=_age)
        return found

    def sizes(self) -> dict[str, int]:
        """The lengths of all containers; all are 0 when nobody subscribes."""
        sizes = dict.fromkeys(_SIZES, 0)
        sizes["subscriptions"] = self._count
        sizes["events"] = len(self._indexes)
        sizes["given"] = len(self._given)
        for index in self._indexes.values():
            index.add_sizes(sizes)
        return sizes


_SIZES: Final = (
    "subscriptions",
    "events",
    "given",
    "unfiltered",
    "never",
    "attributes",
    "exact",
    "prefixes",
    "suffixes",
    "lengths",
    "trigrams",
    "scanned",
)


def _age(subscription: Subscription) -> int:
    return subscription.sequence
