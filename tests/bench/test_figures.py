"""Figures that are computed from rounds."""

from __future__ import annotations

import pytest
from deferrous.bench._figures import Memory, Sample, Spread, spread

from tests.bench.reports import PEER, PENDING, report_of, results_of, timing


def test_a_spread_has_the_quartiles() -> None:
    assert spread([4.0, 1.0, 3.0, 2.0, 5.0]) == Spread(2.0, 3.0, 4.0)


def test_a_single_value_has_a_spread() -> None:
    assert spread([2.0]) == Spread(2.0, 2.0, 2.0)


def test_noise_that_both_sides_meet_does_not_change_a_ratio() -> None:
    slower_and_slower = timing("any", (6.0, 2.0), (12.0, 4.0), (60.0, 20.0))
    assert slower_and_slower.ratio("stock", "deferrous") == pytest.approx((3.0, 3.0, 3.0))


def test_processor_time_counts_where_that_is_measured() -> None:
    for measure, ratio in (("wall", 2.0), ("cpu", 3.0)):
        row = timing("any", measure="cpu" if measure == "cpu" else "wall")
        row.rounds.append({"stock": Sample(wall=2.0, cpu=6.0), "deferrous": Sample(wall=1.0, cpu=2.0)})
        assert row.ratio("stock", "deferrous").median == ratio
        assert row.cost("stock") == (2.0 if measure == "wall" else 6.0)
        assert row.ratio("stock", "deferrous", "wall").median == 2.0


def test_the_geometric_mean_is_of_the_counted_rows() -> None:
    results = results_of(
        timing("two", (2.0, 1.0)),
        timing("eight", (8.0, 1.0)),
        timing("other", (100.0, 1.0), counted=False),
    )
    assert report_of(results).geometric_mean(results) == pytest.approx(4.0)
    assert [each.workload.name for each in results.counted] == ["two", "eight"]


def test_each_group_has_a_mean_of_its_own() -> None:
    deferreds = results_of(timing("two", (2.0, 1.0)))
    reactor = results_of(timing("eight", (8.0, 1.0)), name="reactor")
    report = report_of(deferreds, reactor)
    assert [report.geometric_mean(each) for each in report.groups] == pytest.approx([2.0, 8.0])


def test_the_least_ratio_is_of_the_counted_rows() -> None:
    results = results_of(
        timing("two", (2.0, 1.0)),
        timing("eight", (8.0, 1.0)),
        timing("other", (1.0, 1.0), counted=False),
    )
    least = report_of(results).least(results)
    assert least is not None
    assert least.workload.name == "two"


def test_without_workloads_there_is_no_mean() -> None:
    results = results_of()
    assert report_of(results).geometric_mean(results) is None
    assert report_of(results).least(results) is None


def test_the_added_time_is_the_difference_within_rounds() -> None:
    row = timing("any", (1.0, 1.5), (10.0, 10.5), (100.0, 100.5))
    assert row.difference("deferrous", "stock") == pytest.approx((0.5, 0.5, 0.5))
    assert report_of(results_of(row)).added(row).median == pytest.approx(0.5)


def test_the_ratio_of_memory_is_ours_over_that_of_stock() -> None:
    memory = Memory(PENDING, [{"stock": 800.0, "deferrous": 200.0}])
    shown = report_of(results_of(memory=memory)).as_json()["groups"][0]["memory"]
    assert shown["ratio"]["median"] == pytest.approx(0.25)
    assert shown["rounds"] == memory.rounds


def test_a_peer_is_compared_by_what_the_row_is_measured_by() -> None:
    row = timing("any", measure="cpu", peer=PEER)
    row.times["asyncio"] = 1
    row.rounds.append({"deferrous": Sample(wall=1.0, cpu=2.0), "asyncio": Sample(wall=9.0, cpu=6.0)})
    over = report_of(results_of(row)).over_peer(row)
    assert over is not None
    assert over.median == 3.0


def test_a_peer_that_was_not_measured_has_no_ratio() -> None:
    row = timing("any", (2.0, 1.0), peer=PEER)
    report = report_of(results_of(row))
    assert report.over_peer(row) is None
    assert report.as_json()["groups"][0]["workloads"][0]["peer"]["ratio"] is None
