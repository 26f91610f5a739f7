"""Who refers to what: what can be reached from timers and descriptors, and what from anything that lives.

Both are one pass over the objects, breadth first, whatever the number of questions. It is Python because the
collector hands out the references of a hundred thousand objects at a time.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from deferrous.inspect._classes import ClassSet, class_dict, class_name, is_class, short_name
from deferrous.inspect._deferreds import Look, Reader, is_cancelling, is_outstanding
from deferrous.inspect._heap import Heap
from deferrous.inspect._holders import held_by
from deferrous.inspect._items import Item
from deferrous.inspect._model import Place
from deferrous.inspect._names import SUSPENDED, function_name, own_dict

#: The ids of the classes of what refers to nothing that counts.
_ATOMS = ClassSet(
    *(str, int, float, bool, bytes, complex, range, type(None), type(...), type(NotImplemented)),
    *(CodeType, GetSetDescriptorType, MemberDescriptorType),
).numbers

#: What refers to everything: where a search from one thing ends.
_CROSSROADS = ClassSet(ModuleType, CodeType, FrameType, *SUSPENDED)

#: What a class has that may have a closure, and methods that are bound to an object.
_CALLED = ClassSet(FunctionType, classmethod, staticmethod)
_BOUND = ClassSet(BuiltinFunctionType, MethodType)

#: What the canceller of a coroutine's Deferred belongs to, of this package and of Twisted.
_CANCELLATIONS = ("_Cancellation", "_CancellationStatus")

#: Attributes of a Deferred by which nobody fires another one.
_HIDDEN = frozenset(("_chainedTo", "_canceller", "callbacks", "_callbacks", "_deferredList", "result"))

#: So many objects does a search from timers and descriptors look at.
_MOST = 1_000_000

#: So many items are followed from one to the other.
_MOST_LINKS = 1000

#: So many objects are given to the collector at once.
_BATCH = 50_000


def nearest(
    items: Iterable[Item],
    wanted: dict[int, Item],
    heap: Heap,
    reactor: Any,
    depth: int,
) -> Iterator[tuple[int, Item]]:
    """Find from which timers, descriptors or coroutines Deferreds can be reached first.

    Args:
        items: where the searches start, all at once.
        wanted: the items of what is looked for, by id. What waits for it is not what it is reached from.
        depth: over how many references. A `__dict__` counts, too.

    Yields:
        the id of each that was found, with the item that is nearest to it.
    """
    seen = {id(reactor), id(own_dict(reactor)), id(own_dict(reactor).get("_loop"))}
    frontier = [(start, item) for item in items for start in item.starts if id(type(start)) not in _ATOMS]
    for _ in range(depth):
        following: list[tuple[Any, Item]] = []
        for thing, item in frontier:
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            if id(thing) in wanted:
                if leads_to(item, wanted[id(thing)]):
                    seen.discard(id(thing))
                else:
                    yield id(thing), item
            elif id(type(thing)) not in heap.deferred_classes:
                following += [(other, item) for other in _near(thing)]
        frontier = following
        if not frontier or len(seen) > _MOST:
            return


def leads_to(item: Item, wanted: Item) -> bool:
    """Say whether an item waits for another one, at whatever distance."""
    seen: set[Item] = set()
    ahead = [item]
    while ahead and len(seen) < _MOST_LINKS:
        at = ahead.pop()
        if at is wanted:
            return True
        if at not in seen:
            seen.add(at)
            ahead += at.waits
    return False


def _near(thing: Any) -> list[Any]:
    """Return what an object refers to, without what is the same for all objects."""
    kind = type(thing)
    if kind is FunctionType:
        return [*(thing.__closure__ or ()), *(thing.__defaults__ or ())]
    if is_class(thing):
        # A class that a function has made has closures of its own.
        inside = class_dict(thing).values() if "<locals>" in class_name(thing) else ()
        return [value for value in inside if type(value) in _CALLED]
    if kind in _CROSSROADS or short_name(kind) == "DelayedCall":
        return []
    return [other for other in gc.get_referents(thing) if id(type(other)) not in _ATOMS]


class Alive:
    """What can be reached from modules, running frames and threads, without passing through what only waits.

    A Deferred leads to its callbacks, and a callback that resumes a coroutine to that: they will run if it
    fires. A suspended coroutine leads nowhere by itself, and nor does the canceller of its Deferred, what a
    Deferred is chained to, or a DeferredList to its members.
    """

    def __init__(
        self,
        heap: Heap,
        reader: Reader,
        wanted: set[int],
        threads: list[dict[str, Any]],
        roots: list[Any],
        looks: dict[int, Look],
    ) -> None:
        """Look.

        Args:
            wanted: the ids of what is looked for.
            threads: the threads of the process, as `threads_now` gives them.
            roots: further objects that live.
            looks: what the Deferreds are made of that are outstanding.
        """
        self._heap = heap
        self._looks = looks
        self._reader = reader
        #: The local variables of running frames, by the ids of their values.
        self.variables = {
            number: (f"{f'the variable {name}' if name else 'a variable'} of {function}", Place(file, line))
            for thread in threads
            for number, name, function, file, line in thread.get("holds", ())
        }
        self._levels: list[list[Any]] = []
        #: The depth of each of those that are wanted and were reached.
        self.depths: dict[int, int] = {}
        self._mark(
            wanted, _roots() + roots + [thing for thing in heap.objects if id(thing) in self.variables]
        )

    def _mark(self, wanted: set[int], roots: list[Any]) -> None:
        seen: set[int] = set()
        frontier = roots
        while frontier:
            fresh = {id(thing): thing for thing in frontier if id(type(thing)) not in _ATOMS}
            new = fresh.keys() - seen
            seen |= new
            for found in new & wanted:
                self.depths[found] = len(self._levels)
            level = [fresh[number] for number in new]
            self._levels.append(level)
            frontier = [thing for batch in _batches(level) for thing in self._after(batch)]

    def _after(self, things: list[Any]) -> list[Any]:
        """Return what some objects lead to."""
        deferreds = self._heap.deferred_classes
        kinds = dict(zip(map(id, map(type, things)), map(type, things), strict=True))
        left_out = {number for number, kind in kinds.items() if short_name(kind) in _CANCELLATIONS}
        left_out |= deferreds | SUSPENDED.numbers | {id(ModuleType)}
        plain = [thing for thing in things if id(type(thing)) not in left_out]
        found: list[Any] = gc.get_referents(*plain) if plain else []
        if len(plain) < len(things):
            for thing in things:
                if id(type(thing)) in deferreds:
                    found += self._after_deferred(thing)
                elif type(thing) is ModuleType:
                    # On CPython 3.12, `gc.get_referents(_asyncio)` follows freed objects and never ends.
                    found.append(own_dict(thing))
        return found

    def _behind_dicts(self, things: list[Any]) -> list[Any]:
        """Return what the dicts lead to that some objects lead to.

        Reading the `__dict__` of an object makes it, and on Python 3.15 the object refers to what is in it by
        way of the dict from then on.
        """
        return gc.get_referents(*(thing for thing in self._after(things) if type(thing) is dict))

    def _after_deferred(self, deferred: Any) -> list[Any]:
        look = self._looks.get(id(deferred))
        if look is None:
            look = self._reader.look(deferred)
        found: list[Any] = list(look.result)
        if look.canceller is not None and not is_cancelling(look.canceller):
            found.append(look.canceller)
        for pair in look.callbacks if is_outstanding(look) else ():
            for call in pair:
                waiter = self._reader.waiter(call)
                if waiter is None:
                    found += call
                else:
                    found += gc.get_referents(waiter.code)
                    found.append(waiter.result)
        return found + [value for name, value in own_dict(deferred).items() if name not in _HIDDEN]

    def parents(self) -> dict[int, Any]:
        """Return for each of those that are wanted and were reached what refers to it."""
        depths: dict[int, set[int]] = {}
        for number, depth in self.depths.items():
            depths.setdefault(depth, set()).add(number)
        found: dict[int, Any] = {}
        for depth, wanted in depths.items():
            for batch in _batches(self._levels[depth - 1], 512) if depth else ():
                if wanted.isdisjoint(map(id, self._after(batch))):
                    continue
                for thing in batch:
                    for number in wanted.intersection(map(id, self._after([thing]))):
                        found.setdefault(number, thing)
        return found

    def path(self, wanted: Any) -> list[Any]:
        """Return how something was reached: what refers to what, the root first and itself last."""
        path = [wanted]
        for depth in range(self.depths[id(wanted)] - 1, -1, -1):
            holder = self._holder(self._levels[depth], path[-1])
            if holder is None:
                break
            path.append(holder)
        return path[::-1]

    def held_by(self, wanted: Any) -> tuple[str, Place]:
        """Describe how something that was reached is held, and where."""
        path = self.path(wanted)
        return held_by(path, self.variables.get(id(path[0])))

    def _holder(self, things: list[Any], wanted: Any) -> Any:
        for after in (self._after, self._behind_dicts):
            for batch in _batches(things, 512):
                if any(thing is wanted for thing in after(batch)):
                    return next(thing for thing in batch if any(other is wanted for other in after([thing])))
        return None


def _roots() -> list[Any]:
    """Return what Python itself holds. The modules come first, because they have names."""
    roots: list[Any] = [module for module in sys.modules.values() if module is not None]
    roots += threading._active.values()  # type: ignore[attr-defined]
    return roots + [handler for handler in map(_handler, signal.valid_signals()) if handler is not None]


def _handler(number: int) -> Any:
    try:
        return signal.getsignal(number)
    except ValueError:
        return None


def _batches(things: list[Any], size: int = _BATCH) -> Iterator[list[Any]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


def is_bound(thing: Any, owner: Any, *names: str) -> bool:
    """Say whether something is a method of an object, by one of these names."""
    return type(thing) in _BOUND and thing.__self__ is owner and function_name(thing) in names
