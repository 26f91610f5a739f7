"""asFuture and fromFuture: Deferreds in programs of asyncio, and the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.defer import CancelledError

from tests.helpers import Oops, outcome


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Give a loop that is closed afterwards."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


def turn(loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop make the calls that are due."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_a_result_becomes_that_of_the_future(api: ModuleType, loop: asyncio.AbstractEventLoop) -> None:
    """The future has the result at once, and the Deferred goes on with nothing."""
    deferred = api.Deferred()
    future = deferred.asFuture(loop)
    assert isinstance(future, asyncio.Future)
    assert not future.done()
    deferred.callback("value")
    assert future.result() == "value"
    assert outcome(deferred) is None
    assert loop.run_until_complete(api.succeed("at once").asFuture(loop)) == "at once"


def test_a_failure_becomes_the_exception_of_the_future(
    api: ModuleType, loop: asyncio.AbstractEventLoop
) -> None:
    """The future raises the very exception, and the failure counts as handled."""
    error = Oops("failed")
    failed = api.fail(error)
    future = failed.asFuture(loop)
    assert future.exception() is error
    assert outcome(failed) is None


def test_cancelling_the_future_cancels_the_deferred(api: ModuleType, loop: asyncio.AbstractEventLoop) -> None:
    """The Deferred is cancelled in the loop's next turn, and says nothing to the future."""
    cancelled: list[Any] = []
    deferred = api.Deferred(cancelled.append)
    future = deferred.asFuture(loop)
    future.cancel()
    assert cancelled == []
    turn(loop)
    assert cancelled == [deferred]
    assert future.cancelled()
    assert outcome(deferred) is None
    late = api.Deferred()
    future = late.asFuture(loop)
    future.cancel()
    late.callback("too late")
    turn(loop)
    assert outcome(late) is None


def test_a_deferred_fires_in_the_turn_after_its_future(
    api: ModuleType, loop: asyncio.AbstractEventLoop
) -> None:
    """The Deferred fires in the turn after the future is done."""
    futures = [loop.create_future(), loop.create_future()]
    deferreds = [api.Deferred.fromFuture(future) for future in futures]
    error = KeyError("k")
    futures[0].set_result(1)
    futures[1].set_exception(error)
    assert [deferred.called for deferred in deferreds] == [False, False]
    turn(loop)
    assert [outcome(deferred) for deferred in deferreds] == [1, error]


def test_cancelling_a_deferred_from_a_future_cancels_the_future(
    api: ModuleType, loop: asyncio.AbstractEventLoop
) -> None:
    """The future is cancelled, and the Deferred fails when the future says so."""
    future = loop.create_future()
    deferred = api.Deferred.fromFuture(future)
    deferred.cancel()
    assert future.cancelled()
    seen: list[Any] = []
    deferred.addErrback(seen.append)
    assert seen == []
    turn(loop)
    assert seen[0].check(asyncio.CancelledError)


def test_a_cancelled_future_gives_the_error_of_asyncio(
    api: ModuleType, loop: asyncio.AbstractEventLoop
) -> None:
    """asyncio's error comes through, which is not Twisted's."""
    future = loop.create_future()
    deferred = api.Deferred.fromFuture(future)
    future.cancel()
    turn(loop)
    error = outcome(deferred)
    assert isinstance(error, asyncio.CancelledError)
    assert not isinstance(error, CancelledError)


def test_a_deferred_from_a_future_of_a_deferred_has_the_same_result(
    api: ModuleType, loop: asyncio.AbstractEventLoop
) -> None:
    """A Deferred as a future as a Deferred is the same result."""
    deferred = api.Deferred()
    wrapped = api.Deferred.fromFuture(deferred.asFuture(loop))
    deferred.callback("round")
    assert not wrapped.called
    turn(loop)
    assert outcome(wrapped) == "round"


def test_tasks_of_asyncio_and_deferreds_wait_for_each_other(
    api: ModuleType, loop: asyncio.AbstractEventLoop
) -> None:
    """A task of asyncio awaits Deferreds as futures, and Deferreds wait for tasks."""

    async def work() -> str:
        first: str = await api.succeed("a").asFuture(loop)
        later = api.Deferred()
        loop.call_soon(later.callback, "b")
        return first + str(await later.asFuture(loop))

    assert loop.run_until_complete(work()) == "ab"
    deferred = api.Deferred.fromFuture(loop.create_task(work()))
    for _ in range(10):
        turn(loop)
    assert outcome(deferred) == "ab"


def test_from_future_makes_an_instance_of_the_subclass(
    api: ModuleType, loop: asyncio.AbstractEventLoop
) -> None:
    """fromFuture makes an instance of the class that it is called on."""

    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        pass

    future = loop.create_future()
    future.set_result("sub")
    made = Sub.fromFuture(future)
    assert type(made) is Sub
    turn(loop)
    assert outcome(made) == "sub"
