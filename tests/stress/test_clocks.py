"""Delayed calls follow the clock of `reactor.seconds`, also one that a library for tests replaces."""

from __future__ import annotations

import datetime
import time
from typing import Any

import freezegun
import time_machine

from tests.reactors import Loop

#: A time long ago, in seconds.
THEN = 1_000_000_000

#: The results of `travelled` and `frozen`.
FOLLOWED = {
    "due": [THEN, THEN + 5],
    "waits": [5, 1],
    "called": [[], [], ["timer"]],
    "back": True,
}


def followed(reactor: Any, stopped: Any, move: str) -> dict[str, Any]:
    """Set a timer while a library has stopped the clock, and move that on by a method of the library's."""
    called: list[str] = []
    with stopped as clock:
        move_on = getattr(clock, move)
        call = reactor.callLater(5, called.append, "timer")
        waits = [reactor.timeout()]
        due = [reactor.seconds(), call.getTime()]
        move_on(4)
        reactor.runUntilCurrent()
        waits.append(reactor.timeout())
        early = list(called)
        call.reset(3)
        move_on(2)
        reactor.runUntilCurrent()
        put_off = list(called)
        move_on(1)
        reactor.runUntilCurrent()
    return {
        "due": due,
        "waits": waits,
        "called": [early, put_off, called],
        "back": reactor.seconds() > THEN * 1.5,
    }


def travelled(reactor: Any) -> dict[str, Any]:
    """Set a timer while time-machine has stopped the clock, and move that on."""
    return followed(reactor, time_machine.travel(THEN, tick=False), "shift")


def test_delayed_calls_follow_a_clock_of_time_machine(loop: Loop) -> None:
    assert loop.run(travelled) == FOLLOWED


def set_before(reactor: Any) -> list[list[str]]:
    """Set a timer by the system's clock, and travel to a time when it is due."""
    called: list[str] = []
    reactor.callLater(1000, called.append, "timer")
    reactor.runUntilCurrent()
    before = list(called)
    with time_machine.travel(time.time() + 2000, tick=False):
        reactor.runUntilCurrent()
    return [before, called]


def test_travelling_makes_earlier_timers_due(loop: Loop) -> None:
    assert loop.run(set_before) == [[], ["timer"]]


def run_in_the_past(reactor: Any) -> list[float]:
    """Run the reactor while the clock goes on from another time."""
    times: list[float] = []

    def end() -> None:
        times.append(reactor.seconds())
        reactor.stop()

    with time_machine.travel(THEN):
        reactor.callLater(0.05, end)
        reactor.run()
    return times


def test_reactor_runs_while_the_clock_goes_on_from_another_time(loop: Loop) -> None:
    (end,) = loop.run(run_in_the_past)
    assert THEN + 0.05 <= end < THEN * 1.5


def frozen(reactor: Any) -> dict[str, Any]:
    """Set timers while freezegun has stopped the clock.

    It replaces names of whatever is in `sys.modules`, and so `reactor.seconds`.
    """
    then = datetime.datetime.fromtimestamp(THEN, datetime.timezone.utc)
    return followed(reactor, freezegun.freeze_time(then), "tick")


def test_delayed_calls_follow_a_clock_of_freezegun(loop: Loop) -> None:
    assert loop.run(frozen) == FOLLOWED
