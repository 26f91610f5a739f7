"""`deferrous bench`, from its arguments to what it leaves behind."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from deferrous import bench
from deferrous.bench import _measure
from deferrous.bench.workloads import WORKLOADS, memory

SHORT = ["--second", "stock", "--quick"]


@pytest.fixture(autouse=True)
def as_short_as_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes out is not looked at, only that it is all there."""
    monkeypatch.setattr(_measure, "QUICK", _measure.Pace(processes=2, rounds=2, seconds=0.0001))
    monkeypatch.setattr(memory, "COUNT", 1000)


def test_all_workloads_and_memory_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, picture = tmp_path / "figures.json", tmp_path / "picture.svg"
    assert bench.main([*SHORT, "--json", str(figures), "--plot", str(picture)]) == 0
    read = json.loads(figures.read_text())
    assert [each["name"] for each in read["workloads"]] == [each.name for each in WORKLOADS]
    for each in read["workloads"]:
        assert len(each["rounds"]) == 4
        assert {"stock", "stock again"} <= set(each["rounds"][0])
    assert len(read["memory"]["rounds"]) == 2
    ET.fromstring(picture.read_text())
    shown = capsys.readouterr().out
    assert all(each.name in shown for each in WORKLOADS)


def test_asyncio_is_measured_where_it_is_a_peer(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    only = ["--only", "construct", "coroutine-unfired"]
    assert bench.main([*SHORT, *only, "--json", str(figures)]) == 0
    construct, unfired = json.loads(figures.read_text())["workloads"]
    assert set(construct["rounds"][0]) == {"stock", "stock again"}
    assert set(unfired["rounds"][0]) == {"stock", "stock again", "asyncio"}


@pytest.mark.parametrize(
    ("only", "names"),
    [
        (["lock"], ["lock"]),
        (["nested", "construct"], ["construct", "inline-nested", "coroutine-nested"]),
        (["memory"], ["memory"]),
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


def test_an_interrupt_is_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "_report", interrupt)
    assert bench.main(SHORT) == 130
    assert capsys.readouterr().err == "deferrous bench: interrupted\n"
