"""Stalls: the log says why the reactor stood still, and where, whatever blocks it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deferrous.inspect import _report, _stalls, _text

from tests import children
from tests.children import PATIENCE, environment
from tests.inspect.outside import running

PROGRAM = Path(__file__).with_name("stalling.py")

#: What a line of the log begins with.
START = "The reactor stood still for "
#: What it says if other programs use the processors.
BUSY = "the machine was too busy"

#: How many objects there are in the test of the collector.
OBJECTS = int(os.environ.get("DEFERROUS_COLLECTED", "3000000"))


def output(
    way: str, *numbers: object, stall: str = "50ms", cpu: int | None = None, **changes: str
) -> list[str]:
    """Return what a program prints that blocks in a way, without the time.

    Args:
        way: one of those of the program.
        numbers: what it gets for that.
        stall: how long a turn may take.
        cpu: the only processor that it may use.
        changes: of the environment.
    """
    done = subprocess.run(
        [sys.executable, str(PROGRAM), way, *map(str, numbers)],
        env=environment(**{"DEFERROUS": "1", "DEFERROUS_STALL": stall, **changes}),
        cwd=PROGRAM.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}),
    )
    assert done.returncode == 0, done.stderr
    return [line.partition("] ")[2] or line for line in done.stdout.splitlines()]


def line(way: str, *numbers: object, function: str, **options: object) -> str:
    """Return the line that is about a function of the program."""
    found = [each for each in output(way, *numbers, **options) if each.startswith(START)]  # type: ignore[arg-type]
    # Generators in it are named after it.
    about = [each for each in found if re.search(rf" {function}(\.<locals>\S+)? \(", each)]
    assert len(about) == 1, found
    return about[0]


def line_of(text: str) -> int:
    """Return the number of the only line of the program that has a text."""
    found = [number for number, line in enumerate(PROGRAM.read_text().splitlines(), 1) if text in line]
    assert len(found) == 1, found
    return found[0]


def time_of(what: str, line: str) -> float:
    """Return how much time a line says went into something, in seconds."""
    found = re.search(rf"\b{what} (?P<time>[\d.]+)(?P<unit> ms| s)?", line, re.IGNORECASE)
    assert found, line
    return float(found["time"]) * (0.001 if found["unit"] == " ms" else 1.0)


def test_computing_in_python_is_named_with_its_place() -> None:
    found = line("compute", function="compute")
    assert " it computed in " in found
    assert f"stalling.py:{line_of('sum(number * number')}" in found
    assert f"Called: timer compute (stalling.py:{line_of('def compute(')})" in found
    assert "function of C" not in found


def test_sleeping_is_told_with_the_system_call() -> None:
    found = line("sleep", function="sleep")
    assert re.search(
        r": it slept in the system call (clock_nanosleep|select|pselect6)\(\) in sleep \(", found
    )
    assert f"stalling.py:{line_of('time.sleep(seconds)')}" in found
    assert time_of("asleep", found) > 0.3


def test_waiting_for_a_child_is_told_with_the_system_call() -> None:
    found = line("read", function="read")
    assert " it slept in the system call wait4() in read (" in found
    assert f"stalling.py:{line_of('def read(')}" in found


def test_reading_from_a_blocking_socket_is_told_with_the_system_call() -> None:
    assert " it slept in the system call recvfrom() in receive (" in line("receive", function="receive")


def test_a_lock_is_not_taken_for_the_interpreter() -> None:
    found = line("lock", function="lock")
    assert " it waited for a lock (futex) in lock (" in found
    assert time_of("the interpreter", found) < 0.1


def test_a_lock_with_a_timeout_is_not_taken_for_the_interpreter() -> None:
    found = line("timed lock", function="timed_lock")
    assert " it waited for a lock (futex) in timed_lock (" in found


def test_a_function_of_c_that_keeps_the_interpreter_is_seen_while_it_runs() -> None:
    found = line("c", function="in_c")
    assert " it computed in in_c (" in found
    assert f"stalling.py:{line_of('math.factorial(number)')}" in found
    assert ", in a function of C that let no other thread run." in found or BUSY in found


def test_a_collection_is_told_apart_from_computing() -> None:
    found = line("collect", OBJECTS, function="collect", stall="20ms")
    assert " Python collected garbage, begun in collect (" in found


def test_a_thread_that_uses_the_interpreter_is_named() -> None:
    found = line("hog", function="with_hog")
    assert " it waited for the interpreter, used by the thread 'the hog'" in found
    assert "which then was in hog (" in found
    assert time_of("waiting for the interpreter", found) > time_of("asleep", found)


def test_a_protocol_is_named_with_its_descriptor() -> None:
    found = line("descriptor", function="compute")
    assert f"Called: descriptor Server with Reader (stalling.py:{line_of('def dataReceived')})" in found


def test_the_callback_of_a_deferred_is_in_the_stack() -> None:
    found = line("callback", function="compute")
    assert f"Called: timer callback (stalling.py:{line_of('def callback(')})" in found


def test_a_call_from_a_thread_is_told_as_such() -> None:
    found = line("from thread", function="compute")
    assert "Called: call from a thread compute (" in found


def test_many_short_calls_are_counted() -> None:
    found = line("many", function="compute")
    assert re.search(r"Called: timer compute \(.*\), and \d+ more calls? in the same turn\.", found)


@pytest.mark.parametrize("reactor", ["epoll", "poll", "asyncio"])
def test_reactors_of_twisted_are_watched(reactor: str) -> None:
    found = line("sleep", function="sleep", DEFERROUS_REACTOR=reactor)
    assert " it slept in the system call" in found


@contextlib.contextmanager
def busy(cpu: int) -> Iterator[None]:
    """Use a processor in many processes."""
    code = f"import os; os.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"
    spinning = [subprocess.Popen([sys.executable, "-S", "-c", code]) for _ in range(8)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def test_a_busy_machine_is_named() -> None:
    cpu = min(os.sched_getaffinity(0))
    with busy(cpu):
        found = line("compute", 1.0, function="compute", cpu=cpu)
    assert f": {BUSY} to give it a processor (load " in found
    assert time_of("without a processor", found) > 0.5


def test_short_turns_are_not_told_of() -> None:
    assert not [each for each in output("compute", 0.01, stall="20s") if each.startswith(START)]


def test_a_stall_that_goes_on_is_told_to_whoever_asks() -> None:
    told = [each for each in output("asked") if each.startswith("now:")]
    assert len(told) == 1
    assert "The reactor has been standing still for " in told[0]
    assert " it slept in the system call " in told[0]
    assert " in sleep (stalling.py:" in told[0]
    assert "Called: timer asked (" in told[0]
    assert told[0].endswith(" False")


def test_a_time_that_means_nothing_is_refused_before_the_program_starts() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deferrous", "run", "--stall", "50", str(PROGRAM)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert done.stderr == "deferrous run: --stall: '50' is no time: say 50ms or 0.2s\n"


def test_run_has_the_reactor_watched() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deferrous", "run", "--stall=50ms", str(PROGRAM), "sleep"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert START in done.stdout, done


def test_the_report_has_the_stalls() -> None:
    answer = _report.answer({"command": "stalls"})
    assert (answer["command"], answer["threshold"], answer["recent"]) == ("stalls", None, [])
    assert "DEFERROUS_STALL=50ms" in _text.render(answer)


#: Blocks the reactor for a moment when it runs, and then stops it.
BLOCK = """
    import gc, os, sys, time
    from twisted.internet import reactor
    from twisted.python import log
    import deferrous.inspect
    log.startLogging(sys.stdout)
    def block():
        time.sleep(0.4)
        reactor.callLater(0.2, reactor.stop)
    """


def stalls_of(source: str, **changes: str) -> list[str]:
    """Return the lines about stalls of a program that begins with `BLOCK`."""
    outcome = children.code(
        textwrap.dedent(BLOCK) + textwrap.dedent(source),
        **{"DEFERROUS": "1", "DEFERROUS_STALL": "50ms", **changes},
    )
    assert outcome.status == 0, outcome.err
    return [line for line in outcome.out.splitlines() if START in line and " in block (" in line]


def test_a_reactor_that_runs_is_watched_from_then_on() -> None:
    source = """
        def enable():
            deferrous.inspect.enable(stall=0.05)
            reactor.callLater(0.2, block)
        reactor.callLater(0, enable)
        reactor.run()
        """
    assert len(stalls_of(source, DEFERROUS_STALL="")) == 1


def test_nothing_is_left_when_it_is_disabled() -> None:
    source = """
        def disable():
            deferrous.inspect.disable()
            assert not gc.callbacks, gc.callbacks
            reactor.callLater(0.2, block)
        reactor.callLater(0.2, disable)
        reactor.run()
        """
    assert stalls_of(source) == []


def test_a_process_that_was_forked_off_has_a_watchdog_of_its_own() -> None:
    source = """
        child = os.fork()
        reactor.callLater(0.2, block)
        reactor.run()
        if child:
            os.waitpid(child, 0)
        """
    assert len(stalls_of(source)) == 2


def test_a_stall_just_before_the_end_is_logged() -> None:
    source = """
        def last():
            block()
            reactor.stop()
        reactor.callLater(0.2, last)
        reactor.run()
        """
    assert len(stalls_of(source)) == 1


def test_a_reactor_that_cannot_be_watched_is_told_to_whoever_asks() -> None:
    printed = children.passes(
        """
        from twisted.internet import reactor
        from deferrous.inspect import _stalls
        print(_stalls.answer()["note"])
        """,
        DEFERROUS="1",
        DEFERROUS_STALL="50ms",
        DEFERROUS_REACTOR="select",
    )
    assert printed == (
        "twisted.internet.selectreactor.SelectReactor is not watched for stalls: run the program on the "
        "reactor of deferrous, or on that of epoll, poll or asyncio.\n"
    )


def test_a_burst_of_stalls_is_counted_and_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(_stalls, "_log", lambda text, _: logged.append(text))
    lines = _stalls.Lines()
    assert lines.pause() is None
    for took in range(1, 26):
        lines.add({"text": f"a stall of {took} s", "took": float(took)})
    assert logged == [f"a stall of {took} s" for took in range(1, 21)]
    pause = lines.pause()
    assert pause is not None
    assert 0 < pause <= _stalls.PERIOD
    lines.log_rest(now=True)
    assert logged[20:] == [
        "The reactor stood still 5 more times, which were not logged: for 115 s altogether, and for 25 s at "
        f"most. `deferrous stalls {os.getpid()}` shows the last ones."
    ]
    assert lines.pause() is None


#: An argument of what blocks. It is not to be seen anywhere.
SECRET = "the-password"


def test_values_of_arguments_are_not_told() -> None:
    source = f"""
        def secret(value):
            block()
        reactor.callLater(0.2, secret, {SECRET!r})
        reactor.run()
        """
    (found,) = stalls_of(source)
    assert "Called: timer secret (" in found
    assert SECRET not in found


@pytest.mark.parametrize("command", ["ps", "stalls"])
def test_a_stall_that_goes_on_is_shown_from_outside(command: str, runtime: Path) -> None:
    source = f"""
    import time
    from twisted.internet import reactor
    def block(value):
        print("ready", flush=True)
        time.sleep(1000)
    reactor.callLater(0.2, block, {SECRET!r})
    reactor.run()
    """
    with running(source, runtime, DEFERROUS_STALL="50ms") as program:
        deadline = time.monotonic() + PATIENCE
        while "Now: The reactor has been standing still for " not in (out := program.ask(command).out):
            assert time.monotonic() < deadline, out
        assert "it slept in the system call" in out
        assert " in block (" in out
        assert SECRET not in out
