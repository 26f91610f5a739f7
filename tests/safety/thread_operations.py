"""What is done with a pool of threads while allocations fail.

Each operation is a function of a module of Deferreds and of three objects, as in `deferred_operations`. The
threads never start: an operation does itself what one of them would do.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from twisted.internet import threads as twisted_threads
from twisted.python import threadpool

from tests.safety.deferred_operations import RAISES, Operation, do
from tests.safety.reactors import reactor

OPERATIONS: dict[str, Operation] = {}


def _operation(function: Operation) -> Operation:
    OPERATIONS[function.__name__] = function
    return function


class Thread:
    """A thread that is not started by itself."""

    def __init__(self, made: list[Thread], target: Any) -> None:
        self.run = target
        made.append(self)

    def start(self) -> None:
        return None

    def join(self) -> None:
        return None


def _threads(api: ModuleType) -> Any:
    """Give the module of the functions that belong to a module of Deferreds."""
    if api.__name__ == "deferrous.defer":
        return importlib.import_module("deferrous.threads")
    return twisted_threads


def pool(api: ModuleType, least: int = 0, most: int = 3) -> Any:
    """Make a pool, and note its threads as its attribute `made`."""
    ours = api.__name__ == "deferrous.defer"
    made = (_threads(api) if ours else threadpool).ThreadPool(least, most)
    made.made = []
    made.threadFactory = lambda target=None, **_: Thread(made.made, target)
    return made


def _check(made: Any) -> Any:
    """Say what a pool is like."""
    found = made._team.statistics()
    counts = [found.idleWorkerCount, found.busyWorkerCount, found.backloggedWorkCount]
    return [made.started, made.joined, *counts]


@_operation
def construct(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(pool, api), None, lambda made: made and _check(made)


@_operation
def start(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api, 1)
    return do(made.start), made, _check


@_operation
def call_in_a_thread(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api)
    return do(made.callInThread, a, b, key=c), made, _check


@_operation
def call_in_a_thread_of_one_that_runs(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api)
    made.start()
    return do(made.callInThread, a, b, key=c), made, _check


@_operation
def call_with_a_callback(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api)
    return do(made.callInThreadWithCallback, a, b, c), made, _check


@_operation
def call_by_keyword(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api)
    return do(made.callInThread, func=a, key=b), made, _check


@_operation
def adjust(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api)
    made.start()
    return do(made.adjustPoolsize, 2, 5), made, _check


@_operation
def shrink(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api, 3, 5)
    made.start()
    return do(made.adjustPoolsize, 0, 1), made, _check


@_operation
def stop(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api, 1)
    made.start()
    return do(made.stop), made, _check


@_operation
def count(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api, 1)
    made.start()
    return do(made._team.statistics), made, _check


@_operation
def defer_to_a_pool(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made, loop = pool(api), reactor(api)
    return do(_threads(api).deferToThreadPool, loop, made, a, b, key=c), made, _check


@_operation
def defer_to_a_thread(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api)
    return do(_threads(api).deferToThread, a, b, key=c), made, _installed(api, made)


def _installed(api: ModuleType, made: Any) -> Any:
    """Make a reactor with this pool the one that functions find. The check that it gives takes it away."""
    internet: Any = importlib.import_module("twisted.internet")
    internet.reactor = reactor(api)
    internet.reactor.getThreadPool = lambda: made

    def check(made: Any) -> Any:
        internet.reactor = None
        return _check(made)

    return check


@_operation
def call_multiple_in_a_thread(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = pool(api)
    return do(twisted_threads.callMultipleInThread, [(a, (b,), {"key": c})]), made, _installed(api, made)


def _running(api: ModuleType, ask: Any) -> Any:
    """Ask a pool for a job, and give what its only thread does: the job, and then no more."""
    made = pool(api)
    made.start()
    ask(made)
    made._team.quit()
    return made, made.made[0].run


@_operation
def do_a_job(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made, run = _running(api, lambda made: made.callInThread(a, b, key=c))
    return run, made, _check


@_operation
def do_a_job_that_raises(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made, run = _running(api, lambda made: made.callInThread(RAISES, a))
    return run, made, _check


@_operation
def do_a_job_with_a_callback(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made, run = _running(api, lambda made: made.callInThreadWithCallback(a, b, c))
    return run, made, _check


@_operation
def do_a_job_of_a_deferred(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    loop = reactor(api)

    def ask(made: Any) -> None:
        made.waits = _threads(api).deferToThreadPool(loop, made, a, b).addCallback(c)

    made, run = _running(api, ask)

    def does() -> None:
        run()
        loop.runUntilCurrent()

    return does, made, _check
