"""What a user of the command did wrong, in one line."""

__all__ = ["CliError"]


class CliError(Exception):
    """Ends the command with ``ebr: error: <text>`` and exit code 2."""
