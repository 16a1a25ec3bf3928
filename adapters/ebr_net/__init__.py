"""What every adapter needs and no runtime owns: sockets, batches, the error queue, log lines, the ends of jobs."""

from ebr_net.datagrams import BATCH_LIMIT, BATCH_SECONDS, read_batch, read_errors, send
from ebr_net.engine import HANDLE_THRESHOLD, EngineFactory, SteppedEngine, system_tokens, threshold_event
from ebr_net.jobs import is_async_job, job_failed, job_finished
from ebr_net.listen import (
    BoundSocket,
    ListenError,
    ListenSpec,
    bind,
    bind_all,
    open_unbound,
    parse_advertise,
    parse_listen,
)
from ebr_net.logs import log_action
from ebr_net.sockets import Sockets, receive

__all__ = [
    "BATCH_LIMIT",
    "BATCH_SECONDS",
    "HANDLE_THRESHOLD",
    "BoundSocket",
    "EngineFactory",
    "ListenError",
    "ListenSpec",
    "Sockets",
    "SteppedEngine",
    "bind",
    "bind_all",
    "is_async_job",
    "job_failed",
    "job_finished",
    "log_action",
    "open_unbound",
    "parse_advertise",
    "parse_listen",
    "read_batch",
    "read_errors",
    "receive",
    "send",
    "system_tokens",
    "threshold_event",
]
