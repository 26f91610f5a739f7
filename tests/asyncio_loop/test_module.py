"""The functions and classes of `deferrous.asyncio`."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import weakref

import deferrous.asyncio
import pytest
from deferrous.asyncio import Loop

from tests.children import code


async def own_loop() -> type[asyncio.AbstractEventLoop]:
    """Return the class of the loop that runs."""
    await asyncio.sleep(0)
    return type(asyncio.get_running_loop())


def test_run_runs_a_coroutine_on_our_loop_and_closes_that() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> int:
        loops.append(asyncio.get_running_loop())
        return 42

    assert deferrous.asyncio.run(main()) == 42
    assert deferrous.asyncio.run(main(), debug=True) == 42
    assert [(type(loop), loop.is_closed(), loop.get_debug()) for loop in loops] == [
        (Loop, True, False),
        (Loop, True, True),
    ]


def test_run_raises_what_the_coroutine_raises() -> None:
    async def main() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        deferrous.asyncio.run(main())


def test_run_cancels_tasks_and_closes_generators_that_are_left() -> None:
    happened: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            happened.append("cancelled")

    async def generator():  # type: ignore[no-untyped-def]
        try:
            yield 1
        finally:
            happened.append("closed")

    async def main() -> None:
        tasks.append(asyncio.ensure_future(forever()))
        iterator = generator()  # type: ignore[no-untyped-call]
        await anext(iterator)
        tasks.append(iterator)
        await asyncio.sleep(0)

    tasks: list[object] = []
    deferrous.asyncio.run(main())
    assert happened == ["cancelled", "closed"]


def test_run_in_a_running_loop_is_refused() -> None:
    async def main() -> None:
        coroutine = own_loop()
        try:
            with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
                deferrous.asyncio.run(coroutine)
        finally:
            coroutine.close()

    deferrous.asyncio.run(main())
    with pytest.raises((TypeError, ValueError), match="a coroutine"):
        deferrous.asyncio.run(5)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there is no Runner")
def test_a_runner_takes_the_class_and_the_function() -> None:
    for factory in (Loop, deferrous.asyncio.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:  # type: ignore[attr-defined]
            assert runner.run(own_loop()) is Loop
            assert runner.run(own_loop()) is Loop


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="policies are deprecated")
def test_a_policy_makes_loops_of_ours() -> None:
    outcome = code(
        """
        import asyncio, sys, deferrous.asyncio

        asyncio.set_event_loop_policy(deferrous.asyncio.EventLoopPolicy())

        async def main():
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
            return await child.wait(), type(asyncio.get_running_loop()).__name__

        print(asyncio.run(main()))
        """
    )
    assert outcome == (0, "(0, 'Loop')\n", "")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="policies are not deprecated")
def test_the_error_of_a_policy_says_what_to_write() -> None:
    with pytest.raises(AttributeError, match="loop_factory"):
        _ = deferrous.asyncio.EventLoopPolicy


def test_a_closed_loop_has_given_all_descriptors_back_and_ends_without_the_collector() -> None:
    Loop().close()
    gc.collect()
    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    gc.disable()
    try:
        loops = [Loop() for _ in range(3)]
        seen = [weakref.ref(loop) for loop in loops]
        for loop in loops:
            loop.call_soon(loop.stop)
            loop.run_forever()
            loop.close()
        after = os.listdir("/proc/self/fd") if before else []
        assert len(after) == len(before)
        del loops, loop
        assert [reference() for reference in seen] == [None] * 3
    finally:
        gc.enable()


def test_many_runs_leave_nothing() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(50):
            loop.call_later(3600, print).cancel()
            loop.call_soon(int)
            await asyncio.sleep(0)

    deferrous.asyncio.run(main())
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(30):
        deferrous.asyncio.run(main())
    gc.collect()
    assert len(gc.get_objects()) - before < 100
