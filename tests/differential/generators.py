"""Generators and coroutines that do what a program says."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any

from twisted.internet import defer as stock

from tests.differential.program import Boom
from tests.differential.world import CURRENT, World


def _awaited(world: World, what: Any) -> Any:
    """Give what a generator waits for."""
    if isinstance(what, tuple) and what[0] == "new":
        return world.new(*what[1:])
    if isinstance(what, tuple) and what[0] == "generator":
        return generator(world, world.number("g"), what[1])
    if isinstance(what, tuple) and what[0] == "coroutine":
        return coroutine(world, world.number("k"), what[1])
    return world.value(what)


def _caught(world: World, label: str, error: BaseException, answer: str) -> bool:
    """Write down an error that was thrown in, and say whether the generator goes on."""
    if type(error) is GeneratorExit:
        world.report(f"{label} closed")
        return False
    world.note(f"{label} caught {world.describer.exception(error)}")
    if answer == "replace":
        raise world.error("boom")
    return answer == "go on"


def _elsewhere(world: World, value: Any) -> None:
    """Leave a generator from a function that it calls, which Twisted warns of."""
    stock.returnValue(value)


def _ended(world: World, end: Any) -> Any:
    """Give the result of a generator, or raise."""
    if end[0] == "elsewhere":
        _elsewhere(world, world.value(end[1]))
    return world.finish(end, None)


def generator(world: World, label: str, spec: Any) -> Generator[Any, Any, Any]:
    """Run the steps of a generator for `inlineCallbacks`."""
    steps, end = spec
    world.note(f"{label} begins in {CURRENT.get()}")
    for ops, what, answer in steps:
        world.run(ops)
        try:
            got = yield _awaited(world, what)
        except BaseException as error:
            if not _caught(world, label, error, answer):
                raise
        else:
            world.note(f"{label} got {world.describe(got)} in {CURRENT.get()}")
    if end[0] == "return":
        # The frame of the generator has to be the one that calls it.
        stock.returnValue(world.value(end[1]))
    return _ended(world, end)


async def coroutine(world: World, label: str, spec: Any) -> Any:
    """Run the steps of a coroutine."""
    steps, end = spec
    world.note(f"{label} begins in {CURRENT.get()}")
    for ops, what, answer in steps:
        world.run(ops)
        try:
            got = await _awaited(world, what)
        except BaseException as error:
            if not _caught(world, label, error, answer):
                raise
        else:
            world.note(f"{label} got {world.describe(got)} in {CURRENT.get()}")
    return _ended(world, end)


class Holding:
    """A lock or semaphore that is held, and that no finaliser gives back at a time of its own."""

    def __init__(self, primitive: Any) -> None:
        self._primitive = primitive

    def __aenter__(self) -> Any:
        return self._primitive.__aenter__()

    async def __aexit__(self, kind: Any, *rest: Any) -> Any:
        return False if kind is GeneratorExit else await self._primitive.__aexit__(kind, *rest)


async def under(world: World, label: str, spec: Any, primitive: Any) -> Any:
    """Run a coroutine while a lock or semaphore is held."""
    async with Holding(primitive) as got:
        world.note(f"{label} holds {world.describe(got)}")
        return await coroutine(world, label, spec)


def start(world: World, how: str, spec: Any) -> Any:
    """Start a generator or a coroutine in one of the ways there are."""
    api = world.api
    label = world.number("g")

    def body() -> Any:
        return generator(world, label, spec)

    def flow() -> Coroutine[Any, Any, Any]:
        return coroutine(world, label, spec)

    if how == "inline":
        return api.inlineCallbacks(body)()
    if how == "from generator":
        return api.Deferred.fromCoroutine(body())
    if how == "ensure":
        return api.ensureDeferred(flow())
    if how == "from coroutine":
        return api.Deferred.fromCoroutine(flow())
    if how == "maybe":
        return api.maybeDeferred(flow)
    if how == "not a generator":
        return api.inlineCallbacks(lambda: Boom("no generator"))()
    if how == "returning":
        return api.inlineCallbacks(lambda: stock.returnValue(1))()
    return None
