"""The thread pool as a class of Python, which programs subclass and tests take apart.

What is done for each job is in Rust: the queue, the workers' waiting, the way back to the reactor. What is
done once in a while (names, sizes, statistics) is inherited from Twisted's class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.threadpool import ThreadPool as _Stock

from deferrous import _core
from deferrous import _forks as _forks

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

_T = TypeVar("_T")

#: Twisted's class of pools, also where ours is in its place.
StockThreadPool = _Stock

callInThreadWithCallback = _core.pool_methods["callInThreadWithCallback"]
callFromThread = _core.ReactorMethods.callFromThread


class ThreadPool(_Stock):
    """A pool of threads, as Twisted's `ThreadPool`; its workers are threads of `threading`.

    A job is handed to a worker, and its result back, without waking anybody twice. All that Twisted's class
    has is there, by the same names.

        >>> from deferrous.threads import ThreadPool
        >>> pool = ThreadPool(minthreads=0, maxthreads=2, name="example")
        >>> pool.start()
        >>> done = []
        >>> pool.callInThread(done.append, "in a thread")
        >>> pool.stop()
        >>> done
        ['in a thread']

    Args:
        minthreads: the least number of threads while it runs.
        maxthreads: the greatest.
        name: what the names of the threads begin with.

    `start`, `stop` and `callInThread` may be called from any thread, but from one at a time.
    """

    callInThread = _core.pool_methods["callInThread"]
    callInThreadWithCallback = callInThreadWithCallback

    @staticmethod
    def _pool(  # type: ignore[override]
        currentLimit: Callable[[], int], threadFactory: Callable[..., Any]
    ) -> _core.Team:
        """Make the workers. Twisted's class calls it, and lets tests replace it."""
        return _core.team(currentLimit, threadFactory)


ThreadPool.__module__ = _Stock.__module__


def defer_otherwise(
    reactor: IReactorFromThreads,
    threadpool: Any,
    function: Callable[..., _T],
    /,
    *args: object,
    **kwargs: object,
) -> Deferred[_T]:
    """Do what Twisted's `deferToThreadPool` does, by the names that it looks up.

    It is called where the reactor or the pool is not of this package, or where a program has replaced a name.

    A pool whose class has a method `deferTo` makes the Deferred itself, since only then can it see to it that
    cancelling has an effect.
    """
    # Asked of the class, as Python does for its own protocols: an object that stands for a pool may say that
    # it has any attribute whatever.
    defer_to = getattr(type(threadpool), "deferTo", None)
    if defer_to is not None:
        made: Deferred[_T] = defer_to(threadpool, reactor, function, args, kwargs)
        return made
    # Imported here, since importing that module is what imports this one.
    from twisted.internet import threads

    deferred: Deferred[_T] = vars(threads)["defer"].Deferred()

    def onResult(success: bool, result: Any) -> None:
        if success:
            reactor.callFromThread(deferred.callback, result)
        else:
            reactor.callFromThread(deferred.errback, result)

    threadpool.callInThreadWithCallback(onResult, function, *args, **kwargs)
    return deferred
