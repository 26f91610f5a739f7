"""Where the code of a program runs in the middle of an operation of a lock, a semaphore or a queue."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from tests.safety import describing
from tests.safety.deferred_places import Called, Ends, Once, Place, in_another_thread

PLACES: dict[str, Place] = {}


def _place(function: Place) -> Place:
    PLACES[function.__name__] = function
    return function


def describe(lock: Any) -> Any:
    """Describe the state of a lock, a semaphore or a queue."""
    names = ("waiting", "pending", "locked", "tokens", "limit", "size", "backlog")
    return [describing.attribute(lock, name) for name in names]


def use_up(lock: Any) -> Any:
    """Release a lock, and take what a queue has."""
    said: list[Any] = []
    for _ in range(5):
        for step in ("release", "get"):
            try:
                getattr(lock, step)()
                said.append(step)
            except Exception as error:
                said.append(type(error).__name__)
    return [said, describe(lock)]


def _of_both(name: str, place: Any) -> None:
    PLACES[f"{name}, of a lock"] = lambda api, once: place(api.DeferredLock(), api, once)
    PLACES[f"{name}, of a semaphore"] = lambda api, once: place(api.DeferredSemaphore(1), api, once)


def _acquired(lock: Any, api: ModuleType, once: Once) -> Any:
    lock.acquire()
    lock.acquire().addCallback(Called(lambda: once(lock)))
    lock.release()
    return lock


def _runs(lock: Any, api: ModuleType, once: Once) -> Any:
    lock.run(lambda: once(lock)).addErrback(lambda _: None)
    return lock


def _runs_later(lock: Any, api: ModuleType, once: Once) -> Any:
    lock.acquire()
    lock.run(lambda: once(lock)).addErrback(lambda _: None)
    lock.release()
    return lock


def _cancelled(lock: Any, api: ModuleType, once: Once) -> Any:
    lock.acquire()
    waits = lock.acquire().addErrback(lambda _: once(lock))
    lock.acquire().addErrback(lambda _: None)
    waits.cancel()
    return lock


class Line(list[Any]):
    """A line of those who wait, in which everything does something."""

    does: Any = staticmethod(lambda: None)

    def __bool__(self) -> bool:
        self.does()
        return len(self) > 0

    def __len__(self) -> int:
        self.does()
        return super().__len__()

    def pop(self, *arguments: Any) -> Any:
        self.does()
        return super().pop(*arguments)

    def append(self, item: Any) -> None:
        self.does()
        super().append(item)

    def remove(self, item: Any) -> None:
        self.does()
        super().remove(item)


def _line(lock: Any, api: ModuleType, once: Once) -> Any:
    lock.acquire()
    line = Line()
    lock.waiting = line
    line.does = lambda: once(lock)
    lock.acquire().addCallback(lambda _: None)
    return lock


def _line_that_is_released(lock: Any, api: ModuleType, once: Once) -> Any:
    lock.acquire()
    line = Line()
    lock.waiting = line
    lock.acquire().addCallback(lambda _: None)
    line.does = lambda: once(lock)
    lock.release()
    return lock


def _ends(lock: Any, api: ModuleType, once: Once) -> Any:
    lock.waiting = Ends(lambda: once(lock))
    lock.waiting = []
    return lock


def _ends_in_init(lock: Any, api: ModuleType, once: Once) -> Any:
    lock.waiting = Ends(lambda: once(lock))
    lock.__init__(*([2] if hasattr(lock, "tokens") else []))
    return lock


def _compared(lock: Any, api: ModuleType, once: Once) -> Any:
    class Equal:
        def __eq__(self, other: object) -> bool:
            once(lock)
            return False

        __hash__ = None  # type: ignore[assignment]

    lock.acquire()
    waits = lock.acquire().addErrback(lambda _: None)
    lock.waiting.insert(0, Equal())
    waits.cancel()
    lock.waiting = [one for one in lock.waiting if type(one) is not Equal]
    return lock


def _method(lock: Any, api: ModuleType, once: Once) -> Any:
    acquires = lock.acquire

    def acquire() -> Any:
        once(lock)
        return acquires()

    lock.acquire = acquire
    lock.run(lambda: None)
    del lock.acquire
    return lock


def _thread(lock: Any, api: ModuleType, once: Once) -> Any:
    lock.run(lambda: in_another_thread(lambda: once(lock))).addErrback(lambda _: None)
    return lock


_of_both("one that waited is called", _acquired)
_of_both("what was to run runs", _runs)
_of_both("what was to run runs later", _runs_later)
_of_both("one that waited is cancelled", _cancelled)
_of_both("the line is the program's own", _line)
_of_both("the line is the program's own and moves on", _line_that_is_released)
_of_both("the line ends", _ends)
_of_both("the line ends as it is initialised again", _ends_in_init)
_of_both("those who wait are compared", _compared)
_of_both("a method is replaced", _method)
_of_both("another thread has the turn", _thread)


@_place
def a_queue_gives(api: ModuleType, once: Once) -> Any:
    queue = api.DeferredQueue(3, 3)
    queue.get().addCallback(Called(lambda: once(queue)))
    queue.put("given")
    return queue


@_place
def one_that_waits_for_a_queue_is_cancelled(api: ModuleType, once: Once) -> Any:
    queue = api.DeferredQueue(3, 3)
    waits = queue.get().addErrback(lambda _: once(queue))
    waits.cancel()
    return queue


class Limit:
    """A number that does something when it is compared."""

    def __init__(self, does: Any) -> None:
        self.does = does

    def __gt__(self, other: Any) -> bool:
        self.does()
        return True

    def __lt__(self, other: Any) -> bool:
        self.does()
        return True


@_place
def the_size_of_a_queue_is_compared(api: ModuleType, once: Once) -> Any:
    queue: Any = api.DeferredQueue(Limit(lambda: once(queue)), 3)
    queue.put("given")
    queue.size = None
    return queue


@_place
def the_backlog_of_a_queue_is_compared(api: ModuleType, once: Once) -> Any:
    queue: Any = api.DeferredQueue(3, Limit(lambda: once(queue)))
    queue.get()
    queue.backlog = None
    return queue


@_place
def the_size_of_a_queue_ends(api: ModuleType, once: Once) -> Any:
    queue: Any = api.DeferredQueue(Ends(lambda: once(queue)))
    queue.size = None
    return queue


@_place
def the_size_of_a_queue_ends_as_it_is_initialised_again(api: ModuleType, once: Once) -> Any:
    queue: Any = api.DeferredQueue(Ends(lambda: once(queue)))
    queue.__init__()
    return queue


@_place
def the_objects_in_a_queue_end(api: ModuleType, once: Once) -> Any:
    queue = api.DeferredQueue(3, 3)
    queue.put(Ends(lambda: once(queue)))
    queue.pending = []
    return queue


@_place
def the_objects_of_a_queue_are_in_a_list_of_the_program(api: ModuleType, once: Once) -> Any:
    queue = api.DeferredQueue(3, 3)
    line = Line()
    queue.pending = line
    queue.put("given")
    line.does = lambda: once(queue)
    queue.get()
    return queue


@_place
def an_object_of_a_queue_ends(api: ModuleType, once: Once) -> Any:
    queue = api.DeferredQueue(3, 3)
    queue.put(Ends(lambda: once(queue)))
    queue.get()
    return queue
