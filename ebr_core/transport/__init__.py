"""Where to send, and whether a host is ours (RFC 3261 18, RFC 3581)."""

from ebr_core.transport.route import Route
from ebr_core.transport.transport import Transport

__all__ = ["Route", "Transport"]
