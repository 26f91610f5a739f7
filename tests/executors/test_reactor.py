"""Programs with a reactor, on stock Twisted and on deferrous."""

from __future__ import annotations

import pytest

from tests.children import passes

PROGRAM = """
import sys, time
from concurrent.futures import {executor}
from multiprocessing import get_context
from deferrous.threads import ExecutorPool
from twisted.internet import defer, reactor, task, threads


async def main(reactor):
    pool = ExecutorPool({made}, own=True)
    # Before those of the pools of others, as programs do it.
    reactor.addSystemEventTrigger("during", "shutdown", pool.stop)
    print(await threads.deferToThreadPool(reactor, pool, pow, 2, 10))
    try:
        await threads.deferToThreadPool(reactor, pool, int, "x")
    except ValueError as error:
        print(error)
    late = threads.deferToThreadPool(reactor, pool, time.sleep, 0.2)
    late.cancel()
    print(await defer.gatherResults([threads.deferToThreadPool(reactor, pool, abs, -n) for n in range(5)]))
    try:
        await late
    except defer.CancelledError:
        print("cancelled")
    reactor.threadpool = pool
    print(await threads.deferToThread(pow, 3, 2))
    reactor.callInThread(abs, -1)

if __name__ == "__main__":
    task.react(main)
"""

PRINTED = "1024\ninvalid literal for int() with base 10: 'x'\n[0, 1, 2, 3, 4]\ncancelled\n9\n"


@pytest.mark.parametrize("switch", [None, "1"])
@pytest.mark.parametrize(
    ("executor", "made"),
    [
        ("ThreadPoolExecutor", "ThreadPoolExecutor(2)"),
        ("ProcessPoolExecutor", "ProcessPoolExecutor(2, mp_context=get_context('spawn'))"),
    ],
)
def test_a_program_with_a_reactor_prints_the_same_on_both(
    executor: str, made: str, switch: str | None
) -> None:
    program = PROGRAM.format(executor=executor, made=made)
    assert passes(program, DEFERROUS=switch) == PRINTED
