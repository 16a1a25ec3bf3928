"""Which subscriptions an event may concern, found without looking at the others.

Each subscription is filed in one place, by the condition that promises the fewest neighbours: an exact value, the fixed start
or end of a pattern, or three characters from its middle. Its other conditions are verified when an event leads there.
"""

from typing import Final, TypeAlias, final

from ebr_core.actions import Event
from ebr_core.events.filters import Condition, text_of
from ebr_core.events.pattern import Glob, quote
from ebr_core.timers import Timer, TimerOwner

__all__ = ["EventIndex", "Subscription"]

# Where a subscription is filed.
_ALL: Final = 0  # no condition
_EXACT: Final = 1
_PREFIX: Final = 2
_SUFFIX: Final = 3
_TRIGRAM: Final = 4
_SCAN: Final = 5  # a pattern without three plain characters in a row
_NEVER: Final = 6  # a pattern that nothing matches

# Finding trigrams takes a look-up for each character of a value, so a few needless candidates are the cheaper choice.
_TRIGRAM_COST: Final = 8


@final
class Subscription(TimerOwner):
    """One listener to one event name; made by ``Subscriptions.add``.

    ``outcome`` is None while it lives, then NOTIFIED, EXPIRED, CANCELLED or OWNER_ENDED; ``receiver`` is whom to tell, dropped
    at the end. ``sequence`` orders subscriptions by age. ``once``: whoever delivers the first match ends it.
    """

    __slots__ = (
        "_conditions",
        "_implied",
        "_key",
        "_literal",
        "_place",
        "id",
        "name",
        "once",
        "outcome",
        "receiver",
        "sequence",
        "timer",
    )

    def __init__(self, id: int, sequence: int, name: str, once: bool, receiver: object | None) -> None:
        self.id: Final = id
        self.sequence: Final = sequence
        self.name: Final = name
        self.once: Final = once
        self.receiver: object | None = receiver
        self.outcome: str | None = None
        self.timer: Timer | None = None
        self._place = _ALL
        self._key = ""
        self._literal = ""
        self._implied = False  # the condition that it is filed by is not among these:
        self._conditions: tuple[Condition, ...] = ()

    @property
    def live(self) -> bool:
        """Whether it may still be notified."""
        return self.outcome is None

    @property
    def filter(self) -> tuple[Condition, ...]:
        """All its conditions."""
        if not self._implied:
            return self._conditions
        if self._place == _EXACT:
            return (Condition(self._key, self._literal), *self._conditions)
        text = quote(self._literal)
        text = text + "*" if self._place == _PREFIX else "*" + text
        return (Condition(self._key, text, Glob(text)), *self._conditions)

    def __repr__(self) -> str:
        return f"<Subscription {self.id} to {self.name}, {self.outcome or 'live'}>"


# Most values have one subscription; a dict for each would cost more than the subscription itself.
_Bucket: TypeAlias = Subscription | dict[Subscription, None]


def _put(buckets: dict[str, _Bucket], literal: str, subscription: Subscription) -> None:
    bucket = buckets.get(literal)
    if bucket is None:
        buckets[literal] = subscription
    elif isinstance(bucket, Subscription):
        buckets[literal] = {bucket: None, subscription: None}
    else:
        bucket[subscription] = None


def _take(buckets: dict[str, _Bucket], literal: str, subscription: Subscription) -> None:
    bucket = buckets[literal]
    if not isinstance(bucket, Subscription):
        del bucket[subscription]
        if bucket:
            return
    del buckets[literal]


def _size(buckets: dict[str, _Bucket], literal: str) -> int:
    bucket = buckets.get(literal)
    if bucket is None:
        return 0
    return 1 if isinstance(bucket, Subscription) else len(bucket)


def _extend(found: list[Subscription], bucket: _Bucket | None) -> None:
    if bucket is None:
        return
    if isinstance(bucket, Subscription):
        found.append(bucket)
    else:
        found.extend(bucket)


@final
class _Affixes:
    """Buckets by the start or the end of a value, and how many literals of each length there are."""

    __slots__ = ("buckets", "lengths")

    def __init__(self) -> None:
        self.buckets: Final[dict[str, _Bucket]] = {}
        self.lengths: Final[dict[int, int]] = {}

    def put(self, literal: str, subscription: Subscription) -> None:
        if literal not in self.buckets:
            self.lengths[len(literal)] = self.lengths.get(len(literal), 0) + 1
        _put(self.buckets, literal, subscription)

    def take(self, literal: str, subscription: Subscription) -> None:
        _take(self.buckets, literal, subscription)
        if literal not in self.buckets:
            left = self.lengths[len(literal)] - 1
            if left:
                self.lengths[len(literal)] = left
            else:
                del self.lengths[len(literal)]


@final
class _Table:
    """The subscriptions filed under one attribute."""

    __slots__ = ("exact", "key", "prefixes", "scanned", "suffixes", "trigrams")

    def __init__(self, key: str) -> None:
        self.key: Final = key
        self.exact: Final[dict[str, _Bucket]] = {}
        self.prefixes: Final = _Affixes()
        self.suffixes: Final = _Affixes()
        self.trigrams: Final[dict[str, _Bucket]] = {}
        self.scanned: Final[dict[Subscription, None]] = {}

    def __len__(self) -> int:
        """How many places are taken; 0 when it may go."""
        affixes = len(self.prefixes.buckets) + len(self.suffixes.buckets)
        return len(self.exact) + affixes + len(self.trigrams) + len(self.scanned)

    def best(self, condition: Condition) -> tuple[int, int, str]:
        """The cost of filing a subscription by this condition (its number of neighbours), the place and the literal."""
        glob = condition.glob
        if glob is None:
            return _size(self.exact, condition.text), _EXACT, condition.text
        if glob.affix_only and (glob.prefix or glob.suffix):
            if glob.prefix:
                return _size(self.prefixes.buckets, glob.prefix), _PREFIX, glob.prefix
            return _size(self.suffixes.buckets, glob.suffix), _SUFFIX, glob.suffix
        cost, place, literal = len(self.scanned) + 2 * _TRIGRAM_COST, _SCAN, ""
        for run in glob.runs():
            for start in range(len(run) - 2):
                trigram = run[start : start + 3]
                size = _size(self.trigrams, trigram) + _TRIGRAM_COST
                if place == _SCAN or size < cost:
                    cost, place, literal = size, _TRIGRAM, trigram
        if glob.suffix:
            size = _size(self.suffixes.buckets, glob.suffix)
            if place == _SCAN or size <= cost:
                cost, place, literal = size, _SUFFIX, glob.suffix
        if glob.prefix:
            size = _size(self.prefixes.buckets, glob.prefix)
            if place == _SCAN or size < cost:
                cost, place, literal = size, _PREFIX, glob.prefix
        return cost, place, literal

    def put(self, place: int, literal: str, subscription: Subscription) -> None:
        if place == _EXACT:
            _put(self.exact, literal, subscription)
        elif place == _PREFIX:
            self.prefixes.put(literal, subscription)
        elif place == _SUFFIX:
            self.suffixes.put(literal, subscription)
        elif place == _TRIGRAM:
            _put(self.trigrams, literal, subscription)
        else:
            self.scanned[subscription] = None

    def take(self, place: int, literal: str, subscription: Subscription) -> None:
        if place == _EXACT:
            _take(self.exact, literal, subscription)
        elif place == _PREFIX:
            self.prefixes.take(literal, subscription)
        elif place == _SUFFIX:
            self.suffixes.take(literal, subscription)
        elif place == _TRIGRAM:
            _take(self.trigrams, literal, subscription)
        else:
            del self.scanned[subscription]

    def collect(self, text: str, found: list[Subscription]) -> None:
        """Add the candidates for a value of the attribute; none twice, since each is filed once."""
        _extend(found, self.exact.get(text))
        size = len(text)
        for length in self.prefixes.lengths:
            if length <= size:
                _extend(found, self.prefixes.buckets.get(text[:length]))
        for length in self.suffixes.lengths:
            if length <= size:
                _extend(found, self.suffixes.buckets.get(text[size - length :]))
        if self.trigrams:
            for trigram in dict.fromkeys([text[at : at + 3] for at in range(size - 2)]):
                _extend(found, self.trigrams.get(trigram))
        if self.scanned:
            found.extend(self.scanned)

    def dump(self, found: list[Subscription]) -> None:
        for buckets in (self.exact, self.prefixes.buckets, self.suffixes.buckets, self.trigrams):
            for bucket in buckets.values():
                _extend(found, bucket)
        found.extend(self.scanned)


@final
class EventIndex:
    """The live subscriptions to one event name."""

    __slots__ = ("_all", "_attributes", "_count", "_never", "_positions", "_tables", "name")

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self._all: Final[dict[Subscription, None]] = {}
        self._never: Final[dict[Subscription, None]] = {}
        self._tables: Final[dict[str, _Table]] = {}
        self._count = 0
        # Attribute -> position, for the names of the latest event; those of a declared event never change.
        self._attributes: tuple[str, ...] = ()
        self._positions: dict[str, int] = {}

    def __len__(self) -> int:
        return self._count

    def add(self, subscription: Subscription, conditions: tuple[Condition, ...]) -> None:
        """File a subscription."""
        self._count += 1
        subscription._conditions = conditions
        if not conditions:
            self._all[subscription] = None
            return
        for condition in conditions:
            if condition.glob is not None and condition.glob.never:
                subscription._place = _NEVER
                self._never[subscription] = None
                return
        chosen = conditions[0]
        cost, place, literal = -1, _SCAN, ""
        for condition in conditions:
            table = self._tables.get(condition.key)
            offer = (_Table(condition.key) if table is None else table).best(condition)
            if cost < 0 or offer[0] < cost:
                chosen = condition
                cost, place, literal = offer
        table = self._tables.get(chosen.key)
        if table is None:
            table = self._tables[chosen.key] = _Table(chosen.key)
        if chosen.glob is None or (chosen.glob.affix_only and place != _SCAN):  # being found proves this one
            subscription._implied = True
            subscription._conditions = tuple([other for other in conditions if other is not chosen])
        subscription._place, subscription._key, subscription._literal = place, table.key, literal
        table.put(place, literal, subscription)

    def remove(self, subscription: Subscription) -> None:
        """Take out a subscription that is in."""
        self._count -= 1
        if subscription._place == _ALL:
            del self._all[subscription]
        elif subscription._place == _NEVER:
            del self._never[subscription]
        else:
            table = self._tables[subscription._key]
            table.take(subscription._place, subscription._literal, subscription)
            if not len(table):
                del self._tables[subscription._key]

    def candidates(self, event: Event) -> list[Subscription]:
        """Those whose filed condition the event meets or may meet, in no particular order."""
        found = list(self._all)
        names = event.names
        if names is None:
            return found
        if names is not self._attributes:
            self._attributes = names
            self._positions = {}
            for position, name in enumerate(names):
                self._positions.setdefault(name.lower(), position)
        for key, table in self._tables.items():
            position = self._positions.get(key, -1)
            if position >= 0:
                text = text_of(event.values[position])
                if text is not None:
                    table.collect(text, found)
        return found

    def verify(self, subscription: Subscription, event: Event) -> bool:
        """Whether one of ``candidates(event)`` meets its other conditions too; to be called before another event's."""
        for condition in subscription._conditions:
            position = self._positions.get(condition.key, -1)
            if position < 0:
                return False
            text = text_of(event.values[position])
            if text is None or not condition.matches(text):
                return False
        return True

    def subscriptions(self) -> list[Subscription]:
        """All of them, in no particular order."""
        found = [*self._all, *self._never]
        for table in self._tables.values():
            table.dump(found)
        return found

    def add_sizes(self, sizes: dict[str, int]) -> None:
        """Add the lengths of all containers to ``sizes``."""
        sizes["unfiltered"] += len(self._all)
        sizes["never"] += len(self._never)
        sizes["attributes"] += len(self._tables)
        for table in self._tables.values():
            sizes["exact"] += len(table.exact)
            sizes["prefixes"] += len(table.prefixes.buckets)
            sizes["suffixes"] += len(table.suffixes.buckets)
            sizes["lengths"] += len(table.prefixes.lengths) + len(table.suffixes.lengths)
            sizes["trigrams"] += len(table.trigrams)
            sizes["scanned"] += len(table.scanned)
