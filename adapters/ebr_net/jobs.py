"""What every adapter does around a job: telling the two kinds apart, and turning its end into ``JobFinished``."""

import inspect
from collections.abc import Callable

from ebr_core.inputs import JobFinished, JobResult

__all__ = ["is_async_job", "job_failed", "job_finished"]

_ATOMS = frozenset({type(None), bool, int, float, str, bytes})


def is_async_job(function: Callable[..., object]) -> bool:
    """Whether calling ``function`` gives a coroutine: an ``async def``, a partial of one, or an object with such a call."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def job_finished(job: int, result: object) -> JobFinished:
    """``JobFinished`` with a copy of the result, or with a TypeError where the result is nothing that a journal can hold."""
    try:
        return JobFinished(job, _checked(result))
    except (TypeError, RecursionError) as error:
        if inspect.iscoroutine(result):
            result.close()  # a `def` that returned a coroutine; it would warn that nobody awaited it
        text = str(error) if isinstance(error, TypeError) else "a job's result is nested too deeply"
        return JobFinished(job, error=("TypeError", text))


def job_failed(job: int, error: BaseException) -> JobFinished:
    """``JobFinished`` for a job that raised: the exception's type name and text, and nothing that keeps it alive."""
    try:
        text = str(error)
    except Exception:
        text = "(its text could not be had: __str__ raised)"
    return JobFinished(job, error=(type(error).__name__, text))


def _checked(value: object) -> JobResult:
    # Exact types: a subclass may carry anything, and would come back from a journal as something else.
    if type(value) in _ATOMS:
        return value  # type: ignore[return-value]  # just checked
    if type(value) is list:
        return [_checked(item) for item in value]
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                raise TypeError(f"a job's result has a key of type {type(key).__name__}; keys must be str")
        return {key: _checked(item) for key, item in value.items()}
    raise TypeError(
        f"a job returned {type(value).__name__}; it may return None, bool, int, float, str, bytes, and lists and dicts of these"
    )
