"""Cancellation: cancellers, what waits, and generators and coroutines."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from twisted.internet.defer import AlreadyCalledError, CancelledError, TimeoutError
from twisted.internet.task import Clock

from tests.helpers import Oops, Steps, handled, outcome, raising, same

WAYS = ["inlineCallbacks", "coroutine"]


def waiting(api: ModuleType, way: str, deferred: Any, on_cancel: Any = None) -> Any:
    """Start something that waits, and that answers to being cancelled if it is told how."""

    def generator() -> Steps:
        try:
            return (yield deferred)
        except CancelledError:
            if on_cancel is None:
                raise
            return (yield on_cancel())

    async def coroutine() -> Any:
        try:
            return await deferred
        except CancelledError:
            if on_cancel is None:
                raise
            return await on_cancel()

    return api.ensureDeferred(coroutine()) if way == "coroutine" else api.inlineCallbacks(generator)()


def test_cancelling_without_a_canceller_ignores_one_later_firing(api: ModuleType) -> None:
    """The Deferred fails, one later firing is ignored, and the next is an error."""
    deferred = api.Deferred()
    deferred.cancel()
    assert isinstance(outcome(deferred), CancelledError)
    assert deferred._suppressAlreadyCalled is True
    deferred.callback("late")
    assert deferred._suppressAlreadyCalled is False
    with pytest.raises(AlreadyCalledError):
        deferred.errback(Oops())


def test_the_canceller_is_called_once_with_the_deferred(api: ModuleType) -> None:
    """The canceller is called once with the Deferred, and later firings are errors."""
    cancelled: list[Any] = []
    deferred = api.Deferred(cancelled.append)
    deferred.cancel()
    deferred.cancel()
    assert cancelled == [deferred]
    assert isinstance(outcome(deferred), CancelledError)
    with pytest.raises(AlreadyCalledError):
        deferred.callback("late")


def test_a_canceller_may_fire_the_deferred(api: ModuleType) -> None:
    """The value that the canceller fires with is the result."""
    assert outcome(cancelled(api.Deferred(lambda d: d.callback("partial")))) == "partial"
    assert isinstance(outcome(cancelled(api.Deferred(lambda d: d.errback(Oops())))), Oops)


def cancelled(deferred: Any) -> Any:
    """Cancel and give back."""
    deferred.cancel()
    return deferred


def test_an_exception_of_the_canceller_reaches_the_caller_of_cancel(api: ModuleType) -> None:
    """The caller of `cancel` gets the exception, and the Deferred has not fired."""
    deferred = api.Deferred(raising(Oops("canceller")))
    with pytest.raises(Oops, match="canceller"):
        deferred.cancel()
    assert not deferred.called
    deferred.callback("after all")
    assert outcome(deferred) == "after all"


def test_a_false_canceller_counts_as_none(api: ModuleType) -> None:
    """A canceller counts by its truth."""

    class Never(list[Any]):
        def __call__(self, deferred: Any) -> None:
            raise AssertionError("not a canceller")

    deferred = api.Deferred(Never())
    deferred.cancel()
    assert deferred._suppressAlreadyCalled is True
    deferred.addErrback(handled)


def test_cancelling_a_chain_cancels_the_innermost_deferred(api: ModuleType) -> None:
    """In a chain of any length, the Deferred that has not fired is cancelled."""
    innermost = api.Deferred()
    row = innermost
    for _ in range(5):
        row = api.succeed(row).addCallback(same)
    row.cancel()
    assert innermost.called
    assert isinstance(outcome(row), CancelledError)
    assert outcome(innermost) is None


def test_cancelling_a_fired_deferred_does_nothing(api: ModuleType) -> None:
    """A Deferred with a result cannot be cancelled, paused or not."""
    deferred = api.succeed("kept")
    deferred.cancel()
    deferred.pause()
    deferred.cancel()
    deferred.unpause()
    assert outcome(deferred) == "kept"


def test_cancelling_a_deferred_fired_with_a_deferred_cancels_that_one(api: ModuleType) -> None:
    """A Deferred as the result of another is cancelled as if it were awaited."""
    result = api.Deferred()
    deferred = api.succeed(result)
    deferred.cancel()
    assert isinstance(outcome(result), CancelledError)
    assert deferred.result is result


@pytest.mark.parametrize("way", WAYS)
def test_cancelling_a_generator_cancels_its_awaited_deferred(api: ModuleType, way: str) -> None:
    """The awaited Deferred is cancelled, and the generator gets the error."""
    waited = api.Deferred()
    made = waiting(api, way, waited)
    assert outcome(api.succeed(1)) == 1
    made.cancel()
    assert waited.called
    assert isinstance(outcome(made), CancelledError)


@pytest.mark.parametrize("way", WAYS)
def test_a_cancelled_generator_may_wait_for_something_else(api: ModuleType, way: str) -> None:
    """A cancelled generator that waits for another Deferred gets its result, and can be cancelled again."""
    second = api.Deferred()
    made = waiting(api, way, api.Deferred(), lambda: second)
    made.cancel()
    seen: list[Any] = []
    made.addBoth(seen.append)
    assert seen == []
    second.callback("cleaned up")
    assert seen == ["cleaned up"]
    again = api.Deferred()
    made = waiting(api, way, api.Deferred(), lambda: again)
    made.cancel()
    made.cancel()
    assert again.called
    assert isinstance(outcome(made), CancelledError)


@pytest.mark.parametrize("way", WAYS)
def test_callbacks_added_before_see_the_real_end(api: ModuleType, way: str) -> None:
    """The error by which a generator is cancelled from inside reaches no callback of the program."""
    waited = api.Deferred(lambda d: d.callback("canceller's"))
    made = waiting(api, way, waited)
    seen: list[Any] = []
    made.addBoth(seen.append)
    made.cancel()
    assert seen == ["canceller's"]


@pytest.mark.parametrize("way", WAYS)
def test_cancelling_nested_generators_cancels_the_innermost_wait(api: ModuleType, way: str) -> None:
    """The innermost wait is cancelled, and the error travels out through all of them."""
    waited = api.Deferred()
    made = waited
    for _ in range(4):
        made = waiting(api, way, made)
    made.cancel()
    assert isinstance(outcome(made), CancelledError)
    assert outcome(waited) is None


@pytest.mark.parametrize("way", WAYS)
def test_cancelling_a_finished_generator_does_nothing(api: ModuleType, way: str) -> None:
    """Nothing happens once it is over."""
    made = waiting(api, way, api.succeed("over"))
    made.cancel()
    assert outcome(made) == "over"


def test_a_timeout_cancels_and_becomes_a_timeout_error(api: ModuleType) -> None:
    """addTimeout cancels, and turns the cancellation into a timeout, or into what it is told."""
    clock = Clock()
    deferred = api.Deferred()
    assert deferred.addTimeout(3, clock) is deferred
    clock.advance(2)
    assert not deferred.called
    clock.advance(1)
    error = outcome(deferred)
    assert isinstance(error, TimeoutError)
    assert error.args == (3, "Deferred")
    special = api.Deferred()
    special.addTimeout(1, clock, onTimeoutCancel=lambda result, seconds: (result.type, seconds))
    clock.advance(1)
    assert outcome(special) == (CancelledError, 1)
    assert clock.getDelayedCalls() == []


def test_a_result_in_time_cancels_the_timer(api: ModuleType) -> None:
    """A result ends the delayed call, and an own cancellation is not a timeout."""
    clock = Clock()
    fired, stopped, failed = api.Deferred(), api.Deferred(), api.Deferred()
    for deferred in (fired, stopped, failed):
        deferred.addTimeout(1, clock)
    fired.callback("in time")
    stopped.cancel()
    failed.errback(Oops())
    assert clock.getDelayedCalls() == []
    assert outcome(fired) == "in time"
    assert isinstance(outcome(stopped), CancelledError)
    assert isinstance(outcome(failed), Oops)


def test_a_canceller_that_fires_decides_what_a_timeout_gives(api: ModuleType) -> None:
    """A canceller that fires decides, and any other error than the cancellation is left alone."""
    clock = Clock()
    lucky = api.Deferred(lambda d: d.callback("just in time"))
    other = api.Deferred(lambda d: d.errback(Oops("other")))
    lucky.addTimeout(1, clock)
    other.addTimeout(1, clock)
    clock.advance(1)
    assert outcome(lucky) == "just in time"
    assert isinstance(outcome(other), Oops)
