"""What waits for what: Deferreds, the code that they resume, and what will fire them.

It is Python because it only reads, a few microseconds a Deferred.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, GeneratorType, MethodType
from typing import Any

from deferrous.inspect._classes import ClassSet, class_name
from deferrous.inspect._deferreds import (
    Call,
    Look,
    Reader,
    called_by,
    is_list_class,
    is_outstanding,
    members,
    mentioned,
)
from deferrous.inspect._heap import Heap
from deferrous.inspect._items import Item
from deferrous.inspect._model import NOWHERE, Place
from deferrous.inspect._names import SUSPENDED, awaited, describe, function_name, suspended_at

#: The file of Twisted's Deferreds, whose generator `__iter__` is what stock Deferreds are awaited by.
_DEFER_FILE = "twisted/internet/defer.py"

#: The names of the callbacks that make `gatherResults` of a DeferredList.
_GATHERS = ("_parseDeferredListResult", "parse_results", "_parseDListResult")

#: The callback by which a LoopingCall waits for its function.
_LOOP_CALLBACK = "LoopingCall.__call__.<locals>.cb"

_FUNCTIONS = ClassSet(FunctionType, MethodType, BuiltinFunctionType)


class Waiting:
    """The Deferreds of a process that have not fired or not gone on, and the code that waits for them.

    Attributes:
        items: the item of each Deferred, by its id. Of a Deferred that stands for a coroutine, it is that.
        looks: what each is made of.
        codes: the suspended code that waits, each part with its item.
        loops: the LoopingCalls that wait for what their function has returned: the Deferreds, by the loop's
            id.
        events: the DeferredLists that shutdown waits for, by the event's id.
    """

    def __init__(self, heap: Heap, reader: Reader) -> None:
        self._heap = heap
        self._reader = reader
        self.items: dict[int, Item] = {}
        self.looks: dict[int, Look] = {}
        self.deferreds: dict[int, Any] = {}
        self.codes: list[tuple[Any, Item]] = []
        self.loops: dict[int, list[Any]] = {}
        self.events: dict[int, Any] = {}
        self._results: dict[int, tuple[Any, Any]] = {}
        #: What will be fired by a callback of a Deferred: the id of what, and that Deferred.
        self._fired_by: list[tuple[int, Any]] = []
        #: The same of what a callback only refers to.
        self.mentions: list[tuple[int, Any]] = []
        for deferred in heap.found["deferred"]:
            look = reader.look(deferred)
            if is_outstanding(look):
                self.looks[id(deferred)] = look
                self.deferreds[id(deferred)] = deferred
                self._read_callbacks(deferred, look)
        self._make_items()
        self._join()

    def _read_callbacks(self, deferred: Any, look: Look) -> None:
        reader, number = self._reader, id(deferred)
        for call, other in look.callbacks:
            function = call[0]
            if function is reader.continue_:
                continue
            waiter = reader.waiter(call)
            if waiter is not None:
                self._results[id(waiter.result)] = (waiter.code, deferred)
                continue
            deferred_list = reader.list_of(call)
            if deferred_list is not None:
                self._fired_by.append((id(deferred_list), deferred))
                continue
            self._read_plain(deferred, number, call)
            if other[0] is not function:
                self._read_plain(deferred, number, other)

    def _read_plain(self, deferred: Any, number: int, call: Call) -> None:
        function = call[0]
        kind = type(function)
        if kind is FunctionType and function.__qualname__ == _LOOP_CALLBACK and function.__closure__:
            self.loops.setdefault(id(function.__closure__[0].cell_contents), []).append(deferred)
        elif kind is MethodType and function_name(function) == "_continueFiring":
            self.events[id(function.__self__)] = deferred
        elif kind in _FUNCTIONS:
            fires = kind is not FunctionType and function_name(function) in ("callback", "errback")
            for found in mentioned(call, self._heap.deferred_classes):
                if id(found) != number:
                    (self._fired_by if fires else self.mentions).append((id(found), deferred))

    def _make_items(self) -> None:
        for number, look in self.looks.items():
            if number not in self._results:
                self.items[number] = _of_deferred(self.deferreds[number], look)
        for number, (code, _) in self._results.items():
            item = self.items[number] = Item(_kind(code), *suspended_at(code))
            item.age = self._age(number)
            self.codes.append((code, self.items[number]))

    def _age(self, number: int) -> float | None:
        look = self.looks.get(number)
        return None if look is None or look.record is None else look.record.age

    def _join(self) -> None:
        """Let each wait for what it waits for."""
        for number, (code, deferred) in list(self._results.items()):
            last = self.items[number]
            for part in awaited_parts(code):
                inner = Item(_kind(part), *suspended_at(part))
                inner.listed = False
                self.codes.append((part, inner))
                last.wait_for(inner)
                last = inner
            self.link(last, deferred)
        for number, look in self.looks.items():
            if look.chained_to is not None and number not in self._results:
                self.link(self.items[number], look.chained_to)
        for number, deferred in self._fired_by:
            fired = self.looks.get(number)
            if fired is not None and number not in self._results and fired.chained_to is None:
                self.link(self.items[number], deferred)
        for number, deferred in self.deferreds.items():
            if is_list_class(type(deferred)):
                _describe_list(self.items[number], self.looks[number], deferred, self)

    def link(self, item: Item, deferred: Any) -> None:
        """Note that an item waits for a Deferred, if that has not fired."""
        inner = self.items.get(id(deferred))
        if inner is not None:
            item.wait_for(inner)

    def unresolved(self) -> Iterator[tuple[int, Item]]:
        """Yield the Deferreds that wait for nothing that is known yet, with their ids."""
        for number, look in self.looks.items():
            item = self.items[number]
            if not item.waits and not look.called:
                yield number, item


def awaited_parts(code: Any) -> Iterator[Any]:
    """Yield the coroutines and generators that suspended code awaits, from the outside to the inside."""
    inner = awaited(code)
    while type(inner) in SUSPENDED:
        if suspended_at(inner)[1].file.endswith(_DEFER_FILE):
            return
        yield inner
        inner = awaited(inner)


def _kind(code: Any) -> str:
    return "inlineCallbacks" if type(code) is GeneratorType else "coroutine"


def _of_deferred(deferred: Any, look: Look) -> Item:
    """Return the item of a Deferred that stands for no coroutine."""
    name, place, note = class_name(type(deferred)), NOWHERE, ""
    age = None
    if look.record is not None:
        place, age = look.record.place, look.record.age
    first = next(_functions(look), None)
    if first is not None:
        note = f"then {first[0]}"
        place = place if place.file else first[1]
    item = Item("deferred", name, place)
    if note or age is not None:
        item.note, item.age = note, age
    if look.called and look.running:
        item.words, item.note = "its own callbacks, which run right now", "its callbacks run right now"
    elif look.called and look.paused and look.chained_to is None:
        times = "once" if look.paused == 1 else f"{look.paused} times"
        item.words = f"unpause(): it has fired and is paused {times}"
        item.note = f"paused {times}, and nobody has called unpause()" + (f"; {note}" if note else "")
    return item


def _functions(look: Look) -> Iterator[tuple[str, Place]]:
    """Yield the functions of Python that the callbacks of a Deferred call, with where they begin."""
    for pair in look.callbacks:
        for call in pair:
            name, place = describe(called_by(call))
            if place.file and not place.file.endswith(_DEFER_FILE):
                yield name, place


def _describe_list(item: Item, look: Look, deferred_list: Any, waiting: Waiting) -> None:
    """Name a DeferredList by what it was made by, and count those that have fired."""
    if any(function_name(pair[0][0]) in _GATHERS for pair in look.callbacks):
        item.name = "gatherResults"
    of = members(deferred_list)
    left = sum(1 for member in of if id(member) in waiting.looks)
    item.note = f"{len(of) - left} of {len(of)} have fired" + (f"; {item.note}" if item.note else "")
