"""A report as a picture: a bar for each ratio.

The colours are of middle lightness, so that they can be read on light backgrounds and on dark
ones.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from deferrous.bench._figures import Report, Results, Spread, Timing
from deferrous.bench._machine import describe

_WIDTH = 760
_LEFT = 16.0
#: Where the bars begin, and how far the longest goes.
_BARS = (416.0, 690.0)
_TOP = 96.0
_ROW = 36.0
_HEADING = 30.0
_THICK = 16.0

_TEXT = "#7b8490"
_OURS = "#2f8f83"
_SPREAD = "#9aa3ae"
_FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class _Bar:
    name: str
    what: str
    ratio: Spread


def svg(report: Report) -> str:
    """The picture as the text of an SVG file."""
    groups = [(heading, bars) for heading, bars in _groups(report) if bars]
    longest = max([1.0] + [bar.ratio.high for _, bars in groups for bar in bars])
    scale = (_BARS[1] - _BARS[0]) / longest
    height = _TOP + sum((_HEADING if heading else 0.0) + _ROW * len(bars) for heading, bars in groups)
    root = _root(report, height + 62)
    y = _TOP
    for heading, bars in groups:
        if heading:
            _text(root, _LEFT, y + _HEADING - 10, heading, size=12)
            y += _HEADING
        for bar in bars:
            _draw(root, bar, y, scale)
            y += _ROW
    _draw_one(root, _BARS[0] + scale, y - 4)
    for line, text in enumerate((*describe(report.versions, report.machine), report.command)):
        _text(root, _LEFT, y + 18 + 16 * line, text, size=11)
    ET.indent(root, space="")
    return ET.tostring(root, encoding="unicode") + "\n"


def _groups(report: Report) -> list[tuple[str, list[_Bar]]]:
    groups = [each for results in report.groups for each in _groups_of(report, results)]
    return [*groups, ("Compared with something else than that time:", _others(report))]


def _groups_of(report: Report, results: Results) -> list[tuple[str, list[_Bar]]]:
    """Return the rows of one group of workloads, with their headings."""
    title = results.group.title if len(report.groups) > 1 else ""
    mean = f", {_mean(report, results)}" if title and results.counted else ""
    counted = results.counted
    also = [each for each in results.timings if not each.workload.counted]
    wall = [each for each in counted if each.workload.measure == "wall"]
    cpu = [each for each in counted if each.workload.measure == "cpu"]
    return [
        (f"{title}{mean}", _bars(report, wall)),
        (f"{title}, processor time:" if title else "Processor time:", _bars(report, cpu)),
        ("Also measured, and not in the mean:", _bars(report, also)),
    ]


def _bars(report: Report, timings: Sequence[Timing]) -> list[_Bar]:
    return [_Bar(each.workload.name, each.workload.operation, report.ratio(each)) for each in timings]


def _others(report: Report) -> list[_Bar]:
    bars = []
    for results in report.groups:
        if memory := results.memory:
            first, second = memory.sides
            what = f"bytes of {first}, for each of {memory.pending.count:,} {memory.pending.what}"
            bars.append(_Bar(memory.pending.name, what, memory.ratio(first, second)))
        for timing in results.with_peer:
            peer, over = timing.workload.peer, report.over_peer(timing)
            if peer and over:
                bars.append(_Bar(peer.name, f"{peer.what}, over {timing.workload.name}", over))
    return bars


def _root(report: Report, height: float) -> ET.Element:
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": f"{_WIDTH}",
            "height": f"{height:.0f}",
            "viewBox": f"0 0 {_WIDTH} {height:.0f}",
            "role": "img",
            "fill": _TEXT,
            "font-family": _FONT,
        },
    )
    first, second = report.groups[0].sides
    first = "deferrous" if report.groups[0].group.compares else f"{first} Twisted"
    ET.SubElement(root, "title").text = f"How {second} compares with {first}"
    title = f"Time of {first}, over {second}"
    _text(root, _LEFT, 28, title, size=16, bold=True)
    _text(root, _LEFT, 48, _subtitle(report), size=12)
    return root


def _subtitle(report: Report) -> str:
    text = "Longer is better. The thin lines are quartiles."
    if len(report.groups) > 1 or not report.groups[0].counted:
        return text
    return f"{_mean(report, report.groups[0]).capitalize()}. {text}"


def _mean(report: Report, results: Results) -> str:
    return f"geometric mean of {len(results.counted)}: {report.geometric_mean(results):.2f}x"


def _draw(root: ET.Element, bar: _Bar, y: float, scale: float) -> None:
    low, median, high = (_BARS[0] + scale * ratio for ratio in bar.ratio)
    middle = y + 4 + _THICK / 2
    _text(root, _LEFT, y + 12, bar.name, size=13, bold=True)
    _text(root, _LEFT, y + 27, bar.what, size=11)
    ET.SubElement(
        root,
        "rect",
        {
            "x": f"{_BARS[0]:.0f}",
            "y": f"{y + 4:.1f}",
            "width": f"{median - _BARS[0]:.1f}",
            "height": f"{_THICK:.0f}",
            "rx": "2",
            "fill": _OURS,
        },
    )
    line = {"d": f"M{low:.1f} {middle:.1f}H{high:.1f}", "stroke": _SPREAD, "stroke-width": "2"}
    ET.SubElement(root, "path", line)
    # Beside the line of 1.0, if it would be on it.
    one = _BARS[0] + scale
    x = one + 6 if one - 42 < high + 8 < one + 6 else high + 8
    _text(root, x, middle + 4.5, f"{bar.ratio.median:.2f}x", size=13, bold=True)


def _draw_one(root: ET.Element, x: float, bottom: float) -> None:
    line = {"d": f"M{x:.1f} {_TOP - 8:.1f}V{bottom:.1f}", "stroke": _TEXT}
    ET.SubElement(root, "path", {**line, "stroke-width": "1.5", "stroke-dasharray": "4 3"})
    label = _text(root, x, _TOP - 12, "1.0: the same", size=11)
    label.set("text-anchor", "middle")


def _text(root: ET.Element, x: float, y: float, text: str, *, size: int, bold: bool = False) -> ET.Element:
    where = {"x": f"{x:.1f}", "y": f"{y:.1f}", "font-size": f"{size}px"}
    element = ET.SubElement(root, "text", {**where, "font-weight": "600" if bold else "400"})
    element.text = text
    return element
