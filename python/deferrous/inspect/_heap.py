"""All objects of the process that the collector knows, and among them those that an inspection is about.

It is Python because one pass with built-in functions takes a few hundredths of a microsecond an object.
"""

from __future__ import annotations

import gc
from typing import Any

from deferrous.inspect._classes import full_names
from deferrous.inspect._names import forget_classes

#: What the classes are called whose instances are looked for.
_WANTED = {
    ("twisted.internet.defer", "Deferred"): "deferred",
    ("twisted.internet.defer", "DeferredLock"): "lock",
    ("twisted.internet.defer", "DeferredSemaphore"): "semaphore",
    ("twisted.internet.defer", "DeferredQueue"): "queue",
    ("twisted.internet.task", "LoopingCall"): "loop",
    ("twisted.python.threadpool", "ThreadPool"): "pool",
}


class Heap:
    """The objects of this process at one moment.

    Attributes:
        objects: all that the collector knows. It does not know those that were frozen by `gc.freeze`.
        found: those that are looked for, by what they are.
        deferred_classes: the ids of the classes of Deferreds.
    """

    def __init__(self) -> None:
        self.objects: list[Any] = gc.get_objects()
        kinds = list(map(type, self.objects))
        different = dict(zip(map(id, kinds), kinds, strict=True))
        wanted = {number: name for number, kind in different.items() if (name := _wanted(kind))}
        self.deferred_classes = frozenset(number for number, name in wanted.items() if name == "deferred")
        self.found: dict[str, list[Any]] = {name: [] for name in _WANTED.values()}
        for thing, kind in zip(self.objects, kinds, strict=True):
            if id(kind) in wanted:
                self.found[wanted[id(kind)]].append(thing)


def _wanted(kind: type) -> str:
    names = full_names(kind)
    return next((name for full, name in _WANTED.items() if full in names), "")


class Uncollected:
    """Keeps the collector from running, whose finalizers are code of the program."""

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        forget_classes()
        if self._was_on:
            gc.enable()
