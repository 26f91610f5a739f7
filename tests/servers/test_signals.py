"""Signals: what ends a program, what does not, and whose handlers are whose."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest

from tests.reactors import Loop
from tests.reactors.inside import announce, pause, until


def ending(reactor: Any, busy: bool) -> list[Any]:
    """Run until a signal comes, with nothing to do or with very much."""
    notes: list[str] = []
    reactor.addSystemEventTrigger("before", "shutdown", notes.append, "before")
    reactor.callWhenRunning(announce, "runs")

    def again() -> None:
        reactor.callFromThread(again)

    if busy:
        again()
    reactor.run()
    return [notes, reactor._exitSignal]


@pytest.mark.parametrize("busy", [False, True])
def test_sigterm_and_sigint_stop_the_reactor_in_order(loop: Loop, busy: bool) -> None:
    """SIGTERM and SIGINT stop the reactor in order, and it remembers which it was."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with loop.start(ending, busy) as process:
            assert process.line() == "runs"
            process.send(number)
            assert process.line(1) == [["before"], number]
            assert process.wait().status == 0


def impatient(reactor: Any) -> str:
    """Wait at the end, for as long as signals come."""
    reactor.addSystemEventTrigger("before", "shutdown", announce, "ends")
    reactor.addSystemEventTrigger("before", "shutdown", pause, reactor, 0.2)
    reactor.callWhenRunning(announce, "runs")
    reactor.run()
    return "ended"


def test_a_signal_during_shutdown_is_a_logged_error(loop: Loop) -> None:
    """A signal while the reactor stops is a logged error, and stopping goes on."""
    with loop.start(impatient) as process:
        assert process.line() == "runs"
        process.send(signal.SIGTERM)
        assert process.line(1) == "ends"
        process.send(signal.SIGTERM)
        assert process.line(2) == "ended"
        outcome = process.wait()
    assert outcome.status == 0
    assert "ReactorNotRunning" in outcome.err


def without_handlers(reactor: Any) -> list[Any]:
    """Run without handlers, once in the main thread and once elsewhere."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]
    found: list[Any] = []

    def look() -> None:
        during = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]
        found.append(during == before)

    reactor.callWhenRunning(look)
    reactor.callLater(0.01, reactor.crash)
    reactor.run(installSignalHandlers=False)

    def elsewhere() -> None:
        reactor.callWhenRunning(look)
        reactor.callLater(0.01, reactor.stop)
        reactor.run(installSignalHandlers=False)
        found.append(threading.current_thread() is not threading.main_thread())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    return found


def test_without_signal_handlers_the_loop_can_run_in_a_thread(loop: Loop) -> None:
    """No handler is touched, and the loop may then run in another thread."""
    assert loop.run(without_handlers) == [True, True, True]


def dying(reactor: Any) -> None:
    """Run without handlers, until a signal comes."""
    reactor.callWhenRunning(announce, "runs")
    reactor.run(installSignalHandlers=False)


def test_without_signal_handlers_signals_have_their_default_effect(loop: Loop) -> None:
    """SIGTERM kills, and SIGINT is a KeyboardInterrupt."""
    with loop.start(dying) as process:
        assert process.line() == "runs"
        process.send(signal.SIGTERM)
        assert process.wait().status == -signal.SIGTERM


def handlers_of_the_program(reactor: Any) -> list[Any]:
    """Have handlers of one's own, for signals that the reactor takes and for others, and interrupt sleeps."""
    notes: list[Any] = []
    signal.signal(signal.SIGINT, lambda number, frame: notes.append("own SIGINT"))
    signal.signal(signal.SIGUSR1, lambda number, frame: reactor.callFromThread(notes.append, "SIGUSR1"))
    signal.signal(signal.SIGALRM, lambda number, frame: notes.append("SIGALRM"))

    async def main() -> None:
        for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR1):
            count = len(notes)
            os.kill(os.getpid(), number)
            while len(notes) == count:
                await pause(reactor, 0.001)
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        await pause(reactor, 0.1)
        signal.setitimer(signal.ITIMER_REAL, 0)

    until(reactor, main())
    return [notes[:3], notes.count("SIGALRM") > 1, set(notes[3:]) == {"SIGALRM"}]


def test_signal_handlers_of_the_program_are_kept_and_run(loop: Loop) -> None:
    """A SIGINT of the program's own is left to it; handlers run while the loop sleeps, and may wake it."""
    expected = ["own SIGINT", "SIGUSR1", "SIGUSR1"]
    assert loop.run(handlers_of_the_program) == [expected, True, True]


def waking_a_sleeper(reactor: Any) -> str:
    """Sleep for ever, until a handler wakes the loop."""

    def handler(number: int, frame: Any) -> None:
        reactor.callFromThread(reactor.stop)

    signal.signal(signal.SIGUSR1, handler)
    pid = os.getpid()

    def send() -> None:
        time.sleep(0.02)
        os.kill(pid, signal.SIGUSR1)

    reactor.callWhenRunning(threading.Thread(target=send).start)
    reactor.run()
    return "woken"


def test_a_sleeping_loop_is_woken_by_a_handler(loop: Loop) -> None:
    """Calls of a signal handler take effect at once, also without a timer that would wake the loop."""
    assert loop.run(waking_a_sleeper) == "woken"


def raising(reactor: Any) -> list[str]:
    """Raise in a handler while the loop sleeps."""
    notes: list[str] = []

    def handler(number: int, frame: Any) -> None:
        # By then the error has been logged: another one meanwhile would come out of the logging.
        reactor.callLater(0, announce, "goes on")
        raise ValueError("in a handler")

    signal.signal(signal.SIGUSR1, handler)
    reactor.callLater(0, announce, "runs")
    reactor.addSystemEventTrigger("after", "shutdown", notes.append, "ended")
    reactor.run()
    return notes


def test_an_exception_of_a_signal_handler_is_logged(loop: Loop) -> None:
    """The error is logged, and the loop goes on until it is told to end."""
    with loop.start(raising) as process:
        assert process.line() == "runs"
        for count in (1, 2, 3):
            process.send(signal.SIGUSR1)
            assert process.line(count) == "goes on"
            process.until(lambda count=count: process.err.count("ValueError") >= count, "logged")  # type: ignore[misc]
        process.send(signal.SIGTERM)
        assert process.line(4) == ["ended"]
