"""Cancelling the Deferred cancels the future."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from deferrous.threads import ExecutorPool, deferToThreadPool
from twisted.internet.defer import CancelledError, gatherResults

from tests.executors import jobs
from tests.executors.engines import WORKERS
from tests.executors.loop import Loop
from tests.helpers import UNFIRED, outcome
from tests.logs import Log


def start(loop: Loop, pool: ExecutorPool, number: int, folder: Path) -> list[Any]:
    """Start jobs that note that they have begun, and wait for a gate."""
    return [
        deferToThreadPool(loop.reactor, pool, jobs.wait, folder / f"begun-{index}", folder / "gate", index)
        for index in range(number)
    ]


def finish(loop: Loop, pool: ExecutorPool, started: list[Any], folder: Path) -> None:
    """Open the gate, and see that the jobs that are left do what they were to do."""
    (folder / "gate").touch()
    assert loop.value(gatherResults(started)) == list(range(len(started)))
    pool.stop()
    loop.turn()


#: An executor may have some jobs more in hand than it has workers.
MANY = 4 * WORKERS


@pytest.mark.parametrize("executor", ["threads", "processes"], indirect=True)
def test_a_job_that_has_not_begun_never_does(
    pool: ExecutorPool, loop: Loop, tmp_path: Path, logged: Log
) -> None:
    started = start(loop, pool, MANY, tmp_path)
    cancelled = started.pop()
    cancelled.cancel()
    assert isinstance(outcome(cancelled), CancelledError)
    finish(loop, pool, started, tmp_path)
    assert not (tmp_path / f"begun-{MANY - 1}").exists()


def test_a_cluster_does_not_start_a_cancelled_job(
    client: Any, loop: Loop, tmp_path: Path, logged: Log
) -> None:
    pool = ExecutorPool(client.get_executor(pure=False))
    # It forgets those of earlier tests in its own time.
    earlier = keys_of_scheduler(client)
    first = start(loop, pool, MANY, tmp_path)
    jobs.until(lambda: len(keys_of_scheduler(client) - earlier) == MANY)
    before = keys_of_scheduler(client) | earlier
    cancelled = deferToThreadPool(loop.reactor, pool, jobs.note, tmp_path / "begun")
    jobs.until(lambda: not keys_of_scheduler(client) <= before)
    cancelled.cancel()
    assert isinstance(outcome(cancelled), CancelledError)
    jobs.until(lambda: keys_of_scheduler(client) | keys_of_workers(client) <= before)
    finish(loop, pool, first, tmp_path)
    assert not (tmp_path / "begun").exists()


def keys_of_scheduler(client: Any) -> set[str]:
    """Return the keys of the jobs that the scheduler knows."""
    return set(client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks)))


def keys_of_workers(client: Any) -> set[str]:
    """Return the keys of the jobs that workers have in hand."""
    of_each = client.run(lambda dask_worker: list(dask_worker.state.tasks))
    return {key for keys in of_each.values() for key in keys}


@pytest.mark.parametrize("job", [jobs.wait, jobs.wait_and_fail])
def test_cancelling_a_running_job_fails_the_deferred_at_once(
    job: Any, pool: ExecutorPool, loop: Loop, tmp_path: Path, logged: Log
) -> None:
    """The Deferred fails at once. What comes of the job, an error too, is dropped and not logged."""
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    deferred = deferToThreadPool(loop.reactor, pool, job, begun, gate)
    jobs.until_exists(begun)
    deferred.cancel()
    assert isinstance(outcome(deferred), CancelledError)
    gate.touch()
    assert loop.value(deferToThreadPool(loop.reactor, pool, abs, -1)) == 1
    pool.stop()
    loop.turn()


def test_cancelling_after_the_result_does_nothing(pool: ExecutorPool, loop: Loop) -> None:
    deferred = deferToThreadPool(loop.reactor, pool, abs, -1)
    assert loop.value(deferred) == 1
    deferred.cancel()
    assert outcome(deferred) is None


def test_a_result_that_is_on_its_way_is_dropped(loop: Loop, logged: Log) -> None:
    """The future is done, and the reactor has yet to hear of it."""
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True)
    deferred = deferToThreadPool(loop.reactor, pool, abs, -1)
    pool.stop()
    deferred.cancel()
    assert isinstance(outcome(deferred), CancelledError)
    loop.turn()


class Kept(Executor):
    """An executor that does nothing, and keeps its futures."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Make a future that waits."""
        self.futures.append(Future())
        return self.futures[-1]


def test_cancelling_the_deferred_cancels_the_future(loop: Loop) -> None:
    executor = Kept()
    deferred = deferToThreadPool(loop.reactor, ExecutorPool(executor), abs, -1)
    assert outcome(deferred) is UNFIRED and not executor.futures[0].cancelled()
    deferred.cancel()
    assert executor.futures[0].cancelled()


def test_a_cancelled_future_fails_the_deferred_with_twisteds_error(loop: Loop) -> None:
    executor = Kept()
    pool = ExecutorPool(executor)
    reported: list[Any] = []
    deferred = deferToThreadPool(loop.reactor, pool, abs, -1)
    pool.callInThreadWithCallback(lambda *result: reported.append(result), abs, -1)
    for future in executor.futures:
        future.cancel()
    assert loop.failure(deferred).type is CancelledError
    [(success, failure)] = reported
    assert success is False and failure.type is CancelledError
    pool.stop()
