"""The private attributes of Twisted's reactors show the pending calls."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.reactors import Loop


def shown(reactor: Any) -> dict[str, Any]:
    """Look at the queues while something is in each."""
    calls: list[Any] = []
    found: dict[str, Any] = {"empty": [len(queue) for queue in queues(reactor)]}
    reactor.callFromThread(calls.append, 1)
    reactor.callFromThread(dict, [], key="word")
    late, early = reactor.callLater(20, calls.append, 2), reactor.callLater(10, calls.append, 3)
    queue = reactor.threadCallQueue
    found["calls"] = [
        len(queue),
        bool(queue),
        [args for _, args, _ in queue],
        [keywords for _, _, keywords in queue],
        queue[0] == (calls.append, (1,), {}),
        queue == [queue[0], queue[1]],
        queue[-1][0] is dict,
        len(queue[:1]),
    ]
    found["new"] = [list(reactor._newTimedCalls) == [late, early], len(reactor._pendingTimedCalls)]
    reactor.runUntilCurrent()
    found["made"] = [calls, len(reactor.threadCallQueue), bool(reactor.threadCallQueue)]
    found["pending"] = [len(reactor._newTimedCalls), len(reactor._pendingTimedCalls)]
    found["first"] = reactor._pendingTimedCalls[0] is early
    found["all"] = len(reactor._newTimedCalls + reactor._pendingTimedCalls)
    early.cancel()
    reactor.runUntilCurrent()
    found["left"] = [call is late for call in reactor._pendingTimedCalls if call.active()]
    return found


def queues(reactor: Any) -> list[Any]:
    """Give the three."""
    return [reactor.threadCallQueue, reactor._newTimedCalls, reactor._pendingTimedCalls]


def test_queues_show_what_is_pending(loop: Loop) -> None:
    assert loop.run(shown) == {
        "empty": [0, 0, 0],
        "calls": [2, True, [[1], [[]]], [{}, {"key": "word"}], True, True, True, 1],
        "new": [True, 0],
        "made": [[1], 0, False],
        "pending": [0, 2],
        "first": True,
        "all": 2,
        "left": [True],
    }


def replaced(reactor: Any) -> list[Any]:
    """Set the queue of calls from threads."""
    calls: list[str] = []
    for name in ("a", "b"):
        reactor.callFromThread(calls.append, name)
    reactor.threadCallQueue = []
    reactor.runUntilCurrent()
    found: list[Any] = [list(calls)]
    reactor.threadCallQueue = [(calls.append, ("c",), {}), (calls.extend, (["d", "e"],), {})]
    reactor.callFromThread(calls.append, "f")
    found.append(len(reactor.threadCallQueue))
    reactor.runUntilCurrent()
    return [*found, calls]


def test_setting_the_queue_of_calls_replaces_what_is_pending(loop: Loop) -> None:
    assert loop.run(replaced) == [[], 3, ["c", "d", "e", "f"]]


def changed(reactor: Any) -> list[Any]:
    """Change the queue of calls from threads where it is."""
    calls: list[str] = []

    def entry(name: str) -> Any:
        return (calls.append, (name,), {})

    queue = reactor.threadCallQueue
    for name in "abcdef":
        reactor.callFromThread(calls.append, name)
    queue.append(entry("g"))
    del queue[0]
    queue[0] = entry("B")
    queue.insert(0, entry("A"))
    queue.insert(-1, entry("F"))
    popped = [queue.pop()[1], queue.pop(0)[1]]
    queue.remove(entry("d"))
    queue.extend([entry("x"), entry("y")])
    names = [args[0] for _, args, _ in queue]
    queue[1:3] = [entry("C")]
    queue += [entry("z")]
    del queue[-2:]
    queue.reverse()
    found = [popped, names, [args[0] for _, args, _ in queue], entry("C") in queue, len(queue)]
    reactor.runUntilCurrent()
    reactor.callFromThread(calls.append, "never")
    del reactor.threadCallQueue[:]
    reactor.callFromThread(calls.append, "never")
    reactor.threadCallQueue.clear()
    reactor.runUntilCurrent()
    return [*found, calls]


def test_changing_the_queue_of_calls_changes_what_is_pending(loop: Loop) -> None:
    assert loop.run(changed) == [
        [["g"], ["A"]],
        ["B", "c", "e", "f", "F", "x", "y"],
        ["x", "F", "f", "C", "B"],
        True,
        5,
        ["x", "F", "f", "C", "B"],
    ]


def shortened_meanwhile(reactor: Any) -> list[str]:
    """Take the last call out of the queue in the first one, and ask for another one."""
    calls: list[str] = []

    def shorten() -> None:
        calls.append("shortens")
        del reactor.threadCallQueue[-1]
        reactor.callFromThread(calls.append, "asked after")

    reactor.callFromThread(shorten)
    reactor.callFromThread(calls.append, "never")
    reactor.iterate(0)
    reactor.iterate(0)
    return calls


def test_call_can_take_another_one_out_of_the_queue(loop: Loop) -> None:
    assert loop.run(shortened_meanwhile) == ["shortens", "asked after"]


def without_timers(reactor: Any) -> list[Any]:
    """Set the lists of delayed calls."""
    calls: list[str] = []
    now = 100.0
    reactor.seconds = lambda: now
    kept, gone = (reactor.callLater(5, calls.append, name) for name in ("kept", "gone"))
    reactor.runUntilCurrent()
    reactor._pendingTimedCalls = [call for call in reactor._pendingTimedCalls if call is not gone]
    found: list[Any] = [len(reactor._pendingTimedCalls), reactor.getDelayedCalls() == [kept]]
    reactor.callLater(1, calls.append, "new")
    reactor._newTimedCalls = []
    found.append(reactor.getDelayedCalls() == [kept])
    now = 200.0
    reactor.runUntilCurrent()
    found.append(list(calls))
    reactor.callLater(1, calls.append, "last")
    reactor.runUntilCurrent()
    del reactor._pendingTimedCalls[:]
    now = 300.0
    reactor.runUntilCurrent()
    del reactor.seconds
    return [*found, calls, reactor.timeout()]


def test_setting_the_lists_of_delayed_calls_replaces_what_is_pending(loop: Loop) -> None:
    assert loop.run(without_timers) == [1, True, True, ["kept"], ["kept"], None]


def added_in_place(reactor: Any) -> list[Any]:
    """Have the attribute set to the queue that it shows, and calls that are a slice with a step."""
    calls: list[str] = []
    d: Deferred[str] = Deferred()
    d.addCallback(calls.append)
    reactor.callFromThread(d.callback, "first")
    reactor.threadCallQueue += [(calls.append, ("second",), {})]
    reactor.threadCallQueue += [(calls.append, (name,), {}) for name in ("third", "fourth")]
    reactor.threadCallQueue[1::2] = [(calls.append, (name,), {}) for name in ("2", "4")]
    refused = ""
    try:
        reactor.threadCallQueue[::2] = []
    except ValueError as error:
        refused = str(error)
    reactor.runUntilCurrent()
    return [calls, refused]


def test_calls_can_be_added_to_the_queue_in_place(loop: Loop) -> None:
    assert loop.run(added_in_place) == [
        ["first", "2", "third", "4"],
        "attempt to assign sequence of size 0 to extended slice of size 2",
    ]


def of_another(reactor: Any) -> list[Any]:
    """Put a delayed call of one reactor into a list of another one."""
    other, calls = type(reactor)(), list[str]()
    call = other.callLater(0, calls.append, "other")
    reactor.callLater(0, calls.append, "own")
    refused = ""
    try:
        reactor._pendingTimedCalls = [call]
    except TypeError as error:
        refused = str(error)
    reactor.runUntilCurrent()
    other.runUntilCurrent()
    return [refused, calls]


def test_delayed_calls_of_another_reactor_are_refused(loop: Loop) -> None:
    if loop.name == "epoll":
        pytest.skip("Twisted's reactors do not know whose a delayed call is")
    assert loop.run(of_another) == ["what waits in a reactor was returned by its callLater", ["own", "other"]]
