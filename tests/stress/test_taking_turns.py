"""Threads and a reactor that all have something to do: each gets its turn at the interpreter."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from twisted.internet.threads import deferToThread

from tests.reactors import Loop

#: How often a thread asks for the interpreter.
ROUNDS = 300
#: How many turns of the reactor are too many for that: a thread that is kept waiting lets more pass.
TURNS = 5_000_000
#: How many jobs keep a worker busy for much longer than threads take turns.
JOBS = 20_000


def busy_reactor(reactor: Any) -> list[Any]:
    """Ask for the interpreter in a thread, while the reactor always has something to do."""
    turns = 0
    found: list[Any] = []

    def again() -> None:
        nonlocal turns
        turns += 1
        if turns > TURNS:
            reactor.stop()
        else:
            reactor.callLater(0, again)

    def ask() -> int:
        for _ in range(ROUNDS):
            time.sleep(0.0007)
        return ROUNDS

    def done(rounds: int) -> None:
        found.append(rounds)
        reactor.stop()

    reactor.callWhenRunning(again)
    reactor.callWhenRunning(lambda: deferToThread(ask).addCallback(done))
    reactor.run()
    return [found, turns <= TURNS]


def test_a_busy_reactor_does_not_starve_a_thread(loop: Loop) -> None:
    """It is not kept waiting, however many turns the reactor has to take."""
    assert loop.run(busy_reactor) == [[ROUNDS], True]


def busy_worker(reactor: Any) -> list[Any]:
    """Take a turn of the reactor while a worker has more to do than it can get done before."""
    pool = reactor.getThreadPool()
    pool.adjustPoolsize(1, 1)
    found: list[Any] = []

    def ask() -> None:
        for _ in range(JOBS):
            pool._team.do(partial(sum, range(2000)))
        reactor.callLater(0.01, look)

    def look() -> None:
        found.append(pool.q.qsize() > 0)
        reactor.stop()

    reactor.callWhenRunning(ask)
    reactor.run()
    return found


def test_a_busy_worker_does_not_starve_the_reactor(loop: Loop) -> None:
    """It goes on before all jobs are done, though these are functions that never let others run."""
    assert loop.run(busy_worker) == [True]
