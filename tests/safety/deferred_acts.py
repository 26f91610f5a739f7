"""Every public operation of a Deferred, and the private ones that other code is known to use.

Each is a function of a module of Deferreds, the Deferred, and a list that it may append to.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable
from types import ModuleType
from typing import Any

from twisted.internet.task import Clock

from tests.apis import Failure, queue_name
from tests.helpers import Oops, Steps, noting

Act = Callable[[ModuleType, Any, list[Any]], object]
ACTS: dict[str, Act] = {}


def _act(function: Act) -> Act:
    ACTS[function.__name__] = function
    return function


def _set(name: str, value: Any) -> None:
    ACTS[f"set {name} to {value!r}"] = lambda api, d, seen: setattr(d, name, value)


for _name, _value in [
    ("result", "set"),
    ("called", True),
    ("called", False),
    ("paused", 0),
    ("paused", 3),
    ("_runningCallbacks", True),
    ("_runningCallbacks", False),
    ("_suppressAlreadyCalled", True),
    ("_canceller", None),
    ("_canceller", len),
    ("_debugInfo", None),
    ("_chainedTo", None),
    ("debug", True),
    ("note", "mine"),
]:
    _set(_name, _value)


@_act
def nothing(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return None


@_act
def callback(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.callback("again")


@_act
def callback_with_a_failure(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.callback(Failure(Oops("again")))


@_act
def errback(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.errback(Oops("again"))


@_act
def errback_without_an_argument(api: ModuleType, d: Any, seen: list[Any]) -> object:
    try:
        raise Oops("current")
    except Oops:
        return d.errback()


@_act
def add_callback(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.addCallback(noting(seen, "callback"))


@_act
def add_errback(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.addErrback(noting(seen, "errback"))


@_act
def add_callbacks(api: ModuleType, d: Any, seen: list[Any]) -> object:
    def call(result: Any, *args: Any, **keywords: Any) -> Any:
        seen.append([args, keywords])
        return result

    return d.addCallbacks(call, call, (1, 2), {"three": 3}, (4,), {"five": 5})


@_act
def add_fifty(api: ModuleType, d: Any, seen: list[Any]) -> object:
    for number in range(50):
        d.addBoth(lambda result, number=number: number)
    return [object() for _ in range(100)]


@_act
def add_one_that_returns_a_deferred(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.addBoth(lambda _: api.Deferred())


@_act
def add_one_that_returns_it(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.addBoth(lambda _: d)


@_act
def add_timeout(api: ModuleType, d: Any, seen: list[Any]) -> object:
    clock = Clock()
    d.addTimeout(1, clock)
    clock.advance(2)
    return None


@_act
def pause(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.pause()


@_act
def unpause(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.unpause()


@_act
def pause_and_unpause(api: ModuleType, d: Any, seen: list[Any]) -> object:
    d.pause()
    return d.unpause()


@_act
def cancel(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.cancel()


@_act
def chain_to_another(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.chainDeferred(api.Deferred())


@_act
def chain_another_to_it(api: ModuleType, d: Any, seen: list[Any]) -> object:
    api.Deferred().chainDeferred(d)
    return None


@_act
def chain_to_itself(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d.chainDeferred(d)


@_act
def wait_for_it(api: ModuleType, d: Any, seen: list[Any]) -> object:
    api.succeed(None).addCallback(lambda _: d).addBoth(lambda _: seen.append("waited"))
    return None


@_act
def iterate(api: ModuleType, d: Any, seen: list[Any]) -> object:
    iterator = iter(d)
    next(iterator)
    return next(iterator)


@_act
def wait_in_a_coroutine(api: ModuleType, d: Any, seen: list[Any]) -> object:
    async def coroutine() -> None:
        seen.append("begun")
        await d
        seen.append("resumed")

    api.ensureDeferred(coroutine()).addErrback(lambda _: None)
    return None


@_act
def wait_in_a_generator(api: ModuleType, d: Any, seen: list[Any]) -> object:
    def generator() -> Steps:
        yield d
        seen.append("resumed")

    api.inlineCallbacks(generator)().addErrback(lambda _: None)
    return None


@_act
def put_into_a_list(api: ModuleType, d: Any, seen: list[Any]) -> object:
    api.DeferredList([d, d], consumeErrors=True).addBoth(lambda _: seen.append("listed"))
    return None


@_act
def gather(api: ModuleType, d: Any, seen: list[Any]) -> object:
    api.gatherResults([d, d]).addBoth(lambda _: seen.append("gathered"))
    return None


@_act
def race(api: ModuleType, d: Any, seen: list[Any]) -> object:
    api.race([d, api.Deferred()]).addBoth(lambda _: seen.append("raced"))
    return None


@_act
def maybe(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return api.maybeDeferred(lambda: d).addBoth(lambda result: result)


@_act
def show(api: ModuleType, d: Any, seen: list[Any]) -> object:
    seen.append(len(repr(d)) > 0 and len(str(d)) > 0)
    return dir(d)


@_act
def read_everything(api: ModuleType, d: Any, seen: list[Any]) -> object:
    for name in (
        "called",
        "paused",
        "result",
        "debug",
        "_chainedTo",
        "_debugInfo",
        "_runningCallbacks",
        "_canceller",
    ):
        getattr(d, name, None)
    return None


@_act
def read_the_list(api: ModuleType, d: Any, seen: list[Any]) -> object:
    for entry in list(getattr(d, queue_name())):
        repr(entry)
    return [object() for _ in range(100)]


@_act
def clear_the_list(api: ModuleType, d: Any, seen: list[Any]) -> object:
    getattr(d, queue_name()).clear()
    return None


@_act
def put_another_list(api: ModuleType, d: Any, seen: list[Any]) -> object:
    entry: Any = ((lambda result: result, (), {}), (lambda result: result, (), {}))
    setattr(d, queue_name(), [entry] * 3)
    return None


@_act
def append_to_the_list(api: ModuleType, d: Any, seen: list[Any]) -> object:
    entry: Any = ((lambda result: result, (), {}), (lambda result: result, (), {}))
    getattr(d, queue_name()).append(entry)
    return None


@_act
def delete_the_result(api: ModuleType, d: Any, seen: list[Any]) -> object:
    del d.result
    return None


@_act
def set_the_result_to_a_deferred(api: ModuleType, d: Any, seen: list[Any]) -> object:
    d.result = api.succeed("other")
    return None


@_act
def set_the_result_to_itself(api: ModuleType, d: Any, seen: list[Any]) -> object:
    d.result = d
    return None


@_act
def initialise_again(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return api.Deferred.__init__(d, lambda _: seen.append("cancelled"))


@_act
def run_callbacks(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d._runCallbacks()


@_act
def start_run_callbacks(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d._startRunCallbacks("started")


@_act
def continuation(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return d._continuation()


@_act
def get_and_set_state(api: ModuleType, d: Any, seen: list[Any]) -> object:
    copied = copy.copy(d)
    copied.__dict__.clear()
    return None


@_act
def collect(api: ModuleType, d: Any, seen: list[Any]) -> object:
    return gc.collect() and None


@_act
def override_methods(api: ModuleType, d: Any, seen: list[Any]) -> object:
    for name in ("callback", "errback", "addCallbacks", "addBoth", "pause", "cancel", "_runCallbacks"):
        setattr(d, name, getattr(d, name))
    return None


@_act
def change_its_class(api: ModuleType, d: Any, seen: list[Any]) -> object:
    class Other(type(d)):  # type: ignore[misc]
        pass

    d.__class__ = Other
    return None
