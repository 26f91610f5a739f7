"""Where the code of a program runs while a reactor makes the calls that came from threads."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from tests.safety.deferred_places import Ends, Once, Place, in_another_thread
from tests.safety.reactors import reactor

PLACES: dict[str, Place] = {}


def _place(function: Place) -> Place:
    PLACES[function.__name__] = function
    return function


def describe(reactor: Any) -> Any:
    """Say how many calls are pending."""
    return [len(reactor.threadCallQueue), len(reactor.getDelayedCalls())]


def use_up(reactor: Any) -> Any:
    """Make them."""
    for _ in range(3):
        reactor.runUntilCurrent()
    return describe(reactor)


@_place
def a_call_is_made(api: ModuleType, once: Once) -> Any:
    made = reactor(api)
    made.callFromThread(lambda: once(made))
    made.callFromThread(len, ())
    made.runUntilCurrent()
    return made


@_place
def an_argument_ends(api: ModuleType, once: Once) -> Any:
    made = reactor(api)
    made.callFromThread(id, Ends(lambda: once(made)))
    made.callFromThread(len, ())
    made.runUntilCurrent()
    return made


@_place
def a_call_raises(api: ModuleType, once: Once) -> Any:
    def raises() -> None:
        once(made)
        raise ValueError

    made = reactor(api)
    made.callFromThread(raises)
    made.callFromThread(len, ())
    made.runUntilCurrent()
    return made


@_place
def entries_of_the_queue_end(api: ModuleType, once: Once) -> Any:
    made = reactor(api)
    made.callFromThread(id, Ends(lambda: once(made)))
    del made.threadCallQueue[:]
    return made


@_place
def the_reactor_is_woken(api: ModuleType, once: Once) -> Any:
    made = reactor(api)
    wakes = made.wakeUp

    def wake_up() -> None:
        once(made)
        wakes()

    made.wakeUp = wake_up
    made.callFromThread(len, ())
    return made


@_place
def another_thread_has_the_turn(api: ModuleType, once: Once) -> Any:
    made = reactor(api)
    made.callFromThread(lambda: in_another_thread(lambda: once(made)))
    made.callFromThread(len, ())
    made.runUntilCurrent()
    return made
