"""Many Deferreds as one."""

from __future__ import annotations

from itertools import repeat

from twisted.internet.defer import Deferred, DeferredList, gatherResults, race, succeed

from ._check import expect, expect_result

_SIZE = 10


def deferred_list(times: int) -> None:
    """a DeferredList of 10, which fire after it is made"""
    for _ in repeat(None, times):
        parts: list[Deferred[int]] = [Deferred() for _ in range(_SIZE)]
        whole = DeferredList(parts)
        for number, part in enumerate(parts):
            part.callback(number)
    expect_result(whole, [(True, number) for number in range(_SIZE)])


def gather_results(times: int) -> None:
    """gatherResults of 10, half of which have fired before"""
    half = _SIZE // 2
    for _ in repeat(None, times):
        parts = [succeed(number) for number in range(half)]
        pending: list[Deferred[int]] = [Deferred() for _ in range(half)]
        whole = gatherResults(parts + pending)
        for number, part in enumerate(pending, half):
            part.callback(number)
    expect_result(whole, list(range(_SIZE)))


def first_of_three(times: int) -> None:
    """race of three, of which the second wins"""
    for _ in repeat(None, times):
        parts: list[Deferred[str]] = [Deferred(), Deferred(), Deferred()]
        winner = race(parts)
        parts[1].callback("won")
    expect_result(winner, (1, "won"))
    expect([part.called for part in parts], [True] * 3)
