"""A worker of a cluster that is killed in the middle of a job."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from deferrous.threads import ExecutorPool, deferToThreadPool
from twisted.internet.defer import gatherResults

from tests.executors import jobs
from tests.executors.engines import WORKERS
from tests.executors.loop import Loop


def workers(client: Any) -> set[int]:
    """Return the process numbers of the workers."""
    return set(client.run(os.getpid).values())


def test_its_jobs_are_run_again_and_nothing_is_lost(client: Any, loop: Loop, tmp_path: Path) -> None:
    """The one that it was in the middle of, those that it had yet to begin, and those of the other worker."""
    client.wait_for_workers(WORKERS)
    pool = ExecutorPool(client.get_executor(pure=False))
    before = workers(client)
    assert len(before) == WORKERS and os.getpid() not in before

    waited_for, others = tmp_path / "waited_for", tmp_path / "others"
    waits = deferToThreadPool(loop.reactor, pool, jobs.wait_to_be_killed_once, waited_for)
    jobs.until_exists(waited_for)
    numbers = range(40)
    squares: list[Any] = [
        deferToThreadPool(loop.reactor, pool, jobs.square_slowly, number, others) for number in numbers
    ]
    jobs.until_exists(others)
    [first] = map(int, jobs.noted(waited_for))
    assert first in before
    os.kill(first, signal.SIGKILL)

    again = loop.value(waits)
    assert again != first
    assert list(map(int, jobs.noted(waited_for))) == [first, again]
    assert loop.value(gatherResults(squares)) == [number * number for number in numbers]
    assert first not in map(int, jobs.noted(others))
    assert pool.jobs == 0
    pool.stop()


def test_the_cluster_goes_on_with_as_many_workers(client: Any, loop: Loop, tmp_path: Path) -> None:
    """Jobs are accepted, and done by the worker that replaces the killed one."""
    client.wait_for_workers(WORKERS)
    pool = ExecutorPool(client.get_executor(pure=False))
    killed, *_ = workers(client)
    os.kill(killed, signal.SIGKILL)
    squares: list[Any] = [
        deferToThreadPool(loop.reactor, pool, jobs.square_slowly, n, tmp_path / "pids") for n in range(9)
    ]
    assert loop.value(gatherResults(squares)) == [n * n for n in range(9)]
    jobs.until(lambda: len(after := workers(client)) == WORKERS and killed not in after)
    pool.stop()
