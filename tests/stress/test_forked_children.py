"""A process that is forked off goes on with the reactor on its own, while its parent does, too.

Processes of stock Twisted share an epoll then: what one of them adds or removes is added or removed for the
other one, too. So some of these tests are for our reactor alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.threads import deferToThread

from tests.reactors import Loop
from tests.reactors.inside import becomes, descriptors, gathered, pause, until
from tests.stress.test_forking import forked, status_of


class _Answer(Protocol):
    transport: Any

    def connectionMade(self) -> None:
        """Say in which process this is, and hang up."""
        self.transport.write(str(os.getpid()).encode())
        self.transport.loseConnection()


def ask(port: int) -> int:
    """Connect, and give the process that answers."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        return int(client.makefile().read())


def count_kernel_objects() -> int:
    """Count what pollers, timers and the like have as descriptors."""
    return sum("anon_inode" in descriptor for descriptor in descriptors())


async def use_everything(reactor: Any) -> int:
    """Use timers, threads, calls from threads and descriptors, and give 7 if all is well."""
    await pause(reactor, 0.01)
    results = await gathered([deferToThread(pow, 2, number) for number in range(10)])
    called: Deferred[str] = Deferred()
    threading.Thread(target=reactor.callFromThread, args=(called.callback, "called")).start()
    port = reactor.listenTCP(0, Factory.forProtocol(_Answer), interface="127.0.0.1")
    answer = await deferToThread(ask, port.getHost().port)
    await port.stopListening()
    said = [results == [2**number for number in range(10)], await called, answer == os.getpid()]
    return 7 if said == [True, "called", True] else 1


def pre_forked(reactor: Any) -> list[Any]:
    """Fork a server that listens already, and connect while only one of both can answer."""
    listening = reactor.listenTCP(0, Factory.forProtocol(_Answer), interface="127.0.0.1")
    port = listening.getHost().port
    reading, writing = os.pipe()

    def serve() -> int:
        reactor.callWhenRunning(os.write, writing, b"x")
        reactor.run()
        return 0

    child = forked(serve)

    async def main() -> list[Any]:
        os.read(reading, 1)
        # This process does not turn its loop meanwhile.
        by_child = ask(port) == child
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)
        by_parent = await deferToThread(ask, port) == os.getpid()
        # Had it to stop its reactor, it would shut the port down, which is that of both.
        os.kill(child, signal.SIGKILL)
        return [by_child, by_parent, status_of(child)]

    return until(reactor, main())


def test_pre_forked_servers_both_accept(loop: Loop) -> None:
    """The port was there before the fork, and both processes serve it."""
    assert loop.run(pre_forked) == [True, True, -signal.SIGKILL]


def both_go_on(reactor: Any, pooled: str) -> list[Any]:
    """Fork in a callback, and use everything on both sides at the same time.

    Args:
        reactor: the reactor.
        pooled: whether the pool has no threads, idle ones or busy ones at the fork.
    """
    release, own = threading.Event(), os.getpid()
    reader = reactor.listenUDP(0, DatagramProtocol(), interface="127.0.0.1")

    async def main() -> list[Any]:
        jobs: list[Any] = []
        if pooled == "busy":
            jobs = [deferToThread(release.wait) for _ in range(3)]
        elif pooled == "idle":
            await gathered([deferToThread(pause_a_thread) for _ in range(3)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        status = 99
        try:
            status = await use_everything(reactor)
            await reader.stopListening()
        finally:
            if os.getpid() != own:
                os._exit(status)
        release.set()
        await gathered(jobs)
        return [status, await deferToThread(status_of, child)]

    return until(reactor, main())


def kept_open(reactor: Any) -> int:
    """Give how many more descriptors a child has when it has turned its loop, out of those of pollers."""
    before = count_kernel_objects()

    def count() -> int:
        until(reactor, use_everything(reactor))
        return count_kernel_objects() - before

    return status_of(forked(count))


def test_the_poller_of_the_parent_is_closed_in_the_child(loop: Loop) -> None:
    """The child has one poller, as the parent has."""
    assert loop.run(kept_open) == 0


def pause_a_thread() -> None:
    """Do a job that is not so short that the next one gets the same thread."""
    threading.Event().wait(0.01)


@pytest.mark.parametrize("pooled", ["empty", "idle", "busy"])
def test_parent_and_child_go_on_after_a_fork_in_a_callback(pooled: str) -> None:
    """Each has timers, threads, wake-ups and descriptors of its own."""
    assert Loop("deferrous").run(both_go_on, pooled) == [7, 7]


def undisturbed(reactor: Any) -> list[Any]:
    """Let a child undo all that its parent waits for, and look whether the parent still is served."""
    port = reactor.listenTCP(0, Factory.forProtocol(_Answer), interface="127.0.0.1")
    ours, theirs = socket.socketpair()

    class Reader:
        read: bytes = b""

        def fileno(self) -> int:
            return ours.fileno()

        def logPrefix(self) -> str:
            return "a reader"

        def doRead(self) -> None:
            self.read += ours.recv(100)

    reader: Any = Reader()
    reactor.addReader(reader)

    def undo() -> int:
        reactor.removeAll()
        for call in reactor.getDelayedCalls():
            call.cancel()
        for _ in range(3):
            reactor.wakeUp()
            reactor.iterate(0)
        reactor.iterate(0.01)
        return 7

    async def main() -> list[Any]:
        status = await deferToThread(status_of, forked(undo))
        theirs.send(b"x")
        await becomes(reactor, lambda: reader.read != b"")
        answered = await deferToThread(ask, port.getHost().port) == os.getpid()
        reactor.removeReader(reader)
        return [status, reader.read.decode(), answered]

    return until(reactor, main())


def test_removing_in_a_child_does_not_affect_the_parent() -> None:
    """Descriptors and timers are removed in the child only."""
    assert Loop("deferrous").run(undisturbed) == [7, "x", True]


def turn_by_hand(reactor: Any) -> None:
    """Use everything in a child that must not return to the callback that forked, and leave with 7."""
    ends: list[Any] = []
    Deferred.fromCoroutine(use_everything(reactor)).addBoth(ends.append)
    while not ends:
        reactor.iterate(0.01)
    os._exit(ends[0])


def by_multiprocessing(reactor: Any) -> list[Any]:
    """Start children as multiprocessing does by forking, in callbacks."""
    context = multiprocessing.get_context("fork")

    async def main() -> list[Any]:
        await gathered([deferToThread(pause_a_thread) for _ in range(3)])
        children = [context.Process(target=turn_by_hand, args=(reactor,)) for _ in range(3)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            for child in children:
                child.start()
        status = await use_everything(reactor)
        for child in children:
            await deferToThread(child.join)
        return [status, [child.exitcode for child in children]]

    return until(reactor, main())


def test_children_of_multiprocessing_use_the_reactor() -> None:
    """Several at once, each on its own, and the parent as well."""
    assert Loop("deferrous").run(by_multiprocessing) == [7, [7, 7, 7]]


def grandchildren(reactor: Any) -> int:
    """Fork again and again, before the reactor runs, and run it in all processes."""
    reactor.listenUDP(0, DatagramProtocol(), interface="127.0.0.1")

    def generation(number: int) -> Callable[[], int]:
        def run() -> int:
            child = forked(generation(number - 1)) if number else None
            status = until(reactor, use_everything(reactor))
            return status if child is None or status_of(child) == 7 else 1

        return run

    return generation(3)()


def test_every_forked_generation_has_its_own_poller() -> None:
    """Every generation has a poller of its own."""
    assert Loop("deferrous").run(grandchildren) == 7


def after_closing_everything(reactor: Any) -> int:
    """Do what daemons do: close all descriptors of the parent, and open others."""

    def daemon() -> int:
        os.closerange(3, 100)
        opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(10)]
        status = until(reactor, use_everything(reactor))
        for descriptor in opened:
            os.close(descriptor)
        return status

    return status_of(forked(daemon))


def test_the_reactor_closes_no_descriptor_that_a_daemon_has_opened() -> None:
    """The reactor closes none of the descriptors that the daemon has opened since."""
    assert Loop("deferrous").run(after_closing_everything) == 7


def in_a_job(reactor: Any) -> int:
    """Fork in a thread of the pool; the child returns from the job, and does the next one."""

    def job() -> int:
        child = os.fork()
        if not child:
            reactor.callInThread(os._exit, 7)
        return child

    async def main() -> int:
        return await deferToThread(status_of, await deferToThread(job))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return until(reactor, main())


def test_a_child_forked_by_a_worker_can_use_the_pool(loop: Loop) -> None:
    """The thread that has forked is a worker of the child's pool."""
    assert loop.run(in_a_job) == 7


def stopped_in_the_child(reactor: Any) -> int:
    """Stop the reactor in a child, when threads of the pool are idle, busy and gone."""
    release, own = threading.Event(), os.getpid()

    async def main() -> int:
        jobs = [deferToThread(release.wait) for _ in range(3)]
        await gathered([deferToThread(pause_a_thread) for _ in range(3)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child:
            release.set()
            await gathered(jobs)
            return await deferToThread(status_of, child)
        return 7

    status = until(reactor, main())
    if os.getpid() != own:
        os._exit(status)
    return status


def test_the_pool_of_a_child_stops_without_the_parents_threads() -> None:
    """Nothing waits for the threads that the parent had."""
    assert Loop("deferrous").run(stopped_in_the_child) == 7
