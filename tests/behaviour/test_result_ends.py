"""The end of a result, when the next one takes its place, may put another result there."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


class Ends:
    """Calls a function when it ends."""

    def __init__(self, done: Callable[[], object]) -> None:
        self.done = done

    def __del__(self) -> None:
        self.done()


def test_a_deferred_that_the_end_of_a_result_puts_there_is_waited_for(api: ModuleType) -> None:
    inner = api.Deferred()
    deferred = api.succeed(None)
    deferred.result = Ends(lambda: setattr(deferred, "result", inner))
    seen: list[Any] = []
    deferred.addCallback(lambda _: "returned")
    assert deferred._chainedTo is inner
    deferred.addCallback(seen.append)
    inner.callback("inner")
    assert seen == ["inner"]


def test_a_result_that_the_end_of_the_one_before_deletes_is_missed(api: ModuleType) -> None:
    deferred = api.succeed(None)
    deferred.result = Ends(lambda: delattr(deferred, "result"))
    deferred.addCallback(lambda _: "returned")
    failure = deferred.result
    assert failure.check(AttributeError) is AttributeError
    deferred.addErrback(lambda _: None)


def test_a_callback_that_the_end_of_a_result_adds_runs_next(api: ModuleType) -> None:
    deferred = api.succeed(None)
    seen: list[Any] = []
    deferred.result = Ends(lambda: deferred.addCallback(seen.append))
    deferred.addCallback(lambda _: "returned")
    assert seen == ["returned"]
