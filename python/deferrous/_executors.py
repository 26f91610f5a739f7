"""Any executor as a pool for `deferToThreadPool`. It is Python because it only calls executors, which are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from threading import Condition
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from twisted.internet import defer
from twisted.python import failure, log

from deferrous._remote import restore_traceback

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorFromThreads

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Of Twisted, and without types there.
_Failure: Any = failure.Failure

_OnResult = Callable[[bool, Any], object]


class ExecutorPool:
    """Any `concurrent.futures.Executor` as a pool for `deferToThreadPool`.

    It has the methods of `twisted.python.threadpool.ThreadPool` that hand work over, and the work is done
    wherever the executor does it: in threads, in other processes, on a cluster.

        >>> from concurrent.futures import ProcessPoolExecutor
        >>> from multiprocessing import get_context
        >>> from twisted.internet import reactor, threads
        >>> from deferrous.threads import ExecutorPool
        >>> processes = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        >>> pool = ExecutorPool(processes, own=True)
        >>> d = threads.deferToThreadPool(reactor, pool, pow, 2, 10)
        >>> d = d.addCallback(print).addBoth(lambda _: reactor.stop())
        >>> reactor.run()
        1024
        >>> pool.stop()

    Only the function, its arguments and its result go to the executor and back. Callbacks stay here, and so
    does the context of `twisted.python.context`. An exception comes back as the executor has it. If it brings
    the traceback of another process as a text, as those of `ProcessPoolExecutor` do, its `__traceback__` has
    the frames of that text, so that they are in what Twisted logs; its `__cause__` stays.

    A pool is ready at once, and needs no `start`. Jobs may be handed over from any thread, all else is for
    the thread that runs the reactor.
    """

    #: Whether jobs are taken, and whether `stop` has been called: the attributes of Twisted's pool.
    started = True
    joined = False

    def __init__(self, executor: Executor, *, own: bool = False, name: str | None = None) -> None:
        """Make a pool of an executor.

        Args:
            executor: what does the work.
            own: whether `stop` is to shut the executor down. What others use as well should go on.
            name: what the pool is called in messages; the class of the executor if there is none.

        Raises:
            TypeError: an argument is of another type.
        """
        if not isinstance(executor, Executor):
            raise TypeError(
                f"ExecutorPool needs a concurrent.futures.Executor, not {executor!r}. "
                "ThreadPoolExecutor() is one, and get_executor() of a Dask client returns one."
            )
        if not isinstance(own, bool):
            raise TypeError(f"own must be True or False, not {own!r}")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str or None, not {name!r}")
        #: The arguments.
        self.executor = executor
        self.own = own
        self.name = name
        self._jobs = 0
        self._changed = Condition()

    def __repr__(self) -> str:
        name = self.name or type(self.executor).__name__
        return f"<ExecutorPool {name}: {'stopped' if self.joined else 'running'}, {self._jobs} jobs>"

    @property
    def jobs(self) -> int:
        """The number of jobs that have been taken and whose results have not been handed back."""
        return self._jobs

    def start(self) -> None:
        """Do nothing, since the executor runs already. Twisted's pool takes its threads here.

        Raises:
            RuntimeError: the pool has been stopped.
        """
        if self.joined:
            raise self._stopped()

    def stop(self) -> None:
        """Take no more jobs, wait until those that have been taken are done, and release the executor.

        It blocks, as that of Twisted's pool does, and jobs that have not begun are done first. What is not
        wanted any more can be cancelled before. Then the executor is shut down if the pool owns it, and goes
        on otherwise. Deferreds fire when the reactor turns again. A second call does nothing more.

        A job must not call it, since it would wait for itself. To have it called in the end:
        `reactor.addSystemEventTrigger("during", "shutdown", pool.stop)`.
        """
        with self._changed:
            self.joined = True
            self.started = False
            self._changed.wait_for(lambda: self._jobs == 0)
        if self.own:
            self.executor.shutdown(wait=True)

    def callInThread(self, func: Callable[_P, object], *args: _P.args, **kw: _P.kwargs) -> None:
        """Have a function called by the executor. Its result is thrown away; what it raises is logged.

        Args:
            func: the function. For an executor with other processes it has to be one that can be pickled, as
                functions of modules can.
            args: its arguments, for which the same holds.
            kw: its arguments by name.

        Raises:
            TypeError: the function is none.

        If the job cannot be taken, that is logged. Any thread may call it.
        """
        self.callInThreadWithCallback(None, func, *args, **kw)

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, Any], object] | None,
        func: Callable[_P, object],
        *args: _P.args,
        **kw: _P.kwargs,
    ) -> None:
        """Have a function called by the executor, and get what comes of it.

        Args:
            onResult: what is called in the end, with True and the result, or with False and a Failure; None
                if there is nothing to call. That is in a thread of the executor; or in the calling thread,
                before this method returns, if the job cannot be taken. It must not block.
            func: the function. For an executor with other processes it has to be one that can be pickled, as
                functions of modules can.
            args: its arguments, for which the same holds.
            kw: its arguments by name.

        Raises:
            TypeError: the function is none, or `onResult` is not.

        Any thread may call it.
        """
        if onResult is not None and not callable(onResult):
            raise TypeError(f"onResult must be a function or None, not {onResult!r}")
        report = _log if onResult is None else onResult
        try:
            self._submit(report, func, args, kw)
        except _Refused as refused:
            report(False, refused.failure)

    def deferTo(
        self,
        reactor: IReactorFromThreads,
        f: Callable[..., _R],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> defer.Deferred[_R]:
        """Have a function called by the executor, and get its result as a Deferred.

        This is what the `deferToThreadPool` of deferrous calls with any pool whose class has it. Cancelling
        the Deferred cancels the future of the executor, so that a job that has not begun never does. One that
        runs cannot be stopped: the Deferred fails at once, and what comes of the job is dropped.

        Args:
            reactor: the one in whose thread the Deferred fires.
            f: the function. For an executor with other processes it has to be one that can be pickled, as
                functions of modules can.
            args: its arguments, for which the same holds.
            kwargs: its arguments by name.

        Returns:
            a Deferred with the result of the function, or a failure: with what it raised; with
            `twisted.internet.defer.CancelledError` if somebody has cancelled it; with the error of the
            executor if that has lost the job. If the executor or the pool takes no jobs any more, it has
            failed already.

        Raises:
            TypeError: the function is none.

        Call it from the reactor's thread.
        """
        wanted = True

        def cancel(_: object) -> None:
            nonlocal wanted
            wanted = False
            future.cancel()

        def deliver(success: bool, result: Any) -> None:
            if not wanted:
                return
            if isinstance(result, defer.Deferred):
                deferred.errback(_Failure(_returned_deferred(f, result)))
            elif success:
                deferred.callback(result)
            else:
                deferred.errback(result)

        deferred: defer.Deferred[_R] = defer.Deferred(cancel)
        report = partial(reactor.callFromThread, deliver)
        try:
            future = self._submit(report, f, args, kwargs or {})
        except _Refused as refused:
            return defer.fail(refused.failure)
        return deferred

    def adjustPoolsize(self, minthreads: int | None = None, maxthreads: int | None = None) -> None:
        """Refuse to change the number of workers, which is up to the executor.

        Args:
            minthreads: what Twisted's pool takes for the smallest number of threads.
            maxthreads: what it takes for the largest.

        Raises:
            NotImplementedError: a number has been given.
        """
        if minthreads is not None or maxthreads is not None:
            raise NotImplementedError(
                f"{self!r} has as many workers as its executor: set their number there, "
                "as with the argument max_workers of ThreadPoolExecutor"
            )

    def dumpStats(self) -> None:
        """Write to Twisted's log how many jobs are not done."""
        log.msg(repr(self))

    def _submit(
        self, report: _OnResult, f: Callable[..., object], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Future[Any]:
        """Hand a job to the executor.

        Args:
            report: what is called with the outcome, once, if this function returns.
            f: the function.
            args: its arguments.
            kwargs: its arguments by name.

        Raises:
            TypeError: the function is none.
            _Refused: the executor does not take it.
        """
        if not callable(f):
            raise TypeError(f"what the pool is to call must be a function, not {f!r}")
        with self._changed:
            if self.joined:
                raise _Refused(self._stopped())
            self._jobs += 1
        try:
            # Executors have parameters of their own, which the function's would be taken for.
            future = self.executor.submit(partial(f, **kwargs) if kwargs else f, *args)
        except BaseException as error:
            self._one_less()
            if isinstance(error, Exception):
                raise _Refused(error) from None
            raise
        future.add_done_callback(partial(self._done, report))
        return future

    def _done(self, report: _OnResult, future: Future[Any]) -> None:
        try:
            report(*_outcome(future))
        except Exception:
            # Executors have a log of their own, in which nobody who runs Twisted would look.
            log.err(None, f"{self!r} could not report a result")  # type: ignore[no-untyped-call]
        finally:
            self._one_less()

    def _one_less(self) -> None:
        with self._changed:
            self._jobs -= 1
            self._changed.notify_all()

    def _stopped(self) -> RuntimeError:
        return RuntimeError(f"{self!r} takes no jobs any more: make another pool for them")


class _Refused(Exception):
    """A job cannot be done, for this reason."""

    def __init__(self, error: Exception) -> None:
        self.failure = _Failure(error)


def _outcome(future: Future[Any]) -> tuple[bool, Any]:
    """Return True and the result of a future that is done, or False and a Failure."""
    if future.cancelled():
        return False, _Failure(defer.CancelledError())
    error = future.exception()
    if error is None:
        return True, future.result()
    restore_traceback(error)
    return False, _Failure(error)


def _log(success: bool, result: Any) -> None:
    """Log a failure that nobody else is told of."""
    if not success:
        log.err(result)  # type: ignore[no-untyped-call]


def _returned_deferred(f: Callable[..., object], result: object) -> TypeError:
    """Make the error of a function that belongs into the reactor's thread."""
    return TypeError(
        f"{f!r} was called outside the reactor's thread and returned {result!r}, which can fire in that "
        "thread alone: call the function there, or have it return the result itself"
    )
