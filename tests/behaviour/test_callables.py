"""Anything that can be called is a callback, and gets exactly the arguments that it was added with."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import pytest

from tests.helpers import Oops, handled, outcome, same


class Called:
    """Something with every way of being called."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        self.got = (args, keywords)

    def method(self, *args: Any, **keywords: Any) -> Any:
        """Be a bound method."""
        return args, keywords

    @classmethod
    def of_class(cls, *args: Any, **keywords: Any) -> Any:
        """Be a method of the class."""
        return args, keywords

    @staticmethod
    def free(*args: Any, **keywords: Any) -> Any:
        """Be a function in a class."""
        return args, keywords

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return args, keywords


KINDS: dict[str, Any] = {
    "function": lambda *args, **keywords: (args, keywords),
    "method": Called().method,
    "class method": Called.of_class,
    "static method": Called.free,
    "object": Called(),
    "class": lambda *args, **keywords: Called(*args, **keywords).got,
    "partial": functools.partial(lambda *args, **keywords: (args, keywords)),
    "wrapped": functools.lru_cache(lambda *args, **keywords: (args, keywords)),
    "partial method": functools.partial(Called.method, Called()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 2, 7, 40])
def test_a_callback_gets_the_result_and_all_its_arguments(api: ModuleType, kind: str, count: int) -> None:
    """The result comes first, then the arguments, then the keywords, however many there are."""
    args = tuple(range(count))
    keywords = {f"k{number}": number for number in range(count)}
    expected = (("r", *args), keywords)
    assert outcome(api.succeed("r").addCallback(KINDS[kind], *args, **keywords)) == expected
    assert outcome(api.succeed("r").addBoth(KINDS[kind], *args)) == (("r", *args), {})
    assert outcome(api.succeed("r").addCallbacks(KINDS[kind], handled, args, keywords)) == expected
    late = api.Deferred().addCallback(KINDS[kind], **keywords)
    late.callback("r")
    assert outcome(late) == (("r",), keywords)


def test_callback_and_errback_of_a_pair_have_separate_arguments(api: ModuleType) -> None:
    """addCallbacks keeps the arguments of the two sides apart."""

    def add(deferred: Any) -> Any:
        return deferred.addCallbacks(
            lambda *a, **k: ("good", a[1:], k),
            lambda *a, **k: ("bad", a[1:], k),
            callbackArgs=(1,),
            callbackKeywords={"a": 2},
            errbackArgs=(3, 4),
            errbackKeywords={"b": 5},
        )

    assert outcome(add(api.succeed(None))) == ("good", (1,), {"a": 2})
    assert outcome(add(api.fail(Oops()))) == ("bad", (3, 4), {"b": 5})


def test_a_missing_callback_or_errback_passes_the_result_on(api: ModuleType) -> None:
    """A missing side passes on what comes."""
    assert outcome(api.succeed(1).addErrback(handled)) == 1
    error = Oops()
    assert outcome(api.fail(error).addCallback(same)) is error
    assert outcome(api.fail(error).addCallbacks(same)) is error
    assert outcome(api.succeed(2).addCallbacks(same, None)) == 2


def test_every_adding_method_returns_the_deferred(api: ModuleType) -> None:
    """Every method that adds gives the Deferred itself, fired or not."""
    for deferred in (api.Deferred(), api.succeed(1)):
        assert deferred.addCallback(same) is deferred
        assert deferred.addErrback(handled) is deferred
        assert deferred.addBoth(same) is deferred
        assert deferred.addCallbacks(same, handled) is deferred
        assert deferred.chainDeferred(api.Deferred()) is deferred
    assert api.Deferred().callback(1) is None
    assert api.Deferred().pause() is None


def test_keywords_are_copied_for_each_call(api: ModuleType) -> None:
    """A callback may change the keywords that it gets, and nobody else sees it."""
    shared = {"a": 1}

    def changing(_: object, **keywords: Any) -> Any:
        keywords["b"] = 2
        return keywords

    deferred = api.succeed(None).addCallbacks(changing, handled, callbackKeywords=shared)
    assert outcome(deferred) == {"a": 1, "b": 2}
    assert shared == {"a": 1}


def test_arguments_are_read_when_the_callback_runs(api: ModuleType) -> None:
    """addCallbacks takes any iterable as arguments, and keeps the object itself."""
    args, keywords = [1], {"k": 1}
    deferred = api.Deferred()
    deferred.addCallbacks(lambda *a, **k: (a, k), handled, args, keywords)
    args.append(2)
    keywords["l"] = 3
    deferred.callback(0)
    assert outcome(deferred) == ((0, 1, 2), {"k": 1, "l": 3})


def test_keywords_named_like_parameters_reach_the_callback(api: ModuleType) -> None:
    """Any keyword may be passed on, but not what the methods call their own."""
    got = outcome(api.succeed(1).addCallback(lambda r, **k: k, errback=2, args=3, kw=4))
    assert got == {"errback": 2, "args": 3, "kw": 4}
    with pytest.raises(TypeError):
        api.succeed(1).addCallback(lambda r, **k: k, self=1)


def test_builtins_can_be_callbacks_and_any_object_a_result(api: ModuleType) -> None:
    """Functions written in C are called as any, and every object is a result."""
    assert outcome(api.succeed([3, 1, 2]).addCallback(sorted, reverse=True)) == [3, 2, 1]
    assert outcome(api.succeed("7").addCallback(int)) == 7
    assert outcome(api.succeed("ff").addCallback(int, 16)) == 255
    for odd in (NotImplemented, Ellipsis, type, Oops, Oops(), StopIteration(1), b"", 0):
        assert outcome(api.succeed(odd).addCallback(same)) is odd


def test_callbacks_added_by_a_callback_run_after_it(api: ModuleType) -> None:
    """Callbacks that are added while others run wait for their turn."""
    order: list[str] = []
    deferred = api.Deferred()

    def first(_: object) -> None:
        order.append("first")
        deferred.addCallback(lambda _: order.append("added"))
        order.append("first ends")

    deferred.addCallback(first)
    deferred.addCallback(lambda _: order.append("second"))
    deferred.callback(None)
    assert order == ["first", "first ends", "second", "added"]
