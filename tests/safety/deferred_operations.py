"""What is done while allocations fail.

Each operation is a function of a module of Deferreds and of three objects. It gives a function of no
arguments that does it, and the object that is looked at afterwards; None for what the function returns. After
that there may be a function that looks at it.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from twisted.internet.defer import AlreadyCalledError
from twisted.internet.task import Clock

from tests.faces import Failure, queue_name
from tests.helpers import Oops, Steps
from tests.safety import describing

Operation = Callable[[ModuleType, Any, Any, Any], "tuple[Any, ...]"]
OPERATIONS: dict[str, Operation] = {}


def _operation(function: Operation) -> Operation:
    OPERATIONS[function.__name__] = function
    return function


def do(function: Any, *arguments: Any, **keywords: Any) -> Any:
    """Give a function of no arguments."""
    return functools.partial(function, *arguments, **keywords)


# Making one.


@_operation
def construct(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(face.Deferred), None


@_operation
def construct_with_a_canceller(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(face.Deferred, a), None


@_operation
def construct_one_of_a_subclass(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(_subclass(face), canceller=a), None


@functools.cache
def _subclass(face: ModuleType) -> Any:
    return type("Sub", (face.Deferred,), {})


@_operation
def construct_in_debug_mode(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(_debugged(face), a), None


@functools.cache
def _debugged(face: ModuleType) -> Any:
    return type("Debugged", (face.Deferred,), {"debug": True})


@_operation
def succeed(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(face.succeed, a), None


@_operation
def fail(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(face.fail, Oops(a)), None


@_operation
def execute(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(face.execute, a, b, c), None


@_operation
def maybe_deferred(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(face.maybeDeferred, a, b, key=c), None


@_operation
def maybe_deferred_raises(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    def raises(*_: Any) -> None:
        raise Oops

    return do(face.maybeDeferred, raises, b, c), None


# Adding callbacks.


def _adding(method: str, *count: int, fired: bool = False, keywords: bool = False) -> None:
    for number in count:
        name = f"{method}_{number}_arguments{'_and_a_keyword' * keywords}{'_to_a_fired_one' * fired}"

        def operation(face: ModuleType, a: Any, b: Any, c: Any, number: int = number) -> tuple[Any, ...]:
            d = face.succeed(c) if fired else face.Deferred()
            extra = {"key": b} if keywords else {}
            return do(getattr(d, method), a, *[b, c, b, c][:number], **extra), d

        OPERATIONS[name] = operation


for _method in ("addCallback", "addErrback", "addBoth"):
    _adding(_method, 0, 1, 2, 3)
    _adding(_method, 0, 3, fired=True)
    _adding(_method, 0, 2, keywords=True)
    _adding(_method, 1, keywords=True, fired=True)


@_operation
def add_callbacks(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()
    return do(d.addCallbacks, a, b), d


@_operation
def add_callbacks_with_everything(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()
    return do(d.addCallbacks, a, b, [c], {"one": c}, errbackArgs=(c,), errbackKeywords={"two": c}), d


@_operation
def add_the_sixth(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()
    for _ in range(5):
        d.addCallback(a)
    return do(d.addBoth, b, c), d


@_operation
def add_where_the_list_was_read(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()
    d.addCallback(a)
    d.kept = getattr(d, queue_name())
    return do(d.addCallback, b, c), d


@_operation
def add_a_timeout(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()
    return do(d.addTimeout, 1, Clock(), a), d


@_operation
def chain(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred().addCallback(a)
    return do(d.chainDeferred, face.Deferred().addCallback(b)), d


# Firing.


@_operation
def fire(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()
    d.addCallback(a).addCallback(a, 1).addCallback(a, 1, 2, 3).addCallback(b, key=1)
    return do(d.callback, c), d


@_operation
def fire_with_callbacks_that_raise(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    def raises(_: Any) -> None:
        raise Oops(b)

    d = face.Deferred()
    d.addCallback(raises).addErrback(a).addErrback(raises).addErrback(lambda _: None)
    return do(d.callback, c), d


@_operation
def fire_where_the_list_was_read(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()
    d.addCallback(a).addCallback(a, 1).addCallback(b, key=1)
    d.kept = getattr(d, queue_name())
    return do(d.callback, c), d


@_operation
def fire_with_an_exception(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()
    d.addErrback(a).addErrback(lambda _: None)
    return do(d.errback, Oops(b)), d


@_operation
def fire_with_a_failure_that_is_not_handled(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()
    return do(d.errback, Failure(Oops(b))), d


@_operation
def fire_in_debug_mode(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = _debugged(face)()
    return do(d.addCallback(a).callback, b), d


@_operation
def fire_twice(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.succeed(a)
    return do(_expecting(AlreadyCalledError), d.callback, b), d


def _expecting(error: type[BaseException]) -> Any:
    def call(function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except error:
            return None

    return call


@_operation
def fire_one_that_chains(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred().addCallback(a)
    d.chainDeferred(face.Deferred().addCallback(b))
    return do(d.callback, c), d


@_operation
def wait_for_another(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    inner = face.Deferred().addCallback(a)
    d = face.Deferred().addCallback(lambda _: inner).addCallback(b)

    def check(d: Any) -> Any:
        if not inner.called:
            inner.callback(None)
        return describing.deferred(d), describing.use_up(d)

    return do(d.callback, c), d, check


@_operation
def wait_for_another_whose_list_was_read(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    inner = face.Deferred().addCallback(a)
    inner.kept = getattr(inner, queue_name())
    d = face.Deferred().addCallback(lambda _: inner).addCallback(b)

    def check(d: Any) -> Any:
        if not inner.called:
            inner.callback(None)
        return describing.deferred(d), describing.use_up(d)

    return do(d.callback, c), d, check


@_operation
def fire_what_is_waited_for(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    inner = face.Deferred().addCallback(a)
    d = face.Deferred().addCallback(lambda _: inner).addCallback(b)
    d.callback(None)
    return do(inner.callback, c), d


@_operation
def take_the_result_of_another(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    inner = face.succeed(c)
    d = face.Deferred().addCallback(lambda _: inner).addCallback(b)
    return do(d.callback, a), d


# Pausing and cancelling.


@_operation
def unpause(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred().addCallback(a)
    d.pause()
    d.callback(b)
    return do(d.unpause), d


@_operation
def cancel(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred().addErrback(lambda _: a)
    return do(d.cancel), d


@_operation
def cancel_with_a_canceller(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred(a).addErrback(lambda _: b)
    return do(d.cancel), d


@_operation
def cancel_one_that_waits(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    inner = face.Deferred(a)
    d = face.Deferred().addCallback(lambda _: inner).addErrback(lambda _: b)
    d.callback(None)

    def check(d: Any) -> Any:
        if not inner.called:
            inner.callback(None)
        return describing.deferred(d), describing.use_up(d)

    return do(d.cancel), d, check


# Looking at one.


@_operation
def read_the_list(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()
    d.addCallback(a).addErrback(b, 1).addBoth(c, key=1).addCallbacks(a, b, (1,), {"key": 2}, (3,), {"key": 4})
    face.DeferredList([d])
    face.succeed(None).addCallback(lambda _: d)
    return do(getattr, d, queue_name()), d


@_operation
def set_the_list(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred().addCallback(a)
    return do(setattr, d, queue_name(), [((b, (), {}), (c, (), {}))]), d


@_operation
def set_attributes(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred()

    def sets() -> None:
        d.note = a
        d.result = b
        d._canceller = c
        d._chainedTo = face.Deferred()
        d._chainedTo = None

    return sets, d


@_operation
def show(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.succeed(a)
    return do(repr, d), d


@_operation
def list_attributes(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.succeed(a)
    return do(dir, d), d


@_operation
def copy_one(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.succeed(a)
    return do(copy.copy, d), d


@_operation
def iterate(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.succeed(a)
    return do(next, iter(d), None), d


@_operation
def begin_to_iterate(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred(a)
    return do(iter, d), d


@_operation
def initialise_again(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = face.Deferred(a).addCallback(b)
    return do(d.__init__, c), d


# Many.


@_operation
def make_a_list(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(face.DeferredList, [face.succeed(a), face.Deferred(b), face.Deferred(c)]), None


@_operation
def fire_a_list(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    members = [face.succeed(a), face.Deferred()]
    d = face.DeferredList(members).addCallback(b)

    def check(d: Any) -> Any:
        return describing.deferred(d), describing.use_up(d)

    return do(members[1].callback, c), d, check


@_operation
def fail_a_list(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    members = [face.Deferred(), face.Deferred()]
    d = face.DeferredList(members, fireOnOneErrback=True, consumeErrors=True).addErrback(lambda _: b)
    return do(members[1].errback, Oops(c)), d


@_operation
def cancel_a_list(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    members = [face.Deferred(a), face.Deferred(b)]
    d = face.DeferredList(members, consumeErrors=True)
    return do(d.cancel), d


@_operation
def gather(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(face.gatherResults, [face.succeed(a), face.succeed(b)]), None


@_operation
def gather_and_fire(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    member = face.Deferred()
    d = face.gatherResults([face.succeed(a), member]).addCallback(b)
    return do(member.callback, c), d


@_operation
def begin_a_race(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(face.race, [face.Deferred(a), face.Deferred(b)]), None


@_operation
def win_a_race(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    member = face.Deferred()
    d = face.race([face.Deferred(a), member]).addCallback(b)
    return do(member.callback, c), d


# Coroutines.


@_operation
def begin_a_coroutine(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    async def coroutine() -> Any:
        await face.succeed(a)
        return b

    return do(face.ensureDeferred, coroutine()), None


@_operation
def resume_a_coroutine(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = face.Deferred()

    async def coroutine() -> Any:
        await waited
        return await face.succeed(a)

    d = face.ensureDeferred(coroutine()).addCallback(b)
    return do(waited.callback, c), d


@_operation
def resume_a_generator(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = face.Deferred()

    def generator() -> Steps:
        yield waited
        yield face.succeed(None)
        return a

    d = face.inlineCallbacks(generator)().addCallback(b)
    return do(waited.callback, c), d


@_operation
def a_generator_waits_again(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited, second = face.Deferred(), face.Deferred()

    def generator() -> Steps:
        yield waited
        yield second
        return a

    d = face.inlineCallbacks(generator)().addCallback(b)

    def check(d: Any) -> Any:
        if not second.called:
            second.callback(None)
        return describing.deferred(d), describing.use_up(d)

    return do(waited.callback, c), d, check


@_operation
def fail_a_generator(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = face.Deferred()

    def generator() -> Steps:
        yield waited

    d = face.inlineCallbacks(generator)().addErrback(lambda _: b)
    return do(waited.errback, Oops(c)), d


@_operation
def cancel_a_generator(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = face.Deferred(a)

    def generator() -> Steps:
        yield waited

    d = face.inlineCallbacks(generator)().addErrback(lambda _: b)
    return do(d.cancel), d


# Locks and queues.


@_operation
def acquire(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = face.DeferredLock()
    return do(lock.acquire), lock, _check_lock


@_operation
def acquire_a_lock_that_is_held(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = face.DeferredLock()
    lock.acquire()
    return do(lock.acquire), lock, _check_lock


@_operation
def release(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = face.DeferredLock()
    lock.acquire()
    lock.acquire().addCallback(a)
    return do(lock.release), lock, _check_lock


@_operation
def run_with_a_lock(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = face.DeferredLock()
    return do(lock.run, a, b, key=c), lock, _check_lock


@_operation
def acquire_a_token(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    semaphore = face.DeferredSemaphore(1)
    return do(semaphore.acquire), semaphore, _check_semaphore


@_operation
def release_a_token(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    semaphore = face.DeferredSemaphore(1)
    semaphore.acquire()
    semaphore.acquire().addCallback(a)
    return do(semaphore.release), semaphore, _check_semaphore


def _check_lock(lock: Any) -> Any:
    return [lock.locked, len(lock.waiting)]


def _check_semaphore(semaphore: Any) -> Any:
    return [semaphore.tokens, semaphore.limit, len(semaphore.waiting)]


@_operation
def put_into_a_queue(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = face.DeferredQueue(3, 3)
    return do(queue.put, a), queue, _check_queue


@_operation
def put_where_somebody_waits(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = face.DeferredQueue(3, 3)
    queue.get().addCallback(b)
    return do(queue.put, a), queue, _check_queue


@_operation
def get_from_a_queue(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = face.DeferredQueue(3, 3)
    queue.put(a)
    return do(queue.get), queue, _check_queue


@_operation
def wait_for_a_queue(face: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = face.DeferredQueue(3, 3)
    return do(queue.get), queue, _check_queue


def _check_queue(queue: Any) -> Any:
    return [len(queue.pending), len(queue.waiting)]
