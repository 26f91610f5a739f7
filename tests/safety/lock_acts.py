"""Every public operation of a lock, a semaphore and a queue.

Each is a function of a module of Deferreds, the object, and a list that it may append to. What the object
does not have raises an AttributeError, on stock Twisted, too.
"""

from __future__ import annotations

import gc
from types import ModuleType
from typing import Any

from tests.helpers import Oops
from tests.safety.deferred_acts import Act

ACTS: dict[str, Act] = {}


def _act(function: Act) -> Act:
    ACTS[function.__name__] = function
    return function


def _set(name: str, make: Any) -> None:
    ACTS[f"set {name} to {make()!r}"] = lambda api, lock, seen: setattr(lock, name, make())


for _name, _make in [
    ("waiting", list),
    ("pending", list),
    ("tokens", int),
    ("locked", bool),
    ("limit", lambda: 5),
    ("size", lambda: 1),
    ("backlog", lambda: 0),
    ("note", str),
]:
    _set(_name, _make)


@_act
def nothing(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    return None


@_act
def acquire(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    lock.acquire().addCallback(lambda _: seen.append("acquired"))
    return None


@_act
def acquire_twice_and_cancel(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    for _ in range(2):
        waits = lock.acquire().addErrback(lambda _: seen.append("cancelled"))
        waits.cancel()
    return None


@_act
def release(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    return lock.release()


@_act
def run(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    lock.run(seen.append, "ran")
    return None


@_act
def run_what_raises(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    def raises() -> None:
        raise Oops

    lock.run(raises).addErrback(lambda _: seen.append("raised"))
    return None


@_act
def put(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    return lock.put("put from within")


@_act
def get(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    lock.get().addCallback(lambda found: seen.append(["got", found]))
    return None


@_act
def get_and_cancel(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    waits = lock.get().addErrback(lambda _: seen.append("cancelled"))
    waits.cancel()
    return None


@_act
def clear_the_waiting(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    lock.waiting.clear()
    return None


@_act
def clear_the_pending(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    lock.pending.clear()
    return None


@_act
def initialise_again(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    return lock.__init__(*([2] if hasattr(lock, "tokens") else []))


@_act
def read_everything(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    for name in ("waiting", "pending", "locked", "tokens", "limit", "size", "backlog"):
        if hasattr(lock, name):
            repr(getattr(lock, name))
    return repr(lock) and dir(lock)


@_act
def collect(api: ModuleType, lock: Any, seen: list[Any]) -> object:
    return gc.collect() and None
