"""The end of a pool, and of an executor: nothing is lost, and nothing hangs."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from deferrous.threads import ExecutorPool, deferToThreadPool
from twisted.internet.defer import CancelledError

from tests.executors import engines, jobs
from tests.executors.loop import Loop
from tests.helpers import outcome
from tests.logs import Log

STOPPED = "<ExecutorPool ThreadPoolExecutor: stopped, 0 jobs> takes no jobs any more: make another pool"


def test_stopping_waits_for_every_job(executor: Executor, loop: Loop, tmp_path: Path) -> None:
    """Also for those that had not begun, and until each result has been handed to the reactor."""
    pool = ExecutorPool(executor)
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    started = [deferToThreadPool(loop.reactor, pool, jobs.wait, begun, gate, index) for index in range(10)]
    jobs.until_exists(begun)
    threading.Timer(0.2, gate.touch).start()
    pool.stop()
    assert gate.exists() and pool.jobs == 0 and pool.joined and not pool.started
    loop.turn()
    assert [outcome(deferred) for deferred in started] == list(range(10))


def test_an_executor_that_is_not_owned_goes_on(executor: Executor, loop: Loop) -> None:
    ExecutorPool(executor).stop()
    another = ExecutorPool(executor, own=False)
    assert loop.value(deferToThreadPool(loop.reactor, another, abs, -1)) == 1


@pytest.mark.parametrize("made", [engines.threads, engines.processes])
def test_an_executor_that_is_owned_is_shut_down(made: Any, loop: Loop) -> None:
    with made() as executor:
        pool = ExecutorPool(executor, own=True)
        deferred = deferToThreadPool(loop.reactor, pool, abs, -1)
        pool.stop()
        assert loop.value(deferred) == 1
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(abs, -1)


def test_stopping_a_pool_releases_the_cluster(client: Any, loop: Loop) -> None:
    executor = client.get_executor(pure=False)
    pool = ExecutorPool(executor, own=True)
    deferred = deferToThreadPool(loop.reactor, pool, abs, -1)
    pool.stop()
    assert loop.value(deferred) == 1
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, -1)
    assert client.submit(abs, -2).result() == 2


def test_stopping_twice_is_harmless(loop: Loop) -> None:
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True)
    pool.stop()
    pool.stop()


def test_a_job_for_a_stopped_pool_fails_at_once(loop: Loop, logged: Log) -> None:
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True)
    pool.stop()
    error = outcome(deferToThreadPool(loop.reactor, pool, abs, -1))
    assert type(error) is RuntimeError and str(error).startswith(STOPPED)
    reported: list[Any] = []
    pool.callInThreadWithCallback(lambda *result: reported.append(result), abs, -1)
    [(success, failure)] = reported
    assert success is False and str(failure.value).startswith(STOPPED)
    pool.callInThread(abs, -1)
    [text] = logged.written()
    assert text.startswith("Unhandled Error\n") and STOPPED in text


def test_a_stopped_pool_cannot_be_started() -> None:
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True)
    pool.start()
    pool.stop()
    with pytest.raises(RuntimeError, match="takes no jobs any more: make another pool for them"):
        pool.start()


def test_jobs_for_a_closed_executor_fail(loop: Loop) -> None:
    executor = ThreadPoolExecutor(1)
    pool = ExecutorPool(executor)
    executor.shutdown()
    error = outcome(deferToThreadPool(loop.reactor, pool, abs, -1))
    assert type(error) is RuntimeError and "after shutdown" in str(error)
    pool.stop()


def test_jobs_that_the_executor_drops_fail(loop: Loop, tmp_path: Path) -> None:
    executor = ThreadPoolExecutor(1)
    pool = ExecutorPool(executor)
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    started = [deferToThreadPool(loop.reactor, pool, jobs.wait, begun, gate, index) for index in range(3)]
    jobs.until_exists(begun)
    executor.shutdown(wait=False, cancel_futures=True)
    gate.touch()
    assert loop.value(started[0]) == 0
    assert [loop.failure(deferred).type for deferred in started[1:]] == [CancelledError] * 2
    pool.stop()


def test_jobs_of_broken_processes_fail(loop: Loop) -> None:
    """Each job fails that was in hand, and each one after."""
    with engines.processes() as executor:
        pool = ExecutorPool(executor, own=True)
        ended = [deferToThreadPool(loop.reactor, pool, jobs.end_the_process) for _ in range(4)]
        assert [loop.failure(deferred).type for deferred in ended] == [BrokenProcessPool] * 4
        error = outcome(deferToThreadPool(loop.reactor, pool, abs, -1))
        assert type(error) is BrokenProcessPool
        pool.stop()


def test_jobs_of_a_closed_cluster_fail(loop: Loop, tmp_path: Path) -> None:
    """Jobs that it had are cancelled, and those that come after are refused; nobody waits for ever."""
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    with engines.dask_client() as client:
        pool = ExecutorPool(client.get_executor(pure=False))
        running: Any = deferToThreadPool(loop.reactor, pool, jobs.wait, begun, gate)
        jobs.until_exists(begun)
        client.close()
        gate.touch()
    assert loop.failure(running).type is CancelledError
    after = loop.failure(deferToThreadPool(loop.reactor, pool, abs, -1))
    assert "Client is closed" in str(after.value)
    pool.stop()
