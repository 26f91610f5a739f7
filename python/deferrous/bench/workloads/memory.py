"""The memory of waiting Deferreds."""

from __future__ import annotations

from twisted.internet.defer import Deferred


def _first(value: int) -> int:
    return value + 1


def _second(value: int) -> int:
    return value * 2


def fill(places: list[Deferred[int] | None]) -> None:
    """Put a Deferred in each place that has not fired and has two callbacks."""
    for place in range(len(places)):
        deferred: Deferred[int] = Deferred()
        deferred.addCallback(_first)
        deferred.addCallback(_second)
        places[place] = deferred
