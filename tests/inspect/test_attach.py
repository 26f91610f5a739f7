"""CPython 3.14 and later: programs listen that were not started for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from deferrous.inspect import _attach
from deferrous.inspect._processes import Process

from tests.inspect.outside import READY, WAITS, running

can_attach = pytest.mark.skipif(sys.version_info < (3, 14), reason="needs sys.remote_exec")


@can_attach
@pytest.mark.parametrize("deferrous", ["0", "1"])
def test_a_program_that_was_not_started_for_it_is_inspected(deferrous: str, runtime: Path) -> None:
    with running(WAITS, runtime, DEFERROUS=deferrous, DEFERROUS_INSPECT=None) as program:
        assert program.answer("ps")["pid"] == program.pid
        assert program.answer("ps", "--no-attach")["pid"] == program.pid


@can_attach
def test_a_program_whose_reactor_is_blocked_is_attached_to(runtime: Path) -> None:
    source = """
    from twisted.internet import reactor
    print("ready", flush=True)
    while True:
        pass
    """
    with running(source, runtime, DEFERROUS_INSPECT=None) as program:
        assert program.answer("ps")["pid"] == program.pid


@can_attach
def test_a_program_that_does_not_use_twisted_is_left_alone(runtime: Path) -> None:
    source = """
    import sys, time
    print("ready", flush=True)
    while "deferrous.inspect" not in sys.modules:
        time.sleep(0.01)
    """
    with running(source, runtime, DEFERROUS_INSPECT=None) as program:
        outcome = program.ask("ps")
        assert outcome.status == 1
        assert outcome.err.endswith(" does not use Twisted\n")
        assert program.process.poll() is None


@can_attach
def test_a_program_that_runs_no_python_is_said_to(runtime: Path) -> None:
    source = """
    import ctypes
    from twisted.internet import reactor
    print("ready", flush=True)
    ctypes.PyDLL(None).sleep(1000)
    """
    with running(source, runtime, DEFERROUS_INSPECT=None) as program:
        outcome = program.ask("ps", "--timeout", "1s")
        assert outcome.status == 1
        assert "does not listen yet: its main thread has not run Python for 1 s" in outcome.err
        assert f"thread {program.pid} (main)" in outcome.err


@can_attach
def test_a_program_that_forbids_it_is_said_to(runtime: Path) -> None:
    with running(WAITS, runtime, DEFERROUS_INSPECT=None, PYTHON_DISABLE_REMOTE_DEBUG="1") as program:
        outcome = program.ask("ps")
        assert outcome.status == 1
        assert "does not listen" in outcome.err
        assert "DEFERROUS_INSPECT=1" in outcome.err


def test_nothing_is_left_of_attaching(runtime: Path) -> None:
    before = set(Path("/tmp").glob("deferrous-attach-*"))
    with running(WAITS, runtime, DEFERROUS_INSPECT=None, ready=READY) as program:
        program.ask("ps")
    assert set(Path("/tmp").glob("deferrous-attach-*")) <= before


def process(python: str | None, inner_pid: int = 1) -> Process:
    """Return a process with this Python."""
    return Process(1, os.geteuid(), inner_pid, "app.py", "/opt/python", True, python, None)


def test_why_it_is_impossible_is_said_for_each_python(monkeypatch: pytest.MonkeyPatch) -> None:
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    problem = _attach._problem
    assert "CPython 3.13 has no other way; 3.14 and later have" in problem(process("3.13"))
    monkeypatch.delattr(sys, "remote_exec", raising=False)
    assert "ask with its own Python, /opt/python -m deferrous" in problem(process("3.99"))
    assert problem(process(None)).endswith("or call deferrous.inspect.enable() in it")
    monkeypatch.setattr(sys, "remote_exec", print, raising=False)
    assert f"runs on Python 3.99, to which Python {own} cannot attach" in problem(process("3.99"))
    assert problem(process(None)) == ""
    assert "is in a container" in problem(process(None, inner_pid=2))
