"""Deferreds that are cancelled, or that would be if they took too long."""

from __future__ import annotations

from itertools import repeat

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ._check import expect, expect_result


def _cancelled(failure: Failure) -> str:
    failure.trap(CancelledError)  # type: ignore[no-untyped-call]
    return "cancelled"


def cancel(times: int) -> None:
    """cancel a Deferred that has a canceller, and trap the error"""
    told: list[Deferred[str]] = []
    for _ in repeat(None, times):
        told.clear()
        deferred: Deferred[str] = Deferred(told.append)
        deferred.addErrback(_cancelled)
        deferred.cancel()
    expect(told, [deferred])
    expect_result(deferred, "cancelled")


def timeout(times: int) -> None:
    """addTimeout on a Clock, fired in time"""
    clock = Clock()
    for _ in repeat(None, times):
        deferred: Deferred[str] = Deferred()
        deferred.addTimeout(5, clock)  # type: ignore[arg-type]
        deferred.callback("in time")
    expect(clock.getDelayedCalls(), [])
    expect_result(deferred, "in time")
