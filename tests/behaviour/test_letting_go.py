"""When a Deferred releases callbacks and results, and what their finalizers see."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher

from tests.apis import queue_name
from tests.helpers import Oops, handled, instead, outcome, raising, same
from tests.logs import Log


class Last:
    """A callback, or a result, that looks at a Deferred when it is let go of, and adds a callback to it."""

    def __init__(self, deferred: Deferred[Any], seen: list[object]) -> None:
        self.deferred = deferred
        self.seen = seen

    def __call__(self, *_: object) -> str:
        return "returned"

    def __del__(self) -> None:
        deferred = self.deferred
        left = len(getattr(deferred, queue_name()))
        self.seen.append((deferred.result, left, deferred._runningCallbacks))
        deferred.addCallback(self.add)

    def add(self, result: object) -> str:
        """Keep what the callback is called with."""
        self.seen.append(result)
        return "added"


#: How a callback is added: once, as both sides of a pair, and with itself as an argument.
ADDING = pytest.mark.parametrize(
    "add",
    [
        lambda deferred, last: deferred.addCallback(last),
        lambda deferred, last: deferred.addCallbacks(last, last),
        lambda deferred, last: deferred.addCallback(last, last),
    ],
)
#: Whether there is another callback after the one in question.
NEXT = pytest.mark.parametrize("another", [False, True])


@NEXT
@ADDING
def test_a_callback_is_released_before_the_next_is_called(
    api: ModuleType, add: Callable[[Any, Last], object], another: bool
) -> None:
    """It goes when the next one has been taken off the list, and before that is called."""
    seen: list[object] = []
    deferred = api.Deferred()
    add(deferred, Last(deferred, seen))
    if another:
        deferred.addCallback(seen.append)
    deferred.callback("given")
    assert seen == [("returned", 0, False), "returned", *(["added"] if another else [])]
    assert deferred.result == (None if another else "added")


def test_a_callback_of_a_fired_deferred_is_released_after_its_result_is_set(api: ModuleType) -> None:
    """It goes when its result is there."""
    seen: list[object] = []
    deferred = api.succeed("given")
    deferred.addCallback(Last(deferred, seen))
    assert seen == [("returned", 0, False), "returned"]


def test_a_raising_callback_is_released_before_the_errback_is_called(api: ModuleType) -> None:
    """It goes when the failure is there, before the errback is called."""
    seen: list[Any] = []
    deferred = api.Deferred()
    deferred.addCallback(int, Last(deferred, seen))
    deferred.addErrback(handled)
    deferred.callback("given")
    failure, left, running = seen[0]
    assert isinstance(failure.value, TypeError)
    assert (left, running) == (0, False)


def test_a_callback_is_released_before_the_waiting_deferred_is_resumed(api: ModuleType) -> None:
    """It goes while its own Deferred still has the result that the other is to be given."""
    seen: list[object] = []
    inner, outer = api.Deferred(), api.Deferred()
    inner.addCallback(Last(inner, seen))
    outer.addCallback(instead, inner).callback(None)
    inner.callback("given")
    assert seen == [("returned", 0, False), "returned"]
    assert (inner.result, outer.result) == (None, "added")


class Does:
    """A callback that does something when it is let go of."""

    def __init__(self, does: Callable[[], object]) -> None:
        self.does = does

    def __call__(self, _: object) -> str:
        return "returned"

    def __del__(self) -> None:
        self.does()


def test_a_result_set_by_a_finalizer_goes_to_the_next_callback(api: ModuleType) -> None:
    """The next callback is called with it."""
    seen: list[object] = []
    deferred = api.Deferred()
    deferred.addCallback(Does(lambda: setattr(deferred, "result", "put"))).addBoth(seen.append)
    deferred.callback("given")
    assert seen == ["put"]


@pytest.mark.parametrize("add", ["addCallback", "addErrback"], ids=["called", "passed"])
def test_a_failure_set_by_a_finalizer_is_reported(api: ModuleType, logged: Log, add: str) -> None:
    """Also where no callback sees it, and where the callback that ends has only passed the result on."""
    deferreds = [api.Deferred()]
    getattr(deferreds[0], add)(Does(lambda: setattr(deferreds[0], "result", api.Failure(Oops("put")))))
    deferreds[0].addErrback(same).addErrback(same)
    deferreds[0].callback("given")
    assert type(deferreds[0].result.value) is Oops
    deferreds.clear()
    gc.collect()
    assert logged.unhandled() == ["Oops(put)"]


def test_an_errback_that_is_passed_by_ends_before_the_next_callback_is_chosen(api: ModuleType) -> None:
    """Its end may make the result a failure, which the next callback is not called with."""
    seen: list[object] = []
    deferred = api.Deferred()
    deferred.addErrback(Does(lambda: deferred.addCallback(raising(Oops())))).addCallback(seen.append)
    deferred.callback("given")
    assert (seen, type(outcome(deferred))) == ([], Oops)


def test_a_result_deleted_by_a_finalizer_fails_the_next_callback(api: ModuleType) -> None:
    """The next callback fails by that."""
    seen: list[object] = []
    deferred = api.Deferred()
    deferred.addCallback(Does(lambda: delattr(deferred, "result"))).addBoth(seen.append)
    deferred.callback("given")
    assert seen == []
    assert str(outcome(deferred)) == "'Deferred' object has no attribute 'result'"


def test_a_deleted_result_of_a_waiting_deferred_is_an_error_at_the_firing(api: ModuleType) -> None:
    """It is missed where the Deferred was fired."""
    inner, outer = api.Deferred(), api.Deferred()
    inner.addCallback(Does(lambda: delattr(inner, "result")))
    outer.addCallback(instead, inner).callback(None)
    with pytest.raises(AttributeError, match="'Deferred' object has no attribute 'result'"):
        inner.callback("given")
    assert outer.paused == 1


@contextmanager
def reporting(report: Callable[[str], object]) -> Iterator[None]:
    """Call a function with each unhandled error, when it is logged."""

    def observe(event: LogEvent) -> None:
        if "log_failure" in event:
            report(str(event["log_failure"].value))

    publisher: Any = globalLogPublisher
    publisher.addObserver(observe)
    try:
        yield
    finally:
        publisher.removeObserver(observe)


@NEXT
def test_a_chained_deferred_is_released_when_the_first_one_has_its_none(
    api: ModuleType, logged: Log, another: bool
) -> None:
    """It goes, and its failure is reported, when the one that fired it has the None it is left with."""
    seen: list[object] = []

    first, second = api.Deferred(), api.Deferred()
    first.chainDeferred(second)
    if another:
        first.addCallback(lambda _: seen.append("next"))
    del second
    with reporting(lambda _: seen.append((first.result, first._runningCallbacks))):
        first.errback(ZeroDivisionError("second's"))
    assert seen == [(None, False), *(["next"] if another else [])]
    assert logged.unhandled() == ["ZeroDivisionError(second's)"]


def test_a_result_is_released_when_its_successor_is_in_place(api: ModuleType) -> None:
    """It goes when the one that follows it is in its place, and its callback still counts as running."""
    seen: list[object] = []
    deferred = api.Deferred()
    deferred.callback(Last(deferred, seen))
    deferred.addCallback(instead, "next")
    assert seen == [("next", 0, True), "next"]


def test_a_result_between_callbacks_is_released_after_the_second_returned(api: ModuleType) -> None:
    """It goes when the second one has returned."""
    seen: list[object] = []
    deferred = api.Deferred()
    deferred.addCallback(lambda _: Last(deferred, seen))
    deferred.addCallback(instead, "next")
    deferred.callback(None)
    assert seen == [("next", 0, True), "next"]


def test_a_result_that_a_callback_has_put_there(api: ModuleType) -> None:
    """It goes when what the callback has returned is in its place."""
    seen: list[object] = []
    deferred = api.Deferred()

    def put(_: object) -> str:
        deferred.result = Last(deferred, seen)
        return "next"

    deferred.addCallback(put)
    deferred.callback(None)
    assert seen == [("next", 0, True), "next"]


def test_a_result_with_which_a_callback_fails(api: ModuleType) -> None:
    """It goes when the failure is in its place, and nothing is running."""
    seen: list[Any] = []
    deferred = api.Deferred()
    deferred.addCallback(lambda _: Last(deferred, seen))
    deferred.addCallback(int).addErrback(handled)
    deferred.callback(None)
    failure, left, running = seen[0]
    assert isinstance(failure.value, TypeError)
    assert (left, running) == (1, False)


def test_a_passed_on_result_is_released_when_none_has_replaced_it(api: ModuleType) -> None:
    """It goes when the None is in its place that the callback of the other one returns."""
    seen: list[object] = []
    first, second = api.Deferred(), api.Deferred()
    first.addCallback(lambda _: Last(first, seen)).chainDeferred(second)
    second.addCallback(instead, "other")
    first.callback(None)
    assert seen == [(None, 0, True), None]


def test_a_result_set_by_a_finalizer_replaces_the_none(api: ModuleType) -> None:
    """A result set by the finalizer of the passed-on result is given to the next callback."""
    seen: list[object] = []
    first, second = api.Deferred(), api.Deferred()
    first.addCallback(lambda _: Does(lambda: setattr(first, "result", "put"))).chainDeferred(second)
    first.addCallback(seen.append)
    second.addCallback(instead, "other")
    first.callback(None)
    assert seen == ["put"]


def test_a_resumed_deferred_without_references_is_released_and_reported(api: ModuleType, logged: Log) -> None:
    """An unreferenced Deferred is destroyed, and its failure reported, when the awaited Deferred is done."""
    seen: list[object] = []
    inner = api.Deferred()
    api.succeed(None).addCallback(instead, inner)
    inner.addCallback(lambda _: seen.append("one")).addCallback(lambda _: seen.append("two"))
    with reporting(seen.append):
        inner.errback(ZeroDivisionError("outer's"))
    assert seen == ["one", "two", "outer's"]
    assert logged.unhandled() == ["ZeroDivisionError(outer's)"]


def test_a_result_taken_from_a_deferred_is_released_after_all_callbacks(api: ModuleType, logged: Log) -> None:
    """It goes when all callbacks are done, whatever has become of it."""
    seen: list[object] = []
    deferred = api.Deferred()
    deferred.addCallback(lambda _: api.succeed([api.fail(ZeroDivisionError("held"))]))
    deferred.addCallback(lambda _: seen.append("one"))
    deferred.addCallback(lambda _: seen.append("two"))
    with reporting(seen.append):
        deferred.callback(None)
    assert seen == ["one", "two", "held"]
    assert logged.unhandled() == ["ZeroDivisionError(held)"]
