"""The work of `to_threads.one`, with asyncio on uvloop, whose loop is written in C."""

from __future__ import annotations

import asyncio

from .._check import expect
from .._uvloop import uvloop_loop
from .._workload import Peer
from .to_threads import work


async def _one_by_one(times: int) -> int:
    loop = asyncio.get_running_loop()
    value = 0
    for _ in range(times):
        value = await loop.run_in_executor(None, work, value)
    return value


def one(times: int) -> None:
    """a function by run_in_executor, one at a time"""
    expect(uvloop_loop().run_until_complete(_one_by_one(times)), times)


PEER = Peer("uvloop", one, "run_in_executor on uvloop")
