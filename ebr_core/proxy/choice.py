"""The choice of the best response of a fork (RFC 3261 16.7 step 6)."""

from typing import Final

__all__ = ["best_status"]

# 16.7 step 6 names these: they tell the caller what to change about the request. 408 and 487 say least of all.
_PREFERRED: Final = {401: 0, 407: 0, 415: 1, 420: 1, 484: 1}
_LAST: Final = {408: 8, 487: 9}


def _rank(status: int) -> tuple[int, int]:
    if status >= 600:
        return 0, 0  # a 6xx beats every other class
    order = _PREFERRED.get(status)
    if order is None:
        order = _LAST.get(status, 9 if status == 503 else 5)
    return status // 100, order


def best_status(statuses: list[int]) -> int:
    """The index of the final response to forward, of 300 to 699 each; ties go to the earliest. ValueError for no responses.

    A 6xx first, then the lowest class; within 4xx the ones that help the caller to try again, 408 and 487 only when there is
    nothing else; within 5xx anything rather than 503.
    """
    return min(range(len(statuses)), key=lambda index: (_rank(statuses[index]), index))
