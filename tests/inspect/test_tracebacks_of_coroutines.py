"""A failure's traceback reads from the outermost coroutine or generator to the error."""

from __future__ import annotations

import traceback
from types import ModuleType
from typing import Any

import pytest

from tests.helpers import Oops


def fails() -> None:
    raise Oops("at the bottom")


def functions(api: ModuleType, kinds: str) -> Any:
    """Make functions that wait for each other: c is a coroutine, and i is one of inlineCallbacks."""
    inner: Any = None
    for depth, kind in reversed(list(enumerate(kinds))):
        inner = one(api, kind, depth, inner)
    return inner


def one(api: ModuleType, kind: str, depth: int, inner: Any) -> Any:
    def wait() -> Any:
        if inner is not None:
            return inner()
        return later(api)

    async def coroutine() -> None:
        await wait()

    def generator() -> Any:
        yield wait()

    for function in (coroutine, generator):
        function.__code__ = function.__code__.replace(co_name=f"{kind}{depth}")
    return coroutine if kind == "c" else api.inlineCallbacks(generator)


def later(api: ModuleType) -> Any:
    """Return a Deferred that will fail in a callback."""
    deferred = api.Deferred()
    waiting.append(deferred)
    return deferred.addCallback(lambda _: fails())


waiting: list[Any] = []


def names(failure: Any) -> list[str]:
    """Return the functions of these tests, in the order in which the traceback has them."""
    frames = traceback.extract_tb(failure.getTracebackObject())
    assert [frame.name for frame in frames] == [
        frame.name for frame in traceback.extract_tb(failure.value.__traceback__)
    ]
    text = failure.getTraceback()
    shown = [frame.name for frame in frames if frame.filename == __file__]
    assert sorted(shown, key=lambda name: text.index(f"in {name}\n")) == shown
    return shown


@pytest.mark.parametrize("kinds", ["c", "i", "ccc", "iii", "cic", "ici", "ccii"])
def test_it_reads_from_the_outermost_to_the_error(api: ModuleType, kinds: str) -> None:
    waiting.clear()
    function = functions(api, kinds)
    started = api.ensureDeferred(function()) if kinds[0] == "c" else function()
    failed: list[Any] = []
    started.addErrback(failed.append)
    waiting.pop().callback(None)
    (failure,) = failed
    expected = [f"{kind}{depth}" for depth, kind in enumerate(kinds)]
    assert names(failure) == [*expected, "<lambda>", "fails"]


@pytest.mark.parametrize("kinds", ["c", "i", "ccc", "iii", "cic", "ici"])
def test_it_does_so_where_nothing_had_to_be_waited_for(api: ModuleType, kinds: str) -> None:
    def ended() -> Any:
        return api.succeed(None).addCallback(lambda _: fails())

    function: Any = ended
    for depth, kind in reversed(list(enumerate(kinds))):
        function = one(api, kind, depth, function)
    failed: list[Any] = []
    started = api.ensureDeferred(function()) if kinds[0] == "c" else function()
    started.addErrback(failed.append)
    expected = [f"{kind}{depth}" for depth, kind in enumerate(kinds)]
    assert names(failed[0]) == [*expected, "<lambda>", "fails"]


def test_records_change_nothing_of_it() -> None:
    from deferrous.inspect import disable, enable

    from tests.apis import load

    enable()
    try:
        test_it_reads_from_the_outermost_to_the_error(load("ours"), "cic")
    finally:
        disable()
