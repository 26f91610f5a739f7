"""What is computed from rounds."""

from __future__ import annotations

import pytest
from deferrous.bench._figures import Memory, Spread, spread

from tests.bench.reports import report_of, timing


def test_a_spread_is_the_quartiles() -> None:
    assert spread([4.0, 1.0, 3.0, 2.0, 5.0]) == Spread(2.0, 3.0, 4.0)


def test_one_value_has_a_spread_too() -> None:
    assert spread([2.0]) == Spread(2.0, 2.0, 2.0)


def test_noise_that_both_sides_meet_does_not_change_a_ratio() -> None:
    slower_and_slower = timing("any", (6.0, 2.0), (12.0, 4.0), (60.0, 20.0))
    assert slower_and_slower.ratio("stock", "deferrous") == pytest.approx((3.0, 3.0, 3.0))


def test_the_geometric_mean_is_of_those_that_count() -> None:
    report = report_of(
        timing("two", (2.0, 1.0)),
        timing("eight", (8.0, 1.0)),
        timing("other", (100.0, 1.0), counted=False, target=None),
    )
    assert report.geometric_mean == pytest.approx(4.0)
    assert [each.name for each in report.counted] == ["two", "eight"]


def test_the_least_is_of_those_that_count() -> None:
    report = report_of(
        timing("two", (2.0, 1.0)),
        timing("eight", (8.0, 1.0)),
        timing("other", (1.0, 1.0), counted=False, target=None),
    )
    assert report.least is not None
    assert report.least.name == "two"


def test_without_workloads_there_is_no_mean() -> None:
    report = report_of()
    assert report.geometric_mean is None
    assert report.least is None


@pytest.mark.parametrize(("stock", "meets"), [(2.4, False), (2.5, True), (2.6, True)])
def test_a_target_is_a_least_ratio(stock: float, meets: bool) -> None:
    row = timing("any", (stock, 1.0), target=2.5)
    assert report_of(row).meets_target(row) == meets


def test_the_ratio_of_memory_is_ours_over_that_of_stock() -> None:
    memory = Memory(10, [{"stock": 800.0, "deferrous": 200.0}])
    shown = report_of(memory=memory).as_json()["memory"]
    assert shown["ratio"]["median"] == pytest.approx(0.25)
    assert shown["rounds"] == memory.rounds
