"""The proxy (RFC 3261 16): forking, late branches, response choice, record-routing."""

from ebr_core.proxy.branch import Branch
from ebr_core.proxy.context import ResponseContext
from ebr_core.proxy.proxy import Proxy
from ebr_core.proxy.target import Target

__all__ = ["Branch", "Proxy", "ResponseContext", "Target"]
