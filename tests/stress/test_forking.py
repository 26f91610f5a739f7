"""Forks before a reactor runs and while it does: either side runs it, and the other one leaves it alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from tests.reactors import Loop
from tests.reactors.inside import gathered, pause, until


def forked(action: Callable[[], int]) -> int:
    """Fork, let the child do something and leave with its result, and give the child's process."""
    with warnings.catch_warnings():
        # Python warns of forks where there are threads, which is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    status = 99
    try:
        status = action()
    finally:
        os._exit(status)


def status_of(child: int) -> int:
    """Wait for a child, and give its exit status, or a signal as a negative number."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_a_little(reactor: Any) -> int:
    """Use a reactor that has not run yet: timers, threads, calls, and sockets."""

    async def main() -> int:
        await pause(reactor, 0.01)
        results = await gathered([deferToThread(pow, 2, number) for number in range(10)])
        port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
        with socket.create_connection(("127.0.0.1", port.getHost().port)):
            await pause(reactor, 0.01)
        return 7 if results == [2**number for number in range(10)] else 1

    return until(reactor, main())


def before_it_runs(reactor: Any, runs: str) -> int:
    """Fork a reactor that has a timer and a port already, and run it on one side."""
    port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
    fired: list[bool] = []
    reactor.callLater(0.005, fired.append, True)

    def run() -> int:
        status = run_a_little(reactor) + fired[0]
        return status + (10 if port.disconnected else 0)

    def become_a_daemon() -> int:
        os.setsid()
        return status_of(forked(run))

    if runs == "child":
        return status_of(forked(run))
    if runs == "daemon":
        return status_of(forked(become_a_daemon))
    assert status_of(forked(lambda: 5)) == 5
    return run()


@pytest.mark.parametrize("runs", ["parent", "child", "daemon"])
def test_either_side_of_a_fork_can_run_the_reactor(loop: Loop, runs: str) -> None:
    """One side runs it, with the timer and the port that were there before."""
    assert loop.run(before_it_runs, runs) == 18


def while_it_runs(reactor: Any, with_threads: bool, then: str) -> list[Any]:
    """Fork in callbacks, with or without threads; the child leaves or becomes another program."""

    def leave() -> int:
        if then == "exec":
            os.execv(sys.executable, [sys.executable, "-c", "import sys; sys.exit(7)"])
        return 7

    async def main() -> list[Any]:
        release = threading.Event()
        asked = [deferToThread(release.wait) for _ in range(3 * with_threads)]
        found: list[Any] = []
        for _ in range(5):
            await pause(reactor, 0.001)
            found.append(status_of(forked(leave)))
        ours, theirs = socket.socketpair()
        found.append(await deferToThread(lambda: [theirs.send(b"x"), ours.recv(1).decode()]))
        release.set()
        await gathered(asked)
        return found

    return until(reactor, main())


@pytest.mark.parametrize("then", ["exit", "exec"])
@pytest.mark.parametrize("with_threads", [False, True])
def test_the_parents_reactor_goes_on_after_a_fork(loop: Loop, with_threads: bool, then: str) -> None:
    """The child can leave or become another program, and the parent's loop and threads go on."""
    assert loop.run(while_it_runs, with_threads, then) == [7] * 5 + [[1, "x"]]


def from_threads(reactor: Any) -> list[Any]:
    """Start processes with Python's own module in many jobs at once, while calls and timers go on."""
    turns = 0

    def again() -> None:
        nonlocal turns
        turns += 1
        reactor.callLater(0, again)

    def job(number: int) -> int:
        # What is to be done before the program begins makes Python fork by itself.
        done = subprocess.run(["/bin/sh", "-c", f"exit {number}"], preexec_fn=lambda: None)
        return done.returncode

    async def main() -> list[int]:
        again()
        return await gathered([deferToThread(job, number) for number in range(40)])

    return [until(reactor, main()), turns > 0]


def test_children_forked_by_threads_are_found_by_them(loop: Loop) -> None:
    """Every child is found by the thread that has started it."""
    assert loop.run(from_threads) == [list(range(40)), True]


def signals_in_the_child(reactor: Any) -> list[Any]:
    """Send a signal to a child that was forked by a callback, and that waits."""
    notes: list[str] = []
    reactor.addSystemEventTrigger("before", "shutdown", notes.append, "the parent has been told to end")

    async def main() -> int:
        reading, writing = os.pipe()

        def child() -> int:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.write(writing, b"x")
            signal.pause()
            return 0

        process = forked(child)
        os.read(reading, 1)
        os.kill(process, signal.SIGTERM)
        status = status_of(process)
        await pause(reactor, 0.02)
        assert notes == []
        return status

    return [until(reactor, main()), notes]


def test_a_signal_for_the_child_does_not_reach_the_parent(loop: Loop) -> None:
    """The parent's loop hears nothing of it."""
    assert loop.run(signals_in_the_child) == [-signal.SIGTERM, ["the parent has been told to end"]]
