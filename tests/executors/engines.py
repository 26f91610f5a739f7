"""The executors that pools are tested with."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

#: How many jobs each of the executors does at a time.
WORKERS = 2


@contextmanager
def threads() -> Iterator[Executor]:
    """Give an executor whose workers are threads."""
    with ThreadPoolExecutor(WORKERS) as executor:
        yield executor


@contextmanager
def processes() -> Iterator[Executor]:
    """Give an executor whose workers are processes."""
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as executor:
        yield executor


@contextmanager
def dask_client() -> Iterator[Any]:
    """Give a client of a cluster of Dask: a scheduler in this process, and worker processes, on loopback."""
    # It takes its time to import.
    distributed: Any = importlib.import_module("distributed")
    cluster = distributed.LocalCluster(
        n_workers=WORKERS,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    )
    with cluster, distributed.Client(cluster) as client:
        yield client
