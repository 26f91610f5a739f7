"""Fixtures of the tests of executors: the executors, a loop, and a listener for log events."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import pytest
from deferrous.threads import ExecutorPool

from tests.executors import engines
from tests.executors.loop import Loop
from tests.logs import Log


@pytest.fixture(scope="package")
def client() -> Iterator[Any]:
    """Give the client of one cluster, whose workers are started once."""
    with engines.dask_client() as client:
        yield client


@pytest.fixture(scope="package")
def running_processes() -> Iterator[Executor]:
    """Give worker processes, which are started once."""
    with engines.processes() as executor:
        yield executor


@pytest.fixture(params=["threads", "processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Give each kind of executor in turn."""
    if request.param == "threads":
        with engines.threads() as executor:
            yield executor
    elif request.param == "processes":
        yield request.getfixturevalue("running_processes")
    else:
        # Two jobs that look the same are two jobs.
        yield request.getfixturevalue("client").get_executor(pure=False)


@pytest.fixture
def pool(executor: Executor) -> Iterator[ExecutorPool]:
    """Give a pool of each kind of executor, which goes on for the next test."""
    pool = ExecutorPool(executor)
    yield pool
    pool.stop()


@pytest.fixture
def loop() -> Loop:
    """Give a loop for the Deferreds of a test to fire in."""
    return Loop()


@pytest.fixture
def logged() -> Iterator[Log]:
    """Listen to the log. What a test has not asked for by its end makes it fail."""
    with Log() as log:
        yield log
        gc.collect()
    assert not log.events, [log.text(event) for event in log.events]
