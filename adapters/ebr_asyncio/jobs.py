"""The jobs of one server: tasks for ``async def``, a thread pool for ``def``."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, final

from ebr_core.actions import StartJob
from ebr_core.inputs import JobFinished
from ebr_net import is_async_job, job_failed, job_finished

__all__ = ["Jobs"]


@final
class Jobs:
    """Starts, cancels and ends jobs; each end is given to ``finished``, in the loop, unless the job was cancelled."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        finished: Callable[[JobFinished], None],
        logger: logging.Logger,
    ) -> None:
        self._loop: Final = loop
        self._finished: Final = finished
        self._logger: Final = logger
        self._wanted: Final[dict[int, asyncio.Future[JobFinished]]] = {}
        self._tasks: Final[dict[asyncio.Task[JobFinished], None]] = {}  # cancelled ones too, until they have ended
        self._threads: ThreadPoolExecutor | None = None

    def start(self, action: StartJob) -> None:
        """Start a job. Its end arrives in a later turn of the loop, never from within this call."""
        future: asyncio.Future[JobFinished]
        if is_async_job(action.function):
            task = self._loop.create_task(self._run_async(action), name=f"ebr job {action.job}")
            self._tasks[task] = None
            task.add_done_callback(self._tasks.pop)
            future = task
        else:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(thread_name_prefix="ebr-job")
            future = self._loop.run_in_executor(self._threads, self._run, action)
        self._wanted[action.job] = future
        future.add_done_callback(lambda done: self._ended(action.job, done))

    def cancel(self, job: int) -> None:
        """Nobody waits for it any more. A task is cancelled; a thread that has begun cannot be, its result is ignored."""
        future = self._wanted.pop(job, None)
        if future is not None:
            future.cancel()

    def cancel_all(self) -> None:
        """Cancel every job but the one that calls this."""
        current = asyncio.current_task(self._loop)
        for future in list(self._wanted.values()):
            if future is not current:
                future.cancel()
        self._wanted.clear()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def wait_closed(self) -> None:
        """After ``cancel_all``: wait until the cancelled tasks have ended. Threads are not waited for: nothing can hurry
        them, and waiting would block the loop."""
        current = asyncio.current_task(self._loop)
        await asyncio.gather(*(task for task in self._tasks if task is not current), return_exceptions=True)

    def _ended(self, job: int, future: "asyncio.Future[JobFinished]") -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if self._wanted.get(job) is not future:
            return  # cancelled by us
        del self._wanted[job]
        self._finished(future.result() if error is None else job_failed(job, error))

    async def _run_async(self, action: StartJob) -> JobFinished:
        function: Callable[..., Any] = action.function
        try:
            return job_finished(action.job, await function(*action.args))
        except Exception as error:
            return self._failed(action, error)

    def _run(self, action: StartJob) -> JobFinished:
        try:
            return job_finished(action.job, action.function(*action.args))
        except BaseException as error:  # in a thread, SystemExit and the like end nothing but the job
            return self._failed(action, error)

    def _failed(self, action: StartJob, error: BaseException) -> JobFinished:
        self._logger.debug("job %d failed", action.job, exc_info=error)
        return job_failed(action.job, error)
