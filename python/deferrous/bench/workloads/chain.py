"""A chain of callbacks on one Deferred."""

from __future__ import annotations

from itertools import repeat
from typing import NoReturn

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ._check import expect_result


def _add(value: int, extra: int) -> int:
    return value + extra


class _First(Exception):
    pass


class _Second(Exception):
    pass


def _raise_first(value: int) -> NoReturn:
    raise _First


def _raise_second(failure: Failure) -> NoReturn:
    failure.trap(Exception)  # type: ignore[no-untyped-call]
    raise _Second


def _swallow(result: object) -> None:
    return None


def fires_at_start(times: int) -> None:
    """fire, then add 4 callbacks with an extra argument each"""
    for _ in repeat(None, times):
        deferred: Deferred[int] = Deferred()
        deferred.callback(1)
        deferred.addCallback(_add, 2)
        deferred.addCallback(_add, 3)
        deferred.addCallback(_add, 4)
        deferred.addCallback(_add, 5)
    expect_result(deferred, 15)


def fires_at_end(times: int) -> None:
    """add 4 callbacks with an extra argument each, then fire"""
    for _ in repeat(None, times):
        deferred: Deferred[int] = Deferred()
        deferred.addCallback(_add, 2)
        deferred.addCallback(_add, 3)
        deferred.addCallback(_add, 4)
        deferred.addCallback(_add, 5)
        deferred.callback(1)
    expect_result(deferred, 15)


def errbacks(times: int) -> None:
    """a callback raises, an errback traps and raises, addBoth ends it"""
    for _ in repeat(None, times):
        deferred: Deferred[int] = Deferred()
        deferred.addCallback(_raise_first)
        deferred.addErrback(_raise_second)
        end = deferred.addBoth(_swallow)
        deferred.callback(1)
    expect_result(end, None)
