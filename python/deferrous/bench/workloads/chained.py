"""Callbacks that return Deferreds."""

from __future__ import annotations

from itertools import repeat

from twisted.internet.defer import Deferred, succeed

from ._check import expect_result


def _fired(value: int) -> Deferred[int]:
    return succeed(value + 1)


def _return(value: int, deferred: Deferred[int]) -> Deferred[int]:
    return deferred


def fired(times: int) -> None:
    """two callbacks that return fired Deferreds, then fire"""
    for _ in repeat(None, times):
        deferred: Deferred[int] = Deferred()
        deferred.addCallback(_fired)
        deferred.addCallback(_fired)
        deferred.callback(1)
    expect_result(deferred, 3)


def unfired(times: int) -> None:
    """fire, wait for two Deferreds in turn, one of which waits for a third"""
    for _ in repeat(None, times):
        deferred: Deferred[int] = Deferred()
        first: Deferred[int] = Deferred()
        second: Deferred[int] = Deferred()
        third: Deferred[int] = Deferred()
        second.addCallback(_return, third)
        deferred.addCallback(_return, first)
        deferred.addCallback(_return, second)
        deferred.callback(1)
        first.callback(2)
        second.callback(3)
        third.callback(4)
    expect_result(deferred, 4)
