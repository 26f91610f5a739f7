"""The methods of ``Deferred`` that talk to asyncio and to a reactor's clock.

In Python, since all they do is call Python objects: a clock, a future, an event loop.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import _cancelledToTimedOutError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from deferrous._core import Deferred

_T = TypeVar("_T")


def addTimeout(
    self: Deferred[_T],
    timeout: float,
    clock: IReactorTime,
    onTimeoutCancel: Callable[[Any, float], Any] | None = None,
) -> Deferred[Any]:
    """Cancel the Deferred unless it has fired, and run the callbacks added until now, in time.

    :param timeout: after how many seconds.
    :param clock: what provides ``callLater``, a reactor for example.
    :param onTimeoutCancel: called with the outcome and the timeout after that has happened; its result
        is the outcome then. Without it a ``CancelledError`` becomes a ``TimeoutError``.
    :return: the Deferred itself.
    """
    timed_out = False

    def time_it_out() -> None:
        nonlocal timed_out
        timed_out = True
        self.cancel()

    delayed_call = clock.callLater(timeout, time_it_out)

    def convert_cancelled(result: Any) -> Any:
        if timed_out:
            return (onTimeoutCancel or _cancelledToTimedOutError)(result, timeout)
        return result

    def cancel_timeout(result: Any) -> Any:
        if delayed_call.active():
            delayed_call.cancel()
        return result

    return self.addBoth(convert_cancelled).addBoth(cancel_timeout)


def asFuture(self: Deferred[_T], loop: AbstractEventLoop) -> Future[_T]:
    """Make an asyncio future that gets the outcome of the Deferred, which is left with ``None``.

    :param loop: the event loop that the future belongs to.
    """
    future = loop.create_future()

    def check_cancel(done: Future[_T]) -> None:
        if done.cancelled():
            self.cancel()

    def maybe_fail(failure: Failure) -> None:
        if not future.cancelled():
            future.set_exception(failure.value)

    def maybe_succeed(result: Any) -> None:
        if not future.cancelled():
            future.set_result(result)

    self.addCallbacks(maybe_succeed, maybe_fail)
    future.add_done_callback(check_cancel)
    return future


def fromFuture(cls: type[Deferred[_T]], future: Future[_T]) -> Deferred[_T]:
    """Make a Deferred that gets the outcome of an asyncio future; cancelling it cancels the future.

    :param future: the future or task; a coroutine is none yet.
    """

    def adapt(done: Future[_T]) -> None:
        try:
            extracted: Any = done.result()
        except BaseException:
            extracted = Failure()
        actual.callback(extracted)

    cancelled = object()

    def cancel(deferred: Deferred[Any]) -> None:
        future.cancel()
        deferred.callback(cancelled)

    deferred = cls(cancel)
    actual: Deferred[Any] = deferred

    def uncancel(result: Any) -> Any:
        # The future tells how it ended only later, and whoever cancelled waits for that.
        nonlocal actual
        if result is cancelled:
            actual = Deferred()
            return actual
        return result

    deferred.addCallback(uncancel)
    future.add_done_callback(adapt)
    return deferred


def add_methods(deferred: Any, stock: Any) -> None:
    """Give the class the methods that are written here.

    :param deferred: the class in Rust.
    :param stock: Twisted's own; the property that warns of the attribute's old name comes from there.
    """
    for method in addTimeout, asFuture:
        setattr(deferred, method.__name__, method)
    deferred.fromFuture = classmethod(fromFuture)
    for method in addTimeout, asFuture, fromFuture:
        method.__qualname__ = f"Deferred.{method.__name__}"
        method.__module__ = stock.__module__
    old_name = vars(stock).get("callbacks")
    deferred.callbacks = old_name if old_name is not None else vars(deferred)["_callbacks"]


