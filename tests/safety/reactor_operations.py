"""What is done with a reactor while allocations fail.

Each operation is a function of a module of Deferreds and of three objects, as in `deferred_operations`.
"""

from __future__ import annotations

import contextlib
import functools
import os
from types import ModuleType
from typing import Any

from twisted.internet.error import AlreadyCancelled

from tests.safety.deferred_operations import RAISES, Operation, do
from tests.safety.reactors import reactor

OPERATIONS: dict[str, Operation] = {}


def _operation(function: Operation) -> Operation:
    OPERATIONS[function.__name__] = function
    return function


def _pending(made: Any) -> Any:
    """Say what is pending, and what is left when it has been done."""
    before = [len(made.getDelayedCalls()), len(made.threadCallQueue)]
    made.seconds = lambda: 1000.0
    made.runUntilCurrent()
    made.runUntilCurrent()
    return [before, [len(made.getDelayedCalls()), len(made.threadCallQueue)]]


@_operation
def call_later(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    return do(made.callLater, 1, a, b, key=c), made, _pending


@_operation
def cancel_a_delayed_call(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    call = made.callLater(1, a, b, key=c)
    return do(call.cancel), made, _pending


@_operation
def reset_a_delayed_call(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    call = made.callLater(1, a, b, key=c)
    return do(call.reset, -5), made, _pending


@_operation
def put_a_delayed_call_off(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    call = made.callLater(1, a, b, key=c)
    return do(call.delay, 5), made, _pending


@_operation
def ask_a_delayed_call(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    call = made.callLater(1, a, b, key=c)

    return do(lambda: (call.getTime(), call.active(), call.args, call.kw, call.func)), made, _pending


@_operation
def list_delayed_calls(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.callLater(1, a, b, key=c)
    return do(made.getDelayedCalls), made, _pending


@_operation
def run_a_delayed_call(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.callLater(0, a, b, key=c)
    return do(made.runUntilCurrent), made, _pending


@_operation
def call_from_a_thread(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    return do(made.callFromThread, a, b, key=c), made, _pending


@_operation
def run_a_call_from_a_thread(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.callFromThread(a, b, key=c)
    return do(made.runUntilCurrent), made, _pending


@_operation
def read_the_queue(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.callFromThread(a, b, key=c)
    return do(list, made.threadCallQueue), made, _pending


@_operation
def iterate(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.callLater(0, a, b)
    made.callFromThread(a, c)
    return do(made.iterate, 0), made, _pending


class Selectable:
    """Something to read or to write."""

    def __init__(self, descriptor: int, does: Any) -> None:
        self.descriptor = descriptor
        self.does = does

    def fileno(self) -> int:
        return self.descriptor

    def logPrefix(self) -> str:
        return "selectable"

    def doRead(self) -> None:
        self.does()

    doWrite = doRead

    def connectionLost(self, reason: object) -> None:
        return None


@functools.cache
def _pipe() -> tuple[int, int]:
    """Make a pipe, from which one can read, and into which one can write."""
    reads, writes = os.pipe()
    os.write(writes, b"a")
    return reads, writes


def _watched(made: Any) -> Any:
    """Say how many selectables there are, and what is left when they have been removed."""
    before = _own(made)
    for selectable in before[0]:
        made.removeReader(selectable)
    for selectable in before[1]:
        made.removeWriter(selectable)
    return [[len(side) for side in both] for both in (before, _own(made))]


def _own(made: Any) -> list[list[Selectable]]:
    """Give the readers and the writers, without those that Twisted's reactors have for themselves."""
    sides = made.getReaders(), made.getWriters()
    return [[found for found in side if isinstance(found, Selectable)] for side in sides]


@_operation
def add_a_reader(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    return do(made.addReader, Selectable(_pipe()[0], a)), made, _watched


@_operation
def add_a_writer(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    return do(made.addWriter, Selectable(_pipe()[1], a)), made, _watched


@_operation
def remove_a_reader(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made, selectable = reactor(api), Selectable(_pipe()[0], a)
    made.addReader(selectable)
    return do(made.removeReader, selectable), made, _watched


@_operation
def remove_a_writer(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made, selectable = reactor(api), Selectable(_pipe()[1], a)
    made.addWriter(selectable)
    return do(made.removeWriter, selectable), made, _watched


@_operation
def list_selectables(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.addReader(Selectable(_pipe()[0], a))
    made.addWriter(Selectable(_pipe()[1], b))
    return do(lambda: (made.getReaders(), made.getWriters())), made, _watched


@_operation
def remove_all_selectables(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.addReader(Selectable(_pipe()[0], a))
    made.addWriter(Selectable(_pipe()[1], b))
    return do(made.removeAll), made, _watched


@_operation
def read_and_write(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.addReader(Selectable(_pipe()[0], a))
    made.addWriter(Selectable(_pipe()[1], b))
    return do(made.doIteration, 0), made, _watched


@_operation
def ask_for_the_timeout(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.callLater(1, a, b)
    return do(made.timeout), made, _pending


@_operation
def wake(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    return do(made.wakeUp), made, _pending


@_operation
def call_when_running(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    return do(made.callWhenRunning, a, b, key=c), made, _pending


@_operation
def call_later_too_early(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)

    def calls() -> None:
        with contextlib.suppress(AssertionError):
            made.callLater(-1, a, b)

    return calls, made, _pending


@_operation
def call_what_is_no_function(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)

    def calls() -> None:
        with contextlib.suppress(AssertionError):
            made.callFromThread(None, a)

    return calls, made, _pending


@_operation
def cancel_a_delayed_call_twice(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    call = made.callLater(1, a, b, key=c)
    call.cancel()

    def cancels() -> None:
        with contextlib.suppress(AlreadyCancelled):
            call.cancel()

    return cancels, made, _pending


@_operation
def show_a_delayed_call(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    return do(repr, made.callLater(1, a, b, key=c)), made, _pending


@_operation
def a_delayed_call_raises(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.callLater(0, RAISES, b)
    return do(made.runUntilCurrent), made, _pending


@_operation
def a_call_from_a_thread_raises(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.callFromThread(RAISES, b)
    return do(made.runUntilCurrent), made, _pending
