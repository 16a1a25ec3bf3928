"""Call pickup: Alice calls Bob, Bob does not answer, Charlie dials 33 and gets the call.

A call to a user subscribes to pickups in the user's group. A call to 33 is refused with 480 and raises such an event, with
the caller as the picker; whichever call is ringing then moves to the picker's phones. Here everybody is in group 1.
"""

from ebr_core import Call, Event, Script, ServerRequest

__all__ = ["script"]

PICKUP = "33"
GROUP = "1"

script = Script()


@script.request("REGISTER")
async def register(request: ServerRequest) -> None:
    await request.save()


@script.request("INVITE")
def handle_call(request: ServerRequest) -> None:
    if request.aor.partition("@")[0] == PICKUP:
        # The picker is called back by the call that is ringing; this one has done its duty.
        request.reply(480, "Gone")
        request.raise_event("E_CALL_PICKUP", {"group": GROUP, "picker": request.caller})
        return
    contacts = request.lookup()
    if not contacts:
        request.reply(404, "Not Found")
        return
    call = request.new_transaction()
    call.notify_on_event("E_CALL_PICKUP", {"group": GROUP}, handle_pickup, timeout=20)
    call.relay(contacts)


def handle_pickup(event: Event, call: Call) -> None:
    # The picker's phones ring first, then Bob's stop; with no phone to ring, nothing changes.
    call.inject_branches(script.lookup(str(event["picker"])), cancel=True)
