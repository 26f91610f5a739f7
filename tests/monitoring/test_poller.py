"""Programs put an object of their own in the place of `reactor._poller`, to measure how long turns take."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.reactors import Loop
from tests.reactors.inside import becomes, pause, until
from tests.stress.test_descriptors import Descriptor, pair

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="the system has no epoll")


class Watched:
    """Stands for a poller, and notes when it is waited with: all else is the poller's."""

    def __init__(self, poller: Any) -> None:
        self.poller = poller
        self.last_seen = time.time()
        #: How long the reactor was busy between two waits.
        self.ticks: list[float] = []
        #: How long it waited.
        self.waits: list[float] = []
        self.arguments: list[tuple[float, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.poller, name)

    def poll(self, timeout: float, maxevents: int) -> Any:
        """Note how long it was since the last time, and wait."""
        begin = time.time()
        self.ticks.append(begin - self.last_seen)
        self.arguments.append((timeout, maxevents))
        told = self.poller.poll(timeout, maxevents)
        self.last_seen = time.time()
        self.waits.append(self.last_seen - begin)
        return told


def watch(reactor: Any) -> Watched:
    """Have a reactor be watched, as programs do that know Twisted's reactors."""
    if not isinstance(reactor, EPollReactor):
        raise AssertionError("how does this reactor wait?")
    reactor._poller = Watched(reactor._poller)
    watched: Watched = reactor._poller
    return watched


def measured(reactor: Any) -> dict[str, Any]:
    """Let a reactor be busy for a while, and then wait for a while."""
    watched = watch(reactor)
    seen = []

    async def main() -> None:
        await pause(reactor)
        turns = len(watched.waits)
        time.sleep(0.06)
        seen.append(time.time() - watched.last_seen)
        await pause(reactor, 0.08)
        seen.append(time.time() - watched.last_seen)
        assert len(watched.waits) > turns

    until(reactor, main())
    return {
        "busy": max(watched.ticks) >= 0.06,
        "idle": max(watched.waits) >= 0.07,
        "waited for": any(0.07 < timeout <= 0.08 for timeout, _ in watched.arguments),
        "events": all(most >= 1 for _, most in watched.arguments),
        "last seen": [seen[0] >= 0.06, seen[1] < 0.06 or seen[1] < max(watched.waits)],
    }


def test_wrapped_poller_sees_how_long_turns_and_waits_take(loop: Loop) -> None:
    assert loop.run(measured) == {
        "busy": True,
        "idle": True,
        "waited for": True,
        "events": True,
        "last seen": [True, True],
    }


def each_wait(reactor: Any) -> list[int]:
    """Count waits and turns."""
    counts = []
    watched = watch(reactor)
    for _ in range(5):
        reactor.callFromThread(int)
        reactor.iterate(0)
    counts.append(len(watched.waits))
    turns = []

    def turn() -> None:
        turns.append(len(watched.waits))
        if len(turns) == 10:
            reactor.stop()
        else:
            reactor.callLater(0, turn)

    reactor.callLater(0, turn)
    reactor.run()
    counts.append(turns[-1] - turns[0])
    return counts


def test_wrapped_poller_is_called_for_every_wait(loop: Loop) -> None:
    assert loop.run(each_wait) == [5, 9]


def slowly(value: str) -> str:
    """Be a job that takes longer than the reactor has something to do."""
    time.sleep(0.05)
    return value


def works_on(reactor: Any) -> list[Any]:
    """Use the reactor with a wrapper: descriptors, timers and other threads."""
    watched = watch(reactor)
    ours, theirs = pair()
    received: list[str] = []

    def receive() -> None:
        with contextlib.suppress(BlockingIOError):
            received.append(ours.recv(100).decode())

    reader = Descriptor(ours.fileno(), receive)

    async def main() -> list[Any]:
        reactor.addReader(reader)
        reactor.addWriter(reader)
        await becomes(reactor, lambda: "write" in reader.notes)
        reactor.removeWriter(reader)
        theirs.send(b"by wrapper")
        # The longest wait there is: another thread has to wake it.
        result = await deferToThread(slowly, "from a thread")
        await becomes(reactor, lambda: bool(received))
        reactor.removeReader(reader)
        return [result, received]

    found = until(reactor, main())
    forever = any(timeout == -1 for timeout, _ in watched.arguments)
    return [*found, forever]


def test_reactor_works_with_a_wrapped_poller(loop: Loop) -> None:
    assert loop.run(works_on) == ["from a thread", ["by wrapper"], True]


def taken_back(reactor: Any) -> list[bool]:
    """Put the poller back that was there."""
    poller = reactor._poller
    watched = watch(reactor)
    reactor.iterate(0)
    reactor._poller = poller
    waits = len(watched.waits)
    reactor.iterate(0)
    return [reactor._poller is poller, waits == 1, len(watched.waits) == 1]


def test_a_replaced_poller_can_be_restored(loop: Loop) -> None:
    assert loop.run(taken_back) == [True, True, True]


def errors(reactor: Any) -> dict[str, Any]:
    """Put a poller in place that fails now and then."""
    logged: list[LogEvent] = []

    @implementer(ILogObserver)  # type: ignore[untyped-decorator]
    def note(event: LogEvent) -> None:
        logged.append(event)

    globalLogBeginner.beginLoggingTo([note], discardBuffer=True, redirectStandardIO=False)
    failures: list[Exception] = [InterruptedError(errno.EINTR, "interrupted"), OSError(errno.EBADF, "closed")]

    class Fails(Watched):
        def poll(self, timeout: float, maxevents: int) -> Any:
            if failures:
                raise failures.pop(0)
            return super().poll(timeout, maxevents)

    def stop_after_the_failures() -> None:
        if failures:
            reactor.callLater(0.01, stop_after_the_failures)
        else:
            reactor.stop()

    reactor._poller = Fails(reactor._poller)
    reactor.callLater(0.01, stop_after_the_failures)
    reactor.run()
    failed = [event["log_failure"].value for event in logged if "log_failure" in event]
    return {"left": len(failures), "errors": [error.errno for error in failed]}


def test_error_of_a_wrapped_poller_is_logged_unless_it_is_an_interrupt(loop: Loop) -> None:
    assert loop.run(errors) == {"left": 0, "errors": [errno.EBADF]}


def methods(reactor: Any) -> list[Any]:
    """Wait with the poller itself."""
    poller = reactor._poller
    ours, theirs = pair()
    found: list[Any] = [poller.fileno() >= 0, select.select([poller], [], [], 0)[0] == [poller]]
    poller.register(ours, select.EPOLLIN)
    found.append(poller.poll(0))
    theirs.send(b"x")
    found.append(poller.poll(10, 5) == [(ours.fileno(), select.EPOLLIN)])
    poller.modify(ours.fileno(), select.EPOLLOUT | select.EPOLLIN)
    found.append(poller.poll(timeout=-1, maxevents=10) == [(ours.fileno(), select.EPOLLIN | select.EPOLLOUT)])
    poller.unregister(ours)
    found.append(poller.poll(0, 1))
    for call in (
        lambda: poller.register(theirs, select.EPOLLIN) or poller.register(theirs, select.EPOLLIN),
        lambda: poller.modify(ours, select.EPOLLIN),
        lambda: poller.unregister(ours),
        lambda: poller.poll(0, 0),
        lambda: poller.register("nothing", 1),
    ):
        found.append(error_of(call))
    return found


def error_of(call: Callable[[], Any]) -> str:
    """Give the class of what a call raises."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "no error"


def test_poller_has_the_methods_of_epoll(loop: Loop) -> None:
    assert loop.run(methods) == [
        True,
        False,
        [],
        True,
        True,
        [],
        "FileExistsError",
        "FileNotFoundError",
        "FileNotFoundError",
        "ValueError",
        "TypeError",
    ]


def few_at_once(reactor: Any) -> list[Any]:
    """Take one event at a time where many are ready."""
    ends = [pair() for _ in range(5)]
    for near, far in ends:
        reactor._poller.register(near, select.EPOLLIN)
        far.send(b"x")
    told = [fd for _ in range(20) for fd, _ in reactor._poller.poll(0, 2)]
    wanted = {near.fileno() for near, _ in ends}
    return [wanted <= set(told), len(told) <= 40]


def test_poller_tells_no_more_events_than_it_is_asked_for_and_forgets_none(loop: Loop) -> None:
    assert loop.run(few_at_once) == [True, True]


def what_is_watched(reactor: Any) -> list[Any]:
    """Look into the attributes in which Twisted's reactor has its descriptors."""
    ours, theirs = socket.socketpair()
    reader, writer = Descriptor(ours.fileno()), Descriptor(theirs.fileno())
    before = (dict(reactor._selectables), set(reactor._reads), set(reactor._writes))
    reactor.addReader(reader)
    reactor.addWriter(writer)
    selectables, reads, writes = before
    found = [
        reactor._selectables == {**selectables, ours.fileno(): reader, theirs.fileno(): writer},
        reactor._reads == {*reads, ours.fileno()},
        reactor._writes == {*writes, theirs.fileno()},
    ]
    reactor.removeAll()
    return [*found, reactor._selectables == selectables]


def test_private_attributes_show_what_is_watched(loop: Loop) -> None:
    assert loop.run(what_is_watched) == [True, True, True, True]
