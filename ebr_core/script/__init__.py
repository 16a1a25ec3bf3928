"""The script layer: routes, the objects that they see, and what drives their coroutines."""

from ebr_core.script.call import Call
from ebr_core.script.request import ServerRequest
from ebr_core.script.runtime import Runtime
from ebr_core.script.script import Log, Script, sleep

__all__ = ["Call", "Log", "Runtime", "Script", "ServerRequest", "sleep"]
