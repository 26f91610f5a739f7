"""What will fire Deferreds that wait for no other one: a timer, a job, a descriptor, or nobody.

It is Python because it only asks the searches.
"""

from __future__ import annotations

import sys
import weakref
from types import ModuleType
from typing import Any

from deferrous.inspect import _primitives
from deferrous.inspect._classes import ClassSet, class_name
from deferrous.inspect._deferreds import Reader
from deferrous.inspect._durations import in_words
from deferrous.inspect._find import current_reactor, processes, selectables, thread_calls, timers, triggers
from deferrous.inspect._find import threads as lasting_threads
from deferrous.inspect._find_jobs import jobs
from deferrous.inspect._heap import Heap, Uncollected
from deferrous.inspect._items import Item
from deferrous.inspect._model import NOWHERE, Place
from deferrous.inspect._names import attribute, describe, own_dict
from deferrous.inspect._references import Alive, nearest
from deferrous.inspect._threads import suspended_values
from deferrous.inspect._waiting import Waiting

#: Over how many references a Deferred may be away from what will fire it.
_TIMER_DEPTH, _NEAR_DEPTH, _PORT_DEPTH, _CODE_DEPTH = 4, 7, 5, 8

#: So many different ways of being held are told apart. The way of each costs a part of a pass over all
#: objects.
_MOST_PATHS = 40

_CONTAINERS = ClassSet(list, dict, set, tuple)

#: What is said of a Deferred that nobody is left to fire.
NEVER = "can never fire: nothing but its waiters refers to it"
if (3, 11) <= sys.version_info < (3, 13):
    NEVER += f", unless a variable of a running function does: Python 3.{sys.version_info[1]} does not tell"


def _gone() -> Item:
    """Return the item of a Deferred that was waited for and is not there any more."""
    text = "is gone: nobody has kept it, and so it never fires"
    return Item("never", "Deferred", words=f"a Deferred that {text}", note=text, listed=False)


class Outstanding:
    """All that is outstanding in this process, and what each waits for.

    Attributes:
        items: the things.
        threads: the threads, as `threads_now` gives them.
        reactor: the reactor, or None.
    """

    def __init__(self, threads: list[dict[str, Any]], asked: Any = None) -> None:
        """Look.

        Args:
            threads: the threads of the process, as `threads_now` gives them.
            asked: an object of which it is asked what holds it.
        """
        self.threads = threads
        self._asked = asked
        #: What holds it, and where; None if nothing that lives does.
        self.holder: tuple[str, Place] | None = None
        self.reactor = current_reactor()
        with Uncollected():
            self._heap = Heap()
            self._reader = Reader()
            self.waiting = Waiting(self._heap, self._reader)
            self.items: list[Item] = []
            self._find()
            self._resolve()
        self.items += self.waiting.items.values()

    def _find(self) -> None:
        """Find all that is no Deferred."""
        self._jobs = list(jobs(self._heap.found["pool"], self.threads))
        self.items += [item for _, item in self._jobs]
        self.items += lasting_threads(self.threads)
        self._timers: list[Item] = list(thread_calls(self.reactor)) if self.reactor is not None else []
        self._near = list(processes())
        self._ports: list[Item] = []
        looped = self._loops()
        if self.reactor is not None:
            for call, item in timers(self.reactor):
                if id(attribute(call, "func")) not in looped:
                    self._timers.append(item)
            for item in selectables(self.reactor):
                (self._ports if item.kind == "port" else self._near).append(item)
            self._triggers()
        self.items += [*self._timers, *self._near, *self._ports]

    def _loops(self) -> dict[int, Item]:
        """Find the LoopingCalls that run, and let them wait for what their function has returned."""
        found: dict[int, Item] = {}
        for loop in self._heap.found["loop"]:
            own = own_dict(loop)
            if not own.get("running"):
                continue
            call, interval = own.get("call"), own.get("interval")
            name, place = describe(loop)
            note = f"every {interval:g} s" if type(interval) in (int, float) else ""
            item = found[id(loop)] = Item(
                "loop", name, place, words=f"the LoopingCall of {name} to stop", note=note
            )
            for deferred in self.waiting.loops.get(id(loop), ()):
                self.waiting.link(item, deferred)
            if (
                call is None
                and not item.waits
                and not self.is_running("__call__", "twisted/internet/task.py")
            ):
                item.wait_for(_gone())
            if call is not None and self.reactor is not None:
                item.due = call.getTime() - self.reactor.seconds()
                item.note += f", next in {in_words(item.due)}"
            ends = self.waiting.items.get(id(own.get("_deferred")))
            if ends is not None:
                ends.wait_for(item)
        self.items += found.values()
        return found

    def is_running(self, function: str, file: str) -> bool:
        """Say whether a thread runs a function of a file. Code has no other name before Python 3.11."""
        frames = (frame for thread in self.threads for frame in thread["stack"])
        return any(
            frame["function"].rpartition(".")[2] == function and frame["file"].endswith(file)
            for frame in frames
        )

    def _triggers(self) -> None:
        """Find the shutdown triggers, and let those that were called wait for what they have returned."""
        called = []
        for event, item in triggers(self.reactor):
            self.items.append(item)
            if item.note == "has been called":
                called.append((item, self.waiting.events.get(id(event))))
        for item, deferred_list in called:
            item.note = "called at shutdown, which waits for what it has returned"
            if len(called) > 1:
                item.note = "called at shutdown, which waits for it or another one"
            if deferred_list is not None:
                self.waiting.link(item, deferred_list)
            elif not self.is_running("fireEvent", "twisted/internet/base.py"):
                item.wait_for(_gone())

    def _resolve(self) -> None:
        """Let each Deferred that waits for nothing else wait for what will fire it."""
        primitives = _primitives.join(self._heap, self.waiting)
        self._attach((number, item) for number, item in self._jobs if number in self.waiting.items)
        self._attach(self._told(), only_unresolved=True)
        for items, depth in (
            (self._timers, _TIMER_DEPTH),
            (self._near, _NEAR_DEPTH),
            (self._ports, _PORT_DEPTH),
        ):
            wanted = dict(self.waiting.unresolved())
            if wanted and items:
                self._attach(list(nearest(items, wanted, self._heap, self.reactor, depth)))
        self._attach_holders()
        for number, deferred in self.waiting.mentions:
            item = self.waiting.items.get(number)
            if item is not None and not item.waits and number in self.waiting.looks:
                self.waiting.link(item, deferred)
        self._attach_held(primitives)

    def _attach(self, found: Any, only_unresolved: bool = False) -> None:
        for number, item in found:
            waiter = self.waiting.items[number]
            if not (only_unresolved and waiter.waits):
                waiter.wait_for(item)

    def _told(self) -> list[tuple[int, Item]]:
        """Find the Deferreds of the functions that are told of the results of jobs."""
        tells = {number: item for number, item in self._jobs if number and number not in self.waiting.items}
        if not tells:
            return []
        wanted = dict(self.waiting.unresolved())
        for thing in self._heap.objects:
            if id(thing) in tells:
                tells[id(thing)].starts = [thing]
        items = [item for item in tells.values() if item.starts]
        return list(nearest(items, wanted, self._heap, self.reactor, 3))

    def _attach_holders(self) -> None:
        """Let Deferreds wait for the suspended coroutine that can reach them and does not wait for them."""
        wanted = dict(self.waiting.unresolved())
        if not wanted:
            return
        for code, holder in self.waiting.codes:
            holder.starts = suspended_values(code)
        holders = [holder for _, holder in self.waiting.codes]
        self._attach(list(nearest(holders, wanted, self._heap, self.reactor, _CODE_DEPTH)))

    def _attach_held(self, primitives: list[tuple[Any, Item]]) -> None:
        """Tell by what the others are held that nothing is known of, and which ones by nothing that lives."""
        left = dict(self.waiting.unresolved())
        if not left and not primitives and self._asked is None:
            return
        wanted = {*left, id(self._asked), *(id(primitive) for primitive, _ in primitives)}
        alive = self._alive(wanted)
        never = Item("never", "Deferred", words=f"a Deferred that {NEVER}", note=NEVER, listed=False)
        text = "nothing but a weak reference and its waiters refers to it"
        weakly = Item("never", "Deferred", words=f"a Deferred, and {text}", note=text, listed=False)
        parents = alive.parents()
        ways: dict[Any, Item] = {}
        for number, item in left.items():
            deferred = self.waiting.deferreds[number]
            if number in alive.depths:
                self._attach_way(item, deferred, parents.get(number), alive, ways)
            else:
                item.wait_for(weakly if weakref.getweakrefcount(deferred) else never)
        if self._asked is not None and id(self._asked) in alive.depths:
            self.holder = alive.held_by(self._asked)
        for primitive, item in primitives:
            if id(primitive) in alive.depths:
                kind = item.name
                item.name, item.place = alive.held_by(primitive)
                item.words = item.words.replace(kind, f"{kind}, {item.name}", 1)

    def _alive(self, wanted: set[int]) -> Alive:
        """Find which of some objects can be reached."""
        # Workers refer to Deferreds where nobody can see it.
        numbers = {number for number, _ in self._jobs}
        told = [deferred for number, deferred in self.waiting.deferreds.items() if number in numbers]
        return Alive(self._heap, self._reader, wanted, self.threads, told, self.waiting.looks)

    def _attach_way(
        self, item: Item, deferred: Any, parent: Any, alive: Alive, ways: dict[Any, Item]
    ) -> None:
        """Let a Deferred wait for whoever holds it.

        Those that the same attribute holds are looked at once.
        """
        alike: Any = id(parent)
        if type(parent) not in _CONTAINERS:
            name = next((name for name, value in own_dict(parent).items() if value is deferred), None)
            if name is not None and type(parent) is not ModuleType:
                alike = (id(type(parent)), name)
        if alike not in ways:
            if len(ways) < _MOST_PATHS:
                name, place = alive.held_by(deferred)
            else:
                name, place = f"a {class_name(type(parent))}", NOWHERE
            words = f"whoever has {name}: nothing is scheduled that fires it"
            note = "nothing is scheduled that fires it"
            ways[alike] = Item("held", name, place, words=words, note=note, listed=False)
        item.wait_for(ways[alike])


def twisted_version() -> str:
    """Return the version of Twisted, if it was imported."""
    module = sys.modules.get("twisted")
    version = vars(module).get("__version__") if module is not None else None
    return version if type(version) is str else ""
