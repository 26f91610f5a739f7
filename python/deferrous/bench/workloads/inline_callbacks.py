"""Generators that wait by `yield`, under `inlineCallbacks`.

They do what those in `coroutines` do, so that the rows can be compared.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import repeat

from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from ._check import expect_result
from .coroutines import AT_ONCE, DEPTH, WAITS


@inlineCallbacks
def _over_fired() -> Generator[Deferred[int], int, int]:
    first = yield succeed(1)
    second = yield succeed(2)
    third = yield succeed(3)
    return first + second + third


@inlineCallbacks
def _over_unfired(waiting: list[Deferred[int]]) -> Generator[Deferred[int], int, int]:
    total = 0
    for _ in range(WAITS):
        deferred: Deferred[int] = Deferred()
        waiting.append(deferred)
        total += yield deferred
    return total


@inlineCallbacks
def _nested(depth: int, innermost: Deferred[int]) -> Generator[Deferred[int], int, int]:
    if depth == 1:
        return (yield innermost)
    value = yield _nested(depth - 1, innermost)
    return value + 1


def fired(times: int) -> None:
    """a generator that yields three fired Deferreds"""
    for _ in repeat(None, times):
        done = _over_fired()
    expect_result(done, 6)


def unfired(times: int) -> None:
    """a generator that yields 10 Deferreds, each fired later; 100 at once"""
    for _ in repeat(None, times):
        waiting: list[Deferred[int]] = []
        done = [_over_unfired(waiting) for _ in range(AT_ONCE)]
        for _ in range(WAITS):
            due = waiting.copy()
            waiting.clear()
            for deferred in due:
                deferred.callback(1)
    for each in done:
        expect_result(each, WAITS)


def nested(times: int) -> None:
    """five generators, each yields the next, the last a Deferred fired later"""
    for _ in repeat(None, times):
        innermost: Deferred[int] = Deferred()
        done = _nested(DEPTH, innermost)
        innermost.callback(0)
    expect_result(done, DEPTH - 1)
