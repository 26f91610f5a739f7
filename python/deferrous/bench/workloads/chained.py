"""Callbacks that return Deferreds."""

from __future__ import annotations

from itertools import repeat
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed

from ._check import expect, expect_result
from ._floor import StandIn

_T = TypeVar("_T")


def _fired(value: int) -> Deferred[int]:
    return succeed(value + 1)


def _return(value: int, deferred: _T) -> _T:
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


def _fired_floor(value: int) -> int:
    # A function in C takes the place of `succeed`.
    return abs(value + 1)


def fired_floor(times: int) -> None:
    """the calls of fired"""
    for _ in repeat(None, times):
        stand_in: dict[object, object] = StandIn()
        stand_in.get(_fired_floor)
        stand_in.get(_fired_floor)
        stand_in.get(1)
        value = _fired_floor(_fired_floor(1))
    expect(value, 3)


def unfired_floor(times: int) -> None:
    """the calls of unfired"""
    for _ in repeat(None, times):
        deferred: dict[object, object] = StandIn()
        first: dict[object, object] = StandIn()
        second: dict[object, object] = StandIn()
        third: dict[object, object] = StandIn()
        second.get(_return, third)
        deferred.get(_return, first)
        deferred.get(_return, second)
        deferred.get(1)
        _return(1, first)
        first.get(2)
        _return(2, second)
        second.get(3)
        value = _return(3, third)
        third.get(4)
    expect(value, third)
