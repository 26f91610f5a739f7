"""`deferrous bench`: stock Twisted against deferrous, in one run on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from deferrous.bench import _measure, _table
from deferrous.bench._figures import Report
from deferrous.bench._machine import machine
from deferrous.bench._measure import Chosen
from deferrous.bench._plot import svg
from deferrous.bench._process import DEFERROUS, STOCK, STOCK_AGAIN, BenchError
from deferrous.bench.workloads import GROUP as DEFERREDS
from deferrous.bench.workloads import Group
from deferrous.bench.workloads.reactor import GROUP as REACTOR
from deferrous.bench.workloads.recording import GROUP as INSPECT
from deferrous.bench.workloads.transports import GROUP as TRANSPORTS

__all__ = ["BenchError", "add_arguments", "main"]

#: The groups, in the order of the output.
GROUPS = (DEFERREDS, REACTOR, TRANSPORTS, INSPECT)

_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--group", choices=[each.name for each in GROUPS], help="measure this group only")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="measure these workloads, or those with this in their names; also 'memory'",
    )
    parser.add_argument("--quick", action="store_true", help="short rounds, for a first look")
    parser.add_argument("--list", action="store_true", help="list the workloads, and end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds to a file")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="write a picture")
    # Stock against stock shows how much of a ratio is noise.
    parser.add_argument(
        "--second", choices=["deferrous", "stock"], default="deferrous", help=argparse.SUPPRESS
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command with these arguments, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="deferrous bench",
        description="Measure stock Twisted and deferrous in turn, each in processes of its own.",
    )
    add_arguments(parser)
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except BenchError as error:
        print(f"deferrous bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("deferrous bench: interrupted", file=sys.stderr)
        return _INTERRUPTED


def _run(args: argparse.Namespace) -> int:
    choices = _chosen(args.group, args.only)
    console = Console()
    if args.list:
        _list(choices, console)
        return 0
    choices = [each.possible() for each in choices]
    for path in (args.json, args.plot):
        _check_writable(path)
    report = _report(args, choices)
    _table.show(report, console)
    if args.json:
        _write(args.json, json.dumps(report.as_json(), indent=1) + "\n")
    if args.plot:
        _write(args.plot, svg(report))
    return 0


def _chosen(name: str | None, only: Sequence[str] | None) -> list[Chosen]:
    """Return the groups with the workloads that were asked for."""
    groups = [each for each in GROUPS if name in (None, each.name)]
    wanted = _names(groups, only)
    choices = []
    for group in groups:
        workloads = [each for each in group.workloads if each.name in wanted]
        pending = group.pending if group.pending.name in wanted else None
        if workloads or pending:
            choices.append(Chosen(group, workloads, pending))
    return choices


def _names(groups: Sequence[Group], only: Sequence[str] | None) -> set[str]:
    """Return the names that were asked for."""
    names = [name for group in groups for name in group.names]
    if only is None:
        return set(names)
    chosen: set[str] = set()
    for wanted in only:
        found = [wanted] if wanted in names else [name for name in names if wanted in name]
        if not found:
            raise BenchError(f"no workload is called '{wanted}'; there are: {', '.join(names)}")
        chosen.update(found)
    return chosen


def _list(choices: Sequence[Chosen], console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for chosen in choices:
        for each in chosen.workloads:
            table.add_row(each.name, each.operation + ("" if each.counted else " (also measured)"))
        if chosen.pending:
            table.add_row(chosen.pending.name, chosen.pending.operation)
    console.print(table, highlight=False)


def _report(args: argparse.Namespace, choices: Sequence[Chosen]) -> Report:
    sides = [STOCK, DEFERROUS if args.second == "deferrous" else STOCK_AGAIN]
    pace = _measure.QUICK if args.quick else _measure.FULL
    versions = _measure.versions_of(sides, [each.group for each in choices])
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("", total=_measure.steps(choices, pace))

        def told(what: str) -> None:
            progress.update(task, advance=1, description=f"{what:18}")

        results = [
            _measure.measure(each, _measure.sides_of(each.group, sides), pace, told) for each in choices
        ]
    first, second = (side.name for side in sides)
    return Report(first, second, _command(args), versions, machine(), results)


def _command(args: argparse.Namespace) -> str:
    """Return the command that makes this report, without its output files."""
    parts = ["deferrous bench"]
    if args.quick:
        parts.append("--quick")
    if args.group:
        parts += ["--group", args.group]
    if args.only:
        parts += ["--only", *args.only]
    return " ".join(parts)


def _check_writable(path: Path | None) -> None:
    """Check the path before measuring for a minute, and not after it."""
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise BenchError(f"cannot write to {path}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"cannot write to {path}: {error.strerror}") from error
