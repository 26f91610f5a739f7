"""`make bench` fails where a figure misses its bound."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from deferrous.bench import GROUPS
from deferrous.bench._figures import Memory

from tests.bench import bounds
from tests.bench.reports import PENDING, report_of, results_of, timing


@pytest.fixture
def figures() -> dict[str, Any]:
    """Figures that keep all bounds."""
    results = results_of(
        timing("fires-at-start", (10.0, 1.0)),
        timing("construct", (3.0, 1.0)),
        timing("start", (0.140, 0.149), counted=False, measure="cpu"),
        memory=Memory(PENDING, [{"stock": 800.0, "deferrous": 200.0}]),
    )
    figures: dict[str, Any] = json.loads(json.dumps(report_of(results).as_json()))
    figures["groups"][0]["workloads"][1]["peer"] = {"name": "asyncio", "ratio": {"median": 1.1}}
    return figures


def test_figures_within_their_bounds_pass(figures: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(figures))
    assert bounds.missed(figures) == []
    assert bounds.main([str(path)]) == 0


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("geometric_mean",), 4.9, "geometric mean of deferreds: 4.90x, at least 5.0x"),
        (("workloads", 0, "ratio", "median"), 6.9, "fires-at-start: 6.90x, at least 7.0x"),
        (("workloads", 1, "ratio", "median"), 2.4, "construct: 2.40x, at least 2.5x"),
        (("workloads", 2, "added", "median"), 0.011, "start: 11.0 ms more than stock, at most 10 ms"),
        (("workloads", 1, "peer", "ratio", "median"), 0.9, "construct: 0.90x of asyncio, at least 1.0x"),
        (
            ("workloads", 1, "peer", "ratio"),
            None,
            "construct: not compared with asyncio, which is not installed",
        ),
        (("left_out", "tcp-echo-1000"), "too many", "tcp-echo-1000: not measured: too many"),
        (("memory", "ratio", "median"), 0.36, "memory: 0.360 of stock's, at most 0.35"),
    ],
)
def test_missed_bound_is_named_and_fails(
    figures: dict[str, Any],
    path: tuple[str | int, ...],
    value: float | str | None,
    line: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changed = copy.deepcopy(figures)
    part: Any = changed["groups"][0]
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    file = tmp_path / "figures.json"
    file.write_text(json.dumps(changed))
    assert bounds.main([str(file)]) == 1
    assert capsys.readouterr().out == f"missed bounds:\n  {line}\n"


def test_a_row_that_needs_what_not_everybody_has_may_be_missing(figures: dict[str, Any]) -> None:
    figures["groups"][0]["left_out"]["klein-hello"] = "it needs klein"
    assert bounds.missed(figures) == []


def test_every_named_bound_is_of_a_row_that_is_measured() -> None:
    rows = {each.name for group in GROUPS for each in group.workloads}
    assert {*bounds.LEAST_RATIO, *bounds.MOST_ADDED} <= rows
    with_peer = {each.name for group in GROUPS for each in group.workloads if each.peer}
    assert set(bounds.LEAST_PEER_RATIO) <= with_peer
    assert rows >= bounds.OPTIONAL
    assert set(bounds.MOST_MEMORY) == {group.pending.name for group in GROUPS}
    assert set(bounds.LEAST_MEAN) <= {group.name for group in GROUPS}
