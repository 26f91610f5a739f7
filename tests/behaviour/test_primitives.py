"""DeferredLock, DeferredSemaphore and DeferredQueue."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.defer import CancelledError, QueueOverflow, QueueUnderflow

from tests.helpers import UNFIRED, Oops, outcome, raising


def locks(api: ModuleType) -> list[Any]:
    """Give a lock and a semaphore that is as narrow."""
    return [api.DeferredLock(), api.DeferredSemaphore(1)]


def test_locks_are_acquired_in_order(api: ModuleType) -> None:
    """The first waiter gets the lock first, and the lock itself is the result."""
    for lock in locks(api):
        order: list[Any] = []
        for name in "abc":
            lock.acquire().addCallback(lambda got, name, order: order.append((name, got)), name, order)
        assert order == [("a", lock)]
        assert len(lock.waiting) == 2
        lock.release()
        lock.release()
        assert order == [("a", lock), ("b", lock), ("c", lock)]
        lock.release()
        assert lock.waiting == []


def test_the_state_of_locks_can_be_read_and_cannot_be_released_too_often(api: ModuleType) -> None:
    """The number of acquired tokens can be read, and releasing too often is an error."""
    lock, semaphore = api.DeferredLock(), api.DeferredSemaphore(3)
    assert lock.locked is False
    assert api.DeferredLock.locked is False
    lock.acquire()
    assert lock.locked is True
    lock.release()
    assert lock.locked is False
    with pytest.raises(AssertionError, match="Tried to release an unlocked lock"):
        lock.release()
    assert (semaphore.tokens, semaphore.limit) == (3, 3)
    semaphore.acquire()
    semaphore.acquire()
    assert (semaphore.tokens, semaphore.limit) == (1, 3)
    semaphore.release()
    semaphore.release()
    with pytest.raises(AssertionError, match="too many tokens"):
        semaphore.release()
    with pytest.raises(ValueError, match="tokens >= 1"):
        api.DeferredSemaphore(0)


def test_a_cancelled_waiter_leaves_the_queue(api: ModuleType) -> None:
    """A cancelled waiter leaves the queue, and the others keep their order."""
    for lock in locks(api):
        first, second, third = lock.acquire(), lock.acquire(), lock.acquire()
        second.cancel()
        assert isinstance(outcome(second), CancelledError)
        assert lock.waiting == [third]
        first.cancel()
        assert outcome(first) is lock
        lock.release()
        assert outcome(third) is lock


def test_run_holds_the_lock_while_the_function_runs(api: ModuleType) -> None:
    """run holds the lock for as long as the function takes, and gives its result."""
    for lock in locks(api):
        inner = api.Deferred()
        made = lock.run(lambda first, second: first, inner, second=2)
        waiting = lock.run(lambda: "next")
        assert outcome(waiting) is UNFIRED
        waiting = lock.run(lambda: "after")
        inner.callback("result")
        assert outcome(made) == "result"
        assert outcome(waiting) == "after"
        assert isinstance(outcome(lock.run(raising(Oops()))), Oops)
        assert lock.waiting == []


def test_run_holds_the_lock_until_a_coroutine_ends(api: ModuleType) -> None:
    """run takes a coroutine function as well, and the lock is given back at its end."""
    lock = api.DeferredLock()
    waited = api.Deferred()

    async def work() -> str:
        await waited
        assert lock.locked
        return "worked"

    made = lock.run(work)
    assert lock.locked
    waited.callback(None)
    assert not lock.locked
    assert outcome(made) == "worked"


def test_async_with_acquires_and_releases(api: ModuleType) -> None:
    """async with takes and gives back, whatever happens in between."""

    async def use(lock: Any, waited: Any) -> str:
        async with lock as got:
            assert got is lock
            await waited
        return "used"

    for lock in locks(api):
        waits = [api.Deferred(), api.Deferred()]
        made = [api.ensureDeferred(use(lock, waited)) for waited in waits]
        waits[0].errback(Oops())
        assert isinstance(outcome(made[0]), Oops)
        waits[1].callback(None)
        assert outcome(made[1]) == "used"
        assert outcome(lock.acquire()) is lock


def test_aenter_and_aexit_return_deferreds(api: ModuleType) -> None:
    """They give Deferreds, and exceptions are not swallowed."""
    for lock in locks(api):
        entered = lock.__aenter__()
        assert isinstance(entered, api.Deferred)
        assert entered.result is lock
        left = lock.__aexit__(None, None, None)
        assert isinstance(left, api.Deferred)
        assert left.result is False


def test_a_queue_is_first_in_first_out(api: ModuleType) -> None:
    """The first item goes to the first waiter."""
    queue = api.DeferredQueue()
    queue.put("a")
    queue.put("b")
    assert queue.pending == ["a", "b"]
    assert [outcome(queue.get()), outcome(queue.get())] == ["a", "b"]
    waiting = [queue.get(), queue.get()]
    assert queue.waiting == waiting
    queue.put("c")
    queue.put("d")
    assert [outcome(item) for item in waiting] == ["c", "d"]
    assert (queue.waiting, queue.pending) == ([], [])


def test_size_and_backlog_limit_a_queue(api: ModuleType) -> None:
    """size and backlog are limits of what is there and of who waits, and can be read and changed."""
    queue = api.DeferredQueue(size=1, backlog=1)
    assert (queue.size, queue.backlog) == (1, 1)
    queue.put(1)
    with pytest.raises(QueueOverflow):
        queue.put(2)
    queue.size = 2
    queue.put(2)
    assert [outcome(queue.get()), outcome(queue.get())] == [1, 2]
    waiting = queue.get()
    with pytest.raises(QueueUnderflow):
        queue.get()
    queue.put(3)
    assert outcome(waiting) == 3
    unlimited = api.DeferredQueue()
    assert (unlimited.size, unlimited.backlog) == (None, None)


def test_errors_in_an_except_block_have_that_context(api: ModuleType) -> None:
    """An error that is raised while another is handled has that as its context, as all have in Python."""
    narrow = api.DeferredQueue(size=0, backlog=0)
    fired = api.succeed(1)
    for refused in (
        lambda: narrow.put(1),
        narrow.get,
        lambda: fired.callback(2),
        lambda: fired.addCallback(),
    ):
        try:
            raise Oops("handled")
        except Oops as handled:
            with pytest.raises((QueueOverflow, QueueUnderflow, defer.AlreadyCalledError, TypeError)) as error:
                refused()
            assert error.value.__context__ is handled


def test_cancelling_a_get_loses_no_item(api: ModuleType) -> None:
    """A cancelled waiter loses its place, and no item is lost."""
    queue = api.DeferredQueue()
    first, second = queue.get(), queue.get()
    first.cancel()
    queue.put("for the second")
    assert isinstance(outcome(first), CancelledError)
    assert outcome(second) == "for the second"


def test_a_queue_passes_any_object_unchanged(api: ModuleType) -> None:
    """None, failures and Deferreds go through a queue as they are."""
    queue = api.DeferredQueue()
    inner = api.Deferred()
    for value in (None, 0, inner):
        queue.put(value)
    assert [queue.get().result for _ in range(3)] == [None, 0, inner]


def test_a_waiter_may_release_and_acquire_again_in_its_callback(api: ModuleType) -> None:
    """A waiter that gets the lock may release and acquire it in the same call."""
    lock = api.DeferredLock()
    order: list[str] = []

    def again(got: Any, name: str) -> None:
        order.append(name)
        got.release()
        if len(order) < 4:
            got.acquire().addCallback(again, name + "'")

    lock.acquire()
    lock.acquire().addCallback(again, "a")
    lock.acquire().addCallback(again, "b")
    lock.release()
    assert order[:2] == ["a", "b"]
    assert not lock.locked


def test_locks_are_instances_of_twisteds_abstract_class(api: ModuleType) -> None:
    """Locks and semaphores are instances of Twisted's abstract class, by inheritance or registration."""
    assert (
        issubclass(api.DeferredLock, defer._ConcurrencyPrimitive)
        or api.DeferredLock.__mro__[1].__abstractmethods__
    )
    for lock in locks(api):
        assert repr(lock).startswith("<twisted.internet.defer.Deferred")
        lock.note = "any attribute"
        assert lock.note == "any attribute"
