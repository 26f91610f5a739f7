"""The programs are pinned, run as their projects run them, and every difference counts."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("twisted")

import twisted
from rich.console import Console

from tests.conformance.compare import DIFFERENT, NO_VERDICT, SAME, Bench, Verdict
from tests.conformance.environment import Environment
from tests.conformance.errors import CannotCompare
from tests.conformance.records import Outcome, Records
from tests.conformance.results_table import record
from tests.conformance.trial import Ended, Limits, Mode
from tests.conformance.verdict import Difference, Judged, Ruling
from tests.programs.compare import TABLE, compare_program, last_line, main, result
from tests.programs.programs import PROGRAMS, TWISTED, Program, Runner, requirements
from tests.programs.side import LOCK, ProgramSide, sources_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "programs.md"

#: Two tests. What the first one says depends on `DEFERROUS=1` where `differs` is true.
TESTS = """
import os, unittest
from twisted.internet import defer

class Tests(unittest.TestCase):
    def test_which(self):
        assert not ({differs} and "DEFERROUS" in os.environ)
    def test_fires(self):
        self.assertEqual(defer.succeed(1).result, 1)
"""

FAKES = {
    Runner.TRIAL: Program("fake", "1.0", Runner.TRIAL, "test_fake"),
    Runner.PYTEST: Program("fake", "1.0", Runner.PYTEST, "test_fake.py", options="-p no:cacheprovider"),
    Runner.UNITTEST: Program("fake", "1.0", Runner.UNITTEST, "test_fake", options="--verbose"),
}


def bench(tmp_path: Path, program: Program, *, differs: bool, second: Mode = Mode.INSTALLED) -> Bench:
    """Make a bench for a program with two tests, in the environment of this process."""
    sources = tmp_path / "fake-1.0"
    sources.mkdir()
    (sources / "test_fake.py").write_text(TESTS.format(differs=differs))
    return Bench(
        environment=Environment(Path(sys.prefix), twisted.__version__, ""),
        sides=(
            ProgramSide("stock", Mode.STOCK, program=program, sources=sources),
            ProgramSide("installed", second, program=program, sources=sources),
        ),
        limits=Limits(60, 60),
        together=False,
        results=tmp_path / "results",
        console=Console(file=io.StringIO()),
    )


@pytest.mark.parametrize("program", FAKES.values(), ids=[runner.name for runner in FAKES])
def test_a_test_that_differs_makes_the_status_1(tmp_path: Path, program: Program) -> None:
    (verdict,) = compare_program(bench(tmp_path, program, differs=True), program, rounds=1, again=0)
    assert (verdict.status, verdict.differences) == (DIFFERENT, 1)
    assert verdict.judged[0].difference.test.endswith("test_which")
    row = result(program, [verdict], "here")
    assert (row["tests"], row["success"], row["differences"]) == ("2", "2", "1")


def test_a_test_that_differs_is_run_again(tmp_path: Path) -> None:
    program = FAKES[Runner.PYTEST]
    (verdict,) = compare_program(bench(tmp_path, program, differs=True), program, rounds=1, again=1)
    (judged,) = verdict.judged
    assert judged.ruling is Ruling.DIFFERS
    assert [repeats.selection for repeats in judged.repeats] == ["test_fake.py::Tests::test_which"]


def test_a_program_that_does_the_same_has_status_0_in_each_round(tmp_path: Path) -> None:
    program = FAKES[Runner.UNITTEST]
    verdicts = compare_program(bench(tmp_path, program, differs=False), program, rounds=2, again=1)
    assert [(verdict.status, verdict.differences) for verdict in verdicts] == [(SAME, 0)] * 2
    row = result(program, verdicts, "here")
    assert (row["differences"], row["fails in both"]) == ("0", "0")
    assert float(row["seconds, stock"]) > 0
    assert float(row["seconds, deferrous"]) > 0


@pytest.mark.parametrize("program", FAKES.values(), ids=[runner.name for runner in FAKES])
def test_a_side_on_the_wrong_twisted_is_no_verdict(tmp_path: Path, program: Program) -> None:
    stock = bench(tmp_path, program, differs=False, second=Mode.STOCK)
    sides = (stock.sides[0], replace(stock.sides[1], label="other"))
    found = compare_program(replace(stock, sides=sides), program, rounds=1, again=0)
    assert [verdict.status for verdict in found] == [SAME]
    mistaken = replace(stock, environment=replace(stock.environment, twisted="1.0"), sides=sides)
    found = compare_program(mistaken, program, rounds=2, again=0)
    assert [verdict.status for verdict in found] == [NO_VERDICT]


def test_a_program_without_its_tests_is_no_verdict(tmp_path: Path) -> None:
    program = replace(FAKES[Runner.UNITTEST], tests="test_missing")
    with pytest.raises(CannotCompare):
        compare_program(bench(tmp_path, program, differs=False), program, rounds=1, again=0)


def test_tests_run_in_a_copy_of_the_source_distribution(tmp_path: Path) -> None:
    ours = bench(tmp_path, FAKES[Runner.PYTEST], differs=False).sides[1]
    (tmp_path / "work").mkdir()
    folder = ours.working_folder(tmp_path / "work")
    assert folder == tmp_path / "work" / "fake-1.0"
    assert (folder / "test_fake.py").exists()


def test_stock_and_deferrous_differ_in_one_environment_variable() -> None:
    sides = [ProgramSide(mode.value, mode, program=FAKES[Runner.TRIAL]) for mode in Mode]
    assert [each.variables() for each in sides] == [{}, {"DEFERROUS": "1"}]
    assert sides[0].arguments(["x"]) == sides[1].arguments(["x"]) == ["--reporter=outcomes", "x"]


def test_a_source_distribution_is_downloaded_once(tmp_path: Path) -> None:
    (tmp_path / "fake-1.0" / "fake-1.0").mkdir(parents=True)
    program = replace(FAKES[Runner.PYTEST], from_sources=True)
    nowhere = Environment(tmp_path / "nowhere", "", "")
    assert sources_of(program, nowhere, tmp_path) == tmp_path / "fake-1.0" / "fake-1.0"
    assert sources_of(FAKES[Runner.PYTEST], nowhere, tmp_path) is None


class TestResult:
    SUCCESS, FAILURE = (Outcome("success"),), (Outcome("failure", "E"),)

    def verdict(self, *judged: Judged, seconds: float = 1, broke_off: str | None = None) -> Verdict:
        facts = {"reactor": "deferrous.reactor.DeferrousReactor"}
        records = Records({"a": self.SUCCESS, "b": self.SUCCESS}, (), None, facts, facts)
        runs = (
            Ended("stock", records, None, 1, Path(), seconds),
            Ended("installed", records, broke_off, 1, Path(), None if broke_off else seconds / 2),
        )
        return Verdict(runs, judged, 0, DIFFERENT)

    def judged(self, test: str, ruling: Ruling) -> Judged:
        return Judged(Difference(test, self.SUCCESS, self.FAILURE), ruling)

    def test_a_test_counts_once_and_what_differs_in_any_round_stands(self) -> None:
        first = self.verdict(self.judged("a", Ruling.CHANCE), self.judged("b", Ruling.CHANCE), seconds=3)
        second = self.verdict(self.judged("a", Ruling.DIFFERS), self.judged("b", Ruling.CHANCE), seconds=2)
        row = result(FAKES[Runner.TRIAL], [first, second], "here")
        assert (row["differences"], row["differed once"]) == ("1", "1")
        assert (row["seconds, stock"], row["seconds, deferrous"]) == ("2.0", "1.0")
        assert row["reactor with `DEFERROUS=1`"] == "DeferrousReactor"

    def test_a_run_that_broke_off_is_in_the_row(self) -> None:
        row = result(FAKES[Runner.TRIAL], [self.verdict(broke_off="was ended by SIGSEGV")], "here")
        assert row["differences"] == "0; the run was ended by SIGSEGV"
        assert row["seconds, deferrous"] == "killed"

    def test_a_row_replaces_that_of_the_same_program(self, tmp_path: Path) -> None:
        document = tmp_path / "programs.md"
        document.write_text(f"{TABLE.start}\n{TABLE.end}\n")
        for name, release in (("treq", "1"), ("klein", "2"), ("treq", "3")):
            program = replace(FAKES[Runner.TRIAL], name=name, release=release)
            record(document, result(program, [self.verdict()], "here"), TABLE)
        assert rows(document) == [("klein", "2"), ("treq", "3")]

    def test_the_last_line_names_what_differs(self) -> None:
        assert last_line({"a": SAME, "b": SAME}) == "0 differences in a, b"
        found = last_line({"a": SAME, "b": DIFFERENT, "c": DIFFERENT, "d": NO_VERDICT})
        assert found == "differences in b, c; no verdict on d"


def rows(document: Path) -> list[tuple[str, str]]:
    """Return the programs and releases of the table in a document."""
    table = document.read_text().split(TABLE.start)[1].split(TABLE.end)[0]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [(cells[1].strip(), cells[2].strip()) for cells in (line.split("|") for line in lines)]


def test_an_unknown_program_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--deferrous", "wheel", "klien"])
    assert "no program klien" in capsys.readouterr().err


def test_every_requirement_is_pinned() -> None:
    pinned = LOCK.read_text().lower().splitlines()
    assert f"twisted=={TWISTED}" in pinned
    for program in PROGRAMS:
        assert f"{program.name}=={program.release}" in pinned
    names = {line.partition("==")[0] for line in pinned}
    assert {each.partition("==")[0].partition("[")[0].lower() for each in requirements()} <= names


def test_the_documentation_has_a_row_for_each_program() -> None:
    assert rows(DOCUMENT) == sorted((program.name, program.release) for program in PROGRAMS)
