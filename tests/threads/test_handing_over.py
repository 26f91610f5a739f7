"""Deferreds that go from one thread to another, with somebody who sees to it that they take turns."""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

from twisted.internet.defer import AlreadyCalledError, CancelledError

from tests.helpers import Oops, Steps, outcome, same
from tests.logs import Log


def elsewhere(action: Callable[[], Any]) -> Any:
    """Do something in another thread, and give what comes of it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(action).result()


def test_callbacks_run_in_the_thread_that_fires(api: ModuleType) -> None:
    """Callbacks run in the thread that fires, and later ones in the thread that adds them."""
    ran: list[int] = []

    def callback(value: int) -> int:
        ran.append(threading.get_ident())
        return value + 1

    deferred = api.Deferred().addCallback(callback)
    other = elsewhere(lambda: (deferred.callback(1), threading.get_ident())[1])
    assert ran == [other]
    deferred.addCallback(callback)
    assert ran == [other, threading.get_ident()]
    assert outcome(deferred) == 3


def test_a_deferred_outlives_the_thread_that_made_it(api: ModuleType) -> None:
    """A Deferred outlives the thread that made it."""
    deferred = elsewhere(lambda: api.Deferred(lambda d: d.callback("cancelled")).addCallback(same))
    gc.collect()
    deferred.cancel()
    assert outcome(deferred) == "cancelled"


def test_every_step_can_happen_in_another_thread(api: ModuleType) -> None:
    """Pausing, firing, adding, waiting and cancelling need not happen in one thread."""
    inner = elsewhere(api.Deferred)
    outer = elsewhere(api.Deferred)
    elsewhere(outer.pause)
    elsewhere(lambda: outer.addCallback(lambda _: inner))
    elsewhere(lambda: outer.callback(None))
    assert outer._chainedTo is None
    elsewhere(outer.unpause)
    assert outer._chainedTo is inner
    elsewhere(outer.cancel)
    assert isinstance(elsewhere(lambda: outcome(outer)), CancelledError)


def test_a_generator_resumes_in_the_thread_that_fires(api: ModuleType) -> None:
    """A generator or coroutine is resumed in whatever thread fires what it waits for."""
    threads: list[int] = []
    waits = [api.Deferred(), api.Deferred()]

    def generator() -> Steps:
        yield waits[0]
        threads.append(threading.get_ident())
        return "generator"

    async def coroutine() -> str:
        await waits[1]
        threads.append(threading.get_ident())
        return "coroutine"

    made = [api.inlineCallbacks(generator)(), api.ensureDeferred(coroutine())]

    def fire(waited: Any) -> int:
        waited.callback(None)
        return threading.get_ident()

    others = [elsewhere(functools.partial(fire, waited)) for waited in waits]
    assert threads == others
    assert [outcome(item) for item in made] == ["generator", "coroutine"]


def test_exceptions_stay_where_they_are_raised(api: ModuleType) -> None:
    """Errors of calls are raised in the calling thread."""
    deferred = api.succeed(1)
    caught: list[BaseException] = []

    def again() -> None:
        try:
            deferred.callback(2)
        except AlreadyCalledError as error:
            caught.append(error)

    elsewhere(again)
    assert len(caught) == 1
    assert outcome(deferred) == 1


def test_a_failure_is_reported_in_the_thread_that_drops_it(api: ModuleType, logged: Log) -> None:
    """A failure is reported by whichever thread lets the last reference go, or collects the cycle."""

    def failing(cycle: bool) -> None:
        deferred = api.fail(Oops(f"cycle {cycle}"))
        if cycle:
            deferred.own = deferred

    elsewhere(lambda: failing(False))
    assert len(logged.events) == 2
    failing(True)
    elsewhere(gc.collect)
    assert logged.unhandled() == ["Oops(cycle False)", "Oops(cycle True)"]


def test_debug_traces_have_the_stacks_of_both_threads(api: ModuleType) -> None:
    """The stacks that are told of are those of the threads that made and fired it."""
    api.setDebugging(True)

    def make_it() -> Any:
        return api.Deferred()

    def fire_it() -> None:
        deferred.callback(None)

    deferred = elsewhere(make_it)
    elsewhere(fire_it)
    api.setDebugging(False)
    assert "in make_it" in "".join(deferred._debugInfo.creator)
    assert "in fire_it" in "".join(deferred._debugInfo.invoker)
