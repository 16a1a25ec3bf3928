"""A request as the proxy sends it on (RFC 3261 16.6): the received text with only the necessary lines changed."""

from ebr_core.message import MessageError, Request, Uri

__all__ = ["forwarded"]


def forwarded(
    request: Request,
    *,
    uri: str,
    via: str,
    routes: tuple[str, ...] = (),
    record_routes: tuple[str, ...] = (),
    max_forwards: int,
) -> Request:
    """A copy for one branch: Request-URI, Max-Forwards, Record-Route, Route and Via as given (16.6 steps 2, 3, 4, 6, 8).

    ``routes`` go in front of the Route values that the request still has. All else passes byte for byte.
    """
    if "?" in uri:
        uri = _without_headers(uri)
    fields = [("Via", via)]
    for value in record_routes:
        fields.append(("Record-Route", value))
    for value in routes:
        fields.append(("Route", value))
    return request.forwarded(uri, fields, max_forwards)


def _without_headers(text: str) -> str:
    # 16.6 step 2, 19.1.1: a Request-URI has no header fields, be they its sender's or a registered contact's.
    try:
        if not Uri.parse(text).host:
            return text
    except MessageError:
        return text
    end = text.find("?", text.find("@") + 1)  # one in the user part is the user's
    return text if end < 0 else text[:end]
