"""Everything that a reactor does, all at the same time: nothing grows."""

from __future__ import annotations

import gc
import os
import time
from typing import Any

from twisted.internet.defer import Deferred

from tests import logs
from tests.reactors import Loop
from tests.reactors.inside import gathered, pause, until
from tests.stress.left_over import expect_nothing_left, growth
from tests.stress.rounds import Round
from tests.stress.transport_rounds import ALL

#: For how many seconds, and how many times each thing is done at the same time.
SECONDS = float(os.environ.get("DEFERROUS_SOAK_SECONDS", "3"))
TIMES = 3


async def collecting(reactor: Any) -> None:
    """Collect what is in cycles.

    A round of TLS leaves 1.2 MB of memory of OpenSSL in such, on ours as on stock. The collector comes by
    itself after some thousand new objects. Ours makes less than half as many, so more of that would wait for
    it, and leave holes in the memory of the process.
    """
    gc.collect()
    await pause(reactor, 0.1)


def together(reactor: Any, seconds: float) -> dict[str, Any]:
    """Do everything at the same time, again and again, and give what was there before and is at the end."""
    logs.begin()

    async def again(kind: Round, deadline: float) -> int:
        done = 0
        while time.monotonic() < deadline:
            await kind(reactor)
            done += 1
        return done

    async def all_kinds(lasting: float) -> int:
        deadline = time.monotonic() + lasting
        running = [Deferred.fromCoroutine(again(kind, deadline)) for kind in ALL for _ in range(TIMES)]
        running.append(Deferred.fromCoroutine(again(collecting, deadline)))
        return min(await gathered(running))

    async def main() -> dict[str, Any]:
        # What threads and the allocator keep has been reached then.
        await all_kinds(1)
        return await growth(reactor, ALL, lambda: all_kinds(seconds))

    return until(reactor, main())


def test_a_mixed_load_leaves_nothing_behind(loop: Loop) -> None:
    """Descriptors, selectables, timers, objects and memory are as before it."""
    found = loop.run(together, SECONDS, patience=SECONDS * 1.5 + 600)
    if loop.name == "epoll":
        # It keeps cancelled timers that it miscounts.
        found["objects"] -= sum(found["grown"].pop(name, 0) for name in ("DelayedCall", "method"))
    expect_nothing_left(found)
