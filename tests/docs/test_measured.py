"""The figures that the first screens name are those of the pictures of `deferrous bench --plot`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Picture(NamedTuple):
    """What a picture says: the ratios of its rows, and the geometric mean of those that are in it."""

    rows: dict[str, float]
    size: int
    mean: float

    @property
    def in_mean(self) -> list[float]:
        """The ratios of the mean: those of the first rows."""
        return list(self.rows.values())[: self.size]


def picture(name: str) -> Picture:
    """Read a picture of docs/."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", (ROOT / "docs" / name).read_text("utf-8"))
    found = re.search(r"Geometric mean of (\d+): ([\d.]+)x", " ".join(texts))
    assert found
    # A row is its name, what it does, and its ratio.
    rows = {
        row: float(ratio[:-1])
        for row, ratio in zip(texts, texts[2:], strict=False)
        if re.fullmatch(r"[\d.]+x", ratio)
    }
    return Picture(rows, int(found[1]), float(found[2]))


def test_the_figures_of_the_first_screens_are_those_of_the_pictures() -> None:
    deferreds, reactor = picture("python-speed.svg"), picture("reactor-speed.svg")
    transports = picture("transports-speed.svg")
    web = f"{transports.rows['web-hello']:.1f}"
    readme, start = ((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/index.md"))
    assert f"| {deferreds.mean:.1f} times as long |" in readme
    assert f"mean of {deferreds.size} rows |" in readme
    assert f"| {web} times the processor time |" in readme
    for found, rows in ((deferreds, "geometric mean of"), (reactor, "of")):
        least, most = min(found.in_mean), max(found.in_mean)
        assert f"| {found.mean:.1f} ({rows} {found.size} rows, from {least:.1f} to {most:.1f}) |" in start
    assert f"| {transports.mean:.1f} (of {transports.size} rows) |" in start
    assert f"`twisted.web` | {web} |" in start
    for name in ("performance.md", "how-to/web.md"):
        assert f"{web} times the processor time" in (ROOT / "docs" / name).read_text("utf-8")
