"""Deep and long structures: no stack is used up by building them, running them or dropping them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests import children
from tests.helpers import Oops, Steps, handled, outcome, same

#: Far more than any stack of Python or of the machine takes.
MANY = 100_000


def test_many_callbacks_of_one_deferred_run_in_one_call(api: ModuleType) -> None:
    """Any number of callbacks run in one call, in order."""
    deferred = api.Deferred()
    for _ in range(MANY):
        deferred.addCallback(lambda number: number + 1)
    deferred.callback(0)
    assert outcome(deferred) == MANY


def test_a_long_chain_of_waiting_deferreds_fires_without_recursion(api: ModuleType) -> None:
    """Each waits for the next, and the innermost fires them all."""
    innermost = row = api.Deferred()
    for _ in range(MANY):
        row = api.succeed(row).addCallback(same)
    innermost.callback("end")
    assert outcome(row) == "end"


def test_a_failure_travels_through_a_long_chain_without_recursion(api: ModuleType) -> None:
    """A failure travels as far."""
    innermost = row = api.Deferred()
    for _ in range(MANY):
        row = api.succeed(row).addCallback(same)
    error = Oops()
    innermost.errback(error)
    assert outcome(row) is error


def test_a_long_chain_of_fired_deferreds_needs_no_recursion(api: ModuleType) -> None:
    """Results of fired Deferreds are taken one after the other."""
    row = api.succeed("start")
    for _ in range(MANY):
        row = api.succeed(row).addCallback(same)
    assert outcome(row) == "start"


def test_one_deferred_can_wait_for_many_in_turn(api: ModuleType) -> None:
    """One Deferred waits for many others, one after the other."""
    others = [api.Deferred() for _ in range(MANY // 10)]
    deferred = api.Deferred()
    for other in others:
        deferred.addCallback(lambda _, other=other: other)
    deferred.callback(None)
    for other in others:
        other.callback(None)
    assert outcome(deferred) is None


def test_a_generator_over_many_fired_deferreds_needs_no_recursion(api: ModuleType) -> None:
    """Fired Deferreds that are yielded are taken in a loop."""

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        total = 0
        for _ in range(MANY):
            total += yield api.succeed(1)
        return total

    assert outcome(flow()) == MANY


def test_a_coroutine_over_many_fired_deferreds_needs_no_recursion(api: ModuleType) -> None:
    """So are those that are awaited."""

    async def flow() -> int:
        total = 0
        for _ in range(MANY):
            total += await api.succeed(1)
        return total

    assert outcome(api.ensureDeferred(flow())) == MANY


def test_lists_and_races_take_many_deferreds(api: ModuleType) -> None:
    """Lists and races take any number."""
    members = [api.Deferred() for _ in range(MANY // 10)]
    combined = api.gatherResults(members)
    for number, member in enumerate(members):
        member.callback(number)
    assert outcome(combined) == list(range(MANY // 10))
    assert outcome(api.race([api.Deferred() for _ in range(1000)] + [api.succeed("won")])) == (1000, "won")


def test_many_waiters_of_a_lock_get_it_without_recursion(api: ModuleType) -> None:
    """Waiters get a lock in turn without recursion, even if each releases it in its callback."""
    lock = api.DeferredLock()
    order: list[int] = []
    for number in range(2000):
        lock.acquire().addCallback(lambda _, number=number: order.append(number))
    for _ in range(2000):
        lock.release()
    assert order == list(range(2000))


def drop_row(api: ModuleType) -> None:
    """Drop a row that waits."""
    row = api.Deferred()
    for _ in range(MANY):
        row = api.succeed(row).addCallback(same)


def drop_results(api: ModuleType) -> None:
    """Drop Deferreds that are each other's results."""
    row = api.succeed(None)
    for _ in range(MANY):
        row = api.succeed(row)


def drop_arguments(api: ModuleType) -> None:
    """Drop Deferreds that are arguments of each other's callbacks."""
    row = api.Deferred()
    for _ in range(MANY):
        row = api.Deferred().addCallback(same, row)


def drop_attributes(api: ModuleType) -> None:
    """Drop Deferreds that are attributes of each other."""
    row = api.Deferred()
    for _ in range(MANY):
        outer = api.Deferred()
        outer.inner = row
        row = outer


def drop_cancellers(api: ModuleType) -> None:
    """Drop Deferreds whose cancellers hold each other."""

    def canceller(held: Any) -> Callable[[Any], None]:
        return lambda _: handled(held)

    row = api.Deferred()
    for _ in range(MANY):
        row = api.Deferred(canceller(row))


def drop_chained(api: ModuleType) -> None:
    """Drop Deferreds that are chained with chainDeferred."""
    row = api.Deferred()
    for _ in range(MANY):
        outer = api.Deferred()
        outer.chainDeferred(row)
        row = outer


@pytest.mark.parametrize(
    "drop", [drop_row, drop_results, drop_arguments, drop_attributes, drop_cancellers, drop_chained]
)
def test_deep_structures_are_destroyed_without_recursion(
    api: ModuleType, drop: Callable[[ModuleType], None]
) -> None:
    """Deep structures are destroyed without recursion."""
    drop(api)


@pytest.mark.parametrize("way", ["inlineCallbacks", "coroutine"])
def test_generators_nest_at_least_as_deep_as_in_twisted(api: ModuleType, way: str) -> None:
    """Generators that start each other nest at least as deep as with stock Twisted."""

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def generator(depth: int) -> Steps:
        return (yield generator(depth - 1)) if depth else (yield innermost)

    async def coroutine(depth: int) -> Any:
        return await (api.ensureDeferred(coroutine(depth - 1)) if depth else innermost)

    innermost = api.Deferred()
    made = generator(60) if way == "inlineCallbacks" else api.ensureDeferred(coroutine(60))
    innermost.callback("deep")
    assert outcome(made) == "deep"


def test_generators_that_wait_for_each_other_are_resumed(api: ModuleType) -> None:
    """Generators that wait for each other, started from the innermost on, need stack only to go on."""

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def generator(waited: Any) -> Steps:
        return (yield waited)

    innermost = row = api.Deferred()
    for _ in range(150):
        row = generator(row)
    innermost.callback("row")
    assert outcome(row) == "row"


#: What calls itself once more by way of a Deferred: how it is defined, and how it does that.
NESTED = {
    "coroutines": ("async def", "await ensureDeferred(nested(depth + 1))"),
    "generators": ("@inlineCallbacks\ndef", "yield nested(depth + 1)"),
    "callbacks": ("def", "return succeed(depth + 1).addCallback(nested)"),
    "calls": ("def", "return maybeDeferred(nested, depth + 1)"),
    "executed calls": ("def", "return execute(nested, depth + 1)"),
    "cancellers": ("def", "Deferred(lambda _: nested(depth + 1)).cancel()"),
}


@pytest.mark.parametrize("kilobytes", [128, 256, None])
@pytest.mark.parametrize("kind", NESTED)
def test_calls_that_nest_without_end_stop_before_the_stack_does(kind: str, kilobytes: int | None) -> None:
    """Neither a small stack nor a high limit of the interpreter lets them crash."""
    definition, again = NESTED[kind]
    program = f"""
import sys, threading
from twisted.internet.defer import Deferred, ensureDeferred, execute, inlineCallbacks, maybeDeferred, succeed

deepest = [0]
{definition} nested(depth):
    deepest[0] = depth
    {again}

def run():
    try:
        maybeDeferred(nested, 0).addErrback(lambda failure: failure.trap(RecursionError) and None)
    except RecursionError:
        pass
    print(deepest[0] > 10)

if {kilobytes}:
    threading.stack_size({kilobytes} * 1024)
else:
    sys.setrecursionlimit(1_000_000)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""
    # On the way, some failures have nobody who handles them.
    ended = children.code(program, DEFERROUS="1")
    assert (ended.status, ended.out) == (0, "True\n"), ended.err
