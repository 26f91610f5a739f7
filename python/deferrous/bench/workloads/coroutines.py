"""Coroutines that await Deferreds."""

from __future__ import annotations

from itertools import repeat

from twisted.internet.defer import Deferred, succeed

from ._check import expect_result

AWAITS_OF_SUCCEED = 1000
WAITS = 10
DEPTH = 5

# Many at once, because asyncio, whose peer row does the same, asks the system for events once in
# each turn of its loop: with one task at a time that call would be most of what is measured.
AT_ONCE = 100


async def _over_succeed() -> int:
    total = 0
    for _ in repeat(None, AWAITS_OF_SUCCEED):
        total += await succeed(1)
    return total


async def _over_fired() -> int:
    first = await succeed(1)
    second = await succeed(2)
    third = await succeed(3)
    return first + second + third


async def _over_unfired(waiting: list[Deferred[int]]) -> int:
    total = 0
    for _ in range(WAITS):
        deferred: Deferred[int] = Deferred()
        waiting.append(deferred)
        total += await deferred
    return total


async def _nested(depth: int, innermost: Deferred[int]) -> int:
    if depth == 1:
        return await innermost
    return await Deferred.fromCoroutine(_nested(depth - 1, innermost)) + 1


def await_succeed(times: int) -> None:
    """an await of succeed(), 1,000 of them in a coroutine"""
    for _ in repeat(None, times):
        done = Deferred.fromCoroutine(_over_succeed())
    expect_result(done, AWAITS_OF_SUCCEED)


def fired(times: int) -> None:
    """a coroutine that awaits three fired Deferreds"""
    for _ in repeat(None, times):
        done = Deferred.fromCoroutine(_over_fired())
    expect_result(done, 6)


def unfired(times: int) -> None:
    """a coroutine that awaits 10 Deferreds, each fired later; 100 at once"""
    for _ in repeat(None, times):
        waiting: list[Deferred[int]] = []
        done = [Deferred.fromCoroutine(_over_unfired(waiting)) for _ in range(AT_ONCE)]
        for _ in range(WAITS):
            due = waiting.copy()
            waiting.clear()
            for deferred in due:
                deferred.callback(1)
    for each in done:
        expect_result(each, WAITS)


def nested(times: int) -> None:
    """five coroutines, each awaits the next, the last a Deferred fired later"""
    for _ in repeat(None, times):
        innermost: Deferred[int] = Deferred()
        done = Deferred.fromCoroutine(_nested(DEPTH, innermost))
        innermost.callback(0)
    expect_result(done, DEPTH - 1)
