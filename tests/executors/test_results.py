"""The Deferred of a job gives its result or its exception."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from pickle import PicklingError
from typing import Any

import pytest
from deferrous.threads import ExecutorPool, deferToThreadPool
from twisted.internet.defer import Deferred, gatherResults, succeed

from tests.executors import jobs
from tests.executors.loop import Loop
from tests.helpers import UNFIRED, outcome
from tests.logs import Log


def test_a_job_gives_its_result(pool: ExecutorPool, loop: Loop) -> None:
    assert loop.value(deferToThreadPool(loop.reactor, pool, pow, 2, 100)) == 2**100
    assert loop.value(deferToThreadPool(loop.reactor, pool, dict)) == {}


def test_a_job_gives_its_exception(pool: ExecutorPool, loop: Loop) -> None:
    failure = loop.failure(deferToThreadPool(loop.reactor, pool, jobs.fail, "it broke"))
    assert failure.type is jobs.Oops and failure.value.args == ("it broke",)


def test_arguments_reach_the_function_whatever_they_are_called(pool: ExecutorPool, loop: Loop) -> None:
    """Executors have parameters too."""
    named = {"fn": 1, "self": 2, "key": "k", "workers": "nobody", "pure": True, "retries": 3, "func": 4}
    # Twisted's function has these three names for itself.
    assert not {"reactor", "threadpool", "f"} & set(named)
    done = deferToThreadPool(loop.reactor, pool, jobs.whatever_it_is_called, 1, [2], **named)
    assert loop.value(done) == ((1, [2]), named)


def test_every_job_gives_its_own_result(pool: ExecutorPool, loop: Loop) -> None:
    done: list[Any] = [deferToThreadPool(loop.reactor, pool, pow, number, 2) for number in range(100)]
    assert loop.value(gatherResults(done)) == [number * number for number in range(100)]


def test_jobs_that_look_the_same_are_all_done(pool: ExecutorPool, loop: Loop, tmp_path: Path) -> None:
    done: list[Any] = [
        deferToThreadPool(loop.reactor, pool, jobs.note, tmp_path / "lines") for _ in range(10)
    ]
    loop.value(gatherResults(done))
    assert jobs.noted(tmp_path / "lines") == [""] * 10


def test_the_deferred_fires_in_the_turn_of_the_reactor(pool: ExecutorPool, loop: Loop) -> None:
    """However soon the job is done, the callbacks run in the reactor's thread, and not in the call."""
    done = threading.Event()
    deferred = deferToThreadPool(loop.reactor, pool, abs, -1)
    pool.callInThreadWithCallback(lambda *_: done.set(), abs, -1)
    assert done.wait(60)
    assert not deferred.called
    assert loop.value(deferred) == 1


@pytest.mark.parametrize("executor", ["processes", "dask"], indirect=True)
def test_an_argument_that_cannot_be_handed_over_is_a_failure(pool: ExecutorPool, loop: Loop) -> None:
    """A lock is of use in its own process only."""
    lock = threading.Lock()
    failure = loop.failure(deferToThreadPool(loop.reactor, pool, jobs.whatever_it_is_called, lock))
    assert failure.check(TypeError, PicklingError) is not None
    assert loop.value(deferToThreadPool(loop.reactor, pool, abs, -1)) == 1


def test_a_result_that_processes_cannot_hand_over_is_a_failure(
    running_processes: Executor, loop: Loop
) -> None:
    pool = ExecutorPool(running_processes)
    failure = loop.failure(deferToThreadPool(loop.reactor, pool, threading.Lock))
    assert failure.check(TypeError, PicklingError) is not None
    pool.stop()


def test_a_function_that_returns_a_deferred_is_told_so(loop: Loop) -> None:
    """It belongs into the reactor's thread, and nobody would wait for that Deferred here."""

    def returns_a_deferred() -> Deferred[int]:
        return succeed(1)

    pool = ExecutorPool(ThreadPoolExecutor(1), own=True)
    failure = loop.failure(deferToThreadPool(loop.reactor, pool, returns_a_deferred))
    pool.stop()
    assert failure.type is TypeError
    assert "returns_a_deferred" in str(failure.value)
    assert "was called outside the reactor's thread and returned <Deferred" in str(failure.value)


@pytest.mark.parametrize("f", [None, 3, "print"])
def test_a_job_that_is_not_callable_is_refused_at_once(f: Any, loop: Loop, logged: Log) -> None:
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True)
    for call in (
        lambda: deferToThreadPool(loop.reactor, pool, f),
        lambda: pool.callInThread(f),
        lambda: pool.callInThreadWithCallback(print, f),
    ):
        with pytest.raises(TypeError, match="what the pool is to call must be a function, not "):
            call()
    assert pool.jobs == 0
    pool.stop()


def test_jobs_are_counted_until_their_results_are_handed_back(loop: Loop, tmp_path: Path) -> None:
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True, name="counted")
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    first = deferToThreadPool(loop.reactor, pool, jobs.wait, begun, gate, "first")
    second = deferToThreadPool(loop.reactor, pool, abs, -2)
    assert pool.jobs == 2 and repr(pool) == "<ExecutorPool counted: running, 2 jobs>"
    assert outcome(first) is UNFIRED
    gate.touch()
    assert loop.value(second) == 2
    pool.stop()
    assert pool.jobs == 0 and repr(pool) == "<ExecutorPool counted: stopped, 0 jobs>"
