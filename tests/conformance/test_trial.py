"""A run of trial is recorded as it was: every kind of outcome, and every way of not coming to an end."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

pytest.importorskip("twisted")

from tests.conformance.environment import Environment
from tests.conformance.samples import run_sample
from tests.conformance.trial import Ended, Limits, Mode, Running, Side, watch

TESTS = """
import os, signal, sys, time
from twisted.internet import defer
from twisted.trial import unittest

class Tests(unittest.TestCase):
    def test_1_success(self): pass
    def test_2_failure(self): self.assertEqual(1, 2)
    def test_3_error(self): raise ZeroDivisionError("on purpose")
    def test_4_skip(self): raise unittest.SkipTest("no reason")
    def test_5_todo(self): raise ValueError()
    test_5_todo.todo = "to do"
    def test_6_done(self): pass
    test_6_done.todo = "to do"
    def test_7_unhandled(self): defer.fail(ZeroDivisionError())
    def test_8_ends(self): END
    def test_9_not_reached(self): pass
"""

NAMES = ["success", "failure", "error", "skip", "todo", "done", "unhandled", "ends", "not_reached"]

PATIENT = Limits(60, 60)


def run(tmp_path: Path, end: str = "pass", limits: Limits = PATIENT) -> Ended:
    """Run the tests in the Python of this process, where the last but one does what `end` says."""
    return run_sample(TESTS.replace("END", end), Side("stock", Mode.STOCK), limits, tmp_path)


def outcomes(ended: Ended) -> dict[str, list[str]]:
    """Return the outcomes by the names of the tests."""
    found = ended.records.outcomes
    by_number = {f"test_sample.Tests.test_{number}_{name}": name for number, name in enumerate(NAMES, 1)}
    return {by_number[test]: [str(outcome) for outcome in found[test]] for test in found}


def test_every_kind_of_outcome_is_recorded(tmp_path: Path) -> None:
    ended = run(tmp_path)
    assert ended.broke_off is None
    assert outcomes(ended) == {
        "success": ["success"],
        "failure": ["failure (twisted.trial.unittest.FailTest)"],
        "error": ["error (builtins.ZeroDivisionError)"],
        "skip": ["skip"],
        "todo": ["expectedFailure"],
        "done": ["unexpectedSuccess"],
        "unhandled": ["error (builtins.ZeroDivisionError)"],
        "ends": ["success"],
        "not_reached": ["success"],
    }
    error = ended.records.outcomes["test_sample.Tests.test_3_error"][0]
    assert error.reason == "on purpose"
    assert "test_sample.py" in error.traceback


def test_a_run_says_what_it_runs_on(tmp_path: Path) -> None:
    facts = run(tmp_path).records.first_facts
    assert facts is not None
    assert facts["deferred_is_twisteds"] is True
    assert facts["deferrous_imported"] is False


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
        ("os._exit(0)", "ended with status 0, without a result"),
        ("os._exit(7)", "ended with status 7, without a result"),
    ],
)
def test_a_run_that_dies_says_how_and_where(tmp_path: Path, end: str, said: str) -> None:
    ended = run(tmp_path, end)
    assert ended.broke_off == said
    assert ended.records.unfinished == ("test_sample.Tests.test_8_ends",)
    assert ended.records.last_started == "test_sample.Tests.test_8_ends"
    assert outcomes(ended)["unhandled"] == ["error (builtins.ZeroDivisionError)"]
    assert "not_reached" not in outcomes(ended)


def test_a_crash_after_the_last_test_counts(tmp_path: Path) -> None:
    ended = run(tmp_path, "import atexit; atexit.register(os.kill, os.getpid(), signal.SIGSEGV)")
    assert ended.broke_off == "was ended by SIGSEGV"
    assert ended.records.unfinished == ()


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(run=60, silence=3), "no test started or ended for 3 s"),
        (Limits(run=3, silence=60), "more than 3 s"),
    ],
)
def test_a_run_that_hangs_is_killed_and_leaves_its_stack(tmp_path: Path, limits: Limits, said: str) -> None:
    ended = run(tmp_path, "time.sleep(600)", limits)
    assert ended.broke_off is not None
    assert said in ended.broke_off
    assert ended.records.unfinished == ("test_sample.Tests.test_8_ends",)
    assert "in test_8_ends" in ended.log.read_text()


def test_processes_that_a_run_leaves_are_ended(tmp_path: Path) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    leave = f"import subprocess; subprocess.Popen(['sleep', '600'], stdout=open({str(held)!r}, 'w'))"
    assert run(tmp_path, leave).broke_off is None
    # At its end the last writer has gone.
    assert select.select([reader], [], [], 60)[0]
    os.close(reader)


def test_processor_time_is_counted_with_that_of_child_processes(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 1: pass"
    seconds = run(
        tmp_path, f"import subprocess; subprocess.run([sys.executable, '-c', {busy!r}])"
    ).processor_seconds
    assert seconds is not None
    assert seconds > 1


def test_what_cannot_be_loaded_is_no_test(tmp_path: Path) -> None:
    environment = Environment(Path(sys.prefix), "", "")
    running = Running(Side("stock", Mode.STOCK), environment, ["no.such.test"], tmp_path / "run", tmp_path)
    ended = watch([running], PATIENT, print)[0]
    assert [outcome.kind for outcome in ended.records.outcomes["no.such.test"]] == ["not loaded"]
