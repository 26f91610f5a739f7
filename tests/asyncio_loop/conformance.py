"""Runs CPython's tests of asyncio on its loop and on another, and lists every test with another outcome.

`python -m tests.asyncio_loop.conformance --help` says how; docs/conformance.md says what is compared.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.asyncio_loop.explained import EXPLAINED
from tests.asyncio_loop.interpreter import Interpreter, interpreter_for
from tests.asyncio_loop.modules import Folders, LoopSide, run_all
from tests.asyncio_loop.quick import QUICK
from tests.conformance import environment as environments
from tests.conformance import report, results_table
from tests.conformance.compare import NO_VERDICT, Bench, Verdict, compare_tests
from tests.conformance.errors import CannotCompare
from tests.conformance.explained import Explained
from tests.conformance.results_table import ResultsTable
from tests.conformance.trial import Ended, Limits, Mode

CACHE = Path(__file__).resolve().parent.parent.parent / "target" / "conformance-asyncio"

#: What the others are compared with: the class and its qualified name.
STOCK = "asyncio.SelectorEventLoop"
STOCK_QUALIFIED = "asyncio.unix_events._UnixSelectorEventLoop"

#: The table of the documentation. A later result of the same class and version replaces its row.
TABLE = ResultsTable(
    columns=(
        "loop",
        "CPython",
        "tests",
        "success",
        "skip",
        "fails in both",
        "differed once",
        "explained",
        "differences",
        "minutes",
    ),
    key=2,
    start="<!-- results of asyncio: written by --record -->",
    end="<!-- end of results of asyncio -->",
)


class LoopBench(Bench):
    """Everything that running the tests takes, but for what to run."""

    environment: Interpreter
    sides: tuple[LoopSide, LoopSide]

    @property
    def explained(self) -> tuple[Explained, ...]:
        """The differences with a reason."""
        return EXPLAINED.get(self.sides[1].loop, ())

    def run(
        self, tests: Sequence[str], results: Path, *, together: bool, quiet: bool = False
    ) -> tuple[Ended, Ended]:
        """Run tests on both sides.

        Args:
            tests: modules, classes or tests.
            results: where the records and logs go.
            together: whether two processes run at the same time.
            quiet: whether to leave out the lines of progress.
        """
        with tempfile.TemporaryDirectory(prefix="conf-", ignore_cleanup_errors=True) as folder:
            first, second = run_all(
                self.sides,
                self.environment,
                tests,
                Folders(Path(folder), results),
                limits=self.limits,
                jobs=2 if together else 1,
                say=lambda line: None if quiet else self.console.print(line),
            )
        return first, second

    def problems(self, runs: Sequence[Ended]) -> list[str]:
        """Return how what ran is not what was to run, one line each."""
        return [
            f"{run.label} did not run on what it should, {problem}"
            for run, side in zip(runs, self.sides, strict=True)
            for problem in side.problems(run.records)
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and return the status to exit with."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        interpreter = interpreter_for(options.python, options.loop, options.folder.resolve())
        with environments.only_user(interpreter):
            return _compare(_bench(options, interpreter, console), options)
    except CannotCompare as error:
        console.print(f"no verdict: {error}")
        return NO_VERDICT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.asyncio_loop.conformance",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    seconds: dict[str, Any] = {"type": float, "metavar": "SECONDS"}
    add(
        "tests",
        nargs="*",
        metavar="TEST",
        help="modules, classes or tests, such as test_events; without any, all",
    )
    add("--loop", required=True, metavar="CLASS", help="what to compare with asyncio's loop, with its module")
    add("--quick", action="store_true", help="run what exercises the loop itself")
    add("--python", default=sys.executable, help="the interpreter, with its tests and the loop")
    add("--jobs", type=int, choices=(1, 2), default=2, help="how many processes run at the same time")
    add("--again", type=int, default=3, metavar="N", help="how often to repeat a test that differs")
    add("--run-limit", **seconds, default=900, help="when to kill a process")
    add("--silence-limit", **seconds, default=60, help="when to kill a process where no test starts or ends")
    add("--folder", type=Path, default=CACHE, help="where logs go")
    add("--record", type=Path, metavar="FILE", help="the document that gets the result of the whole suite")
    return parser


def _bench(options: argparse.Namespace, interpreter: Interpreter, console: Console) -> LoopBench:
    return LoopBench(
        environment=interpreter,
        sides=(
            LoopSide("stock", Mode.STOCK, loop=STOCK, qualified_name=STOCK_QUALIFIED),
            LoopSide(options.loop, Mode.INSTALLED, loop=options.loop, qualified_name=interpreter.loop),
        ),
        limits=Limits(options.run_limit, options.silence_limit),
        together=options.jobs == 2,
        results=interpreter.folder,
        console=console,
    )


def _compare(bench: LoopBench, options: argparse.Namespace) -> int:
    """Compare, record the result if that was asked for, and return the status to exit with."""
    tests = options.tests or (QUICK if options.quick else bench.environment.modules)
    versions = f"CPython {bench.environment.python_version}"
    bench.console.print(f"{versions}: {' and '.join(map(str, bench.sides))}")
    verdict = compare_tests(bench, tests, options.again)
    if options.record and tests == bench.environment.modules and verdict.is_whole:
        results_table.record(options.record, result(bench, verdict), TABLE)
    return verdict.status


def result(bench: LoopBench, verdict: Verdict) -> dict[str, str]:
    """Return a row of the table of results."""
    first = verdict.runs[0].records
    return {
        "loop": f"`{bench.sides[1].loop}`",
        "CPython": bench.environment.python_version,
        "tests": f"{len(first.outcomes):,}",
        "success": f"{first.kinds()['success']:,}",
        "skip": f"{first.kinds()['skip']:,}",
        "fails in both": f"{verdict.failing_in_both:,}",
        "differed once": f"{verdict.chance:,}",
        "explained": f"{verdict.explained:,}",
        "differences": f"{verdict.differences:,}",
        "minutes": ", ".join(report.minutes(run.seconds) for run in verdict.runs),
    }


if __name__ == "__main__":
    sys.exit(main())
