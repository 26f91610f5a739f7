"""The methods of `Deferred` that talk to asyncio and to a reactor's clock.

They are Python because all they do is call Python objects: a clock, a future, an event loop.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import _cancelledToTimedOutError
from twisted.python.failure import Failure

from deferrous._core import Deferred

if TYPE_CHECKING:
    from deferrous._core import _Clock

_T = TypeVar("_T")
_Next = TypeVar("_Next")


def addTimeout(
    self: Deferred[_T],
    timeout: float,
    clock: _Clock,
    onTimeoutCancel: Callable[[_T | Failure, float], _Next | Failure] | None = None,
) -> Deferred[_T | _Next]:
    """Cancel the Deferred unless it, and the callbacks added until now, have come to a result in time.

    Args:
        timeout: after how many seconds.
        clock: what provides `callLater`: the reactor, or a Clock in tests.
        onTimeoutCancel: called with the outcome and the timeout when it was too late; what it returns is the
            outcome then. Without it, a CancelledError becomes a TimeoutError.

    Returns:
        the Deferred itself.
    """
    timed_out = False

    def time_it_out() -> None:
        nonlocal timed_out
        timed_out = True
        self.cancel()

    delayed_call = clock.callLater(timeout, time_it_out)

    def convert_cancelled(result: _T | Failure) -> _T | _Next | Failure:
        if timed_out:
            return (onTimeoutCancel or _cancelledToTimedOutError)(result, timeout)
        return result

    def cancel_timeout(result: _T | _Next | Failure) -> _T | _Next | Failure:
        if delayed_call.active():
            delayed_call.cancel()
        return result

    converted: Deferred[_T | _Next] = self.addBoth(convert_cancelled)
    return converted.addBoth(cancel_timeout)


def asFuture(self: Deferred[_T], loop: AbstractEventLoop) -> Future[_T]:
    """Make an asyncio future that gets the outcome of the Deferred, which is left with None.

    Args:
        loop: the event loop that the future belongs to. It has to run in the thread of the reactor.

    Returns:
        the future. Cancelling it cancels the Deferred.
    """
    future: Future[_T] = loop.create_future()

    def check_cancel(done: Future[_T]) -> None:
        if done.cancelled():
            self.cancel()

    def maybe_fail(failure: Failure) -> None:
        if not future.cancelled():
            future.set_exception(failure.value)  # type: ignore[arg-type]

    def maybe_succeed(result: _T) -> None:
        if not future.cancelled():
            future.set_result(result)

    self.addCallbacks(maybe_succeed, maybe_fail)
    future.add_done_callback(check_cancel)
    return future


def fromFuture(cls: type[Deferred[_T]], future: Future[_T]) -> Deferred[_T]:
    """Make a Deferred that gets the outcome of an asyncio future.

    Args:
        future: the future or task, of an event loop that runs in the thread of the reactor. A coroutine is
            none yet.

    Returns:
        the Deferred. Cancelling it cancels the future.
    """

    def adapt(done: Future[_T]) -> None:
        extracted: _T | Failure
        try:
            extracted = done.result()
        except BaseException:
            extracted = Failure()  # type: ignore[no-untyped-call]
        actual.callback(extracted)

    cancelled: Any = object()

    def cancel(deferred: Deferred[Any]) -> None:
        future.cancel()
        deferred.callback(cancelled)

    deferred = cls(cancel)
    actual = deferred

    def uncancel(result: _T) -> _T | Deferred[_T]:
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

    Args:
        deferred: the class in Rust.
        stock: Twisted's own; the property that warns of the attribute's old name comes from there.
    """
    methods: list[Any] = [addTimeout, asFuture, fromFuture]
    for method in methods:
        method.__qualname__ = f"Deferred.{method.__name__}"
        method.__module__ = stock.__module__
    deferred.addTimeout = addTimeout
    deferred.asFuture = asFuture
    deferred.fromFuture = classmethod(fromFuture)
    old_name = vars(stock).get("callbacks")
    deferred.callbacks = old_name if old_name is not None else vars(deferred)["_callbacks"]
