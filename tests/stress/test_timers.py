"""Timers that are set, reset, delayed and cancelled, also from within timers, against a plain model."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from twisted.internet.error import AlreadyCalled, AlreadyCancelled

from tests.reactors import Loop

#: How many random programs are run. The long version of the tests asks for more.
PROGRAMS = int(os.environ.get("DEFERROUS_TIMER_PROGRAMS", "300"))
#: How often the clock goes on in each.
TURNS = 40


class Model:
    """A simple model of timers: a list whose earliest entry is called."""

    def __init__(self) -> None:
        self.now = 0.0
        self.times: dict[int, float] = {}
        self.states: dict[int, str] = {}

    def set(self, number: int, delay: float) -> None:
        """Set a timer."""
        self.times[number] = self.now + delay
        self.states[number] = "active"

    def change(self, number: int, action: str, seconds: float) -> str | None:
        """Reset, delay or cancel a timer, and give the error that this has to end in."""
        state = self.states[number]
        if state != "active":
            return {"called": "AlreadyCalled", "cancelled": "AlreadyCancelled"}[state]
        if action == "cancel":
            self.states[number] = "cancelled"
        elif action == "reset":
            self.times[number] = self.now + seconds
        else:
            self.times[number] += seconds
        return None

    def due(self, known: int) -> int | None:
        """Give the timer that is called next in this turn, of those that were set before it."""
        ready = [
            (time, number)
            for number, time in self.times.items()
            if number < known and time <= self.now and self.states[number] == "active"
        ]
        return min(ready)[1] if ready else None


class Program:
    """A random program, on a reactor whose time is the model's."""

    def __init__(self, reactor: Any, seed: int) -> None:
        self.reactor = reactor
        self.random = random.Random(seed)
        self.model = Model()
        self.timers: list[Any] = []
        self.known = 0
        reactor.seconds = lambda: self.model.now

    def run(self) -> int:
        """Let the time go on until no timer is left, and give how many there were."""
        for turn in range(TURNS):
            for _ in range(self.random.randrange(4)):
                self.act()
            self.model.now += self.random.choice([0, self.seconds(1), self.seconds(5)])
            self.turn()
            self.compare(turn)
        self.model.now += 10_000
        while any(timer.active() for timer in self.timers):
            for timer in self.timers:
                if timer.active() and self.random.random() < 0.5:
                    self.model.states[self.timers.index(timer)] = "cancelled"
                    timer.cancel()
            self.turn()
        self.compare(TURNS)
        assert self.reactor.getDelayedCalls() == []
        return len(self.timers)

    def turn(self) -> None:
        """Let the reactor do one turn."""
        self.known = len(self.timers)
        self.reactor.iterate(0)
        assert self.model.due(self.known) is None

    def seconds(self, most: int) -> float:
        """Give some time, of which any sum is exact: reactors and the model do not add in the same order."""
        return self.random.randrange(most << 20) / (1 << 20)

    def act(self) -> None:
        """Set a timer, or change one."""
        if not self.timers or self.random.random() < 0.4:
            number, delay = len(self.timers), self.random.choice([0, self.seconds(6)])
            self.model.set(number, delay)
            self.timers.append(self.reactor.callLater(delay, self.called, number, key=-number))
            return
        number = self.random.randrange(len(self.timers))
        action = self.random.choice(["cancel", "reset", "delay", "delay back"])
        seconds = self.random.choice([0, self.seconds(6)])
        if action == "delay back":
            action, seconds = "delay", -seconds
        error = self.model.change(number, action, seconds)
        try:
            getattr(self.timers[number], action)(*([] if action == "cancel" else [seconds]))
        except (AlreadyCalled, AlreadyCancelled) as raised:
            assert type(raised).__name__ == error
        else:
            assert error is None

    def called(self, number: int, key: int) -> None:
        """Be what a timer calls."""
        assert key == -number
        due = self.model.due(self.known)
        # Which of those with the same time comes first is not said anywhere.
        assert due is not None and self.model.times[number] == pytest.approx(self.model.times[due]), number
        self.model.states[number] = "called"
        for _ in range(self.random.choice([0, 0, 0, 1, 3])):
            self.act()

    def compare(self, turn: int) -> None:
        """Compare all that a timer tells."""
        active = [number for number, state in self.model.states.items() if state == "active"]
        for number, timer in enumerate(self.timers):
            assert timer.active() == (number in active), (turn, number)
            if number in active:
                assert timer.getTime() == pytest.approx(self.model.times[number], abs=1e-9)
        pending = {id(timer) for timer in self.reactor.getDelayedCalls()}
        assert pending == {id(self.timers[number]) for number in active}


def random_programs(reactor: Any, seeds: int) -> int:
    """Run programs of many seeds, and give how many timers they had."""
    timers = 0
    for seed in range(seeds):
        try:
            timers += Program(reactor, seed).run()
        except BaseException as error:
            raise AssertionError(f"seed {seed}") from error
    return timers


def test_random_timers_run_in_order_and_on_time(loop: Loop) -> None:
    """Each timer is called when its time has come, and not before, in the order of their times."""
    assert loop.run(random_programs, PROGRAMS, patience=1200) > 20 * PROGRAMS


def many_timers(reactor: Any, count: int) -> list[Any]:
    """Set very many timers, cancel most, move some, and let the rest be called."""
    now = 0.0
    reactor.seconds = lambda: now
    called: list[int] = []
    randomly = random.Random(1)
    timers = [reactor.callLater(randomly.random() * 1000, called.append, number) for number in range(count)]
    reactor.iterate(0)
    for number, timer in enumerate(timers):
        if number % 10:
            timer.cancel()
        elif number % 20:
            timer.reset(500 + randomly.random())
    expected = sorted((timer.getTime(), number) for number, timer in enumerate(timers) if not number % 10)
    left = len(reactor.getDelayedCalls())
    while now < 1001:
        now += 50
        reactor.iterate(0)
    return [left, called == [number for _, number in expected], len(called)]


def test_very_many_timers_run_in_order(loop: Loop) -> None:
    """The remaining timers are called in order."""
    assert loop.run(many_timers, 20_000) == [2000, True, 2000]


def real_time(reactor: Any) -> list[Any]:
    """Set timers in no order, and note when they are called by the reactor's own time."""
    notes: list[Any] = []

    def called(delay: float, set_at: float) -> None:
        notes.append((delay, reactor.seconds() - set_at >= delay))

    for delay in (0.03, 0.01, 0, 0.02, 0.0001, 0.015):
        reactor.callLater(delay, called, delay, reactor.seconds())
    reactor.callLater(0.05, reactor.stop)
    reactor.callLater(3600, notes.append, "never")
    far = reactor.callLater(10.0**9, notes.append, "never")
    reactor.run()
    far.cancel()
    return notes


def test_no_timer_runs_early(loop: Loop) -> None:
    """None comes early, one in the far future stops nothing, and the order is that of the times."""
    delays = [0, 0.0001, 0.01, 0.015, 0.02, 0.03]
    assert loop.run(real_time) == [[delay, True] for delay in delays]


def mistakes(reactor: Any) -> list[str]:
    """Ask for timers that cannot be."""
    found = []
    for arguments in ((-1, print), (-0.001, print)):
        try:
            reactor.callLater(*arguments)
        except AssertionError as error:
            found.append(str(error))
    found.append(str(len(reactor.getDelayedCalls())))
    return found


def test_negative_delays_are_refused(loop: Loop) -> None:
    """The error says which number was wrong, and no timer is left."""
    first, second, left = loop.run(mistakes)
    assert "-1 " in first and "-0.001 " in second
    assert left == "0"


def waking_up(reactor: Any) -> list[str]:
    """Set, move and cancel timers while the loop sleeps for one that is far away."""
    notes: list[str] = []
    far = reactor.callLater(3600, notes.append, "never")
    moved = reactor.callLater(3000, notes.append, "moved")

    def from_thread() -> None:
        far.cancel()
        moved.reset(0.01)
        reactor.callLater(0.03, reactor.stop)

    reactor.callInThread(reactor.callFromThread, from_thread)
    reactor.run()
    return notes


def test_moving_a_timer_to_now_wakes_the_loop(loop: Loop) -> None:
    """A timer that is moved to now is called now."""
    assert loop.run(waking_up) == ["moved"]
