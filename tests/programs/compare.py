"""Runs the tests of programs on stock Twisted and on deferrous, and lists every test with another outcome.

`python -m tests.programs --help` says how; docs/programs.md what is compared, with the results.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.conformance import environment as environments
from tests.conformance import results_table
from tests.conformance.compare import DIFFERENT, NO_VERDICT, SAME, Bench, Verdict, compare_tests
from tests.conformance.errors import CannotCompare
from tests.conformance.results_table import ResultsTable
from tests.conformance.trial import Limits, Mode
from tests.conformance.verdict import Ruling
from tests.programs import side
from tests.programs.programs import PROGRAMS, Program, requirements
from tests.programs.side import ProgramsEnvironment, ProgramSide

CACHE = Path(__file__).resolve().parent.parent.parent / "target" / "programs"

#: The table of the documentation. A later result of the same program replaces its row.
TABLE = ResultsTable(
    columns=(
        "program",
        "release",
        "run by",
        "tests",
        "success",
        "skip",
        "fails in both",
        "differed once",
        "differences",
        "reactor with `DEFERROUS=1`",
        "seconds, stock",
        "seconds, deferrous",
        "on",
    ),
    key=1,
    start="<!-- results: written by make programs -->",
    end="<!-- end of results -->",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and return the status to exit with."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.requirements:
        print("\n".join(requirements()))
        return SAME
    if options.deferrous is None:
        parser.error("--deferrous is needed")
    if options.rounds < 1:
        parser.error("--rounds has to be 1 or more")
    names = [program.name for program in PROGRAMS]
    unknown = [name for name in options.programs if name not in names]
    if unknown:
        parser.error(f"no program {', '.join(unknown)}: there are {', '.join(names)}")
    programs = [program for program in PROGRAMS if not options.programs or program.name in options.programs]
    console = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        environment = side.environment_for(options.python, options.folder.resolve())
        with environments.only_user(environment):
            side.make(environment, options.python)
            environments.put_deferrous(environment, options.deferrous)
            statuses = {
                program.name: _compare(program, environment, options, console) for program in programs
            }
    except CannotCompare as error:
        console.print(f"no verdict: {error}")
        return NO_VERDICT
    console.print(f"\n{last_line(statuses)}")
    return max(statuses.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.programs",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    seconds: dict[str, Any] = {"type": float, "metavar": "SECONDS"}
    add("programs", nargs="*", metavar="PROGRAM", help="which; without any, all")
    add("--python", default=sys.executable, help="the interpreter to test on")
    add("--deferrous", type=Path, metavar="PATH", help="what to install: a wheel, or a source folder")
    add("--rounds", type=int, default=2, help="how often each side is run, one after the other")
    add("--again", type=int, default=3, metavar="N", help="how often to repeat a test that differs")
    add("--run-limit", **seconds, default=900, help="when to kill a run")
    add("--silence-limit", **seconds, default=180, help="when to kill a run where no test starts or ends")
    add("--folder", type=Path, default=CACHE, help="where the environment, the sources and the logs go")
    add("--record", type=Path, metavar="FILE", help="the document that gets the results")
    add("--requirements", action="store_true", help="print what the programs need, and do no more")
    return parser


def _compare(
    program: Program, environment: ProgramsEnvironment, options: argparse.Namespace, console: Console
) -> int:
    """Compare one program, record the result if that was asked for, and return a status."""
    console.print(f"\n{program.name} {program.release}")
    try:
        sources = side.sources_of(program, environment, options.folder.resolve() / "sources")
        bench = Bench(
            environment=environment,
            sides=(
                ProgramSide("stock", Mode.STOCK, program=program, sources=sources),
                ProgramSide("installed", Mode.INSTALLED, program=program, sources=sources),
            ),
            limits=Limits(options.run_limit, options.silence_limit),
            # One after the other, so that neither takes processor time from the other.
            together=False,
            results=environment.folder.parent / program.name,
            console=console,
        )
        verdicts = compare_program(bench, program, options.rounds, options.again)
    except CannotCompare as error:
        console.print(f"no verdict: {error}")
        return NO_VERDICT
    status = max(verdict.status for verdict in verdicts)
    if options.record and status != NO_VERDICT:
        on = f"Twisted {environment.twisted}, CPython {environment.python_version}"
        results_table.record(options.record, result(program, verdicts, on), TABLE)
    return status


def compare_program(bench: Bench, program: Program, rounds: int, again: int) -> list[Verdict]:
    """Compare a program as often as asked for, and return what each round found.

    Raises:
        CannotCompare: the tests cannot be run on stock Twisted.
    """
    verdicts: list[Verdict] = []
    for number in range(1, rounds + 1):
        bench.console.print(f"round {number} of {rounds}")
        verdicts.append(
            compare_tests(
                replace(bench, results=bench.results / f"round-{number}"), program.tests.split(), again
            )
        )
        if verdicts[-1].status == NO_VERDICT:
            break
    return verdicts


def last_line(statuses: Mapping[str, int]) -> str:
    """Sum it up in one line, given a status for each program."""
    named = {
        said: ", ".join(name for name, status in statuses.items() if status == which)
        for said, which in (("differences in", DIFFERENT), ("no verdict on", NO_VERDICT))
    }
    parts = [f"{said} {names}" for said, names in named.items() if names]
    return "; ".join(parts) or f"0 differences in {', '.join(statuses)}"


def result(program: Program, verdicts: Sequence[Verdict], on: str) -> dict[str, str]:
    """Return a row of the table.

    Args:
        program: which program.
        verdicts: what each round found. The processor time is that of the round that took least.
        on: the versions underneath.
    """
    stock, installed = verdicts[0].runs
    judged = [each for verdict in verdicts for each in verdict.judged]
    standing = {each.difference.test for each in judged if each.ruling is not Ruling.CHANCE}
    chance = {each.difference.test for each in judged} - standing
    broke_off = {verdict.runs[1].broke_off for verdict in verdicts} - {None}
    last_facts = installed.records.last_facts or {}
    kinds = stock.records.kinds()
    return {
        "program": program.name,
        "release": program.release,
        "run by": program.runner.name.lower(),
        "tests": f"{len(stock.records.outcomes):,}",
        "success": f"{kinds['success']:,}",
        "skip": f"{kinds['skip']:,}",
        "fails in both": f"{verdicts[0].failing_in_both:,}",
        "differed once": f"{len(chance):,}",
        "differences": "; ".join(
            [f"{len(standing):,}", *(f"the run {how}" for how in sorted(map(str, broke_off)))]
        ),
        "reactor with `DEFERROUS=1`": str(last_facts.get("reactor") or "none").rpartition(".")[2],
        "seconds, stock": _least_seconds(verdicts, 0),
        "seconds, deferrous": _least_seconds(verdicts, 1),
        "on": on,
    }


def _least_seconds(verdicts: Sequence[Verdict], which: int) -> str:
    """Return the processor time of the round where a side took least."""
    seconds = [verdict.runs[which].processor_seconds for verdict in verdicts]
    known = [each for each in seconds if each is not None]
    return f"{min(known):.1f}" if known else "killed"
