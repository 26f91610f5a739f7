"""Operations of programs on one Deferred."""

from __future__ import annotations

import warnings
from typing import Any

from tests.apis import Failure
from tests.differential.generators import start, under
from tests.differential.program import Op
from tests.differential.world import CURRENT, World

OPERATIONS: dict[str, Any] = {}


def operation(function: Any) -> Any:
    """Give programs an operation under the function's name."""
    OPERATIONS[function.__name__.strip("_")] = function
    return function


# Making them


@operation
def new(world: World, slot: int, kind: str | None, canceller: Any) -> Any:
    made = world.subclasses(kind)(world.callable(canceller, None) if canceller else None)
    return world.put(slot, made)


@operation
def succeed(world: World, slot: int, value: Any) -> Any:
    return world.put(slot, world.api.succeed(world.value(value)))


@operation
def fail(world: World, slot: int, spec: Any) -> Any:
    return world.put(slot, world.api.fail(world.value(spec)))


@operation
def maybe(world: World, slot: int, spec: Any, count: int) -> Any:
    function = world.callable(spec, None)
    return world.put(
        slot, world.api.maybeDeferred(function, *_arguments(world, count), **_keywords(world, count))
    )


@operation
def execute(world: World, slot: int, spec: Any, count: int) -> Any:
    function = world.callable(spec, None)
    return world.put(slot, world.api.execute(function, *_arguments(world, count), **_keywords(world, count)))


@operation
def start_(world: World, slot: int, how: str, spec: Any) -> Any:
    return world.put(slot, start(world, how, spec))


@operation
def holding(world: World, slot: int, name: str, spec: Any) -> Any:
    flow = under(world, world.number("g"), spec, primitive(world, name))
    return world.put(slot, world.api.Deferred.fromCoroutine(flow))


@operation
def ensure(world: World, slot: int, other: int) -> Any:
    return world.put(slot, world.api.ensureDeferred(world.slot(other)))


@operation
def alias(world: World, slot: int, other: int, attribute: str | None) -> Any:
    """Keep a Deferred, or the one that it waits for, in a second slot."""
    found = world.slot(other)
    if attribute is not None:
        found = getattr(found, attribute, None)
    return world.put(slot, found) if isinstance(found, world.api.Deferred) else None


@operation
def drop(world: World, slot: int) -> None:
    world.slots.pop(slot, None)


# Callbacks


def _arguments(world: World, count: int) -> tuple[Any, ...]:
    return tuple(world.value(("token",)) for _ in range(count % 3))


def _keywords(world: World, count: int) -> dict[str, Any]:
    return {f"key{i}": world.value(("token",)) for i in range(count // 3)}


@operation
def add(world: World, slot: int, method: str, spec: Any, count: int) -> Any:
    """Call addCallback, addErrback or addBoth."""
    attached = world.slot(slot)
    function = world.callable(spec, attached)
    return getattr(attached, method)(function, *_arguments(world, count), **_keywords(world, count))


@operation
def pair(world: World, slot: int, specs: tuple[Any, Any], counts: tuple[int, int], style: str) -> Any:
    """Call addCallbacks, in one of the styles that there are."""
    attached = world.slot(slot)
    good, bad = (spec and world.callable(spec, attached) for spec in specs)
    (left, left_words), (right, right_words) = ((_arguments(world, n), _keywords(world, n)) for n in counts)
    if style == "bare":
        return attached.addCallbacks(good, bad)
    if style == "short":
        return attached.addCallbacks(good)
    if style == "nothing":
        return attached.addCallbacks(good, bad, None, None, None, None)
    if style == "positional":
        return attached.addCallbacks(good, bad, left, left_words, right, right_words)
    if style == "lists":
        return attached.addCallbacks(good, errback=bad, callbackArgs=list(left), errbackArgs=list(right))
    return attached.addCallbacks(
        callback=good,
        errback=bad,
        callbackArgs=left,
        callbackKeywords=left_words,
        errbackArgs=right,
        errbackKeywords=right_words,
    )


@operation
def chain(world: World, slot: int, other: int) -> Any:
    return world.slot(slot).chainDeferred(world.slot(other))


# What Deferreds do


@operation
def fire(world: World, slot: int, value: Any) -> Any:
    return world.slot(slot).callback(world.value(value))


@operation
def errback(world: World, slot: int, spec: Any) -> Any:
    if spec == ("none", "nothing"):
        return world.slot(slot).errback()
    return world.slot(slot).errback(world.value(spec))


@operation
def handling(world: World, slot: int, what: str) -> Any:
    """Fail with the exception that is being handled."""
    try:
        raise world.error(what)
    except BaseException:
        return world.slot(slot).errback()


@operation
def call(world: World, slot: int, method: str) -> Any:
    """Call a method that needs no arguments."""
    return getattr(world.slot(slot), method)()


@operation
def start_running(world: World, slot: int, value: Any) -> Any:
    return world.slot(slot)._startRunCallbacks(world.value(value))


@operation
def timeout(world: World, slot: int, seconds: int, spec: Any) -> Any:
    attached = world.slot(slot)
    handler = world.callable(spec, attached) if spec else None
    return attached.addTimeout(seconds, world.clock, handler)


@operation
def advance(world: World, seconds: int) -> Any:
    world.clock.advance(seconds)
    return [call.time for call in world.clock.calls]


@operation
def take(world: World, slot: int, method: str) -> Any:
    """Take one step of a Deferred as an iterator."""
    try:
        return next(getattr(world.slot(slot), method)())
    except StopIteration as stopped:
        return stopped.value


# What is seen of them


@operation
def look(world: World, slot: int) -> Any:
    found = world.slot(slot)
    return world.note(world.describer.everything(found)) if found is not None else None


@operation
def text(world: World, slot: int) -> Any:
    return world.describer.text(str(world.slot(slot)))


@operation
def get(world: World, slot: int, name: str) -> Any:
    return getattr(world.slot(slot), name)


@operation
def set_(world: World, slot: int, name: str, value: Any) -> None:
    found = world.slot(slot)
    setattr(
        found, name, world.callable(value, found) if name == "_canceller" and value else world.value(value)
    )


@operation
def delete(world: World, slot: int, name: str) -> None:
    delattr(world.slot(slot), name)


@operation
def forgive(world: World, slot: int) -> None:
    """Say that the failure has been dealt with, as programs do that know of the report."""
    info = world.slot(slot)._debugInfo
    if info is not None:
        info.failResult = None


@operation
def old_name(world: World, slot: int) -> Any:
    """Read the list of callbacks under the name that is deprecated, and hear the warning."""
    return len(world.slot(slot).callbacks)


@operation
def clean(world: World, slot: int) -> Any:
    result = getattr(world.slot(slot), "result", None)
    return result.cleanFailure() if isinstance(result, Failure) else None


@operation
def debug(world: World, on: bool) -> Any:
    world.api.setDebugging(on)
    return world.api.getDebugging()


@operation
def context(world: World, value: int) -> None:
    CURRENT.set(value)


@operation
def repeat(world: World, times: int, ops: list[Op]) -> None:
    for _ in range(times):
        world.run(ops)


@operation
def patch(world: World, name: str) -> None:
    """Replace a method of Deferred by one that says so, as instrumenting packages do."""
    original = world.api.Deferred.__dict__[name]
    if name in world.patched:
        return
    world.patched[name] = original

    def replacement(*args: Any, **keywords: Any) -> Any:
        world.note(f"patched {name}")
        return original(*args, **keywords)

    setattr(world.api.Deferred, name, replacement)


@operation
def warn(world: World, text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=1)


def primitive(world: World, name: str) -> Any:
    """Give the lock, semaphore or queue of a program."""
    if name not in world.primitives:
        api = world.api
        made = {
            "lock": api.DeferredLock,
            "semaphore": lambda: api.DeferredSemaphore(1),
            "queue": lambda: api.DeferredQueue(2, 2),
        }[name]()
        world.primitives[name] = made
    return world.primitives[name]
