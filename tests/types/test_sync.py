"""The types of locks, semaphores and queues; mypy checks the types, the tests the values."""

from __future__ import annotations

from deferrous.defer import (
    Deferred,
    DeferredLock,
    DeferredQueue,
    DeferredSemaphore,
    ensureDeferred,
    succeed,
)
from typing_extensions import assert_type


def length(text: str, *, more: int = 0) -> int:
    return len(text) + more


async def length_awaited(text: str) -> int:
    return await succeed(len(text))


def test_acquiring_has_the_type_of_the_lock() -> None:
    lock, semaphore = DeferredLock(), DeferredSemaphore(2)
    assert assert_type(lock.acquire(), Deferred[DeferredLock]).called
    assert assert_type(lock.locked, bool)
    lock.release()
    assert assert_type(semaphore.acquire(), Deferred[DeferredSemaphore]).called
    assert assert_type(semaphore.tokens, int) == 1


def test_run_has_the_type_of_the_function() -> None:
    lock = DeferredLock()
    assert assert_type(lock.run(length, "abc", more=1), Deferred[int]).result == 4
    assert assert_type(lock.run(length_awaited, "abc"), Deferred[int]).result == 3
    assert assert_type(lock.run(lambda: succeed("x")), Deferred[str]).result == "x"


def test_async_with_has_the_type_of_the_lock() -> None:
    async def locked(lock: DeferredLock) -> bool:
        async with lock as held:
            return assert_type(held, DeferredLock).locked

    assert assert_type(ensureDeferred(locked(DeferredLock())), Deferred[bool]).result is True


def test_queues_have_the_type_of_their_items() -> None:
    queue: DeferredQueue[str] = DeferredQueue(size=1)
    queue.put("a")
    assert assert_type(queue.get(), Deferred[str]).result == "a"
    assert_type(queue.pending, list[str])
    assert_type(queue.size, int | None)
    assert DeferredQueue[int](backlog=1).backlog == 1
