"""Every public operation of a `DeferredList` and of its members.

Each is a function of a module of Deferreds, the list, and a Python list that it may append to. The members
are those that the Deferred list has.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from tests.helpers import Oops
from tests.safety.deferred_acts import ACTS as OF_DEFERREDS
from tests.safety.deferred_acts import Act

ACTS: dict[str, Act] = {
    name: OF_DEFERREDS[name]
    for name in (
        "nothing",
        "callback",
        "errback",
        "add_callback",
        "pause",
        "cancel",
        "collect",
        "read_the_list",
        "put_into_a_list",
        "gather",
        "override_methods",
        "change_its_class",
        "delete_the_result",
    )
}


def _act(function: Act) -> Act:
    ACTS[function.__name__] = function
    return function


def _set(name: str, value: Any) -> None:
    ACTS[f"set {name} to {value!r}"] = lambda api, d, seen: setattr(d, name, value)


for _name, _value in [
    ("fireOnOneCallback", True),
    ("fireOnOneErrback", True),
    ("consumeErrors", True),
    ("finishedCount", 1),
    ("finishedCount", 100),
    ("called", True),
    ("called", False),
]:
    _set(_name, _value)


@_act
def fire_a_member(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d._deferredList[0].callback("from within")


@_act
def fail_a_member(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d._deferredList[-1].errback(Oops("from within"))


@_act
def cancel_a_member(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d._deferredList[-1].cancel()


@_act
def clear_the_members(api: ModuleType, d: Any, seen: list[Any]) -> object:
    d._deferredList.clear()
    return [object() for _ in range(100)]


@_act
def add_members(api: ModuleType, d: Any, seen: list[Any]) -> object:
    d._deferredList.extend(api.Deferred() for _ in range(50))
    return None


@_act
def replace_the_members(api: ModuleType, d: Any, seen: list[Any]) -> object:
    d._deferredList = [api.Deferred()]
    return None


@_act
def clear_the_results(api: ModuleType, d: Any, seen: list[Any]) -> object:
    d.resultList.clear()
    return [object() for _ in range(100)]


@_act
def replace_the_results(api: ModuleType, d: Any, seen: list[Any]) -> object:
    d.resultList = [None] * 10
    return None


@_act
def replace_the_results_by_a_tuple(api: ModuleType, d: Any, seen: list[Any]) -> object:
    d.resultList = ()
    return None


@_act
def say_that_one_has_fired(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d._cbDeferred("said", 0, True)


@_act
def say_that_one_has_failed(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d._cbDeferred("no failure", 0, False)


@_act
def say_that_one_has_fired_that_is_not_there(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d._cbDeferred("said", 1000, True)


@_act
def initialise_again(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.__init__([api.Deferred(), api.succeed(1)])


@_act
def read_everything(api: ModuleType, d: Any, seen: list[Any]) -> object:
    for name in ("_deferredList", "resultList", "finishedCount", "fireOnOneCallback", "consumeErrors"):
        repr(getattr(d, name))
    return None
