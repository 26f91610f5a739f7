"""Assertions of Twisted's functions fail in the same way, with the same arguments."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from twisted.internet import defer

from tests.apis import Failure
from tests.helpers import Oops, Steps, outcome


def assertion(deferred: Any) -> tuple[Any, ...]:
    """Give the arguments of the AssertionError that a Deferred has failed with."""
    error = outcome(deferred)
    assert type(error) is AssertionError
    args: tuple[Any, ...] = error.args
    return args


def test_awaiting_a_failure_that_was_a_result(api: ModuleType) -> None:
    """A Deferred that was made with a failure, and has never run a callback, has no debug information."""

    async def wait() -> None:
        await api.succeed(Failure(Oops()))

    assert assertion(api.ensureDeferred(wait())) == ()


def test_list_that_is_told_of_a_failure_that_is_none(api: ModuleType) -> None:
    """A DeferredList fails at once with failures only."""
    listed = api.DeferredList([api.Deferred()], fireOnOneErrback=True)
    with pytest.raises(AssertionError) as caught:
        listed._cbDeferred("no failure", 0, False)
    assert caught.value.args == ()


def test_generator_that_returns_by_an_exception_of_its_own(api: ModuleType) -> None:
    """Raising the exception of `returnValue` without calling it fails an assertion."""

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        yield 1
        raise defer._DefGen_Return(2)

    with pytest.raises(AssertionError) as caught:
        flow()
    assert caught.value.args == ()


def test_cancelling_a_generator_that_does_not_wait(api: ModuleType) -> None:
    """A generator that is cancelled before it has waited has nothing to cancel."""
    started: list[Any] = []
    made = api.Deferred.__init__

    def noting(self: Any, *args: Any) -> None:
        made(self, *args)
        started.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.Deferred, "__init__", noting)

        @api.inlineCallbacks  # type: ignore[untyped-decorator]
        def flow() -> Steps:
            patch.undo()
            flowing[0].cancel()
            yield 1

        flowing = started
        waits = flow()
    assert assertion(waits) == ()


def test_releasing_a_free_lock_fails_with_the_text_of_twisted(api: ModuleType) -> None:
    """An assertion with a text has it."""
    for lock, text in (
        (api.DeferredLock(), "Tried to release an unlocked lock"),
        (api.DeferredSemaphore(1), "Someone released me too many times: too many tokens!"),
    ):
        with pytest.raises(AssertionError) as caught:
            lock.release()
        assert caught.value.args == (text,)


def test_gather_results_asserts_that_all_have_succeeded(api: ModuleType) -> None:
    """gatherResults has results of Deferreds that have all succeeded."""
    listed: Any = api.gatherResults([api.Deferred()])
    listed.addCallback(lambda _: pytest.fail("called"))
    listed.callback([(False, 1)])
    assert assertion(listed) == ()
