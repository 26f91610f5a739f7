"""Threads under Twisted: the pool, and what hands work to it.

`deferrous.install()` puts these in the place of Twisted's, by the same names; programs go on importing
`twisted.internet.threads` and `twisted.python.threadpool`. Only `ExecutorPool` is not there, a pool of
whatever workers an executor has.
"""

from deferrous._core import deferToThread, deferToThreadPool
from deferrous._executors import ExecutorPool
from deferrous._pools import ThreadPool

__all__ = ["ExecutorPool", "ThreadPool", "deferToThread", "deferToThreadPool"]

ExecutorPool.__module__ = __name__
