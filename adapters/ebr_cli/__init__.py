"""The ``ebr`` command."""

from ebr_cli.command import main

__all__ = ["main"]
