"""Threads under Twisted: the pool, and what hands work to it.

`deferrous.install()` puts these in the place of Twisted's, by the same names; programs go on importing
`twisted.internet.threads` and `twisted.python.threadpool`.
"""

from deferrous._core import deferToThread, deferToThreadPool
from deferrous._pools import ThreadPool

__all__ = ["ThreadPool", "deferToThread", "deferToThreadPool"]
