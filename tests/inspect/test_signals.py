"""DEFERROUS_INSPECT_SIGNAL: a signal writes the tree to the log."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.children import PATIENCE, code
from tests.inspect.outside import running

LOGS = """
import sys, time
from twisted.internet import reactor
from twisted.logger import globalLogBeginner, textFileLogObserver
globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
def run():
    print("ready", flush=True)
    {0}
reactor.callWhenRunning(run)
reactor.run()
"""


@pytest.mark.parametrize("name", ["USR2", "SIGUSR2", "usr2"])
def test_the_signal_writes_the_tree_to_the_log(name: str, runtime: Path) -> None:
    with running(LOGS.format("pass"), runtime, DEFERROUS_INSPECT_SIGNAL=name) as program:
        os.kill(program.pid, signal.SIGUSR2)
        program.until(f"what process {program.pid} waits for:")
        os.kill(program.pid, signal.SIGUSR2)
        program.until(f"what process {program.pid} waits for:")
        assert program.answer("ps")["pid"] == program.pid


@pytest.mark.parametrize("statement", ["time.sleep(1000)", "[None for _ in iter(int, 1)]"])
def test_the_signal_works_while_the_reactor_is_blocked(statement: str, runtime: Path) -> None:
    with running(LOGS.format(statement), runtime, DEFERROUS_INSPECT_SIGNAL="USR2") as program:
        # One that comes just before the system call interrupts nothing, and is noticed after the next one.
        while not program.has_written(0.5):
            os.kill(program.pid, signal.SIGUSR2)
        program.until(f"what process {program.pid} waits for:")


def test_without_the_variable_the_signal_is_the_programs(runtime: Path) -> None:
    with running(LOGS.format("pass"), runtime) as program:
        os.kill(program.pid, signal.SIGUSR2)
        assert program.process.wait(PATIENCE) == -signal.SIGUSR2


@pytest.mark.parametrize(
    ("name", "before", "said"),
    [
        ("KILL", "", "DEFERROUS_INSPECT_SIGNAL=KILL means nothing: name a signal that is free, such as USR2"),
        ("yes", "", "DEFERROUS_INSPECT_SIGNAL=yes means nothing"),
        ("INT", "", "DEFERROUS_INSPECT_SIGNAL=INT: the program has a handler for it. Name one that is free"),
        ("USR2", "import signal; signal.signal(signal.SIGUSR2, print)\n", "the program has a handler for it"),
    ],
)
def test_a_signal_that_is_not_free_is_a_warning(name: str, before: str, said: str, runtime: Path) -> None:
    outcome = code(
        f"{before}from twisted.internet import reactor\n"
        "import deferrous.inspect\n"
        "print(deferrous.inspect.enabled())",
        DEFERROUS="1",
        DEFERROUS_INSPECT="1",
        DEFERROUS_INSPECT_SIGNAL=name,
        XDG_RUNTIME_DIR=os.fspath(runtime),
    )
    assert (outcome.status, outcome.out) == (0, "True\n")
    assert said in outcome.err


def test_the_thread_that_serves_keeps_no_signal_of_the_program(runtime: Path) -> None:
    source = """
    import signal, time
    from twisted.internet import reactor
    handled = []
    signal.signal(signal.SIGUSR1, lambda number, frame: handled.append(number))
    print("ready", flush=True)
    while not handled:
        time.sleep(0.01)
    print("handled", flush=True)
    """
    with running(source, runtime) as program:
        os.kill(program.pid, signal.SIGUSR1)
        assert program.line() == "handled\n"
        assert program.process.wait(PATIENCE) == 0
