"""What is done with a reactor while allocations fail.

Each operation is a function of a module of Deferreds and of three objects, as in `deferred_operations`.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from tests.safety.deferred_operations import Operation, do
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
    return do(len, made.threadCallQueue), made, _pending


@_operation
def iterate(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    made = reactor(api)
    made.callLater(0, a, b)
    made.callFromThread(a, c)
    return do(made.iterate, 0), made, _pending
