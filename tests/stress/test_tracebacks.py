"""Tracebacks of what the reactor calls begin where Twisted's begin, and none is without any frame."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, fail, succeed
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from tests import logs
from tests.helpers import raising
from tests.reactors import Loop
from tests.reactors.inside import pause, until


def names(failure: Failure) -> list[str]:
    """Give the functions of a traceback, the outermost first."""
    found, traceback = [], failure.getTracebackObject()
    while traceback is not None:
        code = traceback.tb_frame.f_code
        # How far into Twisted's own file an entry is shows that its line is the right one.
        line = traceback.tb_lineno if "twisted" in code.co_filename else 0
        found.append(f"{code.co_name}:{line}")
        traceback = traceback.tb_next
    return found


def failure_in(event: dict[str, Any]) -> Failure | None:
    """Give what an event reports. What `twisted.python.log` is told has it under another name."""
    failure: Failure | None = event.get("log_failure", event.get("failure"))
    return failure


class Descriptor:
    """A reader and writer whose methods raise what they are given."""

    def __init__(self, do: Callable[[], Any], lost: Callable[..., Any] = lambda _: None) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.theirs.send(b"x")
        self.fileno = self.ours.fileno
        self.doRead = self.doWrite = do
        self.connectionLost = lost

    def logPrefix(self) -> str:
        """Give the name for logs."""
        return "a descriptor"


def failing(reactor: Any) -> list[Callable[[], Any]]:
    """Give functions that have something fail, each in another place."""
    pool = reactor.getThreadPool()
    return [
        lambda: reactor.callFromThread(boom),
        lambda: reactor.callFromThread(int, "x"),
        lambda: reactor.callFromThread(succeed(1).callback, 2),
        lambda: reactor.callFromThread(succeed(1).errback, ValueError()),
        lambda: reactor.callFromThread(Deferred(boom).cancel),
        lambda: reactor.callLater(0, boom),
        lambda: reactor.callLater(0, int, "x"),
        lambda: reactor.callLater(0, succeed(1).callback, 2),
        lambda: reactor.callLater(0, DeferredList([Deferred(boom)], consumeErrors=True).cancel),
        lambda: reactor.addReader(Descriptor(boom)),
        lambda: reactor.addWriter(Descriptor(boom)),
        lambda: reactor.addReader(Descriptor(ValueError, boom)),
        lambda: reactor.callInThread(boom),
        lambda: reactor.callInThread(int, "x"),
        lambda: pool.callInThreadWithCallback(boom, int),
        lambda: pool.callInThreadWithCallback(int, int),
        lambda: pool._team.do(boom),
        lambda: replace_for_once(reactor, "runUntilCurrent", boom),
        lambda: replace_for_once(reactor, "timeout", boom),
        lambda: replace_for_once(reactor, "doIteration", boom),
    ]


def boom(*_: object) -> None:
    """Raise an error of its own for every call."""
    raise ValueError


def replace_for_once(reactor: Any, name: str, function: Callable[..., Any]) -> None:
    """Have a part of a turn raise once."""

    def once(*_: Any) -> Any:
        delattr(reactor, name)
        return function()

    setattr(reactor, name, once)


def logged(reactor: Any) -> list[list[str]]:
    """Give the traceback of everything that is logged."""
    logs.begin()
    found: list[list[str]] = []

    async def main() -> None:
        for start in failing(reactor):
            with logs.Log() as log:
                start()
                while not any(failure_in(event) for event in log.events):
                    await pause(reactor, 0.001)
                await pause(reactor, 0.005)
                for event in log.events:
                    failure = failure_in(event)
                    if failure is not None:
                        found.append([event["log_format"] or "", *names(failure)])

    until(reactor, main())
    return found


def test_logged_tracebacks_have_the_entries_of_twisted(loop: Loop, stock_loop: Loop) -> None:
    """They are the same, with their lines: of the reactor, the pool, and of Deferreds that refuse."""
    found = loop.run(logged)
    assert found == stock_loop.run(logged)
    assert all(len(entries) > 1 for entries in found)


def failed(reactor: Any) -> list[list[str]]:
    """Give the tracebacks of failures that callbacks and jobs end with."""
    found: list[list[str]] = []

    def note(failure: Failure) -> None:
        found.append([type(failure.value).__name__, *names(failure)])

    async def main() -> None:
        starts: list[Callable[[], Deferred[Any]]] = [
            lambda: deferToThread(int, "x"),
            lambda: deferToThread(raising(ValueError())),
            lambda: deferToThread(succeed(1).callback, 2),
            lambda: succeed(1).addCallback(succeed(1).callback),
            lambda: fail(ValueError()).addErrback(succeed(1).errback),
            lambda: succeed(1).addCallback(lambda _: succeed(1).callback(2)),
            lambda: succeed(1).addCallback(lambda _: Deferred(raising(ValueError())).cancel()),
        ]
        for start in starts:
            await start().addErrback(note)

    until(reactor, main())
    return found


def test_failures_have_the_entries_of_twisted(loop: Loop, stock_loop: Loop) -> None:
    """A method of a Deferred that raises is in the traceback, also if it is the callback itself."""
    found = loop.run(failed)
    assert found == stock_loop.run(failed)
    assert all(len(entries) > 1 for entries in found)
