"""A run of pytest or of unittest is recorded as it was: every kind of outcome, and an end that is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("twisted")

from tests.conformance.environment import Environment
from tests.conformance.trial import Ended, Limits, Mode, Running, watch
from tests.programs.programs import Program, Runner
from tests.programs.side import ProgramSide

PYTEST_TESTS = """
import os, pytest

@pytest.fixture
def broken(): raise ZeroDivisionError("on purpose")
@pytest.fixture
def breaks_after():
    yield
    raise KeyError("on purpose")

def test_success(): pass
def test_failure(): assert 1 == 2
def test_skip(): pytest.skip("no reason")
@pytest.mark.xfail
def test_expected(): assert False
@pytest.mark.xfail
def test_unexpected(): pass
def test_broken(broken): pass
def test_breaks_after(breaks_after): pass
@pytest.mark.parametrize("number", [1, 2])
def test_parameters(number): assert number == 1
def test_ends(): END
"""

UNITTEST_TESTS = """
import os, unittest

class Tests(unittest.TestCase):
    def test_success(self): pass
    def test_failure(self): self.fail("on purpose")
    def test_error(self): raise ZeroDivisionError("on purpose")
    def test_skip(self): self.skipTest("no reason")
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.expectedFailure
    def test_unexpected(self): pass
    def test_parts(self):
        for number in (1, 2):
            with self.subTest(number=number):
                self.assertEqual(number, 1)
    def test_ends(self): END
"""


def run(tmp_path: Path, runner: Runner, tests: str, selection: str, end: str = "pass") -> Ended:
    """Run tests in the Python of this process, where the last one does what `end` says."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "test_sample.py").write_text(tests.replace("END", end))
    program = Program("sample", "1.0", runner, selection)
    side = ProgramSide("stock", Mode.STOCK, program=program, sources=sources)
    environment = Environment(Path(sys.prefix), "", "")
    running = Running(side, environment, selection.split(), tmp_path / "run", tmp_path)
    return watch([running], Limits(60, 60), print)[0]


def outcomes(ended: Ended, prefix: str) -> dict[str, list[str]]:
    """Return the outcomes by the names of the tests."""
    found = ended.records.outcomes
    return {test.removeprefix(prefix): [str(outcome) for outcome in found[test]] for test in found}


def test_every_outcome_of_pytest_is_recorded(tmp_path: Path) -> None:
    ended = run(tmp_path, Runner.PYTEST, PYTEST_TESTS, "test_sample.py")
    assert ended.broke_off is None
    assert ended.records.unfinished == ()
    assert outcomes(ended, "test_sample.py::test_") == {
        "success": ["success"],
        "failure": ["failure (builtins.AssertionError)"],
        "skip": ["skip"],
        "expected": ["expectedFailure"],
        "unexpected": ["unexpectedSuccess"],
        "broken": ["error (builtins.ZeroDivisionError)"],
        "breaks_after": ["error (builtins.KeyError)", "success"],
        "parameters[1]": ["success"],
        "parameters[2]": ["failure (builtins.AssertionError)"],
        "ends": ["success"],
    }
    error = ended.records.outcomes["test_sample.py::test_broken"][0]
    assert error.reason == "on purpose"
    assert "test_sample.py" in error.traceback


def test_every_outcome_of_unittest_is_recorded(tmp_path: Path) -> None:
    ended = run(tmp_path, Runner.UNITTEST, UNITTEST_TESTS, "test_sample")
    assert ended.broke_off is None
    assert ended.records.unfinished == ()
    assert outcomes(ended, "test_sample.Tests.test_") == {
        "success": ["success"],
        "failure": ["failure (builtins.AssertionError)"],
        "error": ["error (builtins.ZeroDivisionError)"],
        "skip": ["skip"],
        "expected": ["expectedFailure"],
        "unexpected": ["unexpectedSuccess"],
        "parts": [],
        "parts (number=2)": ["failure (builtins.AssertionError)"],
        "ends": ["success"],
    }


@pytest.mark.parametrize(
    ("runner", "tests", "selection"),
    [
        (Runner.PYTEST, PYTEST_TESTS, "test_sample.py"),
        (Runner.UNITTEST, UNITTEST_TESTS, "test_sample"),
    ],
    ids=["pytest", "unittest"],
)
def test_a_run_that_dies_says_how_and_where(
    tmp_path: Path, runner: Runner, tests: str, selection: str
) -> None:
    ended = run(tmp_path, runner, tests, selection, "os._exit(0)")
    assert ended.broke_off == "ended with status 0, without a result"
    assert ended.records.last_started is not None
    assert ended.records.last_started.endswith("test_ends")
    assert ended.records.unfinished == (ended.records.last_started,)


@pytest.mark.parametrize(
    ("runner", "broken"), [(Runner.PYTEST, "test_sample.py"), (Runner.UNITTEST, "test_sample")]
)
def test_a_module_that_cannot_be_loaded_is_recorded(tmp_path: Path, runner: Runner, broken: str) -> None:
    ended = run(tmp_path, runner, "import no_such_module", broken)
    assert ended.broke_off is None
    kinds = [outcome.kind for found in ended.records.outcomes.values() for outcome in found]
    assert kinds == ["not loaded"]
