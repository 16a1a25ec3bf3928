"""The plain script behind the asyncio adapter, for ``wire.py``: prints its port, then serves until it is stopped."""

import asyncio

from ebr_asyncio import Server
from ebr_conformance.scripts.plain import script
from ebr_core import Config, tune_gc


async def main() -> None:
    config = Config(domains=("example.org",))
    async with Server(script, listen=["udp:127.0.0.1:0"], config=config) as server:
        tune_gc()
        print(server.listeners[0].bound[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
