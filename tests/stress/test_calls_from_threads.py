"""`callFromThread` from many threads at once: no call is lost, and each thread's calls stay in order."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from twisted.internet.threads import blockingCallFromThread, deferToThread

from tests.reactors import Loop
from tests.reactors.inside import start_strange_thread

#: How many calls all threads make together. The long version of the tests asks for a million.
CALLS = int(os.environ.get("DEFERROUS_CALLS", "100000"))
THREADS = 8

#: Its types do not go with those of functions that have types of their own.
wait_for: Any = blockingCallFromThread


def calling(reactor: Any, calls: int, switch_often: bool) -> dict[str, Any]:
    """Let threads number their calls, and stop when the last one of each has come."""
    if switch_often:
        sys.setswitchinterval(1e-6)
    each = calls // THREADS
    seen = [0] * THREADS
    wrong: list[Any] = []
    elsewhere: set[bool] = set()
    main = threading.get_ident()

    def called(thread: int, number: int, *, word: str) -> None:
        if number != seen[thread] or word != "word":
            wrong.append([thread, number, seen[thread]])
        elsewhere.add(threading.get_ident() != main)
        seen[thread] += 1
        if seen == [each] * THREADS:
            reactor.stop()

    def call(thread: int) -> None:
        for number in range(each):
            reactor.callFromThread(called, thread, number, word="word")

    threads = [threading.Thread(target=call, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        reactor.callWhenRunning(thread.start)
    reactor.run()
    return {"seen": seen, "wrong": wrong, "elsewhere": list(elsewhere)}


@pytest.mark.parametrize("switch_often", [False, True])
def test_no_call_from_a_thread_is_lost_or_reordered(loop: Loop, switch_often: bool) -> None:
    """All are made, in the reactor's thread, and those of each thread in the order in which it made them."""
    calls = CALLS // 10 if switch_often else CALLS
    found = loop.run(calling, calls, switch_often, patience=1200)
    assert found == {"seen": [calls // THREADS] * THREADS, "wrong": [], "elsewhere": [False]}


def calling_before_and_between(reactor: Any) -> list[Any]:
    """Make calls before the start, from within calls, and from within a callback's thread."""
    notes: list[Any] = []
    for number in range(3):
        reactor.callFromThread(notes.append, number)

    def within() -> None:
        reactor.callFromThread(notes.append, "next turn")
        notes.append("this turn")

    reactor.callFromThread(within)
    reactor.callWhenRunning(notes.append, "started")
    reactor.callLater(0.01, reactor.stop)
    reactor.run()
    return notes


def test_calls_before_the_start_and_from_within(loop: Loop) -> None:
    """Calls before the start are made after it. Calls by a call are made in the next turn."""
    expected = ["started", 0, 1, 2, "this turn", "next turn"]
    assert loop.run(calling_before_and_between) == expected


def calling_for_ever(reactor: Any) -> int:
    """Let a call ask for itself again, while timers and descriptors want their turn."""
    turns = 0

    def again() -> None:
        nonlocal turns
        turns += 1
        reactor.callFromThread(again)

    again()
    reading, writing = os.pipe()
    thread = threading.Timer(0.01, os.write, [writing, b"x"])

    class Reader:
        """Goes on to the timer when there is something to read."""

        def fileno(self) -> int:
            return reading

        def logPrefix(self) -> str:
            return "reader"

        def doRead(self) -> None:
            reactor.removeReader(self)
            reactor.callLater(0.01, reactor.stop)

        def connectionLost(self, reason: object) -> None:
            """There is nothing to lose."""

    reactor.addReader(Reader())
    reactor.callWhenRunning(thread.start)
    reactor.run()
    return turns


def test_calls_do_not_keep_others_from_their_turn(loop: Loop) -> None:
    """Timers and descriptors come in between."""
    assert loop.run(calling_for_ever) > 2


def refusing(reactor: Any) -> list[str]:
    """Ask for calls of what cannot be called, from a thread."""
    found: list[str] = []

    def ask() -> None:
        try:
            reactor.callFromThread("no function")
        except Exception as error:
            found.append(type(error).__name__)
        reactor.callFromThread(reactor.stop)

    reactor.callWhenRunning(threading.Thread(target=ask).start)
    reactor.run()
    return found


def test_a_call_that_is_not_callable_is_an_error_of_the_caller(loop: Loop) -> None:
    """The mistake is the caller's."""
    assert loop.run(refusing) == ["AssertionError"]


def calling_from_strange_threads(reactor: Any, threads: int, calls: int) -> list[int]:
    """Call from threads that Python has not started and does not know."""
    seen = [0] * threads
    wrong: list[Any] = []
    joins: list[Callable[[], None]] = []

    def called(thread: int, number: int) -> None:
        if seen[thread] != number:
            wrong.append([thread, number])
        seen[thread] += 1
        if seen == [calls] * threads:
            reactor.stop()

    def call(thread: int) -> None:
        for number in range(calls):
            reactor.callFromThread(called, thread, number)

    def start() -> None:
        joins.extend(start_strange_thread(partial(call, thread)) for thread in range(threads))

    reactor.callWhenRunning(start)
    reactor.run()
    for join in joins:
        join()
    assert not wrong, wrong
    return seen


def test_threads_that_python_has_not_started(loop: Loop) -> None:
    """They may call as any other."""
    assert loop.run(calling_from_strange_threads, 4, 1000) == [1000] * 4


def using_the_pool_from_a_strange_thread(reactor: Any) -> list[Any]:
    """Ask the pool for a job, and wait for the reactor, in a thread that Python has not started."""
    found: list[Any] = []

    def job() -> str:
        return "from a job"

    def routine() -> None:
        found.append(wait_for(reactor, deferToThread, job))
        reactor.callInThread(lambda: reactor.callFromThread(reactor.stop))

    joins: list[Callable[[], None]] = []
    reactor.callWhenRunning(lambda: joins.append(start_strange_thread(routine)))
    reactor.run()
    joins[0]()
    return found


def test_strange_threads_that_wait_for_jobs(loop: Loop) -> None:
    """They get what they have asked for."""
    assert loop.run(using_the_pool_from_a_strange_thread) == ["from a job"]
