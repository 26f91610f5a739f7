"""`deferrous bench`, from its arguments to what it leaves behind."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deferrous import bench
from deferrous.bench import GROUPS, _measure
from deferrous.bench.workloads import Group, transports

SHORT = ["--second", "stock", "--quick"]


def tiny(group: Group) -> Group:
    """The group with as little work as there can be."""
    workloads = tuple(replace(each, times=each.times and 10) for each in group.workloads)
    return replace(group, workloads=workloads, pending=replace(group.pending, count=1000))


@pytest.fixture(autouse=True)
def as_short_as_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure as briefly as possible. The tests only check that all figures are there."""
    monkeypatch.setattr(_measure, "QUICK", _measure.Pace(processes=2, rounds=2, seconds=0.0001))
    monkeypatch.setattr(bench, "GROUPS", tuple(tiny(group) for group in GROUPS))


def figures_of(tmp_path: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return the figures that the command writes for each group."""
    figures = tmp_path / "figures.json"
    assert bench.main([*SHORT, *arguments, "--json", str(figures)]) == 0
    groups: list[dict[str, Any]] = json.loads(figures.read_text())["groups"]
    return groups


def test_all_workloads_and_memory_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "picture.svg"
    read = figures_of(tmp_path, "--plot", str(picture))
    assert [each["name"] for each in read] == [group.name for group in GROUPS]
    shown = capsys.readouterr().out
    for measured, group in zip(read, GROUPS, strict=True):
        possible = [each.name for each in group.workloads if not each.obstacle()]
        assert [each["name"] for each in measured["workloads"]] == possible
        assert {*possible, *measured["left_out"]} == {each.name for each in group.workloads}
        for each in measured["workloads"]:
            assert len(each["rounds"]) == 4
            assert set(group.compares or ("stock", "stock again")) <= set(each["rounds"][0])
            assert each["name"] in shown
        assert len(measured["memory"]["rounds"]) == 2
        assert measured["memory"]["name"] == group.pending.name
    ET.fromstring(picture.read_text())


def test_one_group_is_measured_alone(tmp_path: Path) -> None:
    (read,) = figures_of(tmp_path, "--group", "reactor", "--only", "to-thread", "memory-timers")
    versions = json.loads((tmp_path / "figures.json").read_text())["versions"]
    assert versions["reactor of stock"] == versions["reactor of stock again"] != ""
    assert read["name"] == "reactor"
    assert [each["name"] for each in read["workloads"]] == ["to-thread-1", "to-thread-10", "to-thread-100"]
    assert read["memory"]["count"] == 1000


def test_rows_with_a_fixed_count_run_that_often(tmp_path: Path) -> None:
    (read,) = figures_of(tmp_path, "--only", "timers-fired")
    assert read["workloads"][0]["times_per_round"] == {"stock": 10, "stock again": 10}


@pytest.mark.parametrize(("row", "peer"), [("coroutine-unfired", "asyncio"), ("to-thread-1", "uvloop")])
def test_peers_are_measured_where_there_is_one(row: str, peer: str, tmp_path: Path) -> None:
    groups = figures_of(tmp_path, "--only", "construct", "next-turn", row)
    for each in (each for group in groups for each in group["workloads"]):
        with_peer = {peer} if each["name"] == row else set()
        assert set(each["rounds"][0]) == {"stock", "stock again"} | with_peer
        assert (each["peer"] is not None) == bool(with_peer)


def test_floor_is_measured_for_the_rows_that_have_one(tmp_path: Path) -> None:
    (read,) = figures_of(tmp_path, "--only", "construct", "fires-at-end")
    construct, fires = read["workloads"]
    assert set(construct["rounds"][0]) == {"stock", "stock again"}
    assert set(fires["rounds"][0]) == {"stock", "stock again", "floor"}
    assert construct["floor"] is None
    assert fires["floor"] > 0


def test_a_missing_peer_is_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_measure, "find_spec", lambda name: None)
    (read,) = figures_of(tmp_path, "--only", "to-thread-1")
    assert set(read["workloads"][0]["rounds"][0]) == {"stock", "stock again"}
    assert "pip install uvloop" in " ".join(capsys.readouterr().out.split())


def test_a_row_that_cannot_be_measured_is_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transports, "find_spec", lambda name: None)
    (read,) = figures_of(tmp_path, "--only", "klein-hello", "udp-echo")
    assert [each["name"] for each in read["workloads"]] == ["udp-echo"]
    assert read["left_out"] == {"klein-hello": "it needs klein: pip install 'klein'"}
    assert "klein-hello: not measured: it needs klein" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("only", "names"),
    [
        (["lock"], ["lock"]),
        (["nested", "construct"], ["construct", "inline-nested", "coroutine-nested"]),
        (["memory"], ["memory"]),
        (["timers"], ["timers-cancelled", "timers-fired", "memory-timers"]),
    ],
)
def test_only_takes_names_and_parts_of_names(
    only: list[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["--list", "--only", *only]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[0] != " "]
    assert listed == names


def test_an_unknown_name_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--only", "no-such"]) == 1
    error = capsys.readouterr().err
    assert "no workload is called 'no-such'" in error
    assert "fires-at-start" in error


def test_a_file_that_cannot_be_written_is_an_error_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "_report", pytest.fail)
    assert bench.main([*SHORT, "--json", str(tmp_path / "missing" / "figures.json")]) == 1
    assert "cannot write to" in capsys.readouterr().err


def test_an_interrupt_ends_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "_report", interrupt)
    assert bench.main(SHORT) == 130
    assert capsys.readouterr().err == "deferrous bench: interrupted\n"
