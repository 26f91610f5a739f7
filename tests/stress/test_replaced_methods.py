"""Replaced methods of a reactor are called wherever Twisted calls them by name."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from twisted.internet import base
from twisted.internet._signals import _UnixWaker
from twisted.internet.defer import Deferred
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.threads import deferToThread
from twisted.python import log

from tests.helpers import raising
from tests.reactors import Loop
from tests.reactors.inside import pause, until


class Counting:
    """Counts its calls, and then does what was there before."""

    def __init__(self, then: Callable[..., Any]) -> None:
        self.calls, self.called, self.then = 0, threading.Event(), then

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        self.calls += 1
        result = self.then(*arguments, **keywords)
        self.called.set()
        return result


def nothing(*_: object) -> None:
    """Do nothing."""


def replace_wake_up(reactor: Any, then: Callable[..., Any]) -> Counting:
    """Replace the method of the reactor."""
    reactor.wakeUp = counting = Counting(then)
    return counting


def replace_waker(reactor: Any, then: Callable[..., Any]) -> Counting:
    """Replace the object that the reactor is woken by."""

    class Waker:
        wakeUp = counting = Counting(then)

    reactor.waker = Waker()
    return Waker.counting


def replace_method_of_waker(reactor: Any, then: Callable[..., Any]) -> Counting:
    """Replace the method of that object."""
    reactor.waker.wakeUp = counting = Counting(then)
    return counting


def replace_method_of_class_of_waker(reactor: Any, then: Callable[..., Any]) -> Counting:
    """Replace the method of the class of that object."""
    counting = Counting(then)
    type(reactor.waker).wakeUp = lambda _: counting()
    return counting


def replace_on_subclass(reactor: Any, then: Callable[..., Any]) -> Counting:
    """Have a reactor of a subclass which has the method."""
    counting = Counting(then)
    reactor.__class__ = type("Mine", (type(reactor),), {"wakeUp": lambda _: counting()})
    return counting


REPLACEMENTS = {
    replace.__name__: replace
    for replace in (
        replace_wake_up,
        replace_waker,
        replace_method_of_waker,
        replace_method_of_class_of_waker,
        replace_on_subclass,
    )
}


def own_loop(reactor: Any, name: str) -> list[Any]:
    """Turn a reactor by a loop of the program's, which is woken when there is something to do."""
    deferToThread(nothing)
    reactor.startRunning(installSignalHandlers=False)
    counting = REPLACEMENTS[name](reactor, nothing)
    done: list[str] = []

    def turn_until(length: int) -> int:
        calls = counting.calls
        while len(done) < length:
            if not counting.called.wait(10):
                raise AssertionError(f"nobody was woken after {done}")
            counting.called.clear()
            reactor.runUntilCurrent()
        return counting.calls - calls

    threading.Timer(0.05, reactor.callFromThread, [done.append, "from a thread"]).start()
    turn_until(1)
    deferToThread(str, "job").addCallback(done.append)
    turn_until(2)
    reactor.callFromThread(reactor.callFromThread, done.append, "next turn")
    # When it is asked for, and since it waits at the end of the turn.
    woken = turn_until(3)
    reactor.getThreadPool().stop()
    return [*done, woken]


@pytest.mark.parametrize("name", REPLACEMENTS)
def test_a_replaced_wake_up_is_called(loop: Loop, name: str) -> None:
    """It is called for calls from threads, for results of jobs, and for calls that wait for the next turn."""
    assert loop.run(own_loop, name) == ["from a thread", "job", "next turn", 2]


def still_wakes(reactor: Any, name: str) -> list[Any]:
    """Run a reactor whose wake-up notes that it is called, and then does what it did before."""
    original = reactor.waker.wakeUp if "waker" in name else reactor.wakeUp
    called: list[str] = []

    def job() -> str:
        reactor.callFromThread(called.append, "called")
        return "result"

    async def main() -> list[Any]:
        counting = REPLACEMENTS[name](reactor, original)
        result = await deferToThread(job)
        return [called, result, counting.calls > 1]

    return until(reactor, main())


@pytest.mark.parametrize("name", ["replace_wake_up", "replace_method_of_waker"])
def test_a_replaced_wake_up_can_call_the_original(loop: Loop, name: str) -> None:
    """A reactor that waits is woken by it."""
    assert loop.run(still_wakes, name) == [["called"], "result", True]


def put_back(reactor: Any) -> list[Any]:
    """Patch what wakes the reactor for a while, and wake it afterwards, when it waits."""
    with mock.patch.object(reactor, "wakeUp") as wake_up:
        reactor.callFromThread(nothing)
    with mock.patch.object(reactor.waker, "wakeUp") as wake_up_of_waker:
        reactor.callFromThread(nothing)
    with mock.patch.object(reactor, "waker", None):
        reactor.callFromThread(nothing)
    reactor.callLater(0, threading.Timer(0.1, reactor.callFromThread, [reactor.stop]).start)
    reactor.run()
    return [wake_up.call_count, wake_up_of_waker.call_count]


def test_a_removed_patch_has_no_effect(loop: Loop) -> None:
    """The reactor is woken as if nothing had been patched."""
    assert loop.run(put_back) == [1, 1]


def over_and_over(reactor: Any) -> dict[str, bool]:
    """Replace what wakes the reactor and undo it, many times in each way in which attributes change."""
    counting, waker = Counting(nothing), reactor.waker
    other = mock.Mock(wakeUp=counting)

    def set_waker(value: Any) -> None:
        reactor.waker = value

    def set_dict(value: dict[str, Any]) -> None:
        reactor.__dict__ = value

    attributes = dict(vars(reactor))
    ways: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "attribute": (lambda: setattr(reactor, "wakeUp", counting), lambda: delattr(reactor, "wakeUp")),
        "dict": (lambda: vars(reactor).update(wakeUp=counting), lambda: vars(reactor).pop("wakeUp")),
        "waker": (lambda: set_waker(other), lambda: set_waker(waker)),
        "no waker": (lambda: set_waker(None), lambda: set_waker(waker)),
        "other dict": (lambda: set_dict({**attributes, "waker": other}), lambda: set_dict(attributes)),
        "waker's method": (lambda: setattr(waker, "wakeUp", counting), lambda: delattr(waker, "wakeUp")),
    }
    found = {}
    for name, (replace, undo) in ways.items():
        once = int(name != "no waker")
        told = []
        for _ in range(20):
            reactor.callFromThread(nothing)
            calls = counting.calls
            replace()
            reactor.callFromThread(nothing)
            told.append(counting.calls - calls)
            undo()
            reactor.callFromThread(nothing)
            told.append(counting.calls - calls)
        found[name] = told == [once] * 40
    return found


def test_what_wakes_the_reactor_is_looked_at_after_each_change(loop: Loop) -> None:
    """A wake-up is called from the moment when it is there to the moment when it is not."""
    found = loop.run(over_and_over)
    assert all(found.values()), found


def own_waker(reactor: Any) -> list[Any]:
    """Have a reactor of a subclass that makes its own waker."""
    made: list[Any] = []

    class Waker(_UnixWaker):
        woken = 0

        def wakeUp(self) -> None:
            self.woken += 1
            super().wakeUp()

    class Mine(type(reactor)):  # type: ignore[misc]
        def _wakerFactory(self) -> Any:
            made.append(Waker())
            return made[-1]

    mine = Mine()
    mine.callLater(0, threading.Timer(0.05, mine.callFromThread, [mine.stop]).start)
    mine.run()
    return [len(made), mine.waker is made[0], made[0].woken > 0, made[0] in mine._internalReaders]


def test_a_subclass_makes_its_own_waker(loop: Loop) -> None:
    """It is a reader of the reactor, which wakes it."""
    assert loop.run(own_waker) == [1, True, True, True]


def own_pool(reactor: Any) -> list[Any]:
    """Replace the class of thread pools where the reactor looks for it."""

    class Pool(base.ThreadPool):  # type: ignore[name-defined,misc]
        pass

    with mock.patch.object(base, "ThreadPool", Pool):
        pool = reactor.getThreadPool()

    async def main() -> str:
        return await deferToThread(str, "result")

    return [type(pool) is Pool, until(reactor, main())]


def test_the_class_of_the_thread_pool_can_be_replaced(loop: Loop) -> None:
    """The reactor's pool is of that class, and works."""
    assert loop.run(own_pool) == [True, "result"]


def parts(reactor: Any) -> list[str]:
    """Replace methods of one reactor, and give those that are called while it does a little of everything."""
    names = [
        "runUntilCurrent",
        "timeout",
        "doIteration",
        "fireSystemEvent",
        "mainLoop",
        "startRunning",
        "crash",
    ]
    names += [
        "_doReadOrWrite",
        "_disconnectSelectable",
        "removeReader",
        "removeWriter",
        "callFromThread",
        "stop",
    ]
    names += ["_stopThreadPool", "_initThreadPool", "getThreadPool", "removeAll", "callLater", "wakeUp"]
    countings = {name: Counting(getattr(reactor, name)) for name in names}
    for name, counting in countings.items():
        setattr(reactor, name, counting)
    log_call = countings["callWithLogger"] = Counting(log.callWithLogger)
    log.callWithLogger = log_call
    ours, theirs = socket.socketpair()
    reader = mock.Mock(fileno=ours.fileno, doRead=lambda: CONNECTION_DONE, logPrefix=lambda: "")

    async def main() -> None:
        await deferToThread(nothing)
        reactor.addReader(reader)
        theirs.send(b"x")
        while not reader.connectionLost.called:
            await pause(reactor, 0.001)
        signal.raise_signal(signal.SIGTERM)
        await Deferred()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main()))
    reactor.run()
    return sorted(name for name, counting in countings.items() if not counting.calls)


def test_methods_of_a_reactor_call_each_other_by_name(loop: Loop, stock_loop: Loop) -> None:
    """Methods that Twisted's reactor calls by name on itself are called by name on ours too."""
    missing = loop.run(parts)
    assert set(missing) <= set(stock_loop.run(parts)), missing


def handlers(reactor: Any) -> list[int]:
    """Replace what logs the errors of what the reactor calls, and fail everywhere."""
    names = ["_topHandler", "_threadCallHandler", "_DEFAULT_DELAYED_CALL_LOGGING_HANDLER"]
    ended = {name: mock.MagicMock(__exit__=mock.Mock(return_value=True)) for name in names}
    for name, handler in ended.items():
        setattr(base, name, handler)
    reactor.callFromThread(raising(ValueError()))
    reactor.callLater(0, raising(ValueError()))
    seconds = reactor.seconds

    def fail_once() -> float:
        reactor.seconds = seconds
        raise ValueError

    reactor.callLater(0.01, setattr, reactor, "seconds", fail_once)
    reactor.callLater(0.05, reactor.stop)
    reactor.run()
    exits = [handler.__exit__.call_args_list for handler in ended.values()]
    return [sum(call.args[0] is ValueError for call in calls) for calls in exits]


def test_a_replaced_error_handler_is_called(loop: Loop) -> None:
    """Each is looked up when the error comes."""
    assert loop.run(handlers) == [1, 1, 1]
