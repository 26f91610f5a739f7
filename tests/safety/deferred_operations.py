"""What is done with Deferreds while allocations fail.

Each operation is a function of a module of Deferreds and of three objects. It gives a function of no
arguments that does it, and the object that is looked at afterwards; None for what the function returns. After
that there may be a function that looks at it.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from twisted.internet import defer as stock
from twisted.internet.defer import AlreadyCalledError, NotACoroutineError, QueueOverflow, QueueUnderflow
from twisted.internet.task import Clock

from tests.apis import Failure, queue_name
from tests.helpers import Oops, Steps
from tests.safety import describing

Operation = Callable[[ModuleType, Any, Any, Any], "tuple[Any, ...]"]
OPERATIONS: dict[str, Operation] = {}
#: A function that raises. Those of Python sometimes return nothing and raise nothing, if there is no memory.
RAISES: Any = {}.__getitem__


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


@_operation
def maybe_deferred_returns_one(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(api.maybeDeferred, lambda *_: d, b, c), d


@_operation
def maybe_deferred_returns_a_coroutine(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    async def coroutine() -> Any:
        return await api.succeed(a)

    return do(api.maybeDeferred, coroutine), None


@_operation
def maybe_deferred_by_keyword(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.maybeDeferred, f=a, result=b), None


@_operation
def execute_raises(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    def raises(*_: Any) -> None:
        raise Oops(a)

    return do(api.execute, raises, b, c), None


@_operation
def fail_without_an_argument(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    def fails() -> Any:
        try:
            raise Oops(a)
        except Oops:
            return api.fail()

    return fails, None


@_operation
def from_future(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    future = _event_loop().create_future()
    future.set_result(a)
    return do(api.Deferred.fromFuture, future), None, _check_after_a_turn


@_operation
def as_future(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred(a).addCallback(b)
    return do(d.asFuture, _event_loop()), d, _check_after_a_turn


@_operation
def as_future_of_a_fired_one(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(d.asFuture, _event_loop()), d, _check_after_a_turn


def _check_after_a_turn(found: Any) -> Any:
    """Look at a Deferred after one turn of the event loop."""
    loop = _event_loop()
    loop.call_soon(loop.stop)
    loop.run_forever()
    return None if found is None else [describing.deferred(found), describing.use_up(found)]


@functools.cache
def _event_loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


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
def add_callbacks_to_a_fired_one(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(c)
    return do(d.addCallbacks, a, b), d


@_operation
def add_a_callback_by_keyword(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    return do(d.addCallback, callback=a, key=b), d


@_operation
def add_without_a_callback(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    return do(_expecting(TypeError), d.addCallback), d


@_operation
def add_a_callback_twice(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    return do(_expecting(TypeError), lambda: d.addBoth(a, callback=b)), d


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
def a_timeout_comes(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    clock = Clock()
    d = api.Deferred().addTimeout(1, clock, lambda *_: a)
    return do(clock.advance, 2), d


@_operation
def time_out(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addErrback(lambda _: a)
    return do(stock.timeout, d), d


@_operation
def pass_through(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(d.addCallbacks, stock.passthru, b), d


@_operation
def chain_a_fired_one(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(d.chainDeferred, api.Deferred().addCallback(b)), d


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
def fire_with_the_exception_that_is_handled(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addErrback(lambda _: a)

    def fires() -> None:
        try:
            raise Oops(b)
        except Oops:
            d.errback()

    return fires, d


@_operation
def fire_with_a_failure_for_a_callback(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addCallback(a).addErrback(lambda _: c)
    return do(d.callback, Failure(Oops(b))), d


@_operation
def fire_without_a_result(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addCallback(a)
    return do(_expecting(TypeError), d.callback), d


@_operation
def fire_one_of_a_subclass(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = _subclass(api)().addCallback(a).addCallback(b, 1)
    return do(d.callback, c), d


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
def pause(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addCallback(a)
    return do(d.pause), d


@_operation
def read_how_often_it_is_paused(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addCallback(a)
    d.paused = 300

    def check(d: Any) -> Any:
        d.paused = 0
        return describing.deferred(d), describing.use_up(d)

    return do(getattr, d, "paused"), d, check


@_operation
def cancel_a_fired_one(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(d.cancel), d


@_operation
def cancel_with_a_canceller_that_fires(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred(lambda d: d.callback(a)).addCallback(b)
    return do(d.cancel), d


@_operation
def cancel_with_a_canceller_that_raises(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    def raises(_: Any) -> None:
        raise Oops(a)

    d = api.Deferred(raises).addCallback(b)
    return do(_expecting(Oops), d.cancel), d


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
def show_what_it_waits_for(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred().addCallback(lambda _: api.Deferred(a))
    d.callback(b)
    return do(str, d), d


@_operation
def look_for_an_attribute_that_is_missing(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred(a)
    return do(_expecting(AttributeError), lambda: d.result), d


@_operation
def set_the_list_to_something_else(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d, name = api.succeed(a), queue_name()

    def sets() -> None:
        # Twisted's class takes anything there, and fails later.
        with contextlib.suppress(TypeError):
            setattr(d, name, None)
        setattr(d, name, [])

    return sets, d


@_operation
def get_its_state(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.succeed(a)
    return do(d.__reduce_ex__, 2), d


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
def fire_a_list_by_its_first_result(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    members = [api.Deferred(), api.Deferred()]
    d = api.DeferredList(members, fireOnOneCallback=True).addCallback(b)
    return do(members[1].callback, c), d


@_operation
def make_an_empty_list(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.DeferredList, []), None


@_operation
def make_a_list_of_other_objects(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    class Member:
        def addCallbacks(self, *_: Any, **__: Any) -> None:
            return None

    return do(api.DeferredList, [Member()]), None


@_operation
def cancel_a_list_whose_canceller_raises(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    def raises(_: Any) -> None:
        raise Oops(a)

    d = api.DeferredList([api.Deferred(raises), api.Deferred(b)], consumeErrors=True)
    return do(d.cancel), d


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
def gather_and_fail(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    member = api.Deferred()
    d = api.gatherResults([api.Deferred(a), member], consumeErrors=True).addErrback(lambda _: b)
    return do(member.errback, Oops(c)), d


@_operation
def begin_a_race(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.race, [api.Deferred(a), api.Deferred(b)]), None


@_operation
def win_a_race(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    member = api.Deferred()
    d = api.race([api.Deferred(a), member]).addCallback(b)
    return do(member.callback, c), d


@_operation
def lose_a_race(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    members = [api.Deferred(), api.Deferred()]
    d = api.race(members).addErrback(lambda _: a)
    members[0].errback(Oops(b))
    return do(members[1].errback, Oops(c)), d


@_operation
def cancel_a_race(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.race([api.Deferred(a), api.Deferred(b)]).addErrback(lambda _: c)
    return do(d.cancel), d


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


@_operation
def begin_a_generator(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    def generator(*_: Any, **__: Any) -> Steps:
        yield api.succeed(a)
        yield b
        return c

    return do(api.inlineCallbacks(generator), a, key=b), None


@_operation
def a_generator_raises(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = api.Deferred()

    def generator() -> Steps:
        yield waited
        raise Oops(a)

    d = api.inlineCallbacks(generator)().addErrback(lambda _: b)
    return do(waited.callback, c), d


@_operation
def a_generator_ends_by_return_value(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = api.Deferred()

    def generator() -> Steps:
        yield waited
        stock.returnValue(a)

    d = api.inlineCallbacks(generator)().addCallback(b)
    return do(waited.callback, c), d


@_operation
def a_generator_yields_another(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited = api.Deferred()

    def inner() -> Steps:
        yield api.succeed(None)
        return a

    def generator() -> Steps:
        yield waited
        return (yield inner())

    d = api.inlineCallbacks(generator)().addCallback(b)
    return do(waited.callback, c), d


@_operation
def cancel_a_generator_that_goes_on(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    waited, second = api.Deferred(a), api.Deferred()

    def generator() -> Steps:
        try:
            yield waited
        except Exception:
            yield second
        return b

    d = api.inlineCallbacks(generator)().addBoth(lambda _: c)

    def check(d: Any) -> Any:
        if not second.called:
            second.callback(None)
        return describing.deferred(d), describing.use_up(d)

    return do(d.cancel), d, check


@_operation
def await_one_that_has_failed(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    async def coroutine() -> Any:
        try:
            await api.fail(Oops(a))
        except Oops:
            return b

    return do(api.ensureDeferred, coroutine()), None


@_operation
def make_one_from_a_coroutine(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    async def coroutine() -> Any:
        return await api.succeed(a)

    return do(api.Deferred.fromCoroutine, coroutine()), None


@_operation
def make_one_from_something_else(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(_expecting(NotACoroutineError), api.ensureDeferred, [a]), None


@_operation
def send_to_an_iterator(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    iterator = iter(api.succeed(a))
    return do(_expecting(StopIteration), iterator.send, None), None


@_operation
def throw_into_an_iterator(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    d = api.Deferred()
    iterator = iter(d)
    next(iterator)
    return do(_expecting(Oops), iterator.throw, Oops(a)), d


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


@_operation
def run_with_a_lock_that_is_held(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = api.DeferredLock()
    lock.acquire()
    return do(lock.run, a, b, key=c), lock, _check_lock


@_operation
def run_what_fails_with_a_lock(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = api.DeferredLock()
    return do(lambda: lock.run(RAISES, a).addErrback(lambda _: b)), lock, _check_lock


@_operation
def cancel_waiting_for_a_lock(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = api.DeferredLock()
    lock.acquire()
    waits = lock.acquire().addErrback(lambda _: a)
    return do(waits.cancel), lock, _check_lock


@_operation
def release_a_lock_that_is_free(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    lock = api.DeferredLock()
    return do(_expecting(AssertionError), lock.release), lock, _check_lock


@_operation
def construct_a_semaphore(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.DeferredSemaphore, 1000), None, lambda made: made and _check_semaphore(made)


@_operation
def construct_a_semaphore_without_tokens(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(_expecting(ValueError), api.DeferredSemaphore, 0), None


@_operation
def read_the_tokens_of_a_semaphore(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    semaphore = api.DeferredSemaphore(1000)
    return do(lambda: (semaphore.tokens, semaphore.limit)), semaphore, _check_semaphore


@_operation
def run_with_a_token(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    semaphore = api.DeferredSemaphore(1)
    return do(semaphore.run, a, b, key=c), semaphore, _check_semaphore


@_operation
def cancel_waiting_for_a_token(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    semaphore = api.DeferredSemaphore(1)
    semaphore.acquire()
    waits = semaphore.acquire().addErrback(lambda _: a)
    return do(waits.cancel), semaphore, _check_semaphore


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


@_operation
def construct_a_queue(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    return do(api.DeferredQueue, 3, 3), None, lambda made: made and _check_queue(made)


@_operation
def put_into_a_full_queue(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = api.DeferredQueue(1)
    queue.put(a)
    return do(_expecting(QueueOverflow), queue.put, b), queue, _check_queue


@_operation
def wait_for_a_queue_with_others(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = api.DeferredQueue(backlog=0)
    return do(_expecting(QueueUnderflow), queue.get), queue, _check_queue


@_operation
def cancel_waiting_for_a_queue(api: ModuleType, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    queue = api.DeferredQueue()
    waits = queue.get().addErrback(lambda _: a)
    return do(waits.cancel), queue, _check_queue


def _check_queue(queue: Any) -> Any:
    return [len(queue.pending), len(queue.waiting)]
