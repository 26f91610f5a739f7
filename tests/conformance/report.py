"""The output of the conformance test."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import indent

from rich.console import Console
from rich.table import Table

from tests.conformance.explained import Explained
from tests.conformance.records import KINDS, Outcome, Outcomes, Records, name
from tests.conformance.trial import Ended
from tests.conformance.verdict import MOST_RUN_AGAIN, Comparison, Judged, Repeats, Ruling

#: Of how many differences the reasons are printed. The file of differences has them all.
MOST_EXPLAINED = 10

#: How many lines of the end of a traceback or a log are printed.
LINES_OF_TRACEBACK = 7
LINES_OF_LOG = 40


def print_summary(console: Console, runs: Sequence[Ended]) -> None:
    """Print how many tests of each run came out how, and how long it took."""
    table = Table("", *(run.label for run in runs))
    for column in table.columns[1:]:
        column.justify = "right"
    kinds = [run.records.kinds() for run in runs]
    table.add_row("test ids", *(f"{len(run.records.outcomes):,}" for run in runs))
    for kind in KINDS:
        if any(counted[kind] for counted in kinds):
            table.add_row(kind, *(f"{counted[kind]:,}" for counted in kinds))
    table.add_row("minutes", *(minutes(run.seconds) for run in runs))
    console.print(table)


def minutes(seconds: float) -> str:
    """Write a time as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def broken_run(run: Ended) -> str:
    """Describe how a run broke off, with the end of its log, where a crashed process has left its stacks."""
    log = run.log.read_text(errors="replace").splitlines()[-LINES_OF_LOG:]
    lines = [
        f"{run.label} {run.broke_off}, after {len(run.records.outcomes):,} tests",
        *(f"  during: {test}" for test in run.records.unfinished),
        f"  last test started: {run.records.last_started or 'none'}",
        f"  the end of {run.log}:",
        indent("\n".join(log), "    "),
    ]
    return "\n".join(lines)


def failing_in_both(first: Records, second: Records) -> list[str]:
    """Return the ids that fail in the same way in both runs: what fails without deferrous too."""
    return [test for test in first.failing() if first.outcomes[test] == second.outcomes.get(test)]


def describe(judged: Judged, labels: Sequence[str], *, explained: bool) -> str:
    """Describe a difference: the test, what became of it in both runs, and what running it again said."""
    difference = judged.difference
    lines = [difference.test]
    width = max(map(len, labels)) + 1
    for label, outcomes in zip(labels, (difference.first, difference.second), strict=True):
        lines.append(f"  {label + ':':{width}} {name(outcomes)}")
        if explained:
            lines += [indent(reason, "      ") for reason in _reasons(outcomes or ())]
    lines += [f"  {_describe_repeats(repeats, labels)}" for repeats in judged.repeats]
    return "\n".join(lines)


def _reasons(outcomes: Outcomes) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.traceback:
            yield "\n".join(_last_lines(outcome))
        elif outcome.reason:
            yield outcome.reason


def _last_lines(outcome: Outcome) -> list[str]:
    """Return the end of a traceback: the lines that raised, and the exception. Paths begin at the package."""
    text = re.sub(r'(File ")[^"]*/site-packages/', r"\1", outcome.traceback)
    return text.rstrip().splitlines()[-LINES_OF_TRACEBACK:]


def _describe_repeats(repeats: Repeats, labels: Sequence[str]) -> str:
    sides = []
    for label, seen in zip(labels, (repeats.first, repeats.second), strict=True):
        counted = ", ".join(f"{name(outcomes)} x{times}" for outcomes, times in Counter(seen).most_common())
        sides.append(f"{label}: {counted}")
    return f"run again, {repeats.selection}: {'; '.join(sides)}"


def describe_all(
    judged: Sequence[Judged], labels: Sequence[str], *, explained: int | None = None
) -> Iterator[str]:
    """Describe the differences that stand, then those that were chance.

    Args:
        judged: what differed.
        labels: the names of the two runs.
        explained: of how many the reasons are given; None for all.
    """
    standing = [each for each in judged if each.ruling is not Ruling.CHANCE]
    chance = [each for each in judged if each.ruling is Ruling.CHANCE]
    for number, each in enumerate(standing):
        yield describe(each, labels, explained=explained is None or number < explained)
    if len(standing) > MOST_RUN_AGAIN:
        yield f"None was run again: more than {MOST_RUN_AGAIN} differ, and that is not chance."
    if chance:
        yield "Differed once, and did the same in both when run again:"
        yield from (indent(describe(each, labels, explained=True), "  ") for each in chance)


def describe_explained(explained: Sequence[Explained], old: Sequence[Explained]) -> Iterator[str]:
    """Describe the differences that have a reason, and those that are no longer there."""
    for each in explained:
        yield f"{each.test}\n  explained: {each.first}, {each.second}: {each.reason}"
    for each in old:
        yield f"{each.test}\n  is explained and does not differ: remove it from explained.py"


@dataclass(frozen=True)
class Counts:
    """The counts of the last line besides differences."""

    #: Problems with the tested Deferreds and reactors.
    problems: int = 0
    #: Differences that have a reason, and reasons for what does not differ.
    explained: int = 0
    outdated: int = 0


def last_line(comparison: Comparison, judged: Sequence[Judged], runs: Sequence[Ended], counts: Counts) -> str:
    """Sum it up in one line, which says "0 differences" only where all was compared."""
    standing = sum(each.ruling is not Ruling.CHANCE for each in judged)
    chance = len(judged) - standing
    parts = [
        f"{run.label} broke off, without an outcome for {lost:,} tests"
        for run, lost in zip(runs, comparison.unreached, strict=True)
        if not run.whole
    ]
    if counts.problems:
        parts.append("what ran is not what was to run")
    if parts:
        parts.append(f"of what was compared, {f'{standing} differ' if standing else 'nothing differs'}")
    else:
        parts.append(f"{standing} difference{'' if standing == 1 else 's'}")
    if counts.explained:
        parts.append(f"{counts.explained} explained")
    if counts.outdated:
        parts.append(f"{counts.outdated} explanations not needed")
    if chance:
        parts.append(f"{chance} differed once and not when run again")
    return "; ".join(parts)
