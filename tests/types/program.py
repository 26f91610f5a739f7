"""A program with annotations, as people write them for Twisted. A test checks it with the types of both."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from twisted.internet.defer import (
    Deferred,
    DeferredLock,
    DeferredQueue,
    DeferredSemaphore,
    ensureDeferred,
    fail,
    gatherResults,
    inlineCallbacks,
    maybeDeferred,
    race,
    succeed,
)
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

T = TypeVar("T")


class Cache:
    """Keeps what was fetched, and asks once for what many want."""

    def __init__(self, reactor: IReactorTime) -> None:
        self.reactor = reactor
        self.known: dict[str, bytes] = {}
        self.wanted: dict[str, list[Deferred[bytes]]] = {}
        self.lock = DeferredLock()
        self.fetches = DeferredSemaphore(4)
        self.log: DeferredQueue[str] = DeferredQueue(size=100)

    def get(self, name: str) -> Deferred[bytes]:
        if name in self.known:
            return succeed(self.known[name])
        if not name:
            return fail(KeyError(name))
        waiting: Deferred[bytes] = Deferred(lambda d: self.wanted[name].remove(d))
        self.wanted.setdefault(name, []).append(waiting)
        return (
            waiting.addCallback(self._keep, name).addErrback(self._failed, name).addTimeout(5, self.reactor)
        )

    def _keep(self, content: bytes, name: str) -> bytes:
        self.known[name] = content
        return content

    def _failed(self, failure: Failure, name: str) -> Failure:
        self.log.put(f"{name}: {failure.value}")
        return failure

    def _count(self, result: T) -> T:
        self.log.put("done")
        return result

    def size(self, name: str) -> Deferred[int]:
        return self.get(name).addCallback(len).addBoth(self._count)

    def text(self, name: str) -> Deferred[str | None]:
        def ignore(failure: Failure) -> None:
            failure.trap(KeyError)  # type: ignore[no-untyped-call]

        return self.get(name).addCallback(bytes.decode, "utf-8").addErrback(ignore)

    def first(self, *names: str) -> Deferred[bytes]:
        def found(winner: tuple[int, bytes]) -> bytes:
            return winner[1]

        return race([self.get(name) for name in names]).addCallback(found)

    def everything(self, *names: str) -> Deferred[list[bytes]]:
        return gatherResults([self.fetches.run(self.get, name) for name in names], consumeErrors=True)

    @inlineCallbacks
    def longest(self, *names: str) -> Generator[Deferred[Any], Any, int]:
        longest = 0
        for name in names:
            size: int = yield self.size(name)
            longest = max(longest, size)
        return longest

    async def shortest(self, *names: str) -> int:
        async with self.lock:
            return min([await self.size(name) for name in names])

    def difference(self, *names: str) -> Deferred[int]:
        async def subtract() -> int:
            return await self.longest(*names) - await self.shortest(*names)

        return ensureDeferred(subtract())

    def refresh(self, name: str) -> Deferred[None]:
        def forget(content: bytes) -> None:
            del self.known[name]

        return maybeDeferred(self.get, name).addCallback(forget)


def main() -> None:
    """Fetch two things."""
    from twisted.internet.task import Clock

    cache = Cache(Clock())  # type: ignore[arg-type]
    difference = cache.difference("a", "bb")
    for name in "a", "bb":
        cache.wanted.pop(name)[0].callback(name.encode())
    difference.addCallback(print)


if __name__ == "__main__":
    main()
