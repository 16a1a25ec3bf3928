"""ebr_core: event-based routing for SIP, as a pure state machine.

``Engine`` takes inputs and returns actions; ``Script`` holds the routes. Everything that an adapter, a script or a test needs
is here; the layers below can be used alone (``ebr_core.message``, ``ebr_core.transaction``, ...).
"""

from ebr_core.actions import (
    CANCELLED,
    EXPIRED,
    NOTIFIED,
    OWNER_ENDED,
    Action,
    CancelJob,
    Event,
    EventNotified,
    Logged,
    Pattern,
    SendDatagram,
    StartJob,
    Stopped,
    SubscriptionEnded,
)
from ebr_core.config import Config
from ebr_core.engine import Engine
from ebr_core.errors import Cancelled, ConfigError, EbrError, FilterError, JobFailed, LocalProtocolError
from ebr_core.events import Subscription
from ebr_core.inputs import (
    Address,
    DatagramReceived,
    EventRaised,
    Input,
    JobFinished,
    JobResult,
    Listener,
    SendFailed,
    ShutdownRequested,
    Started,
    SubscriptionCancelled,
    SubscriptionRequested,
    TimerTick,
    WallClockStepped,
)
from ebr_core.proxy import Target
from ebr_core.script import Call, Script, ServerRequest, sleep
from ebr_core.tuning import tune_gc
from ebr_core.usrloc import Contact

__all__ = [
    "CANCELLED",
    "EXPIRED",
    "NOTIFIED",
    "OWNER_ENDED",
    "Action",
    "Address",
    "Call",
    "CancelJob",
    "Cancelled",
    "Config",
    "ConfigError",
    "Contact",
    "DatagramReceived",
    "EbrError",
    "Engine",
    "Event",
    "EventNotified",
    "EventRaised",
    "FilterError",
    "Input",
    "JobFailed",
    "JobFinished",
    "JobResult",
    "Listener",
    "LocalProtocolError",
    "Logged",
    "Pattern",
    "Script",
    "SendDatagram",
    "SendFailed",
    "ServerRequest",
    "ShutdownRequested",
    "StartJob",
    "Started",
    "Stopped",
    "Subscription",
    "SubscriptionCancelled",
    "SubscriptionEnded",
    "SubscriptionRequested",
    "Target",
    "TimerTick",
    "WallClockStepped",
    "sleep",
    "tune_gc",
]
