"""ebr on asyncio."""

from ebr_asyncio.server import Server

__all__ = ["Server"]
