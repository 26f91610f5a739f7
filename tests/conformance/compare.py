"""Runs Twisted's own tests on stock Twisted and on deferrous, and lists every test with another outcome.

`python -m tests.conformance --help` says how; the README beside it says what it does.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.conformance import environment as environments
from tests.conformance import report, results_table
from tests.conformance.environment import Environment
from tests.conformance.errors import CannotCompare
from tests.conformance.explained import EXPLAINED, Explained, explain, outdated
from tests.conformance.quick import QUICK, QUICK_REACTOR
from tests.conformance.reactors import EPOLL, REACTORS
from tests.conformance.records import name
from tests.conformance.trial import Ended, Limits, Mode, Running, Side, watch
from tests.conformance.verdict import Judged, Repeats, Ruling, compare, judge, problems_of_identity

CACHE = Path(__file__).resolve().parent.parent.parent / "target" / "conformance"

SAME, DIFFERENT, NO_VERDICT = 0, 1, 2


@dataclass(frozen=True)
class Bench:
    """Everything that running trial takes, but for what to run."""

    environment: Environment
    sides: tuple[Side, Side]
    limits: Limits
    #: Whether the two sides run side by side.
    together: bool
    results: Path
    console: Console

    @property
    def labels(self) -> tuple[str, str]:
        """The names of the two sides."""
        return self.sides[0].label, self.sides[1].label

    @property
    def explained(self) -> tuple[Explained, ...]:
        """The differences with a reason, which exist only if the reactors are compared."""
        return () if self.sides[0].reactor == self.sides[1].reactor else EXPLAINED

    def run(
        self, tests: Sequence[str], results: Path, *, together: bool, quiet: bool = False
    ) -> tuple[Ended, Ended]:
        """Run tests on both sides.

        Args:
            tests: arguments of trial.
            results: where the records and logs go.
            together: whether the sides run side by side.
            quiet: whether to leave out the lines of progress.
        """
        results.mkdir(parents=True, exist_ok=True)
        sides = list(zip(self.sides, ("1", "2"), strict=True))
        ended: list[Ended] = []
        with tempfile.TemporaryDirectory(prefix="conf-", ignore_cleanup_errors=True) as folder:
            for group in [sides] if together else [[side] for side in sides]:
                running = [
                    Running(side, self.environment, tests, Path(folder) / number, results)
                    for side, number in group
                ]
                ended += watch(running, self.limits, lambda line: None if quiet else self.console.print(line))
        return ended[0], ended[1]

    def run_again(self, selection: str, test: str, times: int) -> Repeats:
        """Run tests again, one side after the other, and return the outcomes of one of them.

        Args:
            selection: what to run, as an argument of trial.
            test: the test to look at.
            times: how often to run it on each side.
        """
        self.console.print(f"running again, {times} times on each side: {selection}")
        first, second = [], []
        for _ in range(times):
            runs = self.run([selection], self.results / "again", together=False, quiet=True)
            first.append(runs[0].records.outcomes.get(test))
            second.append(runs[1].records.outcomes.get(test))
        return Repeats(selection, tuple(first), tuple(second))

    def problems(self, runs: Sequence[Ended]) -> list[str]:
        """Return how what ran is not what was to run, one line each."""
        return [
            f"{run.label} did not run on what it should, {problem}"
            for run, side in zip(runs, self.sides, strict=True)
            for problem in problems_of_identity(
                run.records,
                installed=side.mode is Mode.INSTALLED,
                reactor=side.reactor.qualified_name if side.reactor else None,
                twisted=self.environment.twisted,
                whole=run.whole,
                any_reactor=side.any_reactor,
            )
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and return the status to exit with."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    if options.deferrous is None and options.second == Mode.INSTALLED.value:
        _parser().error("--deferrous is needed, or --second stock")
    if options.reactor not in (None, EPOLL.name) and options.second == Mode.STOCK.value:
        _parser().error(f"--second stock has no reactor but its own: --reactor {EPOLL.name}")
    try:
        environment = environments.environment_for(options.python, options.twisted, options.folder.resolve())
        with environments.only_user(environment):
            environments.make(environment, options.python)
            if options.second == Mode.STOCK.value:
                environments.remove_deferrous(environment)
            else:
                environments.put_deferrous(environment, options.deferrous)
            return _compare(_bench(options, environment, console), options)
    except CannotCompare as error:
        console.print(f"no verdict: {error}")
        return NO_VERDICT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    modes = [mode.value for mode in Mode]
    seconds: dict[str, Any] = {"type": float, "metavar": "SECONDS"}
    add("tests", nargs="*", metavar="TEST", help="what to run, as arguments of trial; without any, all")
    add("--quick", action="store_true", help="run what exercises Deferreds, Failures, threads and tasks")
    add("--python", default=sys.executable, help="the interpreter to test on")
    add("--twisted", default="26.10.0", help="the release of Twisted to test")
    add("--deferrous", type=Path, metavar="PATH", help="what to install: a wheel, or a source folder")
    add("--second", choices=modes, default=Mode.INSTALLED.value, help="what to compare stock with")
    add("--reactor", choices=list(REACTORS), help=f"which one to compare with {EPOLL.name}, instead of none")
    add("--jobs", type=int, choices=(1, 2), default=2, help="whether both run side by side")
    add("--again", type=int, default=3, metavar="N", help="how often to repeat a test that differs")
    add("--run-limit", **seconds, default=3600, help="when to kill a run")
    add("--silence-limit", **seconds, default=300, help="when to kill a run where no test starts or ends")
    add("--folder", type=Path, default=CACHE, help="where environments and logs go")
    add("--record", type=Path, metavar="FILE", help="the document that gets the result of the whole suite")
    return parser


def _bench(options: argparse.Namespace, environment: Environment, console: Console) -> Bench:
    mode = Mode(options.second)
    reactor = REACTORS.get(options.reactor)
    label = "stock-2" if mode is Mode.STOCK else mode.value
    return Bench(
        environment=environment,
        sides=(Side("stock", Mode.STOCK, EPOLL if reactor else None), Side(label, mode, reactor)),
        limits=Limits(options.run_limit, options.silence_limit),
        together=options.jobs == 2,
        results=environment.folder.parent / (f"runs-{reactor.name}" if reactor else "runs"),
        console=console,
    )


def _compare(bench: Bench, options: argparse.Namespace) -> int:
    """Compare, record the result if that was asked for, and return the status to exit with."""
    quick = QUICK_REACTOR if options.reactor else QUICK
    tests = options.tests or (quick if options.quick else ["twisted"])
    environment = bench.environment
    versions = f"Twisted {environment.twisted}, CPython {environment.python_version}"
    bench.console.print(f"{versions}: {' and '.join(map(str, bench.sides))}")
    verdict = compare_tests(bench, tests, options.again)
    if options.record and tests == ["twisted"] and verdict.is_whole:
        results_table.record(options.record, _result(bench, verdict))
    return verdict.status


@dataclass(frozen=True)
class Verdict:
    """The result of one comparison."""

    runs: tuple[Ended, Ended]
    judged: Sequence[Judged]
    #: How many differences have a reason.
    explained: int
    #: The exit status: SAME, DIFFERENT or NO_VERDICT.
    status: int

    @property
    def is_whole(self) -> bool:
        """Whether all was compared: both runs came to their end, and ran on what they should."""
        return self.status != NO_VERDICT and self.runs[1].whole

    @property
    def chance(self) -> int:
        """How many tests differed once, and not when they were run again."""
        return sum(each.ruling is Ruling.CHANCE for each in self.judged)

    @property
    def differences(self) -> int:
        """How many differences stand."""
        return len(self.judged) - self.chance

    @property
    def failing_in_both(self) -> int:
        """How many tests fail in the same way in both runs."""
        first, second = self.runs
        return len(report.failing_in_both(first.records, second.records))


def compare_tests(bench: Bench, tests: Sequence[str], again: int) -> Verdict:
    """Run tests on both sides, compare, run again what differs, and print it all.

    Args:
        bench: all that running takes.
        tests: what to run, as arguments of the runner.
        again: how often to repeat a test that differs.

    Raises:
        CannotCompare: the first side cannot load these tests, or there are none.
    """
    shutil.rmtree(bench.results, ignore_errors=True)
    runs = bench.run(tests, bench.results, together=bench.together)
    report.print_summary(bench.console, runs)
    for run in runs:
        if not run.whole:
            bench.console.print(report.broken_run(run))
    problems = bench.problems(runs)
    for problem in problems:
        bench.console.print(problem)
    _require_tests(runs[0], tests)

    comparison = compare(runs[0].records, runs[1].records, whole=(runs[0].whole, runs[1].whole))
    explained, differences = explain(comparison.differences, bench.explained)
    judged = judge(differences, bench.run_again, 0 if problems else again)
    _print_differences(bench, judged)
    old = outdated(bench.explained, runs[0].records, runs[1].records)
    for text in report.describe_explained(explained, old):
        bench.console.print(text)
    both = report.failing_in_both(runs[0].records, runs[1].records)
    if both:
        path = bench.results / "fails-in-both.txt"
        path.write_text("".join(f"{test}: {name(runs[0].records.outcomes[test])}\n" for test in both))
        bench.console.print(f"{len(both)} fail in the same way in both: {path}")
    counts = report.Counts(len(problems), len(explained), len(old))
    bench.console.print(report.last_line(comparison, judged, runs, counts))
    same = runs[1].whole and not old and all(each.ruling is Ruling.CHANCE for each in judged)
    status = NO_VERDICT if problems or not runs[0].whole else SAME if same else DIFFERENT
    return Verdict(runs, judged, len(explained), status)


def _require_tests(stock: Ended, tests: Sequence[str]) -> None:
    """Check that stock has the tests that were asked for: two runs of nothing have no differences.

    Raises:
        CannotCompare: it has not.
    """
    outcomes = stock.records.outcomes
    missing = [
        test for test in tests if any(outcome.kind == "not loaded" for outcome in outcomes.get(test, ()))
    ]
    if missing:
        raise CannotCompare(f"stock cannot load {', '.join(missing)}: see {stock.log}")
    loaded = any(outcome.kind != "not loaded" for found in outcomes.values() for outcome in found)
    if stock.whole and not loaded:
        raise CannotCompare(f"there is no test in {', '.join(tests)}: see {stock.log}")


def _print_differences(bench: Bench, judged: Sequence[Judged]) -> None:
    for text in report.describe_all(judged, bench.labels, explained=report.MOST_EXPLAINED):
        bench.console.print(text)
    if judged:
        path = bench.results / "differences.txt"
        path.write_text("\n".join(report.describe_all(judged, bench.labels)) + "\n")
        bench.console.print(f"all of this, with all reasons: {path}")


def _result(bench: Bench, verdict: Verdict) -> dict[str, str]:
    """Return a row of the table of results."""
    first = verdict.runs[0].records
    return {
        "Twisted": bench.environment.twisted,
        "CPython": bench.environment.python_version,
        "compared": ", ".join(str(side) for side in bench.sides),
        "test ids": f"{len(first.outcomes):,}",
        "success": f"{first.kinds()['success']:,}",
        "skip": f"{first.kinds()['skip']:,}",
        "fails in both": f"{verdict.failing_in_both:,}",
        "differed once": f"{verdict.chance:,}",
        "explained": f"{verdict.explained:,}",
        "differences": f"{verdict.differences:,}",
        "minutes": ", ".join(report.minutes(run.seconds) for run in verdict.runs),
    }
