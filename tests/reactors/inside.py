"""Helpers of functions that run in a process with a reactor."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, FirstError, ensureDeferred, gatherResults
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

T = TypeVar("T")


def until(reactor: Any, main: Coroutine[Any, Any, T], **options: Any) -> T:
    """Run the reactor until a coroutine has ended, and return what it returns or raise what it raises.

    Args:
        reactor: the reactor.
        main: the coroutine.
        options: of the reactor's `run`.
    """
    ends: list[Any] = []

    def end(result: Any) -> None:
        ends.append(result)
        reactor.stop()

    reactor.callWhenRunning(lambda: ensureDeferred(main).addBoth(end))
    reactor.run(**options)
    (result,) = ends
    if isinstance(result, Failure):
        result.raiseException()
    value: T = result
    return value


def pause(reactor: Any, seconds: float = 0) -> Awaitable[None]:
    """Wait for some time, or for the next turn of the loop."""
    return deferLater(reactor, seconds)


async def becomes(reactor: Any, condition: Callable[[], bool]) -> None:
    """Wait until something is so. That this ends is what the deadline of the process is for."""
    while not condition():
        await pause(reactor, 0.002)


def announce(value: Any) -> None:
    """Tell the test something: one line, in JSON."""
    print(json.dumps(value), flush=True)


def descriptors() -> list[str]:
    """Give what the descriptors of this process are, without the one by which it looks."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(f"{number}: {os.readlink(f'/proc/self/fd/{number}')}")
    return sorted(found)


def resident() -> int:
    """Give the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def more_descriptors(wanted: int) -> int:
    """Allow this process as many descriptors as possible, and give how many it may have.

    Args:
        wanted: how many are enough.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


async def gathered(deferreds: Sequence[Deferred[T]]) -> list[T]:
    """Wait for all of them; the first failure is raised as itself."""
    try:
        return await gatherResults(deferreds, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
        raise


def start_strange_thread(routine: Callable[[], None]) -> Callable[[], None]:
    """Start a thread that Python has not made and does not know, and give what waits for its end."""
    library = ctypes.CDLL(None)
    kept = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: routine())
    handle = ctypes.c_ulong()
    if library.pthread_create(ctypes.byref(handle), None, kept, None):
        raise OSError("the thread cannot be started")

    def join(kept: object = kept) -> None:
        library.pthread_join(handle, None)

    return join
