"""A chain of callbacks on one Deferred."""

from __future__ import annotations

from itertools import repeat
from typing import NoReturn

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ._check import expect, expect_result
from ._floor import StandIn


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


def fires_at_start_floor(times: int) -> None:
    """the calls of fires_at_start"""
    for _ in repeat(None, times):
        stand_in: dict[object, object] = StandIn()
        stand_in.get(1)
        stand_in.get(_add, 2)
        value = _add(1, 2)
        stand_in.get(_add, 3)
        value = _add(value, 3)
        stand_in.get(_add, 4)
        value = _add(value, 4)
        stand_in.get(_add, 5)
        value = _add(value, 5)
    expect(value, 15)


def fires_at_end_floor(times: int) -> None:
    """the calls of fires_at_end"""
    for _ in repeat(None, times):
        stand_in: dict[object, object] = StandIn()
        stand_in.get(_add, 2)
        stand_in.get(_add, 3)
        stand_in.get(_add, 4)
        stand_in.get(_add, 5)
        stand_in.get(1)
        value = _add(_add(_add(_add(1, 2), 3), 4), 5)
    expect(value, 15)


def errbacks(times: int) -> None:
    """a callback raises, an errback traps and raises, addBoth ends it"""
    for _ in repeat(None, times):
        deferred: Deferred[int] = Deferred()
        deferred.addCallback(_raise_first)
        deferred.addErrback(_raise_second)
        end = deferred.addBoth(_swallow)
        deferred.callback(1)
    expect_result(end, None)
