"""The work of `coroutines.unfired`, with the tasks and futures of asyncio.

Both are written in C, so this is the peer that is hard to beat.
"""

from __future__ import annotations

import asyncio
from itertools import repeat

from ._check import expect
from ._workload import Peer
from .coroutines import AT_ONCE, WAITS


async def _over_pending(loop: asyncio.AbstractEventLoop, waiting: list[asyncio.Future[int]]) -> int:
    total = 0
    for _ in range(WAITS):
        future: asyncio.Future[int] = loop.create_future()
        waiting.append(future)
        total += await future
    return total


async def _main(times: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in repeat(None, times):
        waiting: list[asyncio.Future[int]] = []
        done = [loop.create_task(_over_pending(loop, waiting)) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        for _ in range(WAITS):
            due = waiting.copy()
            waiting.clear()
            for future in due:
                future.set_result(1)
            await asyncio.sleep(0)
    for task in done:
        expect(task.result(), WAITS)


_loops: list[asyncio.AbstractEventLoop] = []


def unfired(times: int) -> None:
    """a task that awaits 10 futures, each fired later; 100 at once"""
    if not _loops:
        _loops.append(asyncio.new_event_loop())
    _loops[0].run_until_complete(_main(times))


PEER = Peer("asyncio", unfired, "asyncio's tasks")
