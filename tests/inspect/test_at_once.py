"""Inspection may be switched on and off by several threads at once, and by none that waits for another."""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from deferrous.inspect import _stalls
from deferrous.inspect._threads import threads_now

from tests.children import passes

AT_ONCE = """
import os, sys, threading
from twisted.internet import reactor
import deferrous.inspect as inspect
sys.setswitchinterval(1e-6)

def at_once(*functions):
    barrier = threading.Barrier(20)
    def run(number):
        barrier.wait()
        functions[number % len(functions)]()
    threads = [threading.Thread(target=run, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def name_of(tid):
    try:
        with open(f"/proc/self/task/{tid}/comm") as file:
            return file.read().strip()
    except OSError:
        # The thread has ended meanwhile.
        return ""

def servers():
    return [name_of(tid) for tid in os.listdir("/proc/self/task")].count("deferrous")

path = f"{os.environ['XDG_RUNTIME_DIR']}/deferrous/{os.getpid()}.sock"
"""


def test_threads_that_enable_at_once_start_one_server(runtime: Path) -> None:
    source = """
    for _ in range(5):
        at_once(inspect.enable)
        assert os.path.exists(path)
        while servers() == 0:
            pass
        assert servers() == 1, servers()
        inspect.disable()
        assert not os.path.exists(path)
        # The system forgets a thread a moment after its end.
        while servers():
            pass
    """
    passes(AT_ONCE + unindented(source), **settings(runtime))


def test_threads_that_enable_and_disable_at_once_leave_it_in_order(runtime: Path) -> None:
    source = """
    for _ in range(5):
        at_once(inspect.enable, inspect.disable)
        assert os.path.exists(path) == inspect.enabled()
        inspect.enable()
        assert os.path.exists(path)
        inspect.disable()
        assert not os.path.exists(path)
    """
    passes(AT_ONCE + unindented(source), **settings(runtime))


def unindented(source: str) -> str:
    return "\n".join(line[4:] for line in source.splitlines())


def settings(runtime: Path) -> dict[str, str | None]:
    return {"DEFERROUS": "1", "DEFERROUS_INSPECT": None, "XDG_RUNTIME_DIR": os.fspath(runtime)}


def test_loops_that_begin_at_once_leave_one_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes the place of the one before, which is stopped."""
    made: list[Any] = []

    class Watch:
        def __init__(self, stalls: Any) -> None:
            self.pid, self.loop, self.stopped = os.getpid(), threading.get_ident(), False
            barrier_passed.wait(0.05)
            made.append(self)

        def stop(self) -> None:
            self.stopped = True

    barrier_passed = threading.Event()
    stalls = _stalls.Stalls(0.05)
    monkeypatch.setattr(_stalls, "Watch", Watch)
    monkeypatch.setattr(_stalls, "_stalls", stalls)
    threads = [threading.Thread(target=stalls.begin) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [watch for watch in made if not watch.stopped] == [stalls.watch]
    monkeypatch.setattr(_stalls, "_stalls", None)
    before = stalls.watch
    stalls.begin()
    assert stalls.watch is before


def test_disabling_does_not_wait_for_an_observer_of_the_log_that_waits_for_the_reactor() -> None:
    printed = passes(
        """
        import threading, time
        from twisted.internet import reactor
        from twisted.internet.threads import blockingCallFromThread
        from twisted.logger import globalLogBeginner
        import deferrous.inspect

        waits = threading.Event()

        def observe(event):
            if event.get("stall"):
                waits.set()
                blockingCallFromThread(reactor, int)

        def disable():
            assert waits.wait(60)
            began = time.monotonic()
            deferrous.inspect.disable()
            print(time.monotonic() - began < 5)
            reactor.callLater(0.1, reactor.stop)

        def block():
            time.sleep(0.4)
            reactor.callLater(0, disable)

        globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False, discardBuffer=True)
        reactor.callLater(0.2, block)
        reactor.run()
        """,
        DEFERROUS="1",
        DEFERROUS_STALL="50ms",
    )
    assert printed == "True\n"


def test_values_live_no_longer_because_their_variables_were_read() -> None:
    class Thing:
        pass

    def function() -> Any:
        thing = Thing()
        watch = weakref.ref(thing)
        assert threads_now(own=True)
        del thing
        return watch()

    assert function() is None
