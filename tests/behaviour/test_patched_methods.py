"""Methods of Deferred that a program has replaced are called where Twisted calls them, and only there.

Each of many small programs is run with each method wrapped, on stock Twisted and on the api. The calls have
to be the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.apis import Failure
from tests.helpers import Oops, Steps, handled, raising, same

#: A program that uses the given API and class of Deferreds.
Program = Callable[[ModuleType, Any], object]

METHODS = (
    *("__init__", "addCallbacks", "addCallback", "addErrback", "addBoth", "addTimeout", "chainDeferred"),
    *("callback", "errback", "pause", "unpause", "cancel", "_startRunCallbacks", "_runCallbacks"),
    *("_continuation", "__iter__", "__await__"),
)

PROGRAMS: list[Program] = []


def program(function: Program) -> Program:
    """Note a program."""
    PROGRAMS.append(function)
    return function


@program
def functions(api: ModuleType, kind: Any) -> None:
    """Make Deferreds by functions."""
    api.succeed(1)
    api.execute(int)
    api.maybeDeferred(int)
    api.maybeDeferred(api.succeed, 1)
    for failed in (
        *(api.fail(Oops()), api.execute(raising(Oops())), api.maybeDeferred(raising(Oops()))),
        api.maybeDeferred(lambda: Failure(Oops())),
    ):
        failed.addErrback(handled)


@program
def adding(api: ModuleType, kind: Any) -> None:
    """Add callbacks before and after firing."""
    for deferred in (kind(), api.succeed(1)):
        deferred.addCallback(same).addErrback(handled).addBoth(same)
        deferred.addCallbacks(same, handled)
        deferred.addCallbacks(same, handled, (), {}, (), {})
        if not deferred.called:
            deferred.callback(1)


@program
def adding_while_running(api: ModuleType, kind: Any) -> None:
    """Add a callback inside a callback."""
    deferred = kind()
    deferred.addCallback(lambda _: deferred.addCallback(same) and None)
    deferred.callback(1)


@program
def firing(api: ModuleType, kind: Any) -> None:
    """Fire with a value, with an error and with what is being handled."""
    kind().callback(1)
    failed = kind()
    failed.errback(Oops())
    failed.addErrback(handled)
    try:
        raise Oops
    except Oops:
        current = kind()
        current.errback()
        current.addErrback(handled)


@program
def firing_twice(api: ModuleType, kind: Any) -> None:
    """Fire again, which is refused."""
    deferred = kind()
    deferred.callback(1)
    for again in (deferred.callback, deferred.errback):
        with pytest.raises(Exception):  # noqa: B017
            again(Oops())


@program
def firing_forward(api: ModuleType, kind: Any) -> None:
    """Fire one Deferred by another."""
    for outcome in (1, Failure(Oops())):
        first, second, third, fourth = kind(), kind(), kind(), kind()
        first.chainDeferred(second)
        second.addCallbacks(third.callback, third.errback)
        third.addBoth(fourth.callback)
        first.callback(outcome)
        fourth.addErrback(handled)


@program
def waiting(api: ModuleType, kind: Any) -> None:
    """Wait for a Deferred that a callback returns, fired or not."""
    for fired in (False, True):
        inner = kind()
        if fired:
            inner.callback(1)
        outer = kind().addCallback(lambda _, inner=inner: inner)
        outer.callback(None)
        outer.addCallback(same)
        if not fired:
            inner.callback(1)


@program
def waiting_in_a_row(api: ModuleType, kind: Any) -> None:
    """Wait for one that waits."""
    innermost, inner, outer = kind(), kind(), kind()
    outer.addCallback(lambda _: inner)
    inner.addCallback(lambda _: innermost)
    outer.callback(1)
    inner.callback(2)
    outer.addCallback(same)
    innermost.errback(Oops())
    outer.addErrback(handled)


@program
def pausing(api: ModuleType, kind: Any) -> None:
    """Pause and go on."""
    deferred = kind()
    deferred.pause()
    deferred.pause()
    deferred.addCallback(same)
    deferred.callback(1)
    deferred.unpause()
    deferred.unpause()
    unfired = kind()
    unfired.pause()
    unfired.unpause()


@program
def cancelling(api: ModuleType, kind: Any) -> None:
    """Cancel with a canceller and without, before and after firing."""
    cancellers = [None, lambda d: d.callback(1), lambda d: d.errback(Oops()), lambda _: None]
    for canceller in cancellers:
        deferred = kind(canceller)
        deferred.cancel()
        deferred.cancel()
        deferred.addErrback(handled)
        if canceller is None:
            deferred.callback("ignored")


@program
def cancelling_what_is_waited_for(api: ModuleType, kind: Any) -> None:
    """Cancel a Deferred that waits for others."""
    innermost, inner = kind(), kind()
    outer = kind().addCallback(lambda _: inner)
    outer.callback(1)
    inner.addCallback(lambda _: innermost)
    inner.callback(1)
    outer.cancel()
    outer.addErrback(handled)


@program
def timing_out(api: ModuleType, kind: Any) -> None:
    """Time out, and be in time."""
    clock = Clock()
    late, early = kind().addTimeout(1, clock), kind().addTimeout(1, clock)
    early.callback(1)
    clock.advance(1)
    late.addErrback(handled)


@program
def lists(api: ModuleType, kind: Any) -> None:
    """Combine many."""
    for flags in ({}, {"fireOnOneCallback": True}, {"fireOnOneErrback": True}, {"consumeErrors": True}):
        members = [kind(), kind()]
        api.DeferredList(members, **flags).addErrback(handled)
        members[0].callback(1)
        members[1].errback(Oops())
        members[1].addErrback(handled)
    api.DeferredList([])
    unfired = kind()
    gathered = api.gatherResults([api.succeed(1), unfired])
    gathered.cancel()
    for failed in (gathered, unfired):
        failed.addErrback(handled)


@program
def races(api: ModuleType, kind: Any) -> None:
    """Race."""
    runners = [kind(), kind()]
    api.race(runners)
    runners[1].callback(1)
    runners = [kind(), kind()]
    api.race(runners).addErrback(handled)
    for runner in runners:
        runner.errback(Oops())
    race = api.race([kind(), kind()])
    race.cancel()
    race.addErrback(handled)


def flow(api: ModuleType, *yielded: Any) -> Any:
    """Run a generator."""

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def steps() -> Steps:
        for each in yielded:
            _ = yield each
        return "end"

    return steps()


async def waits(*awaited: Any) -> str:
    """Be a coroutine."""
    for each in awaited:
        await each
    return "end"


@program
def generators(api: ModuleType, kind: Any) -> None:
    """Yield what is fired, what is not, what fails, and plain values."""
    fired, later, nested = kind(), kind(), kind()
    fired.callback(1)
    flow(api, fired, later, 3, flow(api, nested))
    later.callback(2)
    nested.callback(3)
    failing = kind()
    flowing = flow(api, failing)
    failing.errback(Oops())
    flowing.addErrback(handled)
    flow(api, waits(fired, api.succeed(1)))


@program
def paused_in_generators(api: ModuleType, kind: Any) -> None:
    """Yield what is fired and paused."""
    paused = kind()
    paused.callback(1)
    paused.pause()
    flow(api, paused)
    paused.unpause()


@program
def cancelling_generators(api: ModuleType, kind: Any) -> None:
    """Cancel a generator, and again what it does then."""
    flowing = flow(api, kind())
    flowing.addErrback(handled)
    flowing.cancel()

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def again() -> Steps:
        try:
            yield kind()
        except Exception:
            yield kind()

    flowing = again()
    flowing.addCallback(same)
    flowing.cancel()
    flowing.cancel()
    flowing.addErrback(handled)
    inner = flow(api, kind())
    outer = flow(api, inner)
    outer.cancel()
    outer.addErrback(handled)


@program
def coroutines(api: ModuleType, kind: Any) -> None:
    """Run coroutines."""
    fired, later = kind(), kind()
    fired.callback(1)
    api.ensureDeferred(waits(fired, later))
    later.callback(2)
    failing = kind()
    failed = api.Deferred.fromCoroutine(waits(failing))
    failing.errback(Oops())
    failed.addErrback(handled)
    api.maybeDeferred(waits, api.succeed(1))
    cancelled = api.ensureDeferred(waits(kind()))
    cancelled.cancel()
    cancelled.addErrback(handled)


@program
def iterating(api: ModuleType, kind: Any) -> None:
    """Iterate over a Deferred."""
    deferred = kind()
    iterator = iter(deferred)
    next(iterator)
    deferred.callback(1)
    with pytest.raises(StopIteration):
        next(iterator)


@program
def locks(api: ModuleType, kind: Any) -> None:
    """Take turns."""
    for lock in (api.DeferredLock(), api.DeferredSemaphore(1)):
        lock.acquire()
        waiting = lock.acquire()
        cancelled = lock.acquire()
        cancelled.cancel()
        cancelled.addErrback(handled)
        lock.release()
        waiting.addCallback(lambda held: held.release())
        lock.run(int)
        lock.run(api.succeed, 1)
        inner = kind()
        lock.run(lambda inner=inner: inner)
        lock.run(int)
        inner.callback(1)


@program
def queues(api: ModuleType, kind: Any) -> None:
    """Put and get."""
    queue = api.DeferredQueue()
    queue.get()
    queue.put(1)
    queue.put(2)
    queue.get()
    waiting = queue.get()
    waiting.cancel()
    waiting.addErrback(handled)


@program
def futures(api: ModuleType, kind: Any) -> None:
    """Convert to futures and back."""
    loop = asyncio.new_event_loop()
    deferred = kind()
    future = deferred.asFuture(loop)
    deferred.callback(1)
    loop.run_until_complete(future)
    back: asyncio.Future[int] = loop.create_future()
    api.Deferred.fromFuture(back)
    back.set_result(1)
    loop.run_until_complete(asyncio.sleep(0))
    cancelled: asyncio.Future[int] = loop.create_future()
    called_off = api.Deferred.fromFuture(cancelled)
    called_off.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    called_off.addErrback(handled)
    loop.close()


def wrapper(original: Any, name: str, made: list[str]) -> Any:
    """Wrap a method, so that it notes each call."""

    def replacement(self: Any, *args: Any, **keywords: Any) -> Any:
        made.append(name)
        return original(self, *args, **keywords)

    return replacement


def on_the_class(api: ModuleType, run: Program, name: str) -> list[str]:
    """Run a program with a method of the class wrapped."""
    made: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.Deferred, name, wrapper(getattr(api.Deferred, name), name, made))
        run(api, api.Deferred)
    return made


def on_a_subclass(api: ModuleType, run: Program, name: str) -> list[str]:
    """Run a program with the method of a subclass."""
    made: list[str] = []
    run(api, type("Kind", (api.Deferred,), {name: wrapper(getattr(api.Deferred, name), name, made)}))
    return made


def on_each_object(api: ModuleType, run: Program, name: str) -> list[str]:
    """Run a program in which each Deferred that it makes has a method of its own."""
    made: list[str] = []

    def kind(*args: Any) -> Any:
        deferred = api.Deferred(*args)
        setattr(deferred, name, wrapper(getattr(api.Deferred, name), name, made).__get__(deferred))
        return deferred

    run(api, kind)
    return made


def on_the_class_later(api: ModuleType, run: Program, name: str) -> list[str]:
    """Run a program in which the method is wrapped while it runs, when its first Deferred is there."""
    made: list[str] = []
    with pytest.MonkeyPatch.context() as patch:

        def kind(*args: Any) -> Any:
            deferred = api.Deferred(*args)
            if getattr(api.Deferred, name) is own:
                patch.setattr(api.Deferred, name, wrapper(own, name, made))
            return deferred

        own = getattr(api.Deferred, name)
        run(api, kind)
    return made


@pytest.mark.parametrize("way", [on_the_class, on_a_subclass, on_each_object, on_the_class_later])
@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: run.__name__)
def test_a_patched_method_is_called_as_often_as_by_twisted(
    api: ModuleType, stock: ModuleType, run: Program, way: Any
) -> None:
    """A method is called as often as Twisted calls it."""
    for name in METHODS:
        assert (name, way(api, run, name)) == (name, way(stock, run, name))
