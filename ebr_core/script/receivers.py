"""Who gets an event: a notification route, an event route, or the host application; a waiting handler's Pending too."""

from collections.abc import Callable
from typing import Final, final

__all__ = ["EventRoute", "HostListener", "NotificationRoute"]


@final
class NotificationRoute:
    """``notify_on_event``: ``function(event, call)``."""

    __slots__ = ("call", "function")

    def __init__(self, function: Callable[..., object], call: object) -> None:
        self.function: Final = function
        self.call: Final = call


@final
class EventRoute:
    """``@script.event``: ``function(event)``."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self.function: Final = function


@final
class HostListener:
    """``SubscriptionRequested``: matches go out as ``EventNotified``."""

    __slots__ = ()
