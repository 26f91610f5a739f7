"""Locks, semaphores and queues of Deferreds: who waits for them, and who has them.

A lock does not know who has it. It is found by what refers to the lock: code that is inside of ``async
with``, a Deferred whose callback will release it, or suspended code that says `release`. It is Python
because it only reads.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import AsyncGeneratorType, CoroutineType, FunctionType
from typing import Any

from deferrous.inspect._classes import class_name
from deferrous.inspect._heap import Heap
from deferrous.inspect._items import Item
from deferrous.inspect._names import attribute, function_name, own_dict
from deferrous.inspect._references import is_bound, leads_to
from deferrous.inspect._waiting import Waiting

_RELEASES = ("release", "_releaseAndReturn", "__aexit__")


def waited_for(heap: Heap) -> Iterator[tuple[str, Any, list[Any]]]:
    """Yield what somebody waits for: whether it is a lock, a semaphore or a queue; itself; the Deferreds."""
    for kind in ("lock", "semaphore", "queue"):
        for thing in heap.found[kind]:
            waiting = attribute(thing, "waiting")
            if type(waiting) is list and waiting:
                yield kind, thing, waiting


def join(heap: Heap, waiting: Waiting) -> list[tuple[Any, Item]]:
    """Let the Deferreds wait for the locks, semaphores and queues, and these for whoever has them.

    Returns:
        them with their items. Who fills a queue is not known.
    """
    found = []
    for kind, thing, deferreds in waited_for(heap):
        item = Item(kind, class_name(type(thing)), listed=False)
        for deferred in deferreds:
            waiter = waiting.items.get(id(deferred))
            if waiter is not None:
                waiter.wait_for(item)
        if kind == "queue":
            item.words, item.note = f"an item in an empty {item.name}", "empty"
        else:
            _find_holders(kind, thing, item, waiting)
        found.append((thing, item))
    return found


def _find_holders(kind: str, thing: Any, item: Item, waiting: Waiting) -> None:
    limit = attribute(thing, "limit") if kind == "semaphore" else 1
    item.note = f"all {limit} tokens are taken" if kind == "semaphore" else "locked"
    sure, likely = [], []
    for code, holder in waiting.codes:
        inner = gc.get_referents(code)
        if _is_inside(inner, thing):
            sure.append(holder)
        elif "release" in _names(code) and _refers(code, inner, thing) and not leads_to(holder, item):
            likely.append(holder)
    for number, look in waiting.looks.items():
        if any(is_bound(call[0], thing, *_RELEASES) for pair in look.callbacks for call in pair):
            sure.append(waiting.items[number])
    holders = [holder for holder in sure if not leads_to(holder, item)] or likely
    if not holders:
        item.words = f"a {item.name}, which nobody that is left can release"
        item.note += "; nobody that is left has it: whoever took it has ended without release()"
        return
    for holder in holders:
        item.wait_for(holder)


def _is_inside(references: list[Any], thing: Any) -> bool:
    """Say whether code is inside of `async with`: its exit is on the stack."""
    if any(is_bound(found, thing, "__aexit__") for found in references):
        return True
    # From Python 3.14 on, the stack has the function and the object apart.
    return any(found is thing for found in references) and any(
        function_name(found) == "__aexit__" for found in references if type(found) is FunctionType
    )


def _names(code: Any) -> tuple[str, ...]:
    prefix = {CoroutineType: "cr", AsyncGeneratorType: "ag"}.get(type(code), "gi")
    names: tuple[str, ...] = getattr(code, f"{prefix}_code").co_names
    return names


def _refers(code: Any, references: list[Any], thing: Any) -> bool:
    """Say whether code refers to something: by a variable, by an object in one, or by its module."""
    for found in references:
        if found is thing or any(value is thing for value in own_dict(found).values()):
            return True
    frame = (
        getattr(code, "cr_frame", None) or getattr(code, "gi_frame", None) or getattr(code, "ag_frame", None)
    )
    names = _names(code)
    return frame is not None and any(frame.f_globals.get(name) is thing for name in names)
