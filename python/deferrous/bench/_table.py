"""A report as a table for people."""

from __future__ import annotations

from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from deferrous.bench._figures import ASYNCIO_TARGET, GEOMETRIC_MEAN_TARGET, MEMORY_TARGET, Report, Timing
from deferrous.bench._machine import describe

_GOOD = "cyan"
_MISSED = "red"
_ASCII_BAR = 16


def show(report: Report, console: Console) -> None:
    """Print the table and what follows from it."""
    if report.timings:
        console.print(_table(report, ascii_only=console.options.ascii_only))
    for line in _summary(report):
        console.print(line, highlight=False)
    for text in describe(report.versions, report.machine):
        console.print(text, style="dim", highlight=False)


def _table(report: Report, ascii_only: bool) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    table.add_column("", no_wrap=True)
    table.add_column(f"{report.first}, us", justify="right", no_wrap=True)
    table.add_column(f"{report.second}, us", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("quartiles", justify="right", no_wrap=True)
    table.add_column("", ratio=1, min_width=8)
    longest = max(report.ratio(timing).median for timing in report.timings)
    also = [timing for timing in report.timings if not timing.counted]
    for timing in report.counted:
        table.add_row(*_row(report, timing, longest, ascii_only))
    if also and report.counted:
        table.add_row(Text("also measured:", style="dim"))
    for timing in also:
        table.add_row(*_row(report, timing, longest, ascii_only))
    return table


def _row(report: Report, timing: Timing, longest: float, ascii_only: bool) -> tuple[RenderableType, ...]:
    low, median, high = report.ratio(timing)
    style = _GOOD if report.meets_target(timing) else _MISSED
    blocks = Text("#" * round(_ASCII_BAR * median / longest), style=style)
    return (
        timing.name,
        _microseconds(timing.cost(report.first)),
        _microseconds(timing.cost(report.second)),
        Text(f"{median:.2f}x", style=f"bold {style}"),
        f"{low:.2f}-{high:.2f}",
        blocks if ascii_only else Bar(longest, 0, median, color=style),
    )


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.3g}" if seconds < 1e-4 else f"{seconds * 1e6:,.0f}"


def _summary(report: Report) -> list[Text]:
    lines = []
    mean, least = report.geometric_mean, report.least
    if mean is not None and least is not None:
        text = f"geometric mean of {len(report.counted)}: {mean:.2f}x"
        lines.append(_judged(text, mean >= GEOMETRIC_MEAN_TARGET, f"{GEOMETRIC_MEAN_TARGET:.1f}x"))
        lines.append(Text(f"least: {report.ratio(least).median:.2f}x, {least.name}"))
    lines += _missed(report)
    if report.memory:
        memory = report.memory
        ratio = memory.ratio(report.second, report.first).median
        text = (
            f"memory of {memory.count:,} pending Deferreds: {ratio:.3f} of {report.first}'s "
            f"({memory.cost(report.second):.0f} of {memory.cost(report.first):.0f} bytes each)"
        )
        lines.append(_judged(text, ratio <= MEMORY_TARGET, f"at most {MEMORY_TARGET}"))
    if report.with_peer:
        timing = report.with_peer
        ratio = timing.ratio("asyncio", report.second).median
        text = (
            f"{timing.name}: {ratio:.2f}x as fast as asyncio's tasks "
            f"({_microseconds(timing.cost('asyncio'))} us)"
        )
        lines.append(_judged(text, ratio > ASYNCIO_TARGET, f"{ASYNCIO_TARGET:.1f}x"))
    return lines


def _missed(report: Report) -> list[Text]:
    """In words too, since there may be no colours."""
    names = [
        f"{timing.name} ({timing.target}x)" for timing in report.timings if not report.meets_target(timing)
    ]
    return [Text(f"below their targets: {', '.join(names)}", style=_MISSED)] if names else []


def _judged(text: str, good: bool, target: str) -> Text:
    if good:
        return Text(text, style="bold")
    return Text(f"{text}; the target is {target}", style=f"bold {_MISSED}")
