"""The errors that ebr raises, and who is to blame for each.

Trouble from the network is never an exception: the engine counts it, logs it as an action, or answers it.
"""

from typing import final

__all__ = ["Cancelled", "ConfigError", "EbrError", "FilterError", "JobFailed", "LocalProtocolError"]


class EbrError(Exception):
    """The base of every error of this library."""


class LocalProtocolError(EbrError):
    """The host application or a script used the API against its rules. Nothing has changed; mend the call."""


class ConfigError(EbrError, ValueError):
    """A setting has an unknown name or an impossible value."""


class FilterError(EbrError, ValueError):
    """A subscription filter cannot be meant: no ``=``, or a key that the declared event does not have."""


class JobFailed(EbrError):
    """A job ended with an error. ``type_name`` and ``text`` tell which; the original exception stays with the adapter."""

    def __init__(self, type_name: str, text: str) -> None:
        super().__init__(f"{type_name}: {text}" if text else type_name)
        self.type_name = type_name
        self.text = text


@final
class Cancelled(BaseException):
    """Thrown into a suspended handler when its transaction has ended.

    It derives from BaseException, as trio's does, so that ``except Exception`` in a script does not swallow it.
    """
