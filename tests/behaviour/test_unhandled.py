"""Failures that nobody handles are reported, once, when the Deferred is gone; others are not."""

from __future__ import annotations

import gc
import weakref
from types import ModuleType
from typing import Any

import pytest

from tests.apis import Failure, queue_name
from tests.helpers import Oops, Steps, handled, outcome, raising, same
from tests.logs import Log


def test_an_unhandled_failure_logs_a_heading_and_the_failure(api: ModuleType, logged: Log) -> None:
    """A heading comes first and then the failure, from Twisted's own logger."""
    failure = Failure(Oops("lost"))
    api.fail(failure)
    gc.collect()
    heading, report = logged.events
    assert heading["log_format"] == "Unhandled error in Deferred:"
    assert heading["isError"] is True
    assert report["log_failure"] is failure
    assert (report["log_format"], report["debugInfo"]) == ("", "")
    assert logged.unhandled() == ["Oops(lost)"]


def test_a_failed_deferred_that_is_kept_is_not_reported(api: ModuleType, logged: Log) -> None:
    """Nothing is said as long as somebody may still add an errback."""
    deferred = api.fail(Oops("kept"))
    assert logged.unhandled() == []
    deferred.addCallback(same)
    assert logged.unhandled() == []
    del deferred
    assert logged.unhandled() == ["Oops(kept)"]


def test_a_failure_is_reported_without_the_collector(api: ModuleType, logged: Log) -> None:
    """Without a cycle the report does not wait for the collector."""
    gc.disable()
    try:
        api.fail(Oops("at once"))
        assert len(logged.events) == 2
    finally:
        gc.enable()
    logged.events.clear()


def test_only_a_failure_that_is_the_last_result_is_reported(api: ModuleType, logged: Log) -> None:
    """Only what is left at the end is reported: not what an errback dealt with, but what it raised."""
    api.fail(Oops("handled")).addErrback(handled)
    api.fail(Oops("replaced")).addErrback(raising(Oops("new")))
    api.succeed(1).addCallback(raising(Oops("raised")))
    api.succeed(1).addCallback(lambda _: Failure(Oops("returned")))
    assert logged.unhandled() == ["Oops(new)", "Oops(raised)", "Oops(returned)"]


def test_a_failure_that_was_passed_on_is_reported_once(api: ModuleType, logged: Log) -> None:
    """A failure that another Deferred has taken is that one's, and is reported once."""
    inner = api.Deferred()
    outer = api.succeed(inner).addCallback(same)
    inner.errback(Oops("taken late"))
    del inner
    assert logged.unhandled() == []
    del outer
    assert logged.unhandled() == ["Oops(taken late)"]
    fired = api.fail(Oops("taken at once"))
    second = api.succeed(fired).addCallback(same)
    del fired
    assert logged.unhandled() == []
    second.addErrback(handled)


def test_a_failure_of_a_paused_deferred_is_reported_once_after_it_is_passed_on(
    api: ModuleType, logged: Log
) -> None:
    """A Deferred that failed while it was paused passes its failure on when it is resumed."""
    inner = api.fail(Oops("moved"))
    inner.pause()
    outer = api.succeed(inner).addCallback(same)
    outer.pause()
    inner.unpause()
    del inner
    assert logged.unhandled() == []
    outer.unpause()
    outer.addErrback(handled)


def test_chain_deferred_passes_the_failure_on(api: ModuleType, logged: Log) -> None:
    """The bound errback of the other returns None, so that only the other has the failure."""
    first, second = api.Deferred(), api.Deferred()
    first.chainDeferred(second)
    first.errback(Oops("second's"))
    del first
    assert logged.unhandled() == []
    del second
    assert logged.unhandled() == ["Oops(second's)"]


def test_a_failure_of_a_paused_deferred_is_not_reported(api: ModuleType, logged: Log) -> None:
    """A Deferred that was paused before it failed has not run its callbacks, and reports nothing."""
    deferred = api.Deferred()
    deferred.pause()
    deferred.errback(Oops("stored"))
    del deferred
    assert logged.unhandled() == []


@pytest.mark.parametrize("reads", ["await", "yield", "iteration"])
def test_an_awaited_failure_counts_as_handled(api: ModuleType, logged: Log, reads: str) -> None:
    """The failure is raised where it is awaited, and is that place's from then on."""

    async def awaiting() -> Any:
        return await api.fail(Oops("awaited"))

    def yielding() -> Steps:
        yield api.fail(Oops("awaited"))

    if reads == "iteration":
        with pytest.raises(Oops):
            next(iter(api.fail(Oops("awaited"))))
    else:
        made = api.ensureDeferred(awaiting()) if reads == "await" else api.inlineCallbacks(yielding)()
        assert isinstance(outcome(made), Oops)
    assert logged.unhandled() == []


def test_reading_debug_info_does_not_change_what_is_handled(api: ModuleType, logged: Log) -> None:
    """Reading _debugInfo does not change whether a failure counts as handled."""

    async def awaiting(awaited: Any) -> Any:
        return await awaited

    failed = api.fail(Oops("looked at"))
    assert failed._debugInfo.failResult is failed.result
    assert isinstance(outcome(api.ensureDeferred(awaiting(failed))), Oops)
    assert failed._debugInfo.failResult is None
    del failed
    second = api.fail(Oops("forgiven"))
    second._debugInfo.failResult = None
    del second
    third = api.fail(Oops("dropped"))
    info = third._debugInfo
    del third
    assert logged.unhandled() == []
    del info
    assert logged.unhandled() == ["Oops(dropped)"]


def test_a_handled_failure_is_not_kept_by_debug_info(api: ModuleType) -> None:
    """The record is the only one that keeps a failure for its report."""
    for look_first in (True, False):
        deferred = api.Deferred()
        if look_first:
            deferred.errback(Oops("looked at"))
            assert deferred._debugInfo.failResult is deferred.result
            deferred.addErrback(raising(Oops("another")))
        else:
            deferred.errback(Oops("forgiven"))
        failure = weakref.ref(deferred.result)
        deferred._debugInfo.failResult = None
        deferred.result = None
        gc.collect()
        assert failure() is None


def test_deleting_the_result_does_not_handle_it(api: ModuleType, logged: Log) -> None:
    """The failure to report is stored apart from the result."""
    deferred = api.fail(Oops("deleted"))
    del deferred.result
    del deferred
    replaced = api.fail(Oops("replaced"))
    replaced.result = None
    del replaced
    assert logged.unhandled() == ["Oops(deleted)", "Oops(replaced)"]


def test_a_failure_in_a_reference_cycle_is_reported(api: ModuleType, logged: Log) -> None:
    """A Deferred that refers to itself is reported when the collector finds it."""
    deferred = api.Deferred()
    deferred.itself = deferred
    deferred.addCallback(same, deferred)
    deferred.errback(Oops("cycle"))
    deferred.addCallback(same, [deferred])
    del deferred
    assert logged.unhandled() == ["Oops(cycle)"]


def test_a_failure_whose_traceback_refers_to_its_deferred_is_reported(api: ModuleType, logged: Log) -> None:
    """The traceback of an exception may lead back to the Deferred that failed with it."""

    def failing() -> None:
        deferred = api.Deferred()
        try:
            raise Oops("frame")
        except Oops:
            deferred.errback()

    failing()
    assert logged.unhandled() == ["Oops(frame)"]


def test_lists_report_failures_that_they_do_not_consume(api: ModuleType, logged: Log) -> None:
    """A list reports what its members keep, unless it is told to consume it."""
    api.DeferredList([api.fail(Oops("member"))])
    assert logged.unhandled() == ["Oops(member)"]
    api.DeferredList([api.fail(Oops("consumed"))], consumeErrors=True)
    assert logged.unhandled() == []
    api.DeferredList([api.fail(Oops("x"))], fireOnOneErrback=True, consumeErrors=True)
    (report,) = logged.unhandled()
    assert report.startswith("FirstError(FirstError[#0, [Failure instance: Traceback")


def test_a_list_logs_exceptions_of_its_members_cancellers(api: ModuleType, logged: Log) -> None:
    """A list that is cancelled logs what its members' cancellers raise, and goes on to the next."""
    cancelled: list[str] = []
    members = [api.Deferred(raising(Oops("canceller"))), api.Deferred(lambda _: cancelled.append("next"))]
    combined = api.DeferredList(members, consumeErrors=True)
    combined.cancel()
    assert cancelled == ["next"]
    (event,) = logged.events
    assert event["log_format"] == "Exception raised from user supplied canceller"
    assert str(event["log_failure"].value) == "canceller"
    assert event["log_namespace"] == "twisted.internet.defer"
    logged.events.clear()


def test_each_of_many_failures_is_reported_once(api: ModuleType, logged: Log) -> None:
    """Each of many is reported, and none twice."""
    for number in range(50):
        api.fail(Oops(str(number)))
    assert logged.unhandled() == sorted(f"Oops({number})" for number in range(50))


def test_a_deferred_that_passes_a_failure_to_itself_has_handled_it(api: ModuleType) -> None:
    """It is chained to itself, and gets the failure of another one that it waits for."""
    other, deferred = api.Deferred(), api.Deferred()
    deferred.chainDeferred(deferred)
    deferred.pause()
    getattr(other, queue_name()).append(deferred._continuation())
    other.errback(Oops("passed"))
    assert deferred.called
    assert deferred.result is None
    assert deferred._debugInfo is None
