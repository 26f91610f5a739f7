"""Programs that the Rust API can run, too, on an API of Python.

In Rust whoever returns, awaits or gathers a Deferred gives it away, and nobody has a Deferred while a method
adds to it. So a slot has an `Entry` with what Rust has in separate objects: the handle, the trigger and the
guards. An operation that needs the handle does nothing if it is gone. The programs see the same here.

The interpreter of the crate, in `crates/deferrous/tests/programs`, writes down the same lines.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from twisted.internet import defer as stock
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from tests.apis import Failure
from tests.differential.program import ATTACHED, DEPTH, FUEL, SLOTS, Bare, Boom, Op, Program

Spec = Any
#: The exceptions that have another name in Rust.
_NAMES = {"CancelledError": "Cancelled", "AlreadyCalledError": "AlreadyCalled", "TimeoutError": "TimedOut"}


@dataclass
class Seen:
    """What a program did: the lines of each step, and the failures that nobody has handled."""

    steps: list[list[str]]
    reports: list[str]


class Told:
    """A value that is known by a text."""

    def __init__(self, text: str) -> None:
        self.text = text


@dataclass(eq=False)
class Entry:
    """What a slot has of a Deferred."""

    deferred: Any
    #: The handle. Without it nothing can be added.
    handle: Any
    #: Whether there is a trigger, which Rust does not give for what its functions return.
    trigger: bool = False
    guards: int = 0
    #: Whether it is what a queue's `get` has returned.
    got: bool = False

    def take(self) -> Any:
        """Take the handle away."""
        handle, self.handle = self.handle, None
        return handle


@dataclass
class Primitives:
    """The locks and queues of a program, and which of them it holds."""

    lock: Any
    semaphore: Any
    queue: Any
    permits: list[Any] = field(default_factory=list)


class World:
    """A program in progress."""

    def __init__(self, api: ModuleType) -> None:
        self.api = api
        self.lines: list[str] = []
        self.reports: list[str] = []
        self.slots: dict[int, Entry] = {}
        #: Entries that no slot has any more. With a trigger in it, Rust does not fail its Deferred.
        self.kept: list[Entry] = []
        self.clock = Clock()
        self.primitives = Primitives(api.DeferredLock(), api.DeferredSemaphore(1), api.DeferredQueue(2, 2))
        self.ended = False
        self._attached: list[Entry | None] = []
        self._depth = 0
        self._fuel = FUEL
        self._counts: dict[str, int] = {}

    def note(self, line: str) -> None:
        """Write down what is seen now."""
        self.lines.append("  " * self._depth + line)

    def number(self, prefix: str) -> str:
        """Give a name that has not been given yet."""
        number = self._counts[prefix] = self._counts.get(prefix, 0) + 1
        return f"{prefix}{number}"

    # What programs do

    def run(self, ops: list[Op]) -> None:
        """Run operations, as far as the fuel allows."""
        if self._depth > DEPTH:
            self.note("too deep")
            return
        for op in ops:
            if self._fuel <= 0:
                return
            self._fuel -= 1
            self.step(op)

    def step(self, op: Op) -> None:
        """Run one operation, and write down what came of it."""
        name, *arguments = op
        try:
            said = _OPERATIONS[name](self, *arguments)
        except (Exception, Bare) as error:
            said = f"raised {describe_error(error)}"
        self.note(name if said is None else f"{name} {said}")

    def behave(self, label: str, attached: Entry | None, spec: Spec, given: tuple[Any, ...]) -> Any:
        """Do what a callable of the program is to do."""
        if self.ended:
            return given[0] if given else None
        _, ops, end = spec
        self.note(f"{label} called with {', '.join(map(describe, given))}")
        self._attached.append(attached)
        self._depth += 1
        try:
            self.run(ops)
            return self.finish(end, given[0] if given else None)
        finally:
            self._depth -= 1
            self._attached.pop()

    def finish(self, end: Op, result: Any) -> Any:
        """Give the result of a callable, or raise."""
        name, *arguments = end
        if name == "argument":
            return result
        if name == "raise":
            raise self.error(arguments[0])
        if name == "again":
            return result if isinstance(result, Failure) else None
        if name == "trap":
            return _trapped(result) if isinstance(result, Failure) else None
        if name == "new":
            return self.new(*arguments).take()
        return self.value(arguments[0])

    # What programs name

    def slot(self, slot: int) -> Entry | None:
        """Give the entry of a slot."""
        if slot == ATTACHED:
            return self._attached[-1] if self._attached else None
        return self.slots.get(slot % SLOTS)

    def put(self, slot: int, deferred: Any, **rest: Any) -> Entry:
        """Keep a Deferred in a slot."""
        self.drop(slot)
        entry = self.slots[slot % SLOTS] = Entry(deferred, deferred, **rest)
        return entry

    def drop(self, slot: int) -> None:
        """Take an entry out of a slot, and drop the handle."""
        entry = self.slots.pop(slot % SLOTS, None)
        if entry is None:
            return
        self.kept.append(entry)
        if entry.take() is not None and entry.got:
            entry.deferred.dropped = True

    def take(self, slot: int) -> Any:
        """Take the handle of a slot."""
        entry = self.slot(slot)
        return entry.take() if entry is not None else None

    def value(self, spec: Spec) -> Any:
        """Give the value that a program names."""
        if not isinstance(spec, tuple):
            return spec
        name, *arguments = spec
        if name == "token":
            return Told(f"<{self.number('token')}>")
        if name == "slot":
            return self.take(arguments[0])
        return [self.value(item) for item in arguments]

    def error(self, name: str) -> BaseException:
        """Make the exception that a program names."""
        text = self.number(name)
        return {"boom": Boom, "bare": Bare, "cancelled": stock.CancelledError}[name](text)

    def new(self, how: str, slot: int) -> Entry:
        """Make a Deferred in a state and keep it."""
        trigger = how == "unfired"
        if how in ("failed", "failed and paused"):
            made = self.api.fail(self.error("boom"))
        elif trigger:
            made = self.api.Deferred()
        else:
            made = self.api.succeed(self.value(("token",)))
        if how == "waiting":
            inner = self.put(slot + 1, self.api.Deferred(), trigger=True)
            made.addCallback(lambda _: inner.take())
        entry = self.put(slot, made, trigger=trigger)
        if how in ("paused", "failed and paused"):
            made.pause()
            entry.guards += 1
        return entry

    def callable(self, spec: Spec, attached: Entry | None) -> Callable[..., Any]:
        """Make something to call."""
        label = self.number("c")
        return lambda *given: self.behave(label, attached, spec, given)


def _trapped(failure: Any) -> str:
    failure.trap(stock.CancelledError, Boom)
    return "trapped"


def describe(value: object) -> str:
    """Describe anything that programs pass around."""
    if isinstance(value, Told):
        return value.text
    if isinstance(value, Failure):
        return f"failure {describe_error(value.value)}"
    if isinstance(value, list):
        return f"[{', '.join(map(describe, value))}]"
    return "a Deferred" if hasattr(value, "addCallbacks") else repr(value)


def describe_error(error: BaseException | None) -> str:
    """Describe an exception as the interpreter of the crate does."""
    if isinstance(error, (Boom, Bare)):
        return str(error)
    if isinstance(error, stock.FirstError):
        return f"FirstError({error.index}, {describe_error(error.subFailure.value)})"
    if isinstance(error, stock.FailureGroup):
        return f"AllFailed({', '.join(describe_error(failure.value) for failure in error.failures)})"
    name = type(error).__name__
    return _NAMES.get(name, name)


# The operations. Each says what came of it, if its name does not say enough.

_OPERATIONS: dict[str, Callable[..., str | None]] = {}
_NOTHING = "has nothing"


def _operation(function: Callable[..., str | None]) -> Callable[..., str | None]:
    _OPERATIONS[function.__name__.strip("_")] = function
    return function


@_operation
def new(world: World, slot: int, kind: None, canceller: Spec) -> None:
    attached: list[Entry] = []
    call: Any = None
    if canceller is not None:
        label = world.number("c")

        def call(_: object) -> None:
            if world.ended:
                return
            try:
                world.behave(label, attached[0], canceller, ())
            except BaseException as error:
                # In Rust it returns nothing, and can only panic.
                raise Bare(describe_error(error)) from None

    attached.append(world.put(slot, world.api.Deferred(call), trigger=True))


@_operation
def succeed(world: World, slot: int, value: Spec) -> None:
    world.put(slot, world.api.succeed(world.value(value)))


@_operation
def fail(world: World, slot: int, spec: Spec) -> None:
    world.put(slot, world.api.fail(world.error(spec[1])))


@_operation
def maybe(world: World, slot: int, spec: Spec, count: int) -> None:
    world.put(slot, world.api.maybeDeferred(world.callable(spec, None)))


@_operation
def drop(world: World, slot: int) -> None:
    if slot != ATTACHED:
        world.drop(slot)


@_operation
def forget(world: World, slot: int) -> None:
    """Drop all there is of a Deferred. Random programs do not, since only in Rust something comes of it."""
    world.slots.pop(slot % SLOTS, None)


def _adding(world: World, slot: int, add: Callable[[Any, Entry], None]) -> str | None:
    """Do something with a Deferred whose handle is not there meanwhile."""
    entry = world.slot(slot)
    handle = entry.take() if entry is not None else None
    if entry is None or handle is None:
        return _NOTHING
    add(handle, entry)
    entry.handle = handle
    return None


@_operation
def add(world: World, slot: int, method: str, spec: Spec, count: int) -> str | None:
    function = world.callable(spec, world.slot(slot))
    return _adding(world, slot, lambda handle, _: getattr(handle, method)(function))


@_operation
def pair(world: World, slot: int, specs: tuple[Spec, Spec], counts: Any, style: str) -> str | None:
    good, bad = (spec and world.callable(spec, world.slot(slot)) for spec in specs)
    return _adding(world, slot, lambda handle, _: handle.addCallbacks(good, bad))


@_operation
def chain(world: World, slot: int, other: int) -> str | None:
    target = world.slot(other)
    if target is None or not target.trigger:
        return _NOTHING
    return _adding(world, slot, lambda handle, _: handle.chainDeferred(target.deferred))


@_operation
def timeout(world: World, slot: int, seconds: int, spec: Spec) -> str | None:
    function = world.callable(spec, world.slot(slot)) if spec is not None else None
    # The second argument is the time, which the programs do not look at.
    call = function and (lambda result, _: function(result))
    return _adding(world, slot, lambda handle, _: handle.addTimeout(seconds, world.clock, call))


@_operation
def advance(world: World, seconds: int) -> None:
    world.clock.advance(seconds)


def _trigger(world: World, slot: int, fire: Callable[[Any], None]) -> str | None:
    entry = world.slot(slot)
    if entry is None or not entry.trigger:
        return _NOTHING
    fire(entry.deferred)
    return None


@_operation
def fire(world: World, slot: int, value: Spec) -> str | None:
    given = world.value(value)
    return _trigger(world, slot, lambda deferred: deferred.callback(given))


@_operation
def errback(world: World, slot: int, spec: Spec) -> str | None:
    error = world.error(spec[1])
    return _trigger(world, slot, lambda deferred: deferred.errback(error))


@_operation
def call(world: World, slot: int, method: str) -> str | None:
    entry = world.slot(slot)
    if entry is None:
        return f"{method} {_NOTHING}"
    if method == "pause":
        if entry.handle is None:
            return f"{method} {_NOTHING}"
        # A guard keeps a Deferred that has no trigger.
        entry.guards += not entry.trigger
    handle = None
    if method == "unpause":
        if entry.guards:
            entry.guards -= 1
        else:
            handle = entry.take()
            if handle is None:
                return f"{method} {_NOTHING}"
    try:
        getattr(entry.deferred, method)()
    except (Exception, Bare) as error:
        return f"{method} raised {describe_error(error)}"
    finally:
        entry.handle = entry.handle or handle
    return method


@_operation
def take(world: World, slot: int, method: str) -> str | None:
    entry = world.slot(slot)
    if entry is None or entry.handle is None:
        return _NOTHING
    try:
        next(entry.handle.__await__())
    except StopIteration as stopped:
        got = describe(stopped.value)
    except BaseException as error:
        got = f"failure {describe_error(error)}"
    else:
        return "has to wait"
    entry.handle = None
    return f"got {got}"


@_operation
def look(world: World, slot: int) -> str | None:
    entry = world.slot(slot)
    if entry is None or (entry.handle is None and not entry.trigger):
        return _NOTHING
    found = entry.deferred
    waiting = isinstance(getattr(found, "result", None), world.api.Deferred)
    return f"at called={found.called!r} paused={found.paused - waiting} waiting={waiting!r}"


# Many into one. What comes of it is told in the same words as in Rust, by a first callback.


def _handles(world: World, slots: list[int]) -> list[Any]:
    taken = (world.take(slot) for slot in slots)
    return [handle for handle in taken if handle is not None]


def _tell_list(result: Any) -> Told:
    if isinstance(result, tuple):
        value, index = result
        return Told(f"first {index}: {describe(value)}")
    return Told(f"all [{', '.join(describe(value) for _, value in result)}]")


@_operation
def deferred_list(world: World, slot: int, slots: list[int], flags: tuple[bool, bool, bool]) -> None:
    made = world.api.DeferredList(_handles(world, slots), *flags)
    world.put(slot, made.addCallback(_tell_list))


@_operation
def gather(world: World, slot: int, slots: list[int], consume: bool) -> None:
    world.put(slot, world.api.gatherResults(_handles(world, slots)))


@_operation
def race(world: World, slot: int, slots: list[int]) -> None:
    made = world.api.race(_handles(world, slots))
    world.put(slot, made.addCallback(lambda won: Told(f"winner {won[0]}: {describe(won[1])}")))


# Coroutines


@_operation
def start(world: World, slot: int, how: str, spec: Spec) -> None:
    label, api = world.number("g"), world.api
    if how == "inline":
        made = api.inlineCallbacks(lambda: _generator(world, label, spec))()
    elif how == "ensure":
        made = api.ensureDeferred(_coroutine(world, label, spec))
    else:
        made = api.Deferred.fromCoroutine(_coroutine(world, label, spec))
    world.put(slot, made)


@_operation
def holding(world: World, slot: int, name: str, spec: Spec) -> None:
    label = world.number("g")
    flow = _under(world, label, spec, getattr(world.primitives, name))
    world.put(slot, world.api.Deferred.fromCoroutine(flow))


def _awaited(world: World, what: Spec) -> Any:
    if what[0] == "new":
        return world.new(*what[1:]).take()
    if what[0] == "generator":
        return world.api.inlineCallbacks(_generator)(world, world.number("g"), what[1])
    if what[0] == "coroutine":
        return _coroutine(world, world.number("g"), what[1])
    return world.take(what[1])


def _begin(world: World, label: str, ops: list[Op], what: Spec) -> Any:
    world.run(ops)
    awaited = _awaited(world, what)
    if awaited is None:
        world.note(f"{label} {_NOTHING} to wait for")
    return awaited


def _caught(world: World, label: str, error: BaseException, answer: str) -> None:
    """Write down an error that was thrown in, and raise unless the generator goes on."""
    if isinstance(error, GeneratorExit) or world.ended:
        raise error
    world.note(f"{label} caught {describe_error(error)}")
    if answer == "replace":
        raise world.error("boom")
    if answer == "raise":
        raise error


def _generator(world: World, label: str, spec: Spec) -> Generator[Any, Any, Any]:
    steps, end = spec
    world.note(f"{label} begins")
    for ops, what, answer in steps:
        awaited = _begin(world, label, ops, what)
        if awaited is None:
            continue
        try:
            got = yield awaited
        except BaseException as error:
            _caught(world, label, error, answer)
        else:
            world.note(f"{label} got {describe(got)}")
    return world.finish(end, None)


async def _coroutine(world: World, label: str, spec: Spec) -> Any:
    steps, end = spec
    world.note(f"{label} begins")
    for ops, what, answer in steps:
        awaited = _begin(world, label, ops, what)
        if awaited is None:
            continue
        try:
            got = await awaited
        except BaseException as error:
            _caught(world, label, error, answer)
        else:
            world.note(f"{label} got {describe(got)}")
    return world.finish(end, None)


async def _under(world: World, label: str, spec: Spec, primitive: Any) -> Any:
    await primitive.acquire()
    world.note(f"{label} holds it")
    try:
        return await _coroutine(world, label, spec)
    finally:
        if not world.ended:
            primitive.release()


# Locks, semaphores and the queue


@_operation
def limit(world: World, name: str, first: int, second: int | None) -> str | None:
    if name == "queue":
        world.primitives.queue = world.api.DeferredQueue(first if first >= 0 else None, second)
        return None
    if first < 1:
        return "refused"
    world.primitives.semaphore = world.api.DeferredSemaphore(first)
    return None


@_operation
def acquire(world: World, slot: int, name: str) -> None:
    primitive = getattr(world.primitives, name)

    def hold(_: object) -> Told:
        world.primitives.permits.append(primitive)
        return Told("a permit")

    world.put(slot, primitive.acquire().addCallback(hold))


@_operation
def release(world: World, name: str) -> str | None:
    if not world.primitives.permits:
        return _NOTHING
    world.primitives.permits.pop().release()
    return None


@_operation
def run_with(world: World, slot: int, name: str, spec: Spec, count: int) -> None:
    world.put(slot, getattr(world.primitives, name).run(world.callable(spec, None)))


@_operation
def state_of(world: World, name: str) -> str:
    found = getattr(world.primitives, name)
    if name == "queue":
        return f"pending={len(found.pending)} waiting={len(found.waiting)}"
    free = f"tokens={found.tokens}" if name == "semaphore" else f"locked={found.locked!r}"
    return f"{free} waiting={len(found.waiting)}"


@_operation
def put(world: World, value: Spec) -> None:
    world.primitives.queue.put(world.value(value))


@_operation
def pull(world: World, slot: int) -> None:
    world.put(slot, world.primitives.queue.get(), got=True)


# A whole program


@contextmanager
def _listening(world: World) -> Iterator[None]:
    """Hear of failures that nobody has handled, and let nothing else be said."""

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_failure") is not None:
            world.reports.append(describe_error(event["log_failure"].value))

    publisher: Any = globalLogPublisher
    publisher.addObserver(observe)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            publisher.removeObserver(observe)


def _forgive_the_paused(world: World) -> None:
    """Let nothing be reported that is behind a pause: when that is, is one of the differences."""
    for entry in (*world.slots.values(), *world.kept):
        info = entry.deferred._debugInfo
        if entry.deferred.paused and info is not None:
            info.failResult = None


def run(api: ModuleType, program: Program) -> Seen:
    """Run a program from the first operation to the end of its last object."""
    world = World(api)
    steps = []
    with _listening(world):
        for op in program["ops"]:
            world.run([op])
            steps.append(world.lines)
            world.lines = []
        world.ended = True
        world.clock.calls.clear()
        reports = world.reports
        _forgive_the_paused(world)
        for held in (world.slots, world.kept, world.primitives.permits):
            held.clear()
        del world.primitives
        gc.collect()
    return Seen(steps, sorted(reports))
