"""Mistakes that the types find: mypy says if one of them is an error no longer. Nothing here is run."""

from __future__ import annotations

from typing import Any

from deferrous.defer import (
    Deferred,
    DeferredLock,
    DeferredQueue,
    DeferredSemaphore,
    ensureDeferred,
    execute,
    inlineCallbacks,
    maybeDeferred,
    succeed,
)
from twisted.python.failure import Failure


def text(number: int, *, end: str = "") -> str:
    return str(number) + end


def handled(failure: Failure) -> None:
    return None


def no_generator() -> Deferred[int]:
    return succeed(1)


def mistakes(d: Deferred[int], anything: Any) -> None:
    d.callback("a")  # type: ignore[arg-type]
    d.errback("a")  # type: ignore[arg-type]
    d.addCallback(handled)  # type: ignore[call-overload]
    d.addCallback(text, end=1)  # type: ignore[call-overload]
    d.addCallback(text, 1)  # type: ignore[call-overload]
    d.addCallback(text, ende="")  # type: ignore[call-overload]
    d.addErrback(text)  # type: ignore[call-overload]
    d.addBoth(text)  # type: ignore[call-overload]
    d.addBoth(handled)  # type: ignore[call-overload]
    d.addCallbacks("a")  # type: ignore[call-overload]
    d.addCallback(text).addCallback(lambda result: result.real)  # type: ignore[call-overload]
    d.addTimeout(1)  # type: ignore[call-arg]
    d.addTimeout(1, object())  # type: ignore[arg-type]
    d.chainDeferred(Deferred[str]())  # type: ignore[arg-type]
    d.paused = "a"  # type: ignore[assignment]
    Deferred("a")  # type: ignore[arg-type]
    execute(text, "a")  # type: ignore[arg-type]
    maybeDeferred(text)  # type: ignore[call-overload]
    ensureDeferred(text)  # type: ignore[arg-type]
    inlineCallbacks(no_generator)  # type: ignore[arg-type]
    DeferredLock(1)  # type: ignore[call-arg]
    DeferredSemaphore()  # type: ignore[call-arg]
    DeferredQueue[int]().put("a")  # type: ignore[arg-type]


class Two(Deferred[int], DeferredQueue[int]):  # type: ignore[misc]
    """Two layouts in memory, which no object can have."""
