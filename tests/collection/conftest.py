"""The reactors and the pools that tests of what is left behind make for themselves, in the tests' process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import deferrous.threads
import pytest
from deferrous.reactor import DeferrousReactor
from twisted.internet import threads as stock_threads
from twisted.internet.epollreactor import EPollReactor
from twisted.python.threadpool import ThreadPool as StockPool


class Kind:
    """Twisted's reactor and pool, or ours."""

    def __init__(self, reactor: Any, pool: Any, defer_to: Any) -> None:
        self.reactor: Callable[[], Any] = reactor
        self._pool = pool
        self.defer_to: Callable[..., Any] = defer_to

    def pool(self) -> Any:
        """Make a pool of two threads, which is not started."""
        return self._pool(2, 2)


STOCK = Kind(EPollReactor, StockPool, stock_threads.deferToThreadPool)
OURS = Kind(DeferrousReactor, deferrous.threads.ThreadPool, deferrous.threads.deferToThreadPool)


@pytest.fixture(params=[STOCK, OURS], ids=["stock", "ours"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Give each kind in turn."""
    found: Kind = request.param
    return found


@pytest.fixture
def ours() -> Kind:
    """Give our own kind."""
    return OURS
