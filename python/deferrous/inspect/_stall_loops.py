"""Watching loops that are not deferrous's: those of Twisted's own reactors.

Ours says itself when a turn begins and ends. Of the others it is known when they wait, by an object in the
place of the one that they wait with, as monitors of Twisted do it. It is Python because that object is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from deferrous import _core

#: Where Twisted's modules find the reactor.
INSTALLED = "twisted.internet.reactor"

#: Why the reactor of this process is not watched.
_problem: str | None = None

#: What puts back what was there before.
_undo: list[Callable[[], object]] = []


class TimedWaiter:
    """An object that a reactor waits with, and that says when. All else is up to the one in it."""

    def __init__(self, inner: Any, method: str) -> None:
        self._inner = inner
        wait = getattr(inner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            _core.end_turn()
            try:
                return wait(*args, **kwargs)
            finally:
                _core.begin_turn()

        setattr(self, method, timed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def watch(begin: Callable[[], None]) -> None:
    """Have the loop of the reactor watched, when there is one.

    Args:
        begin: to be called in its thread when the loop runs.
    """
    reactor = sys.modules.get(INSTALLED)
    if reactor is not None:
        _watch_reactor(reactor, begin)
        return
    from twisted.internet import main

    install: Any = main.installReactor

    def install_reactor(reactor: Any) -> None:
        install(reactor)
        if main.installReactor is install_reactor:
            main.installReactor = install
        _watch_reactor(reactor, begin)

    _undo.append(lambda: setattr(main, "installReactor", install))
    main.installReactor = install_reactor


def unwatch() -> None:
    """Put back what was there before."""
    while _undo:
        with suppress(KeyError, ValueError):
            # A trigger that has fired is not there any more.
            _undo.pop()()


def problem() -> str | None:
    """Return why the reactor is not watched; None if it is, or there is none yet."""
    return _problem


def _watch_reactor(reactor: Any, begin: Callable[[], None]) -> None:
    global _problem
    _problem = None
    ours = sys.modules.get("deferrous.reactor")
    if ours is None or not isinstance(reactor, ours.DeferrousReactor):
        found = _waits_with(reactor)
        if found is None:
            kind = type(reactor)
            _problem = (
                f"{kind.__module__}.{kind.__qualname__} is not watched for stalls: run the program on the "
                "reactor of deferrous, or on that of epoll, poll or asyncio."
            )
            return
        owner, name, method = found
        inner = getattr(owner, name)
        waiting = TimedWaiter(inner, method)
        setattr(owner, name, waiting)

        def put_back() -> None:
            # The program may have put something of its own there since.
            if getattr(owner, name) is waiting:
                setattr(owner, name, inner)

        _undo.append(put_back)
        if getattr(reactor, "running", False):
            # This may be another thread.
            reactor.callFromThread(begin)
        else:
            reactor.callWhenRunning(begin)
        # Nothing waits after the last turn.
        trigger = reactor.addSystemEventTrigger("after", "shutdown", _core.end_turn)
        _undo.append(lambda: reactor.removeSystemEventTrigger(trigger))
    elif getattr(reactor, "running", False):
        reactor.callFromThread(begin)


def _waits_with(reactor: Any) -> tuple[Any, str, str] | None:
    """Return the owner of the object that a reactor waits with, the attribute's name, and the method's."""
    if hasattr(getattr(reactor, "_poller", None), "poll"):
        return reactor, "_poller", "poll"
    loop = getattr(reactor, "_asyncioEventloop", None)
    if hasattr(getattr(loop, "_selector", None), "select"):
        return loop, "_selector", "select"
    return None
