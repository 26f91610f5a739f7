"""Every workload does what it says, and would notice if it did not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from deferrous.bench import GROUPS
from deferrous.bench._process import FLOOR, STOCK, Process, Side
from deferrous.bench.workloads import GROUP as DEFERREDS
from deferrous.bench.workloads import Group, Workload, WrongResult, memory, start
from deferrous.bench.workloads._check import expect_result
from deferrous.bench.workloads.reactor import GROUP as REACTOR
from deferrous.bench.workloads.recording import GROUP as RECORDING
from deferrous.bench.workloads.transports import GROUP as TRANSPORTS
from twisted.internet.defer import Deferred, fail, succeed


def those_of(*workloads: Workload) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("workload", workloads, ids=lambda each: each.name)


ALL = those_of(*(each for group in GROUPS for each in group.workloads))


def test_a_process_of_the_other_side_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFERROUS", "1")
    with pytest.raises(subprocess.CalledProcessError):
        start.import_deferred(1)


@pytest.fixture(scope="module")
def in_reactor() -> Iterator[Process]:
    """A process in which stock Twisted's reactor runs."""
    with Process(STOCK, "reactor") as process:
        yield process


@pytest.fixture(scope="module")
def serving() -> Iterator[Process]:
    """The same, for servers."""
    with Process(STOCK, "transports") as process:
        yield process


@those_of(*DEFERREDS.workloads)
def test_every_workload_gives_the_right_result(workload: Workload) -> None:
    assert workload.run(1) is None
    assert workload.run(3) is None


@those_of(*REACTOR.workloads)
def test_every_workload_of_the_reactor_gives_the_right_result(
    workload: Workload, in_reactor: Process
) -> None:
    in_reactor.ask("warm", name=workload.name, times=1)
    assert in_reactor.ask("time", name=workload.name, times=3)["wall"] > 0


@those_of(*TRANSPORTS.workloads)
def test_every_server_gives_the_right_responses(workload: Workload, serving: Process) -> None:
    if reason := workload.obstacle():
        pytest.skip(reason)
    serving.ask("warm", name=workload.name, times=1)
    assert serving.ask("time", name=workload.name, times=3)["cpu"] > 0


@pytest.mark.parametrize("side", RECORDING.compares or (), ids=str)
def test_every_workload_runs_with_records_and_without(side: str) -> None:
    with Process(Side(side, side), RECORDING.name) as process:
        for workload in RECORDING.workloads:
            process.ask("warm", name=workload.name, times=1)
            assert process.ask("time", name=workload.name, times=3)["cpu"] > 0
        assert process.ask("memory", count=50_000)["bytes"] > 0


def test_the_memory_of_idle_connections_is_measured(serving: Process) -> None:
    assert serving.ask("memory", count=1000)["bytes"] > 0


def test_the_memory_of_waiting_timers_is_measured(in_reactor: Process) -> None:
    assert in_reactor.ask("memory", count=50_000)["bytes"] > 0


@pytest.mark.parametrize("group", GROUPS, ids=lambda each: each.name)
def test_every_workload_of_a_peer_gives_the_right_result(group: Group) -> None:
    peers = [(each.name, each.peer.name) for each in group.workloads if each.peer and not each.obstacle()]
    assert peers or group.compares
    for workload, peer in peers:
        with Process(Side(peer, peer), group.name) as process:
            process.ask("warm", name=workload, times=1)
            process.ask("time", name=workload, times=3)


@ALL
def test_every_workload_describes_its_operation_in_a_line(workload: Workload) -> None:
    assert workload.operation
    assert "\n" not in workload.operation


def test_names_of_workloads_are_unique() -> None:
    names = [name for group in GROUPS for name in group.names]
    assert sorted(set(names)) == sorted(names)


def test_rows_that_show_a_difference_are_not_in_the_mean_of_ratios() -> None:
    for each in (each for group in GROUPS for each in group.workloads):
        assert not (each.shows_difference and each.counted), each.name


def test_the_four_chain_rows_have_floors_that_come_out_right() -> None:
    with_floor = [each for group in GROUPS for each in group.workloads if each.floor]
    names = ["fires-at-start", "fires-at-end", "chained-fired", "chained-unfired"]
    assert [each.name for each in with_floor] == names
    with Process(FLOOR) as process:
        for each in with_floor:
            process.ask("warm", name=each.name, times=1)
            process.ask("time", name=each.name, times=3)


@pytest.mark.parametrize(
    ("deferred", "message"),
    [
        (succeed(1), "expected 2, got 1"),
        (Deferred(), "still waiting"),
        (fail(ValueError("no")), "ValueError"),
    ],
    ids=["another result", "no result", "a failure"],
)
def test_a_wrong_result_raises(deferred: Deferred[int], message: str) -> None:
    with pytest.raises(WrongResult, match=message):
        expect_result(deferred, 2)


def test_the_deferreds_of_the_memory_row_wait_with_two_callbacks() -> None:
    places: list[Deferred[int] | None] = [None] * 3
    memory.fill(places)
    for deferred in places:
        assert deferred is not None
        assert not deferred.called
        deferred.callback(1)
        expect_result(deferred, 4)
