"""A program answers the commands, whatever its reactor does, and says what keeps it if it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.children import code
from tests.inspect.outside import READY, WAITS, running


@pytest.mark.parametrize("command", ["ps", "pstree", "why"])
def test_a_program_whose_reactor_waits_answers(command: str, runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        answer = program.answer(command)
        assert (answer["version"], answer["pid"]) == (1, program.pid)
        assert not answer.get("in_process")
        outcome = program.ask(command)
        assert outcome.status == 0, outcome
        assert outcome.out.strip()


BLOCKS = """
import ctypes, itertools, time
from twisted.internet import reactor
def block():
    print("ready", flush=True)
    {0}
reactor.callWhenRunning(block)
reactor.run()
"""


@pytest.mark.parametrize(
    "statement",
    [
        "time.sleep(1000)",
        "while True: pass",
        "open('/dev/zero').read",
        "import threading; threading.Event().wait()",
    ],
)
def test_a_program_whose_reactor_is_blocked_answers(statement: str, runtime: Path) -> None:
    with running(BLOCKS.format(statement), runtime) as program:
        assert program.answer("ps")["pid"] == program.pid


def test_a_function_in_c_that_waits_with_the_interpreter_is_said_to(runtime: Path) -> None:
    with running(BLOCKS.format("ctypes.PyDLL(None).sleep(1000)"), runtime) as program:
        outcome = program.ask("ps", "--timeout", "2s")
        assert outcome.status == 1
        assert "has not run Python for a second: C code keeps the interpreter" in outcome.err
        assert f"thread {program.pid} (main)" in outcome.err
        assert "waits" in outcome.err
        assert f"deferrous ps: process {program.pid}" in outcome.err
        assert "still does not run Python: no answer" in outcome.err


def test_a_function_in_c_that_computes_with_the_interpreter_is_said_to(runtime: Path) -> None:
    with running(BLOCKS.format("sum(itertools.repeat(0))"), runtime) as program:
        outcome = program.ask("ps", "--timeout", "2s")
        assert outcome.status == 1
        lines = outcome.err.splitlines()
        assert lines[1].startswith(f"  thread {program.pid} (main)"), outcome.err
        assert "computes, with " in lines[1]


def test_the_answer_comes_when_the_function_in_c_has_ended(runtime: Path) -> None:
    with running(BLOCKS.format("ctypes.PyDLL(None).sleep(4)"), runtime) as program:
        outcome = program.ask("ps")
        assert outcome.status == 0
        assert "C code keeps the interpreter" in outcome.err
        assert outcome.out.strip()


def test_a_stopped_program_is_said_to_be_stopped(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        import os
        import signal

        os.kill(program.pid, signal.SIGSTOP)
        outcome = program.ask("why", "--timeout", "2s")
        assert outcome.status == 1
        assert "is stopped: by a debugger, or by SIGSTOP" in outcome.err


MANY = """
from twisted.internet import reactor
from twisted.internet.defer import Deferred
kept = [Deferred() for _ in range(200_000)]
reactor.callWhenRunning(lambda: print("ready", flush=True))
reactor.run()
"""


def test_a_program_with_many_deferreds_answers_by_a_copy(runtime: Path) -> None:
    with running(MANY, runtime) as program:
        answer = program.answer("ps")
        assert not answer.get("in_process")


def test_inspection_is_on_by_enable_and_off_by_disable(runtime: Path) -> None:
    source = """
    import sys
    import deferrous.inspect as inspect
    assert not inspect.enabled()
    from twisted.internet import reactor
    inspect.enable()
    inspect.enable()
    assert inspect.enabled()
    print("ready", flush=True)
    assert sys.stdin.readline()
    inspect.disable()
    inspect.disable()
    assert not inspect.enabled()
    print("off", flush=True)
    assert sys.stdin.readline()
    inspect.enable()
    print("on", flush=True)
    sys.stdin.readline()
    """
    with running(source, runtime, DEFERROUS_INSPECT=None) as program:
        assert program.answer("ps")["pid"] == program.pid
        program.send("next")
        assert program.line() == "off\n"
        assert not program.socket_of().exists()
        assert "does not listen" in program.ask("ps", "--no-attach").err
        program.send("next")
        assert program.line() == "on\n"
        assert program.answer("ps")["pid"] == program.pid


def test_install_opens_the_socket_too(runtime: Path) -> None:
    with running("import deferrous; deferrous.install()\n" + WAITS, runtime, DEFERROUS=None) as program:
        assert program.answer("ps")["pid"] == program.pid


@pytest.mark.parametrize("value", [None, "", "0"])
def test_without_the_variable_nothing_of_inspection_is_imported(value: str | None) -> None:
    outcome = code(
        """
        import sys
        import deferrous, twisted.internet.reactor
        deferrous.install()
        assert not [name for name in sys.modules if name.startswith("deferrous.inspect")]
        """,
        DEFERROUS="1",
        DEFERROUS_INSPECT=value,
    )
    assert (outcome.status, outcome.err) == (0, "")


def test_a_process_that_does_not_use_twisted_opens_no_socket(runtime: Path) -> None:
    outcome = code(
        """
        import sys
        assert not [name for name in sys.modules if name.startswith("deferrous.inspect")]
        """,
        DEFERROUS="1",
        DEFERROUS_INSPECT="1",
        XDG_RUNTIME_DIR=str(runtime),
    )
    assert (outcome.status, outcome.err) == (0, "")
    assert not list(runtime.iterdir())


@pytest.mark.parametrize("start", ["import twisted.internet.defer", "import deferrous; deferrous.install()"])
def test_a_value_of_the_variable_that_means_nothing_is_an_error(start: str) -> None:
    outcome = code(start, DEFERROUS="1", DEFERROUS_INSPECT="yes")
    assert outcome.status == 1
    assert "DEFERROUS_INSPECT=yes means nothing: set it to 1" in outcome.err


def test_the_thread_is_none_of_the_programs(runtime: Path) -> None:
    source = """
    import threading
    from twisted.internet import reactor
    assert threading.active_count() == 1, threading.enumerate()
    print("ready", flush=True)
    input()
    """
    with running(source, runtime, ready=READY) as program:
        program.answer("ps")
        program.send("end")
        assert program.end() == ""
        assert program.process.returncode == 0


def test_a_job_that_runs_is_told_from_outside(runtime: Path) -> None:
    source = """
    import threading
    from twisted.internet import reactor
    from twisted.internet.threads import deferToThread

    def wait_for_ever():
        print("ready", flush=True)
        threading.Event().wait()

    waiting = deferToThread(wait_for_ever)
    reactor.run()
    """
    with running(source, runtime) as program:
        (job,) = [row for row in program.answer("ps")["rows"] if row["kind"] == "job"]
        assert job["name"].endswith("wait_for_ever")
        assert "can never fire" not in program.ask("pstree").out
