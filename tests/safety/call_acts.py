"""Every public operation of a delayed call, and those of its reactor that have to do with such calls.

Each is a function of a module of Deferreds, the call, and a list that it may append to. The attribute
`reactor` of the call is its reactor.
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


def _set(name: str, value: Any) -> None:
    ACTS[f"set {name} to {value!r}"] = lambda api, call, seen: setattr(call, name, value)


for _name, _value in [
    ("time", 90.0),
    ("time", 200.0),
    ("delayed_time", 5.0),
    ("called", 1),
    ("cancelled", 1),
    ("func", len),
    ("args", ()),
    ("note", "mine"),
]:
    _set(_name, _value)


@_act
def nothing(api: ModuleType, call: Any, seen: list[Any]) -> object:
    return None


@_act
def cancel(api: ModuleType, call: Any, seen: list[Any]) -> object:
    return call.cancel()


@_act
def put_off(api: ModuleType, call: Any, seen: list[Any]) -> object:
    return call.delay(5)


@_act
def bring_forward(api: ModuleType, call: Any, seen: list[Any]) -> object:
    return call.delay(-50)


@_act
def reset(api: ModuleType, call: Any, seen: list[Any]) -> object:
    return call.reset(5)


@_act
def reset_to_the_past(api: ModuleType, call: Any, seen: list[Any]) -> object:
    return call.reset(-5)


@_act
def activate(api: ModuleType, call: Any, seen: list[Any]) -> object:
    return call.activate_delay()


@_act
def ask(api: ModuleType, call: Any, seen: list[Any]) -> object:
    seen.append([call.active(), call.getTime()])
    return repr(call)


@_act
def compare(api: ModuleType, call: Any, seen: list[Any]) -> object:
    other = call.reactor.callLater(1, len)
    seen.append([call < other, call <= other, call > other, call == other])
    other.cancel()
    return hash(call)


@_act
def set_another(api: ModuleType, call: Any, seen: list[Any]) -> object:
    call.reactor.callLater(0, seen.append, "another")
    return None


@_act
def set_fifty_and_cancel_them(api: ModuleType, call: Any, seen: list[Any]) -> object:
    for other in [call.reactor.callLater(number, len) for number in range(50)]:
        other.cancel()
    return None


@_act
def cancel_all(api: ModuleType, call: Any, seen: list[Any]) -> object:
    for other in call.reactor.getDelayedCalls():
        other.cancel()
    return None


@_act
def run_the_reactor(api: ModuleType, call: Any, seen: list[Any]) -> object:
    return call.reactor.runUntilCurrent()


@_act
def ask_for_the_timeout(api: ModuleType, call: Any, seen: list[Any]) -> object:
    call.reactor.timeout()
    return None


@_act
def forget_what_it_calls(api: ModuleType, call: Any, seen: list[Any]) -> object:
    call.func = call.args = call.kw = None
    return None


@_act
def collect(api: ModuleType, call: Any, seen: list[Any]) -> object:
    return gc.collect() and None
