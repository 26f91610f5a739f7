"""What a program does with a reactor's calls from threads.

Each is a function of a module of Deferreds, the reactor, and a list that it may append to.
"""

from __future__ import annotations

import gc
from types import ModuleType
from typing import Any

from tests.safety.deferred_acts import Act

ACTS: dict[str, Act] = {}


def _act(function: Act) -> Act:
    ACTS[function.__name__] = function
    return function


@_act
def nothing(api: ModuleType, reactor: Any, seen: list[Any]) -> object:
    return None


@_act
def call_from_a_thread(api: ModuleType, reactor: Any, seen: list[Any]) -> object:
    reactor.callFromThread(seen.append, "called")
    return None


@_act
def call_fifty_from_a_thread(api: ModuleType, reactor: Any, seen: list[Any]) -> object:
    for number in range(50):
        reactor.callFromThread(seen.append, number)
    return None


@_act
def wake(api: ModuleType, reactor: Any, seen: list[Any]) -> object:
    return reactor.wakeUp()


@_act
def clear_the_queue(api: ModuleType, reactor: Any, seen: list[Any]) -> object:
    del reactor.threadCallQueue[:]
    return None


@_act
def replace_the_queue(api: ModuleType, reactor: Any, seen: list[Any]) -> object:
    reactor.threadCallQueue = []
    return None


@_act
def append_to_the_queue(api: ModuleType, reactor: Any, seen: list[Any]) -> object:
    reactor.threadCallQueue.append((seen.append, ("appended",), {}))
    return None


@_act
def read_the_queue(api: ModuleType, reactor: Any, seen: list[Any]) -> object:
    return repr(list(reactor.threadCallQueue))


@_act
def call_later(api: ModuleType, reactor: Any, seen: list[Any]) -> object:
    reactor.callLater(0, seen.append, "later")
    return None


@_act
def collect(api: ModuleType, reactor: Any, seen: list[Any]) -> object:
    return gc.collect() and None
