"""Delayed calls: at once, cancelled, and in time."""

from __future__ import annotations

from functools import cache
from random import Random

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from .._check import expect
from .._running import running

#: Seconds in which none of them comes due while it is measured.
_FAR = 3600.0
#: Seconds in which all come due while the others are still set, so that nothing is waited for.
_NEAR = 0.005


@cache
def _delays(count: int, least: float, most: float) -> list[float]:
    """Delays in no order, which is the same on all sides."""
    random = Random(count)
    return [random.uniform(least, most) for _ in range(count)]


async def next_turn(times: int) -> None:
    """a call that sets itself for the next turn, by callLater(0)"""
    reactor = running()
    done: Deferred[int] = Deferred()
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        if turns == times:
            done.callback(turns)
        else:
            reactor.callLater(0, turn)

    reactor.callLater(0, turn)
    expect(await done, times)


async def cancelled(times: int) -> None:
    """a timer that is set and then cancelled, 50,000 at once"""
    reactor = running()
    calls = [reactor.callLater(delay, expect, "cancelled", "called") for delay in _delays(times, 60, _FAR)]
    for call in calls:
        call.cancel()
    # So that the reactor's part of forgetting them is in what is measured.
    await deferLater(reactor, 0)
    expect((calls[0].active(), calls[-1].active()), (False, False))


async def fired(times: int) -> None:
    """a timer that is set and comes due, 100,000 at once"""
    reactor = running()
    called: list[None] = []
    for delay in _delays(times, 0, _NEAR):
        reactor.callLater(delay, called.append, None)
    # The last one that is set is the last one that is due.
    await deferLater(reactor, _NEAR)
    expect(len(called), times)


async def fill(places: list[DelayedCall | None]) -> None:
    """Put a timer in each place, with a function and one argument."""
    reactor = running()
    for place in range(len(places)):
        places[place] = reactor.callLater(_FAR + place, expect, None)
    # By then, the reactor has put them where they wait.
    await deferLater(reactor, 0)
