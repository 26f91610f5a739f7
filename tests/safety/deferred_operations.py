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

from tests.apis import Failure, queue_name
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
def construct(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.Deferred), None


@_operation
def construct_with_a_canceller(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.Deferred, a), None


@_operation
def construct_one_of_a_subclass(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(_subclass(api), canceller=a), None


@functools.cache
def _subclass(api: ModuleType) -> Any:
    return type("Sub", (api.Deferred,), {})


@_operation
def construct_in_debug_mode(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(_debugged(api), a), None


@functools.cache
def _debugged(api: ModuleType) -> Any:
    return type("Debugged", (api.Deferred,), {"debug": True})


@_operation
def succeed(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.succeed, a), None


@_operation
def fail(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.fail, Oops(a)), None


@_operation
def execute(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.execute, a, b, c), None


@_operation
def maybe_deferred(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.maybeDeferred, a, b, key=c), None


@_operation
def maybe_deferred_raises(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    def raises(*_: Any) -> None:
        raise Oops

    return do(api.maybeDeferred, raises, b, c), None


# Adding callbacks.


def _adding(method: str, *count: int, fired: bool = False, keywords: bool = False) -> None:
    for number in count:
        name = f"{method}_{number}_arguments{'_and_a_keyword' * keywords}{'_to_a_fired_one' * fired}"

        def operation(api: ModuleType, a: Any, b: Any, c: Any, number: int = number) -> tuple[Any, ...]:
            d = api.succeed(c) if fired else api.Deferred()
            extra = {"key": b} if keywords else {}
            return do(getattr(d, method), a, *[b, c, b, c][:number], **extra), d

        OPERATIONS[name] = operation


for _method in ("addCallback", "addErrback", "addBoth"):
    _adding(_method, 0, 1, 2, 3)
    _adding(_method, 0, 3, fired=True)
    _adding(_method, 0, 2, keywords=True)
    _adding(_method, 1, keywords=True, fired=True)


@_operation
def add_callbacks(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    return do(d.addCallbacks, a, b), d


@_operation
def add_callbacks_with_everything(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    return do(d.addCallbacks, a, b, [c], {"one": c}, errbackArgs=(c,), errbackKeywords={"two": c}), d


@_operation
def add_the_sixth(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    for _ in range(5):
        d.addCallback(a)
    return do(d.addBoth, b, c), d


@_operation
def add_where_the_list_was_read(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    d.addCallback(a)
    d.kept = getattr(d, queue_name())
    return do(d.addCallback, b, c), d


@_operation
def add_a_timeout(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    return do(d.addTimeout, 1, Clock(), a), d


@_operation
def chain(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addCallback(a)
    return do(d.chainDeferred, api.Deferred().addCallback(b)), d


# Firing.


@_operation
def fire(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    d.addCallback(a).addCallback(a, 1).addCallback(a, 1, 2, 3).addCallback(b, key=1)
    return do(d.callback, c), d


@_operation
def fire_with_callbacks_that_raise(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    def raises(_: Any) -> None:
        raise Oops(b)

    d = api.Deferred()
    d.addCallback(raises).addErrback(a).addErrback(raises).addErrback(lambda _: None)
    return do(d.callback, c), d


@_operation
def fire_where_the_list_was_read(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    d.addCallback(a).addCallback(a, 1).addCallback(b, key=1)
    d.kept = getattr(d, queue_name())
    return do(d.callback, c), d


@_operation
def fire_with_an_exception(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    d.addErrback(a).addErrback(lambda _: None)
    return do(d.errback, Oops(b)), d


@_operation
def fire_with_a_failure_that_is_not_handled(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    return do(d.errback, Failure(Oops(b))), d


@_operation
def fire_in_debug_mode(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = _debugged(api)()
    return do(d.addCallback(a).callback, b), d


@_operation
def fire_twice(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(_expecting(AlreadyCalledError), d.callback, b), d


def _expecting(error: type[BaseException]) -> Any:
    def call(function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except error:
            return None

    return call


@_operation
def fire_one_that_chains(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addCallback(a)
    d.chainDeferred(api.Deferred().addCallback(b))
    return do(d.callback, c), d


@_operation
def wait_for_another(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    inner = api.Deferred().addCallback(a)
    d = api.Deferred().addCallback(lambda _: inner).addCallback(b)

    def check(d: Any) -> Any:
        if not inner.called:
            inner.callback(None)
        return describing.deferred(d), describing.use_up(d)

    return do(d.callback, c), d, check


@_operation
def wait_for_another_whose_list_was_read(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    inner = api.Deferred().addCallback(a)
    inner.kept = getattr(inner, queue_name())
    d = api.Deferred().addCallback(lambda _: inner).addCallback(b)

    def check(d: Any) -> Any:
        if not inner.called:
            inner.callback(None)
        return describing.deferred(d), describing.use_up(d)

    return do(d.callback, c), d, check


@_operation
def fire_what_is_waited_for(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    inner = api.Deferred().addCallback(a)
    d = api.Deferred().addCallback(lambda _: inner).addCallback(b)
    d.callback(None)
    return do(inner.callback, c), d


@_operation
def take_the_result_of_another(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    inner = api.succeed(c)
    d = api.Deferred().addCallback(lambda _: inner).addCallback(b)
    return do(d.callback, a), d


# Pausing and cancelling.


@_operation
def unpause(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addCallback(a)
    d.pause()
    d.callback(b)
    return do(d.unpause), d


@_operation
def cancel(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addErrback(lambda _: a)
    return do(d.cancel), d


@_operation
def cancel_with_a_canceller(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred(a).addErrback(lambda _: b)
    return do(d.cancel), d


@_operation
def cancel_one_that_waits(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    inner = api.Deferred(a)
    d = api.Deferred().addCallback(lambda _: inner).addErrback(lambda _: b)
    d.callback(None)

    def check(d: Any) -> Any:
        if not inner.called:
            inner.callback(None)
        return describing.deferred(d), describing.use_up(d)

    return do(d.cancel), d, check


# Looking at one.


@_operation
def read_the_list(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    d.addCallback(a).addErrback(b, 1).addBoth(c, key=1).addCallbacks(a, b, (1,), {"key": 2}, (3,), {"key": 4})
    api.DeferredList([d])
    api.succeed(None).addCallback(lambda _: d)
    return do(getattr, d, queue_name()), d


@_operation
def set_the_list(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addCallback(a)
    return do(setattr, d, queue_name(), [((b, (), {}), (c, (), {}))]), d


@_operation
def set_attributes(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()

    def sets() -> None:
        d.note = a
        d.result = b
        d._canceller = c
        d._chainedTo = api.Deferred()
        d._chainedTo = None

    return sets, d


@_operation
def show(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(repr, d), d


@_operation
def list_attributes(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(dir, d), d


@_operation
def copy_one(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(copy.copy, d), d


@_operation
def iterate(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(next, iter(d), None), d


@_operation
def begin_to_iterate(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred(a)
    return do(iter, d), d


@_operation
def initialise_again(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred(a).addCallback(b)
    return do(d.__init__, c), d


# Many.


@_operation
def make_a_list(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.DeferredList, [api.succeed(a), api.Deferred(b), api.Deferred(c)]), None


@_operation
def fire_a_list(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    members = [api.succeed(a), api.Deferred()]
    d = api.DeferredList(members).addCallback(b)

    def check(d: Any) -> Any:
        return describing.deferred(d), describing.use_up(d)

    return do(members[1].callback, c), d, check


@_operation
def fail_a_list(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    members = [api.Deferred(), api.Deferred()]
    d = api.DeferredList(members, fireOnOneErrback=True, consumeErrors=True).addErrback(lambda _: b)
    return do(members[1].errback, Oops(c)), d


@_operation
def cancel_a_list(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    members = [api.Deferred(a), api.Deferred(b)]
    d = api.DeferredList(members, consumeErrors=True)
    return do(d.cancel), d


@_operation
def gather(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.gatherResults, [api.succeed(a), api.succeed(b)]), None


@_operation
def gather_and_fire(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    member = api.Deferred()
    d = api.gatherResults([api.succeed(a), member]).addCallback(b)
    return do(member.callback, c), d


@_operation
def begin_a_race(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.race, [api.Deferred(a), api.Deferred(b)]), None


@_operation
def win_a_race(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    member = api.Deferred()
    d = api.race([api.Deferred(a), member]).addCallback(b)
    return do(member.callback, c), d


# Coroutines.


@_operation
def begin_a_coroutine(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    async def coroutine() -> Any:
        await api.succeed(a)
        return b

    return do(api.ensureDeferred, coroutine()), None


@_operation
def resume_a_coroutine(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = api.Deferred()

    async def coroutine() -> Any:
        await waited
        return await api.succeed(a)

    d = api.ensureDeferred(coroutine()).addCallback(b)
    return do(waited.callback, c), d


@_operation
def resume_a_generator(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = api.Deferred()

    def generator() -> Steps:
        yield waited
        yield api.succeed(None)
        return a

    d = api.inlineCallbacks(generator)().addCallback(b)
    return do(waited.callback, c), d


@_operation
def a_generator_waits_again(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited, second = api.Deferred(), api.Deferred()

    def generator() -> Steps:
        yield waited
        yield second
        return a

    d = api.inlineCallbacks(generator)().addCallback(b)

    def check(d: Any) -> Any:
        if not second.called:
            second.callback(None)
        return describing.deferred(d), describing.use_up(d)

    return do(waited.callback, c), d, check


@_operation
def fail_a_generator(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = api.Deferred()

    def generator() -> Steps:
        yield waited

    d = api.inlineCallbacks(generator)().addErrback(lambda _: b)
    return do(waited.errback, Oops(c)), d


@_operation
def cancel_a_generator(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = api.Deferred(a)

    def generator() -> Steps:
        yield waited

    d = api.inlineCallbacks(generator)().addErrback(lambda _: b)
    return do(d.cancel), d


# Locks and queues.


@_operation
def acquire(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = api.DeferredLock()
    return do(lock.acquire), lock, _check_lock


@_operation
def acquire_a_lock_that_is_held(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = api.DeferredLock()
    lock.acquire()
    return do(lock.acquire), lock, _check_lock


@_operation
def release(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = api.DeferredLock()
    lock.acquire()
    lock.acquire().addCallback(a)
    return do(lock.release), lock, _check_lock


@_operation
def run_with_a_lock(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = api.DeferredLock()
    return do(lock.run, a, b, key=c), lock, _check_lock


@_operation
def acquire_a_token(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    semaphore = api.DeferredSemaphore(1)
    return do(semaphore.acquire), semaphore, _check_semaphore


@_operation
def release_a_token(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    semaphore = api.DeferredSemaphore(1)
    semaphore.acquire()
    semaphore.acquire().addCallback(a)
    return do(semaphore.release), semaphore, _check_semaphore


def _check_lock(lock: Any) -> Any:
    return [lock.locked, len(lock.waiting)]


def _check_semaphore(semaphore: Any) -> Any:
    return [semaphore.tokens, semaphore.limit, len(semaphore.waiting)]


@_operation
def put_into_a_queue(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = api.DeferredQueue(3, 3)
    return do(queue.put, a), queue, _check_queue


@_operation
def put_where_somebody_waits(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = api.DeferredQueue(3, 3)
    queue.get().addCallback(b)
    return do(queue.put, a), queue, _check_queue


@_operation
def get_from_a_queue(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = api.DeferredQueue(3, 3)
    queue.put(a)
    return do(queue.get), queue, _check_queue


@_operation
def wait_for_a_queue(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = api.DeferredQueue(3, 3)
    return do(queue.get), queue, _check_queue


def _check_queue(queue: Any) -> Any:
    return [len(queue.pending), len(queue.waiting)]
