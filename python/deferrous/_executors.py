"""Any executor as a pool for `deferToThreadPool`. It is Python because it only calls executors."""

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

#: Twisted's class, which has no types.
_Failure: Any = failure.Failure

_OnResult = Callable[[bool, Any], object]


class ExecutorPool:
    """Any `concurrent.futures.Executor` as a pool for `deferToThreadPool`.

    It has the methods of `twisted.python.threadpool.ThreadPool` that hand over work. The executor does the
    work in threads, in other processes, or on a cluster.

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

    Only the function, its arguments and its result go to the executor and back. Callbacks run in this
    process, and the context of `twisted.python.context` stays here. Exceptions come back as the executor
    returns them. If one has the traceback of another process as a text, as with `ProcessPoolExecutor`, its
    `__traceback__` gets the frames of that text, so that Twisted logs them. Its `__cause__` is unchanged.

    A pool is ready at once and needs no `start`. Any thread may hand over jobs. All other methods are for the
    thread that runs the reactor.
    """

    #: Whether the pool accepts jobs, and whether `stop` has been called. Twisted's pool has these attributes.
    started = True
    joined = False

    def __init__(self, executor: Executor, *, own: bool = False, name: str | None = None) -> None:
        """Make a pool of an executor.

        Args:
            executor: does the work.
            own: whether `stop` shuts the executor down. Leave it False if others use the executor too.
            name: the pool's name in messages; None for the class of the executor.

        Raises:
            TypeError: an argument has the wrong type.
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
        """The number of jobs whose results have not been delivered."""
        return self._jobs

    def start(self) -> None:
        """Do nothing: the executor runs already. Twisted's pool starts its threads here.

        Raises:
            RuntimeError: the pool has been stopped.
        """
        if self.joined:
            raise self._stopped()

    def stop(self) -> None:
        """Accept no more jobs, wait for the pending ones, and shut the executor down if the pool owns it.

        It blocks, as in Twisted's pool, until all jobs are done, including those that have not started.
        Cancel unwanted jobs before. Deferreds fire when the reactor runs again. A second call does nothing.

        A job must not call it, because it would wait for itself. To call it when the reactor stops:
        `reactor.addSystemEventTrigger("during", "shutdown", pool.stop)`.
        """
        with self._changed:
            self.joined = True
            self.started = False
            self._changed.wait_for(lambda: self._jobs == 0)
        if self.own:
            self.executor.shutdown(wait=True)

    def callInThread(self, func: Callable[_P, object], *args: _P.args, **kw: _P.kwargs) -> None:
        """Have the executor call a function. The result is dropped, and exceptions are logged.

        Args:
            func: the function. An executor with other processes needs a function that can be pickled, such as
                those of modules.
            args: its arguments. They must be picklable too.
            kw: its keyword arguments.

        Raises:
            TypeError: `func` is not callable.

        If the job is refused, that is logged. Any thread may call it.
        """
        self.callInThreadWithCallback(None, func, *args, **kw)

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, Any], object] | None,
        func: Callable[_P, object],
        *args: _P.args,
        **kw: _P.kwargs,
    ) -> None:
        """Have the executor call a function, and pass the result to a callback.

        Args:
            onResult: called at the end with True and the result, or with False and a Failure; or None. It is
                called in a thread of the executor; or, if the job is refused, in the calling thread before
                this method returns. It must not block.
            func: the function. An executor with other processes needs a function that can be pickled, such as
                those of modules.
            args: its arguments. They must be picklable too.
            kw: its keyword arguments.

        Raises:
            TypeError: `func` or `onResult` is not callable.

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
        """Have the executor call a function, and return its result as a Deferred.

        `deferToThreadPool` of deferrous calls this method if the class of the pool has it. Cancelling the
        Deferred cancels the future of the executor, so that a job that has not started never starts. A
        running job cannot be stopped: the Deferred fails at once, and the job's result is dropped.

        Args:
            reactor: the Deferred fires in the thread of this reactor.
            f: the function. An executor with other processes needs a function that can be pickled, such as
                those of modules.
            args: its arguments. They must be picklable too.
            kwargs: its keyword arguments.

        Returns:
            a Deferred with the result of the function. It fails with the function's exception, with
            `twisted.internet.defer.CancelledError` if it was cancelled, or with the executor's error if the
            executor has lost the job. If the executor or the pool is closed, it has failed already.

        Raises:
            TypeError: `f` is not callable.

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
        """Refuse to change the number of workers, which the executor determines.

        Args:
            minthreads: the smallest number of threads of Twisted's pool.
            maxthreads: the largest.

        Raises:
            NotImplementedError: one of them is given.
        """
        if minthreads is not None or maxthreads is not None:
            raise NotImplementedError(
                f"{self!r} has as many workers as its executor: set their number there, "
                "as with the argument max_workers of ThreadPoolExecutor"
            )

    def dumpStats(self) -> None:
        """Write the number of unfinished jobs to Twisted's log."""
        log.msg(repr(self))

    def _submit(
        self, report: _OnResult, f: Callable[..., object], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Future[Any]:
        """Hand a job to the executor.

        Args:
            report: called once with the outcome, if this function returns.
            f: the function.
            args: its arguments.
            kwargs: its arguments by name.

        Raises:
            TypeError: `f` is not callable.
            _Refused: the pool or the executor refuses the job.
        """
        if not callable(f):
            raise TypeError(f"what the pool is to call must be a function, not {f!r}")
        with self._changed:
            if self.joined:
                raise _Refused(self._stopped())
            self._jobs += 1
        try:
            # Some executors have keyword parameters of their own, which would take the function's.
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
            # Executors write to another log, which users of Twisted do not read.
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
    """The pool or the executor refuses a job."""

    def __init__(self, error: Exception) -> None:
        self.failure = _Failure(error)


def _outcome(future: Future[Any]) -> tuple[bool, Any]:
    """Return True and the result of a finished future, or False and a Failure."""
    if future.cancelled():
        return False, _Failure(defer.CancelledError())
    error = future.exception()
    if error is None:
        return True, future.result()
    restore_traceback(error)
    return False, _Failure(error)


def _log(success: bool, result: Any) -> None:
    """Log a failure for which there is no callback."""
    if not success:
        log.err(result)  # type: ignore[no-untyped-call]


def _returned_deferred(f: Callable[..., object], result: object) -> TypeError:
    """Return the error for a function that returned a Deferred, which belongs to the reactor's thread."""
    return TypeError(
        f"{f!r} was called outside the reactor's thread and returned {result!r}, which can fire in that "
        "thread alone: call the function there, or have it return the result itself"
    )
