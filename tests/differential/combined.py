"""Operations of programs on several Deferreds, their queues of callbacks, locks and futures."""

from __future__ import annotations

from typing import Any

from tests.differential.operations import operation, primitive
from tests.differential.world import World


def _those(world: World, slots: list[int]) -> list[Any]:
    found = [world.slot(slot) for slot in slots]
    return [item for item in found if item is not None]


@operation
def deferred_list(world: World, slot: int, slots: list[int], flags: tuple[bool, bool, bool]) -> Any:
    return world.put(slot, world.api.DeferredList(_those(world, slots), *flags))


@operation
def gather(world: World, slot: int, slots: list[int], consume: bool) -> Any:
    return world.put(slot, world.api.gatherResults(_those(world, slots), consumeErrors=consume))


@operation
def race(world: World, slot: int, slots: list[int]) -> Any:
    return world.put(slot, world.api.race(_those(world, slots)))


@operation
def state_of_list(world: World, slot: int) -> Any:
    found = world.slot(slot)
    names = (
        "resultList",
        "finishedCount",
        "fireOnOneCallback",
        "fireOnOneErrback",
        "consumeErrors",
        "_deferredList",
    )
    return {name: getattr(found, name, "absent") for name in names}


# The queue of callbacks


def _queue(world: World, slot: int) -> Any:
    return getattr(world.slot(slot), world.describer.queue_name)


@operation
def queue_length(world: World, slot: int) -> Any:
    return len(_queue(world, slot))


@operation
def queue_shape(world: World, slot: int) -> Any:
    return world.describer.queue(world.slot(slot))


@operation
def queue_add(world: World, slot: int, good: Any, bad: Any) -> None:
    attached = world.slot(slot)
    sides: Any = ((world.callable(spec, attached), (world.value(("token",)),), {}) for spec in (good, bad))
    _queue(world, slot).append(tuple(sides))


@operation
def queue_remove(world: World, slot: int, position: int) -> None:
    _queue(world, slot).pop(position)


@operation
def queue_clear(world: World, slot: int) -> None:
    _queue(world, slot).clear()


@operation
def queue_replace(world: World, slot: int, keep: bool) -> None:
    """Give a Deferred a new list, as Twisted does where it puts a callback in front."""
    setattr(world.slot(slot), world.describer.queue_name, list(_queue(world, slot)) if keep else [])


@operation
def queue_first(world: World, slot: int, spec: Any) -> Any:
    """Put an errback in front of all others."""
    attached, name = world.slot(slot), world.describer.queue_name
    waiting = getattr(attached, name)
    setattr(attached, name, [])
    attached.addErrback(world.callable(spec, attached))
    getattr(attached, name).extend(waiting)


@operation
def queue_move(world: World, slot: int, other: int) -> None:
    moved = _queue(world, slot)
    target = _queue(world, other)
    setattr(world.slot(slot), world.describer.queue_name, [])
    target.extend(moved)


@operation
def queue_share(world: World, slot: int, other: int) -> None:
    """Let two Deferreds have one list."""
    setattr(world.slot(slot), world.describer.queue_name, _queue(world, other))


@operation
def continue_(world: World, slot: int, other: int) -> None:
    """Let one Deferred wait for another with the parts that Twisted does it with."""
    waiting = world.slot(other)
    link = waiting._continuation()
    waiting.pause()
    _queue(world, slot).append(link)


# Locks, semaphores and the queue


@operation
def limit(world: World, name: str, first: int, second: int | None) -> None:
    """Make another semaphore or queue, with limits of its own."""
    if name == "semaphore":
        world.primitives[name] = world.api.DeferredSemaphore(first)
    else:
        world.primitives[name] = world.api.DeferredQueue(first if first >= 0 else None, second)


@operation
def acquire(world: World, slot: int, name: str) -> Any:
    return world.put(slot, primitive(world, name).acquire())


@operation
def release(world: World, name: str) -> Any:
    return primitive(world, name).release()


@operation
def run_with(world: World, slot: int, name: str, spec: Any, count: int) -> Any:
    arguments = [world.value(("token",)) for _ in range(count)]
    return world.put(slot, primitive(world, name).run(world.callable(spec, None), *arguments))


@operation
def state_of(world: World, name: str) -> Any:
    names = ("waiting", "locked", "tokens", "limit", "pending", "size", "backlog")
    return {key: getattr(primitive(world, name), key, "absent") for key in names}


@operation
def put(world: World, value: Any) -> Any:
    return primitive(world, "queue").put(world.value(value))


@operation
def pull(world: World, slot: int) -> Any:
    return world.put(slot, primitive(world, "queue").get())


# Futures


def _future(world: World, number: int) -> Any:
    if number not in world.futures:
        world.futures[number] = world.loop.create_future()
    return world.futures[number]


def _state(future: Any) -> str:
    return "cancelled" if future.cancelled() else "done" if future.done() else "pending"


@operation
def as_future(world: World, slot: int, number: int) -> Any:
    world.futures[number] = world.slot(slot).asFuture(world.loop)
    return _state(world.futures[number])


@operation
def from_future(world: World, slot: int, number: int) -> Any:
    return world.put(slot, world.api.Deferred.fromFuture(_future(world, number)))


@operation
def settle(world: World, number: int, how: str, value: Any) -> Any:
    future = _future(world, number)
    if how == "cancel":
        return future.cancel()
    if how == "fail":
        return future.set_exception(world.error("boom"))
    return future.set_result(world.value(value))


@operation
def turn(world: World) -> Any:
    turned = world.loop.turn()
    return [turned, *(_state(future) for future in world.futures.values())]
