"""Event names, subscriptions, and the index that finds who is concerned.

Mirrors OpenSIPS's Event Interface and its event_routing module; used alone, it needs an ``Environment`` and nothing else.
"""

from ebr_core.actions import Event, Pattern
from ebr_core.events.catalogue import DECLARED, attributes_of, make_event
from ebr_core.events.filters import Condition, compile_filter
from ebr_core.events.pattern import MAX_PATTERN, Glob
from ebr_core.events.subscriptions import EXPIRY, Subscription, Subscriptions

__all__ = [
    "DECLARED",
    "EXPIRY",
    "MAX_PATTERN",
    "Condition",
    "Event",
    "Glob",
    "Pattern",
    "Subscription",
    "Subscriptions",
    "attributes_of",
    "compile_filter",
    "make_event",
]
