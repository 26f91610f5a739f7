"""What is there after some work, which has to be what was there before it."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from tests.helpers import handled
from tests.reactors.inside import descriptors, pause, resident
from tests.stress.rounds import Round

#: What Python and the system may keep whatever runs, in objects and in bytes.
SPARE_OBJECTS, SPARE_BYTES = 300, 20_000_000


def objects() -> Counter[str]:
    """Count what Python has, by class."""
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects())


async def settled(reactor: Any, kinds: list[Round]) -> dict[str, Any]:
    """Do each thing once, wait until its ends are gone, and give what there is now."""
    for kind in kinds:
        await kind(reactor)
    # Stock Twisted throws cancelled timers away when it has counted fifty, and under load it miscounts.
    cancelled = [reactor.callLater(1000, handled, None) for _ in range(500)]
    await pause(reactor, 0.005)
    for timer in cancelled:
        timer.cancel()
    await pause(reactor, 0.005)
    return {
        "descriptors": [text.split(": ")[1].split("[")[0].split(":")[0] for text in descriptors()],
        "threads": threading.active_count(),
        "timers": len(reactor.getDelayedCalls()),
        "readers": len(reactor.getReaders()) + len(reactor.getWriters()),
    }


async def growth(reactor: Any, kinds: list[Round], work: Callable[[], Awaitable[int]]) -> dict[str, Any]:
    """Give what there is before some work and after it, each time after a round of each kind.

    Args:
        reactor: the reactor.
        kinds: the rounds.
        work: returns how often it has done something.
    """
    # What is there before is not counted each time, which makes it quick.
    gc.freeze()
    for _ in range(5):
        await settled(reactor, kinds)
    first, counted, bytes_first = await settled(reactor, kinds), objects(), resident()
    done = await work()
    last = await settled(reactor, kinds)
    grown = objects() - counted
    return {
        "first": first,
        "last": last,
        "grown": {name: count for name, count in grown.items() if count >= max(done, 50)},
        "objects": sum(grown.values()),
        "bytes": resident() - bytes_first,
    }


def expect_nothing_left(found: dict[str, Any], spare_bytes: int = SPARE_BYTES) -> None:
    """Compare the end with the beginning."""
    first, last = found["first"], found["last"]
    assert sorted(last.pop("descriptors")) == sorted(first.pop("descriptors")), found
    # A thread of the pool may just be ending, or not have begun yet.
    assert last.pop("threads") <= first.pop("threads") + 4, found
    assert last == first, found
    assert found["grown"] == {}, found
    assert found["objects"] < SPARE_OBJECTS, found
    assert found["bytes"] < spare_bytes, found
