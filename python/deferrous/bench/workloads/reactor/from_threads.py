"""Calls that threads hand to the reactor, in bursts."""

from __future__ import annotations

from threading import Event, Thread

from twisted.internet.defer import Deferred

from .._check import expect
from .._running import running

BURST = 100


async def from_its_own(times: int) -> None:
    """callFromThread in the reactor's own thread, in bursts of 100"""
    reactor = running()
    called: list[None] = []
    for _ in range(times):
        for _ in range(BURST - 1):
            reactor.callFromThread(called.append, None)
        last: Deferred[None] = Deferred()
        reactor.callFromThread(last.callback, None)
        await last
    expect(len(called), times * (BURST - 1))


async def from_another(times: int) -> None:
    """callFromThread in another thread, in bursts of 100"""
    reactor = running()
    called: list[None] = []
    done: Deferred[None] = Deferred()

    def calls() -> None:
        # The next burst begins when the last one has arrived: else there would be but one.
        arrived = Event()
        for _ in range(times):
            arrived.clear()
            for _ in range(BURST - 1):
                reactor.callFromThread(called.append, None)
            reactor.callFromThread(arrived.set)
            arrived.wait()
        reactor.callFromThread(done.callback, None)

    thread = Thread(target=calls, daemon=True)
    thread.start()
    await done
    thread.join()
    expect(len(called), times * (BURST - 1))
