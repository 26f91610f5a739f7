"""Making a Deferred, and nothing else."""

from __future__ import annotations

from itertools import repeat

from twisted.internet.defer import Deferred

from ._check import expect


def construct(times: int) -> None:
    """make a Deferred and drop it"""
    # Bound to no name, which would keep each one until the next is made: two places in memory
    # would take turns, and whether they suit the processor's cache is chance.
    for _ in repeat(None, times):
        Deferred()
    deferred: Deferred[None] = Deferred()
    expect(deferred.called, False)
