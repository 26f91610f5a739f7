"""Where the code of a program runs in the middle of an operation of a delayed call."""

from __future__ import annotations

import gc
import weakref
from types import ModuleType
from typing import Any

from tests.safety.deferred_places import Ends, Once, Place, Watched, in_another_thread
from tests.safety.reactors import reactor

PLACES: dict[str, Place] = {}


def _place(function: Place) -> Place:
    PLACES[function.__name__] = function
    return function


def describe(call: Any) -> Any:
    """Describe the state of a call."""
    try:
        active = call.active()
    except Exception as error:
        active = type(error).__name__
    return [
        bool(active),
        *(bool(getattr(call, name)) for name in ("called", "cancelled")),
        len(_pending(call)),
    ]


def _pending(call: Any) -> Any:
    return call.reactor.getDelayedCalls()


def use_up(call: Any) -> Any:
    """Let it be made, if it still is to be."""
    call.reactor.seconds = lambda: 1000.0
    call.reactor.runUntilCurrent()
    call.reactor.runUntilCurrent()
    return describe(call)


def _made(api: ModuleType, delay: float, function: Any, *arguments: Any) -> Any:
    made = reactor(api)
    call = made.callLater(delay, function, *arguments)
    call.reactor = made
    return call


@_place
def it_is_made(api: ModuleType, once: Once) -> Any:
    call: Any = _made(api, 0, lambda: once(call))
    call.reactor.runUntilCurrent()
    return call


@_place
def one_before_it_is_made(api: ModuleType, once: Once) -> Any:
    made = reactor(api)
    made.callLater(-1, lambda: once(call))
    call: Any = made.callLater(0, len, ())
    call.reactor = made
    made.callLater(0, lambda: once(call))
    made.runUntilCurrent()
    return call


@_place
def it_is_cancelled_and_its_argument_ends(api: ModuleType, once: Once) -> Any:
    call: Any = _made(api, 5, len, Ends(lambda: once(call)))
    call.cancel()
    return call


@_place
def it_is_made_and_what_it_calls_ends(api: ModuleType, once: Once) -> Any:
    call: Any = _made(api, 0, Ends(lambda: once(call)), 1)
    call.reactor.runUntilCurrent()
    call.func = None
    return call


@_place
def its_arguments_are_replaced_and_end(api: ModuleType, once: Once) -> Any:
    call: Any = _made(api, 5, len, Ends(lambda: once(call)))
    call.args = ()
    return call


@_place
def a_weak_reference_to_its_argument_ends(api: ModuleType, once: Once) -> Any:
    argument = Watched(lambda: None)
    call = _made(api, 5, len, argument)
    kept = weakref.ref(argument, lambda _: once(call))
    del argument
    call.cancel()
    assert kept() is None
    return call


@_place
def the_clock_is_asked(api: ModuleType, once: Once) -> Any:
    call = _made(api, 5, len, ())

    def seconds() -> float:
        once(call)
        return 100.0

    call.seconds = seconds
    call.reactor.seconds = seconds
    if call.active():
        call.reset(3)
    return call


@_place
def the_clock_is_asked_when_the_reactor_runs(api: ModuleType, once: Once) -> Any:
    call = _made(api, 0, len, ())

    def seconds() -> float:
        once(call)
        return 200.0

    call.reactor.seconds = seconds
    call.reactor.runUntilCurrent()
    return call


@_place
def the_clock_is_asked_when_another_is_set(api: ModuleType, once: Once) -> Any:
    call = _made(api, 0, len, ())

    def seconds() -> float:
        once(call)
        return 100.0

    call.reactor.seconds = seconds
    call.reactor.callLater(1, len, ())
    return call


@_place
def it_is_shown_and_its_argument_is(api: ModuleType, once: Once) -> Any:
    class Shown:
        def __repr__(self) -> str:
            once(call)
            return "shown"

    call = _made(api, 5, len, Shown())
    repr(call)
    return call


@_place
def it_is_compared(api: ModuleType, once: Once) -> Any:
    class Other:
        @property
        def time(self) -> Any:
            once(call)
            return 5.0

    call = _made(api, 5, len, ())
    assert (call < Other()) is False
    return call


@_place
def it_raises(api: ModuleType, once: Once) -> Any:
    def raises() -> None:
        once(call)
        raise ValueError

    call = _made(api, 0, raises)
    call.reactor.runUntilCurrent()
    return call


@_place
def the_collector_runs(api: ModuleType, once: Once) -> Any:
    def cycle() -> None:
        ends: Any = Ends(lambda: once(call))
        ends.own = ends

    def collects() -> None:
        cycle()
        gc.collect()

    call = _made(api, 0, collects)
    call.reactor.runUntilCurrent()
    return call


@_place
def another_thread_has_the_turn(api: ModuleType, once: Once) -> Any:
    call: Any = _made(api, 0, lambda: in_another_thread(lambda: once(call)))
    call.reactor.runUntilCurrent()
    return call
