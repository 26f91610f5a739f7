"""The methods that fire, pause and cancel a Deferred are functions of Python, as tools expect them."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from functools import partial
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from tests.apis import load
from tests.helpers import UNFIRED, Oops, handled, outcome, raising

METHODS = ["callback", "errback", "cancel", "pause", "unpause", "chainDeferred"]

#: Calls of a method, which is given with a Deferred and the error that its canceller raises.
CALLS: dict[str, Callable[[Any, Any, Oops], object]] = {
    "as usual": lambda method, deferred, oops: method(deferred, oops),
    "without an argument": lambda method, deferred, oops: method(deferred),
    "twice": lambda method, deferred, oops: (method(deferred, oops), method(deferred, oops)),
    "with keywords": lambda method, deferred, oops: method(deferred, result=oops),
    "with self as a keyword": lambda method, deferred, oops: method(self=deferred, fail=oops),
    "with None": lambda method, deferred, oops: method(deferred, None),
    "with too many arguments": lambda method, deferred, oops: method(deferred, oops, oops),
    "without anything": lambda method, deferred, oops: method(),
    "with another object": lambda method, deferred, oops: method(oops, oops),
}


def by_code(function: FunctionType) -> FunctionType:
    """Give a copy of a function, of which the code is run in any case."""
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__qualname__ = function.__qualname__
    return copy


def observed(call: Callable[[], object], deferred: Any) -> tuple[object, ...]:
    """Give what a call raises, with the functions that its traceback shows, and the outcome of a Deferred."""
    error, names = None, []
    try:
        call()
    except Exception as caught:
        names = [entry.name for entry in traceback.extract_tb(caught.__traceback__)]
        error = (type(caught), str(caught))
    end = outcome(deferred)
    deferred.addErrback(handled)
    return error, names, type(end), str(end)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["callback", "errback", "cancel"])
def test_a_call_does_what_the_code_of_the_function_does(api: ModuleType, name: str, call: str) -> None:
    function = vars(api.Deferred)[name]
    found = []
    for method in function, by_code(function):
        oops = Oops("canceller")
        deferred = api.Deferred(raising(oops))
        deferred.addErrback(lambda failure: str(failure.value))
        found.append(observed(partial(CALLS[call], method, deferred, oops), deferred))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", METHODS)
def test_a_function_looks_like_that_of_twisted(api: ModuleType, name: str) -> None:
    function, twisted = vars(api.Deferred)[name], vars(load("stock").Deferred)[name]
    assert type(function) is FunctionType
    for evaluated in False, True:
        expected = inspect.signature(twisted, eval_str=evaluated)
        assert inspect.signature(function, eval_str=evaluated) == expected
    for attribute in "__module__", "__name__", "__qualname__", "__doc__":
        assert getattr(function, attribute) == getattr(twisted, attribute)
    assert function.__code__.co_filename == twisted.__code__.co_filename


@pytest.mark.parametrize("name", METHODS)
def test_autospec_passes_self_to_the_mock(api: ModuleType, name: str) -> None:
    original = vars(api.Deferred)[name]
    deferred, arguments = api.Deferred(), [api.Deferred()] if name == "chainDeferred" else []
    if name == "callback":
        arguments = ["value"]
    with mock.patch.object(api.Deferred, name, autospec=True) as method:
        getattr(deferred, name)(*arguments)
        with pytest.raises(TypeError):
            getattr(deferred, name)(1, 2, 3)
    method.assert_called_once_with(deferred, *arguments)
    assert vars(api.Deferred)[name] is original
    assert outcome(deferred) is UNFIRED


def test_a_bound_method_fires_though_the_class_is_patched_later(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    deferred, first = api.Deferred(), api.Deferred()
    first.addCallback(deferred.callback)
    monkeypatch.setattr(api.Deferred, "callback", raising(Oops()))
    monkeypatch.undo()
    patched: list[object] = []
    monkeypatch.setattr(api.Deferred, "callback", lambda self, result: patched.append(result))
    first._startRunCallbacks("value")
    assert patched == []
    assert outcome(deferred) == "value"


def test_a_bound_method_of_another_object_is_called_as_one(api: ModuleType) -> None:
    """A method may be bound to what is no Deferred."""
    started: list[object] = []

    class Fake:
        _startRunCallbacks = started.append

    first = api.Deferred().addCallback(api.Deferred.callback.__get__(Fake()))
    first.callback("value")
    assert started == ["value"]
    assert outcome(first) is None


def test_cancel_takes_an_object_that_is_no_deferred(api: ModuleType) -> None:
    function = vars(api.Deferred)["cancel"]
    failed: list[Any] = []
    for method in function, by_code(function):
        method(SimpleNamespace(called=False, _canceller=None, errback=failed.append))
    assert [failure.type.__name__ for failure in failed] == ["CancelledError", "CancelledError"]


def test_super_calls_the_method_of_the_class(api: ModuleType) -> None:
    class Counted(api.Deferred):  # type: ignore[misc, name-defined]
        count = 0

        def callback(self, result: Any) -> None:
            self.count += 1
            super().callback(result)

        def cancel(self) -> None:
            self.count += 1
            super().cancel()

    fired, cancelled, first = Counted(), Counted(), api.Deferred()
    first.addCallback(fired.callback)
    first.callback("value")
    cancelled.cancel()
    assert (outcome(fired), fired.count) == ("value", 1)
    assert (type(outcome(cancelled)).__name__, cancelled.count) == ("CancelledError", 1)
