"""Other threads, forks and signals."""

# mypy: disable-error-code="attr-defined, func-returns-value, no-untyped-call"

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import pytest
from deferrous.asyncio import Loop

from tests.asyncio_loop.both import AnyLoop, on_both
from tests.children import code


@on_both
def test_a_call_from_a_thread_wakes_the_loop(make_loop: Callable[[], AnyLoop]) -> None:
    loop = make_loop()
    threads = [threading.Timer(0.05, loop.call_soon_threadsafe, (loop.stop,))]
    loop.call_later(60, loop.stop)
    began = time.monotonic()
    threads[0].start()
    loop.run_forever()
    assert time.monotonic() - began < 30
    threads[0].join()
    loop.close()


@on_both
def test_no_call_of_many_threads_is_lost_and_each_threads_are_in_order(
    make_loop: Callable[[], AnyLoop],
) -> None:
    loop = make_loop()
    count, came = 2000, [list[int]() for _ in range(4)]

    def take(thread: int, number: int) -> None:
        came[thread].append(number)
        if sum(map(len, came)) == len(came) * count:
            loop.stop()

    def send(thread: int) -> None:
        for number in range(count):
            loop.call_soon_threadsafe(take, thread, number)

    threads = [threading.Thread(target=send, args=(thread,)) for thread in range(len(came))]
    for thread in threads:
        thread.start()
    loop.run_forever()
    for thread in threads:
        thread.join()
    loop.close()
    assert came == [list(range(count))] * len(came)


def test_a_loop_that_always_has_work_lets_other_threads_run() -> None:
    loop = Loop()
    done = threading.Event()

    def again() -> None:
        if done.is_set():
            loop.stop()
        else:
            loop.call_soon(again)

    thread = threading.Thread(target=done.set)
    loop.call_soon(thread.start)
    loop.call_soon(again)
    loop.run_forever()
    thread.join()
    loop.close()


def test_results_of_jobs_come_back() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*(loop.run_in_executor(None, pow, n, 2) for n in range(50))))

    import deferrous.asyncio

    assert deferrous.asyncio.run(main()) == [n * n for n in range(50)]


@pytest.mark.parametrize("make", ["asyncio.SelectorEventLoop", "deferrous.asyncio.Loop"])
def test_handlers_of_signals_run_in_the_loop(make: str) -> None:
    outcome = code(
        f"""
        import asyncio, os, signal, threading, deferrous.asyncio
        loop = {make}()
        loop.add_signal_handler(signal.SIGUSR1, lambda: (print("signal"), loop.stop()))
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        loop.call_later(60, loop.stop)
        loop.run_forever()
        print(loop.remove_signal_handler(signal.SIGUSR1), loop.remove_signal_handler(signal.SIGUSR1))
        loop.close()
        """
    )
    assert outcome == (0, "signal\nTrue False\n", "")


@pytest.mark.parametrize("make", ["asyncio.SelectorEventLoop", "deferrous.asyncio.Loop"])
def test_an_interrupt_ends_a_loop_that_waits(make: str) -> None:
    outcome = code(
        f"""
        import asyncio, os, signal, threading, deferrous.asyncio
        loop = {make}()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        loop.call_later(60, print, "late")
        try:
            loop.run_forever()
        except KeyboardInterrupt:
            print("interrupted", loop.is_running())
        loop.close()
        """
    )
    assert outcome == (0, "interrupted False\n", "")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there is no Runner")
def test_an_interrupt_cancels_the_main_task() -> None:
    outcome = code(
        """
        import asyncio, os, signal, threading, deferrous.asyncio

        async def main():
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("cancelled")
                raise

        try:
            deferrous.asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert outcome == (0, "cancelled\ninterrupted\n", "")


def test_a_child_of_a_fork_uses_the_loop_without_a_trace_in_the_parent() -> None:
    outcome = code(
        """
        import asyncio, os, socket, warnings, deferrous.asyncio

        warnings.simplefilter("ignore")
        loop = deferrous.asyncio.Loop()
        left, right = socket.socketpair()
        loop.add_reader(left, lambda: (print(os.getpid() == parent, left.recv(9), flush=True), loop.stop()))
        parent = os.getpid()
        loop.call_soon(loop.stop)
        loop.run_forever()
        child = os.fork()
        if not child:
            right.send(b"child")
            loop.run_forever()
            loop.remove_reader(left)
            loop.call_later(0.01, loop.stop)
            loop.run_forever()
            loop.close()
            os._exit(0)
        print(os.waitpid(child, 0)[1], flush=True)
        right.send(b"parent")
        loop.run_forever()
        loop.close()
        """
    )
    assert outcome == (0, "False b'child'\n0\nTrue b'parent'\n", "")


def test_the_wake_of_a_signal_is_that_of_the_standard_library() -> None:
    loop = Loop()
    loop.add_signal_handler(signal.SIGUSR2, print)
    # The signal module writes into this end of the pair, as for the standard library's loop.
    old = signal.set_wakeup_fd(-1)
    assert old == loop._csock.fileno()
    assert os.fstat(old)
    loop.close()
