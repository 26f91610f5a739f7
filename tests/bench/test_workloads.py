"""Every workload does what it says, and would notice if it did not."""

from __future__ import annotations

import pytest
from deferrous.bench.workloads import WORKLOADS, Workload, WrongResult, memory
from deferrous.bench.workloads._check import expect_result
from twisted.internet.defer import Deferred, fail, succeed

ALL = pytest.mark.parametrize("workload", WORKLOADS, ids=lambda each: each.name)


@ALL
def test_comes_out_right(workload: Workload) -> None:
    workload.run(1)
    workload.run(3)


def test_those_of_asyncio_come_out_right() -> None:
    peers = [each.peer for each in WORKLOADS if each.peer]
    assert peers
    for peer in peers:
        peer(1)
        peer(3)


@ALL
def test_says_what_an_operation_is_in_a_line(workload: Workload) -> None:
    assert workload.operation
    assert "\n" not in workload.operation


def test_names_tell_them_apart() -> None:
    names = [each.name for each in WORKLOADS]
    assert sorted(set(names)) == sorted(names)


def test_those_without_a_target_do_not_count() -> None:
    for each in WORKLOADS:
        assert each.counted == (each.target is not None), each.name


@pytest.mark.parametrize(
    ("deferred", "message"),
    [
        (succeed(1), "expected 2, got 1"),
        (Deferred(), "still waiting"),
        (fail(ValueError("no")), "ValueError"),
    ],
    ids=["another result", "no result", "a failure"],
)
def test_a_wrong_result_is_noticed(deferred: Deferred[int], message: str) -> None:
    with pytest.raises(WrongResult, match=message):
        expect_result(deferred, 2)


def test_what_memory_is_measured_of_waits_and_has_two_callbacks() -> None:
    places: list[Deferred[int] | None] = [None] * 3
    memory.fill(places)
    for deferred in places:
        assert deferred is not None
        assert not deferred.called
        deferred.callback(1)
        expect_result(deferred, 4)
