"""The reactor: Twisted's transports and protocols on an event loop in Rust.

`deferrous.install()` installs it, and so do `install()` of this module, `twistd --reactor=deferrous` and
`trial --reactor=deferrous`.

The class is Python because its bases are: Twisted's transports, name resolution, processes and signals work
on it as they are. What is done in each turn of the loop is in Rust.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from deferrous import _guard as _guard

# isort: split
from twisted.internet import base
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet
from twisted.internet.posixbase import PosixReactorBase
from zope.interface import classImplements, implementer  # type: ignore[import-untyped]

from deferrous import _core
from deferrous._core import ReactorMethods
from deferrous._pools import StockThreadPool, ThreadPool
from deferrous._waker import Waker

if TYPE_CHECKING or hasattr(select, "epoll"):
    from twisted.internet.epollreactor import EPollReactor as _Base
else:
    _Base = PosixReactorBase

__all__ = ["DeferrousReactor", "install"]

classImplements(_core.DelayedCall, IDelayedCall)

_STOCK_WAKER_FACTORY = PosixReactorBase._wakerFactory


def _queue(name: str) -> Any:
    """Make the attribute by which programs see what is pending in one queue of a reactor, and change it."""

    def look(reactor: DeferrousReactor) -> Any:
        # Only programs that look need the class.
        from deferrous._pending import Pending

        return Pending(reactor._loop, name)

    def replace(reactor: DeferrousReactor, entries: Iterable[Any]) -> None:
        if not isinstance(entries, list):
            from deferrous._pending import Pending

            # `reactor.threadCallQueue += more` has added them already, and sets what it has read.
            if isinstance(entries, Pending) and entries.shows(reactor._loop, name):
                return
        reactor._loop.splice(name, 0, sys.maxsize, entries)

    return property(look, replace, doc="What is pending, as Twisted's reactors have it.")


@implementer(IReactorFDSet)
class DeferrousReactor(ReactorMethods, _Base):  # type: ignore[misc]
    """A reactor whose loop, timers, thread calls and thread pool are in Rust.

    It has all that Twisted's epoll reactor has, and is one where the system has epoll. A program may make
    several, and each may be run, stopped and run again as Twisted's may.

        >>> from deferrous.reactor import DeferrousReactor
        >>> reactor = DeferrousReactor()
        >>> stops = reactor.callLater(0, reactor.stop)
        >>> reactor.run(installSignalHandlers=False)

    It belongs to the thread that runs it. Other threads may call `callFromThread` and `wakeUp`.

    Raises:
        OSError: the system has no descriptor left.
    """

    doPoll = ReactorMethods.doIteration

    threadCallQueue = _queue("threadCallQueue")
    _newTimedCalls = _queue("_newTimedCalls")
    _pendingTimedCalls = _queue("_pendingTimedCalls")

    def __init__(self) -> None:
        self._loop = _core.EventLoop()
        # That of EPollReactor would make another poller.
        PosixReactorBase.__init__(self)

    def installWaker(self) -> None:
        """Make `waker`, for programs that wake the reactor by it: that of a subclass, if it has one."""
        if type(self)._wakerFactory is not _STOCK_WAKER_FACTORY or "_wakerFactory" in vars(self):
            super().installWaker()  # type: ignore[no-untyped-call]
        elif not self.waker:
            self.waker = Waker(self._loop)

    def mainLoop(self) -> None:
        """Turn until the reactor is stopped or crashed. `run` calls it; programs do not."""
        self._turnUntilStopped()
        base._log.info("Main loop terminated.")

    def removeAll(self) -> list[Any]:
        """Remove all readers and writers but the reactor's own.

        Returns:
            those that were removed, each once.
        """
        readers, writers = self.getReaders(), self.getWriters()
        removed: list[Any] = self._removeAll(readers, writers)  # type: ignore[no-untyped-call]
        return removed

    @property
    def _poller(self) -> Any:
        """What the reactor waits with. A program may put an object in its place that wraps it."""
        return self._loop.poller

    @_poller.setter
    def _poller(self, poller: object) -> None:
        self._loop.poller = poller

    @property
    def _selectables(self) -> Mapping[int, Any]:  # type: ignore[override]
        """The readers and writers that the system polls, by descriptor."""
        return MappingProxyType({fd: selectable for fd, selectable, _, _ in self._loop.polled()})

    @property
    def _reads(self) -> frozenset[int]:  # type: ignore[override]
        """The descriptors of readers."""
        return frozenset(fd for fd, _, reads, _ in self._loop.polled() if reads)

    @property
    def _writes(self) -> frozenset[int]:  # type: ignore[override]
        """The descriptors of writers."""
        return frozenset(fd for fd, _, _, writes in self._loop.polled() if writes)

    def _initThreadPool(self) -> None:
        found = vars(base)["ThreadPool"]
        pool = ThreadPool if found is StockThreadPool else found
        self.threadpool = pool(0, 10, "twisted.internet.reactor")
        self._threadpoolStartupID = self.callWhenRunning(self.threadpool.start)
        self.threadpoolShutdownID = self.addSystemEventTrigger("during", "shutdown", self._stopThreadPool)


def install() -> None:
    """Make a DeferrousReactor the one that `from twisted.internet import reactor` gives.

    Call it before anything imports that. It is `install` of `deferrous.deferrousreactor`.

    Raises:
        ReactorAlreadyInstalledError: there is one already. The message says of which class.
    """
    from deferrous.deferrousreactor import install

    install()
