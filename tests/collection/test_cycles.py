"""Cycles through Deferreds are collected, and the collector is told of everything that one refers to."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.apis import queue_name
from tests.collection.reach import Witness, reaches
from tests.helpers import Oops, Steps, handled, same

Maker = Callable[[ModuleType, Any], Any]


def through_a_callback(api: ModuleType, witness: Any) -> Any:
    """A callback that refers to its Deferred."""
    deferred = api.Deferred()
    return deferred.addCallback(lambda _: (deferred, witness))


def through_arguments(api: ModuleType, witness: Any) -> Any:
    """A Deferred among the arguments of its callback."""
    deferred = api.Deferred()
    return deferred.addCallback(same, deferred, witness)


def through_keywords(api: ModuleType, witness: Any) -> Any:
    """A Deferred among the keywords of its errback."""
    deferred = api.Deferred()
    return deferred.addErrback(handled, own=deferred, witness=witness)


def through_both(api: ModuleType, witness: Any) -> Any:
    """A Deferred in both sides of a pair, with arguments of all kinds."""
    deferred = api.Deferred()
    return deferred.addCallbacks(same, handled, [deferred], {"d": deferred}, (witness,), {"d": deferred})


def through_many_callbacks(api: ModuleType, witness: Any) -> Any:
    """More callbacks than fit anywhere but in a list of their own."""
    deferred = api.Deferred()
    for _ in range(50):
        deferred.addBoth(same, deferred, witness)
    return deferred


def through_the_canceller(api: ModuleType, witness: Any) -> Any:
    """A canceller that refers to its Deferred."""
    held: list[Any] = [witness]
    deferred = api.Deferred(held.append)
    held.append(deferred)
    return deferred


def through_the_result(api: ModuleType, witness: Any) -> Any:
    """A result that refers to its Deferred."""
    result: list[Any] = [witness]
    deferred = api.succeed(result)
    result.append(deferred)
    return deferred


def through_an_attribute(api: ModuleType, witness: Any) -> Any:
    """A Deferred that is its own attribute."""
    deferred = api.Deferred()
    deferred.own, deferred.witness = deferred, witness
    return deferred


def through_a_subclass(api: ModuleType, witness: Any) -> Any:
    """An instance that refers to its class, and the class to it."""

    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        pass

    deferred = Sub()
    deferred.witness = witness
    deferred.addCallback(deferred.pause)
    return deferred


def through_waiting(api: ModuleType, witness: Any) -> Any:
    """Two Deferreds that wait for each other."""
    first, second = api.Deferred(), api.Deferred()
    first.addCallback(lambda _: second)
    second.addCallback(lambda _: first)
    first.callback(None)
    second.callback(None)
    first.witness = second.witness = witness
    return first


def through_chaining(api: ModuleType, witness: Any) -> Any:
    """Two Deferreds that fire each other."""
    first, second = api.Deferred(), api.Deferred()
    first.chainDeferred(second)
    second.chainDeferred(first)
    first.witness = witness
    return first


def through_a_failure(api: ModuleType, witness: Any) -> Any:
    """A failure with a traceback whose frames refer to the Deferred."""
    deferred = api.Deferred()
    try:
        raise Oops(witness)
    except Oops:
        deferred.errback()
    deferred._debugInfo.failResult = None
    return deferred


def through_debug_info(api: ModuleType, witness: Any) -> Any:
    """A record for debugging that refers to the Deferred."""
    deferred = api.Deferred()
    deferred.debug = True
    deferred.callback(None)
    deferred._debugInfo.own = [deferred, witness]
    return deferred


def through_the_list_of_callbacks(api: ModuleType, witness: Any) -> Any:
    """A list of callbacks that has been read, and has the Deferred in it."""
    deferred = api.Deferred()
    queue = getattr(deferred, queue_name())
    queue.append(((same, (deferred,), {}), (handled, (witness,), {})))
    return deferred


def through_a_bound_method(api: ModuleType, witness: Any) -> Any:
    """A Deferred whose callback is its own method."""
    deferred = api.Deferred()
    deferred.witness = witness
    return deferred.addCallbacks(deferred.callback, deferred.errback)


def through_a_generator(api: ModuleType, witness: Any) -> Any:
    """A generator that waits for a Deferred which nobody else knows."""
    waited = api.Deferred()

    def flow() -> Steps:
        held = (witness, waited)
        yield waited
        return held

    return api.inlineCallbacks(flow)()


def through_a_coroutine(api: ModuleType, witness: Any) -> Any:
    """A coroutine that waits for a Deferred which knows its result."""
    waited = api.Deferred()

    async def flow() -> Any:
        held = (witness, waited)
        await waited
        return held

    made = api.ensureDeferred(flow())
    waited.addCallback(lambda _: made)
    return made


def through_a_cancelled_generator(api: ModuleType, witness: Any) -> Any:
    """A generator that was cancelled and waits for something else."""

    def flow() -> Steps:
        held = witness
        try:
            yield api.Deferred()
        except Exception:
            yield api.Deferred()
        return held

    made = api.inlineCallbacks(flow)()
    made.cancel()
    return made


def through_a_list(api: ModuleType, witness: Any) -> Any:
    """A list that is the result of its own member."""
    member = api.Deferred()
    combined = api.DeferredList([member])
    member.addCallback(lambda _: (combined, witness))
    return combined


def through_a_race(api: ModuleType, witness: Any) -> Any:
    """A race that a member refers to."""
    member = api.Deferred()
    raced = api.race([member, api.Deferred()])
    member.addBoth(same, raced, witness)
    return raced


def through_a_lock(api: ModuleType, witness: Any) -> Any:
    """A lock that is held, with others that wait for it and refer to it."""
    lock = api.DeferredLock()
    lock.acquire()
    lock.witness = witness
    return lock.acquire().addCallback(same, lock)


def through_a_semaphore(api: ModuleType, witness: Any) -> Any:
    """A semaphore with somebody who waits for it."""
    semaphore = api.DeferredSemaphore(1)
    semaphore.acquire()
    semaphore.witness = witness
    return semaphore.run(same, semaphore)


def through_a_queue(api: ModuleType, witness: Any) -> Any:
    """A queue that is in itself, and that somebody waits for."""
    queue = api.DeferredQueue()
    queue.witness = witness
    return queue.get().addCallback(same, queue)


def through_a_timeout(api: ModuleType, witness: Any) -> Any:
    """A clock that is to cancel a Deferred which refers to the clock."""
    clock = Clock()
    deferred = api.Deferred()
    deferred.clock, deferred.witness = clock, witness
    return deferred.addTimeout(1, clock)


WAYS = [value for name, value in sorted(globals().items()) if name.startswith("through_")]


@pytest.mark.parametrize("maker", WAYS, ids=lambda maker: maker.__name__)
def test_a_cycle_of_deferreds_is_collected(api: ModuleType, maker: Maker) -> None:
    """Nothing keeps a circle of Deferreds alive that nobody else refers to."""
    witness = Witness()
    seen = weakref.ref(witness)
    made = maker(api, witness)
    kind = weakref.ref(made)
    del witness
    gc.collect()
    assert seen() is not None
    del made
    gc.collect()
    assert seen() is None
    assert kind() is None


REFERENTS: dict[str, Maker] = {
    "result": lambda api, item: api.succeed(item),
    "function": lambda api, item: api.Deferred().addCallback(lambda _: item),
    "argument": lambda api, item: api.Deferred().addCallback(same, item),
    "third argument": lambda api, item: api.Deferred().addCallback(same, 1, 2, item),
    "keyword": lambda api, item: api.Deferred().addCallback(same, key=item),
    "errback": lambda api, item: api.Deferred().addErrback(lambda _: item),
    "argument of the errback": lambda api, item: api.Deferred().addCallbacks(same, same, (), {}, (item,)),
    "keyword of the errback": lambda api, item: api.Deferred().addCallbacks(
        same, same, errbackKeywords={"k": item}
    ),
    "both sides": lambda api, item: api.Deferred().addBoth(same, item),
    "the hundredth callback": lambda api, item: filled(api).addCallback(same, item),
    "canceller": lambda api, item: api.Deferred(lambda _: item),
    "attribute": lambda api, item: attributed(api.Deferred(), item),
    "whom it waits for": lambda api, item: api.succeed(0).addCallback(
        lambda _: attributed(api.Deferred(), item)
    ),
    "who waits for it": lambda api, item: waited_for(api, item),
    "failure": lambda api, item: api.succeed(0).addCallback(lambda _: 1 / 0).addErrback(lambda f: [f, item]),
    "list member": lambda api, item: api.DeferredList([attributed(api.Deferred(), item)]),
    "list result": lambda api, item: api.DeferredList([api.succeed(item), api.Deferred()]),
    "lock": lambda api, item: attributed(api.DeferredLock(), item),
    "queue": lambda api, item: queued(api, item),
    "generator": through_a_generator,
    "coroutine": through_a_coroutine,
}


def filled(api: ModuleType) -> Any:
    """Give a Deferred with many callbacks."""
    deferred = api.Deferred()
    for _ in range(99):
        deferred.addCallback(same)
    return deferred


def attributed(made: Any, item: Any) -> Any:
    """Give an object with an attribute."""
    made.attribute = item
    return made


def waited_for(api: ModuleType, item: Any) -> Any:
    """Give a Deferred that another waits for, which has the item."""
    inner = api.Deferred()
    attributed(api.succeed(inner).addCallback(same), item)
    return inner


def queued(api: ModuleType, item: Any) -> Any:
    """Give a queue with an item in it."""
    queue = api.DeferredQueue()
    queue.put(item)
    return queue


@pytest.mark.parametrize("name", REFERENTS)
def test_everything_is_told_to_the_collector(api: ModuleType, name: str) -> None:
    """gc.get_referents leads from a Deferred to all that it keeps alive."""
    witness = Witness()
    assert reaches(REFERENTS[name](api, witness), witness)
    gc.collect()


def test_results_callbacks_and_cancellers_are_released_after_use(api: ModuleType) -> None:
    """Results, callbacks and cancellers are let go of when they have had their turn."""
    witnesses = [Witness() for _ in range(4)]
    ends = [weakref.ref(witness) for witness in witnesses]

    def setting_up(result: Any, argument: Any, cancelling: Any, last: Any) -> Any:
        deferred = api.Deferred(lambda _: cancelling)
        deferred.addCallback(lambda got, extra: None, argument)
        deferred.callback(result)
        deferred.addCallback(lambda _: last)
        return deferred

    deferred = setting_up(*witnesses)
    witnesses.clear()
    assert [end() is None for end in ends] == [True, True, True, False]
    deferred.addCallback(lambda _: None)
    assert ends[3]() is None


def test_a_deferred_releases_the_result_that_it_passed_on(api: ModuleType) -> None:
    """A Deferred that has given its result away does not keep it."""
    witness = Witness()
    end = weakref.ref(witness)
    inner = api.succeed(witness)
    outer = api.succeed(None).addCallback(lambda _: inner)
    late = api.Deferred()
    second = api.succeed(None).addCallback(lambda _: late)
    late.callback(witness)
    del witness
    outer.addCallback(lambda _: None)
    second.addCallback(lambda _: None)
    assert end() is None
    assert (inner.result, late.result) == (None, None)
