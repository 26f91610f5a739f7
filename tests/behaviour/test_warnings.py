"""Twisted's warnings, with its texts and the functions that it names."""

from __future__ import annotations

import inspect
import warnings
from types import ModuleType
from typing import Any

import pytest
from twisted.internet import defer

from tests.apis import queue_name
from tests.helpers import UNFIRED, Steps, outcome, same


def warned(action: Any) -> list[warnings.WarningMessage]:
    """Do something, and give what has been warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return caught


def end_of(function: Any) -> int:
    """Give the number of the last line of a function."""
    lines, first = inspect.getsourcelines(function)
    return first + len(lines) - 1


def test_a_callback_that_returns_its_own_deferred(api: ModuleType) -> None:
    """The warning blames the callback, by its module and the last line of its code."""

    def returns_own(_: object) -> Any:
        return deferred

    deferred = api.Deferred()
    deferred.addCallback(returns_own)
    (warning,) = warned(lambda: deferred.callback(None))
    assert str(warning.message) == (
        "Callback returned the Deferred it was attached to; this breaks the callback chain "
        "and will raise an exception in the future."
    )
    assert warning.category is DeprecationWarning
    assert warning.filename == __file__
    assert warning.lineno == end_of(returns_own)
    assert outcome(deferred) is UNFIRED


def test_the_same_from_something_without_code(api: ModuleType) -> None:
    """A function without source lines cannot be named in a warning, and the attempt fails the Deferred."""

    class Returning:
        def __call__(self, _: object) -> Any:
            return deferred

    deferred = api.Deferred()
    deferred.addCallback(Returning())
    assert warned(lambda: deferred.callback(None)) == []
    assert isinstance(outcome(deferred), AttributeError)


def blamed(function: Any) -> tuple[str, int]:
    """Give what a warning blames that is about a function: its file, and its last line of code."""
    lines = [line for *_, line in function.__code__.co_lines() if line is not None]
    return inspect.getsourcefile(function) or "", max(lines)


def test_a_method_of_twisted_that_returns_its_deferred_is_named(api: ModuleType, stock: ModuleType) -> None:
    """The method is blamed, wherever it comes from."""
    listed, locked, added = api.Deferred(), api.Deferred(), api.Deferred()
    api.DeferredList([listed], fireOnOneCallback=True)
    assert len(getattr(listed, queue_name())) == 1
    api.DeferredLock().run(lambda: locked)
    added.addBoth(added.addBoth)
    expected = {
        listed: stock.DeferredList._cbDeferred,
        locked: stock.DeferredLock._releaseAndReturn,
        added: stock.Deferred.addBoth,
    }
    for deferred, function in expected.items():
        argument = same if deferred is added else deferred
        (warning,) = warned(lambda fire=deferred.callback, argument=argument: fire(argument))
        assert (warning.filename, warning.lineno) == blamed(function)
        assert outcome(deferred) is UNFIRED


def test_the_old_name_of_callbacks_is_deprecated(api: ModuleType) -> None:
    """Since Twisted 25.5 the list has an underscore, and its old name is deprecated."""
    deferred = api.Deferred()
    deferred.addCallback(outcome)
    seen: list[Any] = []
    caught = warned(lambda: seen.append(deferred.callbacks))
    assert seen == [getattr(deferred, queue_name())]
    if queue_name() == "callbacks":
        assert caught == []
        return
    (warning,) = caught
    assert str(warning.message) == (
        "twisted.internet.defer.Deferred.callbacks was deprecated in Twisted 25.5.0"
    )
    assert warning.category is DeprecationWarning
    assert warning.filename == __file__
    with pytest.raises(AttributeError):
        deferred.callbacks = []


def test_return_value_works_and_warns_at_its_caller(api: ModuleType) -> None:
    """returnValue still works, and warns the line that calls it."""

    def flow() -> Steps:
        yield
        defer.returnValue("old")

    results: list[Any] = []
    (warning,) = warned(lambda: results.append(outcome(api.inlineCallbacks(flow)())))
    assert results == ["old"]
    assert str(warning.message).startswith(
        "twisted.internet.defer.returnValue was deprecated in Twisted 24.7.0"
    )
    assert (warning.filename, warning.lineno) == (__file__, end_of(flow))


def leaves() -> None:
    """Return from the calling generator, which Twisted warns about."""
    defer.returnValue("from elsewhere")


@pytest.mark.parametrize("resumed", ["by a value", "by a failure", "later"])
def test_return_value_from_another_function_is_named_in_the_warning(api: ModuleType, resumed: str) -> None:
    """The warning names the function that called returnValue and the generator that it ended."""
    unfired = api.Deferred()

    def flow() -> Steps:
        if resumed == "by a failure":
            try:
                yield api.fail(KeyError())
            except KeyError:
                leaves()
        yield unfired if resumed == "later" else None
        leaves()

    results: list[Any] = []

    def run() -> None:
        made = api.inlineCallbacks(flow)()
        unfired.callback(None)
        results.append(outcome(made))

    caught = [item for item in warned(run) if "causing" in str(item.message)]
    assert results == ["from elsewhere"]
    (warning,) = caught
    assert str(warning.message) == (
        "returnValue() in 'leaves' causing 'flow' to exit: returnValue should only be invoked by functions "
        "decorated with inlineCallbacks"
    )
    assert (warning.filename, warning.lineno) == (__file__, end_of(leaves))


def test_the_deprecated_timeout_function_works(api: ModuleType) -> None:
    """The function that timed out a Deferred before there was addTimeout is Twisted's, and works on any."""
    deferred = api.Deferred()
    (warning,) = warned(lambda: defer.timeout(deferred))
    assert "timeout was deprecated in Twisted 17.1.0" in str(warning.message)
    assert isinstance(outcome(deferred), defer.TimeoutError)


def test_ordinary_use_causes_no_warnings(api: ModuleType) -> None:
    """Ordinary use warns of nothing."""

    def use() -> None:
        first, second = api.Deferred(), api.Deferred()
        api.gatherResults([first, second]).addCallback(sum)
        first.addCallback(lambda _: second)
        first.callback(1)
        second.callback(2)

    assert warned(use) == []
