"""The types of what makes Deferreds and what waits for them; mypy checks the types, the tests the values."""

from __future__ import annotations

from asyncio import Future, new_event_loop
from collections.abc import Coroutine, Generator
from typing import Any

from deferrous.defer import (
    Deferred,
    DeferredList,
    ensureDeferred,
    execute,
    fail,
    gatherResults,
    inlineCallbacks,
    maybeDeferred,
    race,
    succeed,
)
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from typing_extensions import assert_type


def length(text: str, *, more: int = 0) -> int:
    return len(text) + more


def length_later(text: str) -> Deferred[int]:
    return succeed(len(text))


async def length_awaited(text: str) -> int:
    return assert_type(await length_later(text), int)


@inlineCallbacks
def length_yielded(text: str) -> Generator[Deferred[Any], Any, int]:
    number: int = yield length_later(text)
    return number


def test_succeed_and_fail_have_types() -> None:
    assert assert_type(succeed("abc"), Deferred[str]).result == "abc"
    failed: Deferred[str] = assert_type(fail(ValueError()), Deferred[Any])
    failed.addErrback(lambda _: None)


def test_execute_and_maybe_deferred_have_the_type_of_the_function() -> None:
    assert assert_type(execute(length, "abc", more=1), Deferred[int]).result == 4
    assert assert_type(maybeDeferred(length, "abc", more=1), Deferred[int]).result == 4
    assert assert_type(maybeDeferred(length_later, "abc"), Deferred[int]).result == 3
    assert assert_type(maybeDeferred(length_awaited, "abc"), Deferred[int]).result == 3
    assert assert_type(maybeDeferred(length_yielded, "abc"), Deferred[int]).result == 3


def test_ensure_deferred_has_the_type_of_the_coroutine() -> None:
    assert assert_type(ensureDeferred(length_awaited("abc")), Deferred[int]).result == 3
    assert assert_type(ensureDeferred(length_later("abc")), Deferred[int]).result == 3
    assert assert_type(Deferred.fromCoroutine(length_awaited("abc")), Deferred[int]).result == 3
    running: Coroutine[Deferred[Any], Any, int] = length_awaited("abc")
    assert assert_type(ensureDeferred(running), Deferred[int]).result == 3


def test_inline_callbacks_has_the_type_of_the_generator() -> None:
    assert assert_type(length_yielded("abc"), Deferred[int]).result == 3


def test_awaiting_gives_the_type_of_the_result() -> None:
    async def all_of_them() -> tuple[int, str]:
        number = await gatherResults([length_later("abc")])
        return assert_type(number, list[int])[0], assert_type(await succeed("x"), str)

    assert assert_type(ensureDeferred(all_of_them()), Deferred[tuple[int, str]]).result == (3, "x")


def test_gather_results_and_race_have_types() -> None:
    gathered = gatherResults([succeed(1), succeed(2)], consumeErrors=True)
    assert assert_type(gathered, Deferred[list[int]]).result == [1, 2]
    first = race([succeed("a"), Deferred()])
    assert assert_type(first, Deferred[tuple[int, str]]).result == (0, "a")


def test_deferred_lists_have_the_type_of_their_pairs() -> None:
    every = DeferredList([succeed(1), succeed(2)])
    assert assert_type(every, DeferredList[list[tuple[bool, int]]]).result == [(True, 1), (True, 2)]
    summed = every.addCallback(lambda pairs: sum(number for success, number in pairs if success))
    assert assert_type(summed, Deferred[int]).result == 3
    one = DeferredList([succeed("a")], fireOnOneCallback=True)
    assert assert_type(one, DeferredList[tuple[str, int]]).result == ("a", 0)
    chosen = DeferredList([succeed("a")], fireOnOneCallback=bool(every))
    assert assert_type(chosen, DeferredList[Any]).result == ("a", 0)


def test_a_list_is_a_deferred() -> None:
    def takes(d: Deferred[list[tuple[bool, int]]]) -> object:
        return d.result

    assert takes(DeferredList([succeed(1)])) == [(True, 1)]


def test_subclasses_have_types() -> None:
    class Request(Deferred[str]):
        def __init__(self, path: str) -> None:
            super().__init__(lambda d: d.callback(path))

    class Every(DeferredList[list[tuple[bool, int]]]):
        def __init__(self, *deferreds: Deferred[int]) -> None:
            super().__init__(deferreds)

    request = Request("/")
    request.cancel()
    assert assert_type(request.addCallback(len), Deferred[int]).result == 1
    assert Every(succeed(1)).result == [(True, 1)]


def test_add_timeout_adds_its_type() -> None:
    clock = Clock()
    late: Deferred[int] = Deferred()
    added = late.addTimeout(2.5, clock, lambda outcome, seconds: f"{seconds} s")
    clock.advance(3)
    assert assert_type(added, Deferred[int | str]).result == "2.5 s"


def as_an_interface(d: Deferred[int], reactor: IReactorTime) -> Deferred[int]:
    return d.addTimeout(1, reactor)


def test_futures_have_the_type_of_the_result() -> None:
    loop = new_event_loop()
    try:
        future = assert_type(succeed(1).asFuture(loop), Future[int])
        assert loop.run_until_complete(future) == 1
        back = assert_type(Deferred.fromFuture(future), Deferred[int])
        loop.run_until_complete(future)
        assert back.result == 1
    finally:
        loop.close()


def test_attributes_have_types() -> None:
    waiting: Deferred[int] = Deferred(canceller=lambda d: d.errback(ValueError()))
    assert_type(waiting.called, bool)
    assert_type(waiting.paused, int)
    d = waiting.chainDeferred(Deferred[int]())
    assert_type(d, Deferred[None])
    waiting.callback(1)
    failing: Deferred[int] = Deferred()
    failing.callback(Failure(ValueError()))  # type: ignore[no-untyped-call]
    failing.addErrback(lambda _: None)
