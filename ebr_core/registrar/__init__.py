"""The registrar: REGISTER, as RFC 3261 10.3 has it, on top of the location table."""

from ebr_core.registrar.registrar import Registrar, SaveResult, aor_of

__all__ = ["Registrar", "SaveResult", "aor_of"]
