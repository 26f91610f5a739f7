"""Threads that use Deferreds and do not wait for each other: nothing breaks, and nothing is lost.

Twisted's Deferreds are not made for this: its own may lose their way in the middle of a step. So the tests of
Deferreds that are shared are of the last api alone, whose steps are whole ones.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.defer import AlreadyCalledError

from tests import apis
from tests.helpers import UNFIRED, Oops, Steps, handled, outcome, same

THREADS = 6
#: How often each thread does what it does. The long version of the tests asks for more.
ROUNDS = int(os.environ.get("DEFERROUS_ROUNDS", "300"))


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    """Let Python go from thread to thread as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def shared() -> ModuleType:
    """Give the API whose Deferreds may be shared between threads."""
    return apis.load(apis.NAMES[-1])


def together(*actions: Callable[[int], None]) -> None:
    """Run each action in a thread, starting all at the same time, and raise what the first one raises."""
    barrier = threading.Barrier(len(actions))
    errors: list[BaseException] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            actions[number](number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_threads_with_separate_deferreds_do_not_interfere(api: ModuleType) -> None:
    """Threads that share nothing but the classes do not disturb each other."""
    results: dict[int, list[Any]] = {}

    def use(number: int) -> None:
        found = []
        for turn in range(ROUNDS):
            inner = api.Deferred()

            def flow(inner: Any = inner) -> Steps:
                return (yield inner)

            async def coroutine(inner: Any = inner) -> Any:
                return await inner

            made = [api.inlineCallbacks(flow)(), api.succeed(inner).addCallback(same)]
            combined = api.gatherResults([*made, api.ensureDeferred(coroutine())])
            inner.callback((number, turn))
            failing = api.fail(Oops(turn)).addErrback(handled)
            found.append((outcome(combined), outcome(failing)))
        results[number] = found

    together(*[use] * THREADS)
    expected = {
        number: [([(number, turn), None, None], None) for turn in range(ROUNDS)] for number in range(THREADS)
    }
    assert results == expected


def test_of_many_threads_that_fire_one_succeeds(shared: ModuleType) -> None:
    """Of many that fire at the same time one succeeds, and its value is the result."""
    for _ in range(ROUNDS):
        deferred = shared.Deferred()
        won: list[int] = []

        def fire(number: int, deferred: Any = deferred, won: list[int] = won) -> None:
            try:
                deferred.callback(number)
            except AlreadyCalledError:
                return
            won.append(number)

        together(*[fire] * 3)
        assert [outcome(deferred)] == won


def test_every_added_callback_runs_once_during_a_firing(shared: ModuleType) -> None:
    """Each callback runs once, whichever thread added it and whenever."""
    for _ in range(max(ROUNDS // 10, 1)):
        deferred = shared.Deferred()
        calls: list[tuple[int, int]] = []

        def add(number: int, deferred: Any = deferred, calls: list[Any] = calls) -> None:
            for turn in range(50):
                deferred.addCallback(lambda _, n=number, t=turn: calls.append((n, t)))

        def fire(_: int, deferred: Any = deferred) -> None:
            deferred.callback(None)

        together(*[add] * (THREADS - 1), fire)
        deferred.addCallback(same)
        assert sorted(calls) == [(number, turn) for number in range(THREADS - 1) for turn in range(50)]
        assert deferred._runningCallbacks is False


def test_the_pause_count_stays_right_across_threads(shared: ModuleType) -> None:
    """The count of pauses is right, and what was held back runs in the end."""
    deferred = shared.succeed(0)
    calls: list[int] = []

    def use(number: int) -> None:
        for _ in range(ROUNDS):
            deferred.pause()
            deferred.addCallback(lambda _: calls.append(number))
            deferred.unpause()

    together(*[use] * THREADS)
    assert deferred.paused == 0
    deferred.addCallback(same)
    assert len(calls) == THREADS * ROUNDS


def test_either_the_firing_or_the_cancelling_wins(shared: ModuleType) -> None:
    """Either the value or the cancellation wins, and the other one does nothing."""
    for turn in range(ROUNDS):
        inner = shared.Deferred()
        outer = shared.succeed(inner).addCallback(same)

        def fire(_: int, inner: Any = inner, turn: int = turn) -> None:
            inner.callback(turn)

        def cancel(_: int, outer: Any = outer) -> None:
            outer.cancel()

        together(fire, cancel)
        result = outcome(outer)
        assert result == turn or type(result).__name__ == "CancelledError"


def test_attributes_can_be_read_while_threads_change_them(shared: ModuleType) -> None:
    """Everything can be read while others fire, add and wait, and the collector may run at any time."""
    current: list[Any] = [shared.Deferred()]
    done = threading.Event()

    def change(_: int) -> None:
        for turn in range(ROUNDS):
            inner = shared.Deferred()
            made = shared.Deferred()
            current[0] = made
            made.addCallback(lambda _, inner=inner: inner)
            made.callback(turn)
            inner.callback(turn)
        done.set()

    def look(_: int) -> None:
        while not done.is_set():
            seen = current[0]
            str(seen)
            getattr(seen, "result", None)
            list(getattr(seen, apis.queue_name()))
            gc.get_referents(seen)

    def collect(_: int) -> None:
        while not done.is_set():
            gc.collect(0)

    together(change, look, look, collect)
    assert outcome(current[0]) == ROUNDS - 1


def test_a_list_gets_every_result_of_many_threads(shared: ModuleType) -> None:
    """A list whose members are fired by many threads has every result, in its place."""
    members = [shared.Deferred() for _ in range(THREADS * 50)]
    combined = shared.DeferredList(members)

    def fire(number: int) -> None:
        for index in range(number, len(members), THREADS):
            members[index].callback(index)

    together(*[fire] * THREADS)
    result = outcome(combined)
    assert result is not UNFIRED
    assert result == [(True, index) for index in range(len(members))]


def test_every_thread_gets_a_shared_lock_in_turn(shared: ModuleType) -> None:
    """Everybody who asks for the lock gets it, one after the other."""
    lock = shared.DeferredLock()
    holders: list[int] = []
    everybody = sorted(number for number in range(THREADS) for _ in range(ROUNDS))

    def use(number: int) -> None:
        for _ in range(ROUNDS):
            lock.acquire().addCallback(lambda _, n=number: holders.append(n))

    def release(_: int) -> None:
        for _ in everybody:
            while not lock.locked:
                time.sleep(0)
            lock.release()

    together(*[use] * THREADS, release)
    assert not lock.locked
    assert sorted(holders) == everybody


def test_every_item_of_a_shared_queue_comes_out_once(shared: ModuleType) -> None:
    """Every item comes out once."""
    queue = shared.DeferredQueue()
    got: list[tuple[int, int]] = []

    def put(number: int) -> None:
        for turn in range(ROUNDS):
            queue.put((number, turn))

    def get(_: int) -> None:
        for _ in range(ROUNDS):
            queue.get().addCallback(got.append)

    together(put, put, get, get)
    assert sorted(got) == [(number, turn) for number in range(2) for turn in range(ROUNDS)]
