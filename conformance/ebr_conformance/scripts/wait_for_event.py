"""Wait for a registration: a call to somebody who is not registered waits until they are, for at most 40 seconds.

The INVITE is suspended and costs nothing meanwhile. When the caller gives up, the wait ends with it.
"""

from ebr_core import Script, ServerRequest

__all__ = ["script"]

script = Script()


@script.request("REGISTER")
async def register(request: ServerRequest) -> None:
    await request.save()


@script.request("INVITE")
async def call_when_registered(request: ServerRequest) -> None:
    call = request.new_transaction()  # 100 Trying goes out
    contacts = request.lookup()
    if not contacts:
        # Nothing runs between the look-up and the start of the wait: a registration cannot slip through.
        event = await call.wait_for_event("E_UL_CONTACT_INSERT", {"aor": request.aor}, timeout=40)
        if event is None:
            call.reply(480, "Temporarily Unavailable")
            return
        contacts = request.lookup()
    call.relay(contacts)
