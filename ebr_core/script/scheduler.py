"""Drives the handlers: one queue of ready work, coroutines resumed a step at a time."""

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, final

from ebr_core.actions import DEBUG, ERROR
from ebr_core.environment import Environment
from ebr_core.errors import Cancelled
from ebr_core.message import Request
from ebr_core.script.owner import Owner
from ebr_core.script.pending import TOO_LONG, Pending
from ebr_core.script.task import MAX_THROWS, Task, Work, frames_of, suspended_line, text_of
from ebr_core.transaction import ServerTransaction

__all__ = ["Scheduler"]

# The outermost frames of a handler's traceback are this file's; whoever wrote the script needs theirs.
_OWN_FILE: Final = "ebr_core/script/scheduler.py"


@final
class Scheduler:
    """The ready queue, the handlers under way, and the owners that something has happened to."""

    __slots__ = ("_env", "_tasks", "_touched", "handlers", "ready", "stepped", "task")

    def __init__(self, env: Environment) -> None:
        self._env: Final = env
        self._tasks: Final[dict[Task, None]] = {}  # started and not finished
        self._touched: Final[deque[Owner]] = deque()
        self.ready: Final[deque[Work]] = deque()
        self.handlers: Final[list[str]] = []  # names of those that ran in this step
        self.task: Task | None = None  # whose step is running
        self.stepped: Task | None = None  # whose step has just returned

    def sizes(self) -> dict[str, int]:
        """What is under way."""
        return {"handlers": len(self._tasks), "ready": len(self.ready), "touched": len(self._touched)}

    def touch(self, owner: Owner) -> None:
        """Something has happened to this owner: its ``settle`` is called as soon as no handler runs."""
        if not owner.touched:
            owner.touched = True
            self._touched.append(owner)

    def settle(self) -> None:
        """Let everything that was touched draw its consequences."""
        while self._touched:
            owner = self._touched.popleft()
            owner.touched = False
            owner.settle()
        self.stepped = None

    # Handlers.

    def start(
        self,
        function: Callable[..., object],
        args: tuple[object, ...],
        call: Owner | None = None,
        server: ServerTransaction | None = None,
        message: Request | None = None,
        generation: int = 0,
    ) -> Task:
        """Make a handler run; it waits in the ready queue for its turn."""
        task = self.new_task(function, args, call, generation, server, message)
        self.queue(task)
        return task

    def new_task(
        self,
        function: Callable[..., object],
        args: tuple[object, ...],
        call: Owner | None,
        generation: int,
        server: ServerTransaction | None = None,
        message: Request | None = None,
    ) -> Task:
        """A handler that is not in the queue yet."""
        task = Task(function, args, call, generation, self._env.now, server, message)
        self._tasks[task] = None
        if call is not None:
            call.owned[task] = None
        return task

    def queue(self, task: Task) -> None:
        """Its turn comes after all that is ready now."""
        if not task.queued:
            task.queued = True
            self.ready.append(task)

    def unfinished(self) -> list[Task]:
        """Every handler that is under way, oldest first."""
        return list(self._tasks)

    def adopt(self, call: Owner, server: ServerTransaction) -> None:
        """The running handler of this request has made its call: from now on it belongs to it."""
        task = self.task
        if task is not None and task.server is server and task.call is None:
            task.call = call
            call.owned[task] = None

    def step(self, task: Task) -> None:
        """Let a handler run up to its next wait, or to its end."""
        if task.coroutine is None and task.cancelled:
            self._finish(task)  # its transaction ended before its turn came
            return
        self.handlers.append(task.name)
        self.task = task
        try:
            finished = self._resume(task)
        except Cancelled:
            self._env.log(DEBUG, "handler-cancelled", f"{task.name} ended with its transaction")
            finished = True
        except Exception as error:
            self._failed(task, type(error).__name__, text_of(error), frames_of(error))
            finished = True
        finally:
            self.task = None
        self.stepped = task
        if finished:
            self._finish(task)
        elif isinstance(task.call, Owner):
            self.touch(task.call)

    def _resume(self, task: Task) -> bool:
        """Take one step; True when the handler has come to its end."""
        throw = task.cancelled
        coroutine = task.coroutine
        if coroutine is None:
            assert task.function is not None
            started = task.function(*task.args)
            if started is None or not isinstance(started, Coroutine):
                return True
            task.coroutine = coroutine = started
        while True:
            try:
                if throw:
                    task.throws += 1
                    if task.throws > MAX_THROWS:
                        self._close(task, coroutine, f"{task.name} goes on waiting although it is cancelled")
                        return True
                    yielded = coroutine.throw(Cancelled())
                else:
                    yielded = coroutine.send(None)
            except StopIteration:
                return True
            if not isinstance(yielded, Pending) or yielded.task is not None:
                what = "a wait that another handler awaits already" if isinstance(yielded, Pending) else "a foreign await"
                self._close(
                    task,
                    coroutine,
                    f"{what} in {task.name}: a handler awaits only what ebr gives it; use call.run(...)",
                )
                return True
            if task.cancelled or yielded.abandoned:
                task.cancelled = throw = True
                continue
            yielded.task = task
            task.waiting = yielded
            if task.call is not None:
                self._limit(yielded, task.began)
            return False

    def _limit(self, pending: Pending, began: float) -> None:
        """Somebody waits for the answer to this handler's request: all its waits together have Config.max_suspension."""
        env = self._env
        limit = max(began + env.config.max_suspension, env.now)
        own = pending.timer
        if own is None or own.when > limit:
            env.timers.cancel(own)
            pending.timer = env.timers.set(limit, TOO_LONG, pending)

    def _close(self, task: Task, coroutine: Coroutine[Any, Any, Any], text: str) -> None:
        frames = suspended_line(coroutine)
        try:
            coroutine.close()
        except (Exception, Cancelled) as error:  # an await in its finally block, or an error there
            self._env.log(DEBUG, "handler-close", f"{task.name}: {type(error).__name__} while it was closed")
        self._failed(task, "LocalProtocolError", text, frames)

    def _failed(self, task: Task, type_name: str, text: str, frames: list[tuple[str, int, str]]) -> None:
        self._env.count("handlers.failed")
        own = [frame for frame in frames if not frame[0].endswith(_OWN_FILE)]
        where = f" ({own[-1][0]}:{own[-1][1]} in {own[-1][2]})" if own else ""
        self._env.log(
            ERROR,
            "handler-failed",
            f"{task.name}: {type_name}: {text}{where}",
            handler=task.name,
            error=type_name,
            frames=own or frames,
        )
        server = task.server
        if server is not None and not server.answered:
            if isinstance(task.call, Owner):
                task.call.fail(500)
            elif task.message is not None:
                server.answer(task.message, 500)

    def _finish(self, task: Task) -> None:
        del self._tasks[task]
        server, message, call = task.server, task.message, task.call
        task.close()
        if isinstance(call, Owner):
            call.owned.pop(task, None)
            self.touch(call)
        elif server is not None and message is not None and not server.answered and server.user is None:
            self._env.log(ERROR, "handler-ended", f"{task.name} ended without reply, relay or wait", handler=task.name)
            server.answer(message, 500)
