"""What ``wire.py`` compares with: sippy's transaction layer (the BSD-licensed Python stack) with the least logic on top.

OPTIONS gets 200 through a server transaction. REGISTER gets 200 with its own Contact; the binding goes into a dict by To's
user. Everything else is forwarded as sippy's own StatefulProxy does it, to one fixed address: a Via of ours on top, a client
transaction for it, and each response taken back through the server transaction. No Record-Route, no look-up, no forking; an
ACK to a 2xx is sippy's own, hop by hop. Logging is off. Arguments: port, port of the callee.
"""

import sys
from importlib import import_module
from typing import Any


class _NoLog:
    def write(self, *args: Any, **more: Any) -> None:
        pass


def main() -> None:
    port, callee = int(sys.argv[1]), int(sys.argv[2])
    manager_class = import_module("sippy.SipTransactionManager").SipTransactionManager
    dispatcher = import_module("sippy.Core.EventDispatcher").ED2
    header, via_class = import_module("sippy.SipHeader").SipHeader, import_module("sippy.SipVia").SipVia
    bindings: dict[str, Any] = {}
    config: dict[str, Any] = {"_sip_address": "127.0.0.1", "_sip_port": port, "_sip_logger": _NoLog()}

    def back(answer: Any) -> None:
        answer.removeHeader(answer.getHF("via"))
        config["_sip_tm"].sendResponse(answer)

    def receive(request: Any, _: Any) -> Any:
        method = request.getMethod()
        if method == "OPTIONS":
            return request.genResponse(200, "OK"), None, None
        if method == "REGISTER":
            contact = request.getHF("contact")
            bindings[request.getHFBody("to").getUrl().username] = contact
            answer = request.genResponse(200, "OK")
            answer.appendHeader(contact)
            return answer, None, None
        via = via_class()
        via.genBranch()
        request.getHFBody("max-forwards").incNum(incr=-1)
        request.insertHeaderBefore(request.getHF("via"), header(name="via", body=via))
        request.setTarget((("127.0.0.1", callee), "udp"))
        config["_sip_tm"].newTransaction(request, back)
        return None, None, None

    config["_sip_tm"] = manager_class(config, receive)
    print(port, flush=True)
    dispatcher.loop()


main()
