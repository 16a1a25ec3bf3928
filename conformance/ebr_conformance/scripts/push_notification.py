"""Push notification: the call rings whatever the callee has registered, and each phone that wakes up while it rings.

The call subscribes to new registrations of the callee. Each one becomes a branch of the INVITE that is already on its way;
the caller notices nothing of it. Replace ``send_push`` by a request to your push gateway.
"""

from ebr_core import Call, Event, Script, ServerRequest

__all__ = ["script"]

script = Script()


def send_push(aor: str) -> None:
    """Wake the phones of ``aor``. A plain function: it runs in a worker thread and may block."""


@script.request("REGISTER")
async def register(request: ServerRequest) -> None:
    await request.save()


@script.request("INVITE")
async def call_with_push(request: ServerRequest) -> None:
    call = request.new_transaction()  # 100 Trying goes out
    call.wait_for_new_branches(timeout=20)
    call.notify_on_event("E_UL_CONTACT_INSERT", {"aor": request.aor}, fork_call, timeout=20)
    call.notify_on_event("E_UL_CONTACT_UPDATE", {"aor": request.aor}, fork_call, timeout=20)
    call.relay(request.lookup())  # desk phones ring at once
    await call.run(send_push, request.aor)


def fork_call(event: Event, call: Call) -> None:
    call.inject_branch(event)  # the phone that just woke up
