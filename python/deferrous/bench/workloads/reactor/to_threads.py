"""Functions that run in the reactor's thread pool."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from .._check import expect


def work(value: int) -> int:
    """Next to nothing, so that what is measured is the way there and back."""
    return value + 1


async def _one_by_one(times: int) -> int:
    value = 0
    for _ in range(times):
        value = await deferToThread(work, value)
    return value


async def _at_once(in_flight: int, times: int) -> None:
    chains = [Deferred.fromCoroutine(_one_by_one(times)) for _ in range(in_flight)]
    expect(await gatherResults(chains), [times] * in_flight)


async def one(times: int) -> None:
    """a function by deferToThread, one at a time"""
    expect(await _one_by_one(times), times)


async def ten(times: int) -> None:
    """a function by deferToThread, 10 in flight"""
    await _at_once(10, times)


async def hundred(times: int) -> None:
    """a function by deferToThread, 100 in flight"""
    await _at_once(100, times)
