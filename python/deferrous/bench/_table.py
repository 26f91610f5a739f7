"""A report as a table for people."""

from __future__ import annotations

from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from deferrous.bench._figures import Memory, Report, Results, Timing
from deferrous.bench._machine import describe

_FASTER = "cyan"
_SLOWER = "red"
_ASCII_BAR = 16


def show(report: Report, console: Console) -> None:
    """Print a table for each group, with a summary."""
    for results in report.groups:
        if len(report.groups) > 1:
            console.print(f"{results.group.title}:", style="bold")
        if results.timings:
            console.print(_table(report, results, ascii_only=console.options.ascii_only))
        for line in _summary(report, results):
            console.print(line, highlight=False)
        if len(report.groups) > 1:
            console.print()
    for text in describe(report.versions, report.machine):
        console.print(text, style="dim", highlight=False)


def _table(report: Report, results: Results, ascii_only: bool) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    table.add_column("", no_wrap=True)
    first, second = results.sides
    table.add_column(f"{first}, us", justify="right", no_wrap=True)
    table.add_column(f"{second}, us", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("quartiles", justify="right", no_wrap=True)
    peer = _peer_of_column(results)
    if peer:
        table.add_column(f"over {peer}", justify="right", no_wrap=True)
    table.add_column("", ratio=1, min_width=8)
    longest = max(report.ratio(timing).median for timing in results.timings)
    for heading, timings in _sections(results):
        if heading and timings:
            table.add_row(Text(heading, style="dim"))
        for timing in timings:
            *figures, bar = _row(report, timing, longest, ascii_only)
            table.add_row(*figures, *([_over_peer(report, timing)] if peer else []), bar)
    return table


def _peer_of_column(results: Results) -> str | None:
    """Return the name of the peer that has a column, because more than one row was compared with it."""
    peers = [timing.workload.peer for timing in results.with_peer if timing.met_peer]
    names = [peer.name for peer in peers if peer]
    return names[0] if len(names) > 1 and len(set(names)) == 1 else None


def _over_peer(report: Report, timing: Timing) -> Text:
    over = report.over_peer(timing)
    if over is None:
        return Text("-", style="dim")
    return Text(f"{over.median:.2f}x", style=f"bold {_FASTER if over.median >= 1.0 else _SLOWER}")


def _sections(results: Results) -> list[tuple[str, list[Timing]]]:
    """Return the sections of the table: a heading and its rows."""
    counted, also = results.counted, [each for each in results.timings if not each.workload.counted]
    return [
        ("", [each for each in counted if each.workload.measure == "wall"]),
        ("processor time:", [each for each in counted if each.workload.measure == "cpu"]),
        ("also measured:" if counted else "", also),
    ]


def _row(report: Report, timing: Timing, longest: float, ascii_only: bool) -> tuple[RenderableType, ...]:
    low, median, high = report.ratio(timing)
    style = _FASTER if median >= 1.0 else _SLOWER
    blocks = Text("#" * round(_ASCII_BAR * median / longest), style=style)
    return (
        timing.workload.name,
        *(_microseconds(timing.cost(side)) for side in timing.sides),
        Text(f"{median:.2f}x", style=f"bold {style}"),
        f"{low:.2f}-{high:.2f}",
        blocks if ascii_only else Bar(longest, 0, median, color=style),
    )


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.3g}" if seconds < 1e-4 else f"{seconds * 1e6:,.0f}"


def _summary(report: Report, results: Results) -> list[Text]:
    lines = []
    mean, least = report.geometric_mean(results), report.least(results)
    if mean is not None and least is not None:
        lines.append(Text(f"geometric mean of {len(results.counted)}: {mean:.2f}x", style="bold"))
        lines.append(Text(f"least: {report.ratio(least).median:.2f}x, {least.workload.name}"))
    lines += [_floor(report, timing) for timing in results.timings if timing.floor is not None]
    lines += _by_the_clock(report, results)
    if results.memory:
        lines.append(_memory(report, results.memory))
    lines += [_added(report, timing) for timing in results.timings if timing.workload.shows_difference]
    lines += _peers(report, results)
    for name, reason in results.left_out.items():
        lines.append(Text(f"{name}: not measured: {reason}", style=_SLOWER))
    return lines


def _floor(report: Report, timing: Timing) -> Text:
    """The time that no implementation of Deferreds can save, beside the time of this one."""
    floor, cost = timing.floor, timing.cost(timing.sides[1])
    assert floor is not None
    part = f"{_microseconds(floor)} of {_microseconds(cost)} us"
    return Text(f"{timing.workload.name}: {part} are the Python calls alone")


def _by_the_clock(report: Report, results: Results) -> list[Text]:
    """The ratios in clock time of the rows that are measured by processor time."""
    ratios = [
        f"{timing.workload.name} {timing.ratio(*timing.sides, 'wall').median:.2f}x"
        for timing in results.timings
        if timing.workload.measure == "cpu" and timing.workload.counted
    ]
    return [Text(f"by the clock: {', '.join(ratios)}")] if ratios else []


def _memory(report: Report, memory: Memory) -> Text:
    first, second = memory.sides
    ratio = memory.ratio(second, first).median
    text = (
        f"memory of {memory.pending.count:,} {memory.pending.what}: {ratio:.3f} of {first}'s "
        f"({memory.cost(second):.0f} of {memory.cost(first):.0f} bytes each)"
    )
    return Text(text, style="bold")


def _added(report: Report, timing: Timing) -> Text:
    """The difference to stock's time, for rows where it matters more than the ratio."""
    text = (
        f"{timing.workload.name}: {report.added(timing).median * 1e3:.1f} ms on top of "
        f"{timing.cost(timing.sides[0]) * 1e3:.1f} ms of {timing.sides[0]}, in processor time"
    )
    return Text(text, style="bold")


def _peers(report: Report, results: Results) -> list[Text]:
    """The comparisons with peers that have no column, and the peers that are missing."""
    lines = []
    missing: dict[tuple[str, str], list[str]] = {}
    for timing in results.with_peer:
        name, peer, over = timing.workload.name, timing.workload.peer, report.over_peer(timing)
        assert peer is not None
        if over is None:
            missing.setdefault((peer.name, peer.what), []).append(name)
        elif not _peer_of_column(results):
            cost = _microseconds(timing.cost(peer.name))
            lines.append(Text(f"{name}: {over.median:.2f}x as fast as {peer.what} ({cost} us)", style="bold"))
    for (peer_name, what), names in missing.items():
        text = f"not compared with {what}, which needs {peer_name}: pip install {peer_name}"
        lines.append(Text(f"{', '.join(names)}: {text}", style=_SLOWER))
    return lines
