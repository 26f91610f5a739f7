"""Context variables in generators and coroutines, which each have a context of their own."""

from __future__ import annotations

import contextvars
from types import ModuleType
from typing import Any

import pytest

from tests.helpers import Steps, outcome

REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")

WAYS = ["inlineCallbacks", "coroutine"]


def start(api: ModuleType, way: str, seen: list[str], *waited: Any) -> Any:
    """Start something that looks at the variable before and after each wait, and sets it."""

    def generator() -> Steps:
        for number, deferred in enumerate(waited):
            seen.append(REQUEST.get())
            REQUEST.set(f"step {number}")
            yield deferred
            seen.append(REQUEST.get())

    async def coroutine() -> None:
        for number, deferred in enumerate(waited):
            seen.append(REQUEST.get())
            REQUEST.set(f"step {number}")
            await deferred
            seen.append(REQUEST.get())

    if way == "coroutine":
        return api.ensureDeferred(coroutine())
    return api.inlineCallbacks(generator)()


@pytest.mark.parametrize("way", WAYS)
def test_variables_set_in_a_generator_are_not_visible_outside(api: ModuleType, way: str) -> None:
    """The context is copied at the start: the caller does not see what is set in it."""
    token = REQUEST.set("outer")
    seen: list[str] = []
    start(api, way, seen, api.succeed(1))
    assert seen == ["outer", "step 0"]
    assert REQUEST.get() == "outer"
    REQUEST.reset(token)


@pytest.mark.parametrize("way", WAYS)
def test_variables_set_in_a_generator_are_kept_while_it_waits(api: ModuleType, way: str) -> None:
    """Firing the awaited Deferred in another context does not change the generator's context."""
    seen: list[str] = []
    first, second = api.Deferred(), api.Deferred()
    start(api, way, seen, first, second)
    contextvars.copy_context().run(lambda: (REQUEST.set("other"), first.callback(1)))
    token = REQUEST.set("third")
    second.callback(2)
    REQUEST.reset(token)
    assert seen == ["none", "step 0", "step 0", "step 1"]


def test_callbacks_run_in_the_context_that_fires(api: ModuleType) -> None:
    """Deferreds keep no context for their callbacks."""
    seen: list[str] = []
    deferred = api.Deferred()
    token = REQUEST.set("adding")
    deferred.addCallback(lambda _: seen.append(REQUEST.get()))
    REQUEST.reset(token)
    contextvars.copy_context().run(lambda: (REQUEST.set("firing"), deferred.callback(1)))
    assert seen == ["firing"]


@pytest.mark.parametrize("way", WAYS)
def test_two_waiting_generators_have_separate_contexts(api: ModuleType, way: str) -> None:
    """Each of two that wait in turns has its own value."""
    waits = [api.Deferred() for _ in range(4)]
    left: list[str] = []
    right: list[str] = []
    contextvars.copy_context().run(lambda: (REQUEST.set("left"), start(api, way, left, *waits[:2])))
    contextvars.copy_context().run(lambda: (REQUEST.set("right"), start(api, way, right, *waits[2:])))
    for number in (2, 0, 3, 1):
        waits[number].callback(None)
    assert left == ["left", "step 0", "step 0", "step 1"]
    assert right == ["right", "step 0", "step 0", "step 1"]


def test_an_inner_coroutine_shares_when_awaited(api: ModuleType) -> None:
    """An awaited coroutine shares the awaiter's variables. One wrapped in a Deferred has its own."""

    async def inner(value: str) -> None:
        REQUEST.set(value)
        await api.succeed(None)

    async def outer() -> tuple[str, str]:
        await inner("shared")
        first = REQUEST.get()
        await api.ensureDeferred(inner("apart"))
        return first, REQUEST.get()

    assert outcome(api.ensureDeferred(outer())) == ("shared", "shared")


def test_a_yielded_coroutine_has_a_context_of_its_own(api: ModuleType) -> None:
    """inlineCallbacks wraps what is yielded outside of the generator's context, in a copy of the caller's."""

    async def inner() -> str:
        before = REQUEST.get()
        REQUEST.set("inner")
        return before

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def outer() -> Steps:
        REQUEST.set("outer")
        before = yield inner()
        return before, REQUEST.get()

    token = REQUEST.set("caller")
    assert outcome(outer()) == ("caller", "outer")
    REQUEST.reset(token)


@pytest.mark.parametrize("way", WAYS)
def test_an_exception_does_not_lose_the_context(api: ModuleType, way: str) -> None:
    """Errors are thrown in within the same context."""
    seen: list[str] = []
    waited = api.Deferred()

    async def coroutine() -> None:
        REQUEST.set("kept")
        try:
            await waited
        except KeyError:
            seen.append(REQUEST.get())

    def generator() -> Steps:
        REQUEST.set("kept")
        try:
            yield waited
        except KeyError:
            seen.append(REQUEST.get())

    made = api.ensureDeferred(coroutine()) if way == "coroutine" else api.inlineCallbacks(generator)()
    waited.errback(KeyError())
    assert seen == ["kept"]
    assert outcome(made) is None
