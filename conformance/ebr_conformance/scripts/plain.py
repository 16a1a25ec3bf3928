"""Plain routing: registered users reach each other, nothing waits for events."""

from ebr_core import Script, ServerRequest

__all__ = ["script"]

script = Script()


@script.request("REGISTER")
async def register(request: ServerRequest) -> None:
    await request.save()


@script.request("INVITE", "MESSAGE", "SUBSCRIBE", "REFER", "PUBLISH")
def route(request: ServerRequest) -> None:
    contacts = request.lookup()
    if contacts:
        request.relay(contacts)
    else:
        request.reply(404, "Not Found")
