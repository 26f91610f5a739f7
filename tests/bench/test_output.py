"""The table, the file of figures and the picture."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from deferrous.bench._figures import Memory, Report, Sample
from deferrous.bench._plot import svg
from deferrous.bench._table import show
from deferrous.bench.workloads import Peer
from rich.console import Console

from tests.bench.reports import PEER, PENDING, report_of, results_of, timing

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def report() -> Report:
    """One of everything: a good row, a bad one, one that does not count, memory, asyncio."""
    with_peer = timing("good", (10e-6, 1e-6), (11e-6, 1e-6), peer=PEER)
    for each in with_peer.rounds:
        each["asyncio"] = Sample(3e-6, 3e-6)
    with_peer.times["asyncio"] = 7
    results = results_of(
        with_peer,
        timing("bad", (2e-6, 1e-6), (2e-6, 1e-6)),
        timing("aside", (2e-6, 1e-6), counted=False),
        memory=Memory(PENDING, [{"stock": 800.0, "deferrous": 200.0}]),
    )
    return report_of(results)


@pytest.fixture
def two_groups(report: Report) -> Report:
    """The same, and a group of which one row is measured by processor time."""
    by_cpu = timing("server", measure="cpu")
    by_cpu.rounds.append({"stock": Sample(wall=4e-6, cpu=9e-6), "deferrous": Sample(wall=1e-6, cpu=3e-6)})
    turns = timing("turns", (27e-6, 1e-6))
    return report_of(*report.groups, results_of(turns, by_cpu, name="reactor"))


def printed(report: Report, encoding: str = "utf-8") -> str:
    output = io.BytesIO()
    console = Console(file=io.TextIOWrapper(output, encoding=encoding), width=80)
    show(report, console)
    console.file.flush()
    return output.getvalue().decode(encoding)


def test_the_table_has_each_row_and_what_follows(report: Report) -> None:
    text = printed(report)
    assert "10.50x" in text
    assert "geometric mean of 2: 4.58x" in text
    assert "least: 2.00x, bad" in text
    assert "0.250 of stock's (200 of 800 bytes each)" in text
    assert "good: 3.00x as fast as asyncio's tasks" in text
    assert text.index("bad") < text.index("also measured") < text.index("aside")


def test_table_has_the_floor_of_a_row_beside_the_time_of_deferrous(report: Report) -> None:
    bad = report.groups[0].timings[1]
    bad.times["floor"] = 9
    for each in bad.rounds:
        each["floor"] = Sample(0.25e-6, 0.25e-6)
    text = " ".join(printed(report).split())
    assert "bad: 0.25 of 1 us are the Python calls alone" in text
    assert "good: 0" not in text
    floors = [row["floor"] for row in report.as_json()["groups"][0]["workloads"]]
    assert floors == [None, 0.25e-6, None]


def test_table_shows_no_bounds(report: Report) -> None:
    slow = timing("slow", (1e-6, 2e-6))
    text = printed(report_of(*report.groups, results_of(slow, name="reactor")))
    assert "0.50x" in text
    assert "target" not in text
    assert "at least" not in text


def test_each_group_has_a_table_and_a_mean(two_groups: Report) -> None:
    text = printed(two_groups)
    first, second = text.index("geometric mean of 2: 4.58x"), text.index("geometric mean of 2: 9.00x")
    assert text.index("Deferreds:") < first < text.index("Reactor:") < text.index("turns") < second


def test_the_table_marks_processor_time_and_shows_clock_time_too(two_groups: Report) -> None:
    text = printed(two_groups)
    assert text.index("turns") < text.index("processor time:") < text.index("server")
    assert "by the clock: server 4.00x" in text


def test_table_shows_the_difference_to_stock_for_rows_that_ask_for_it() -> None:
    start = timing("start", (0.140, 0.149), (0.140, 0.149), counted=False, measure="cpu")
    start.workload = replace(start.workload, shows_difference=True)
    report = report_of(results_of(timing("good", (10e-6, 1e-6)), start))
    text = " ".join(printed(report).split())
    assert "start: 9.0 ms on top of 140.0 ms of stock, in processor time" in text
    assert "by the clock" not in text


def test_the_table_says_how_to_install_a_missing_peer() -> None:
    row = timing("row", (4e-6, 1e-6), peer=Peer("uvloop", print, "run_in_executor on uvloop"))
    text = " ".join(printed(report_of(results_of(row))).split())
    assert "row: not compared with run_in_executor on uvloop, which needs uvloop: pip install uvloop" in text


def test_a_peer_of_several_rows_has_a_column() -> None:
    peer = Peer("uvloop", print, "asyncio.Protocol on uvloop")
    rows = [timing(name, (8e-6, 2e-6), measure="cpu", peer=peer) for name in ("tcp-echo-1000", "udp-echo")]
    rows.append(timing("web-hello", (9e-6, 3e-6), measure="cpu"))
    for row, ratio in zip(rows, (0.25, 1.5), strict=False):
        row.times["uvloop"] = 7
        row.rounds[0]["uvloop"] = Sample(2e-6 * ratio, 2e-6 * ratio)
    lines = printed(report_of(results_of(*rows))).splitlines()
    assert "over uvloop" in lines[0]
    cells = {line.split()[0]: line.split()[3:6] for line in lines[2:5]}
    assert cells["tcp-echo-1000"] == ["4.00x", "4.00-4.00", "0.25x"]
    assert cells["udp-echo"][2] == "1.50x"
    assert cells["web-hello"][2] == "-"
    assert max(map(len, lines)) <= 80
    assert "as fast as" not in "".join(lines)


def test_the_rows_without_a_missing_peer_are_named_in_one_line() -> None:
    peer = Peer("uvloop", print, "asyncio.Protocol on uvloop")
    rows = [timing(name, (4e-6, 1e-6), peer=peer) for name in ("one", "two")]
    text = " ".join(printed(report_of(results_of(*rows))).split())
    assert text.count("pip install uvloop") == 1
    assert "one, two: not compared with asyncio.Protocol on uvloop" in text


def test_the_table_fits_a_screen_without_other_characters(report: Report) -> None:
    lines = printed(report, encoding="ascii").splitlines()
    assert max(map(len, lines)) <= 80
    assert "###" in "".join(lines)


def test_a_report_of_memory_alone_can_be_shown() -> None:
    alone = report_of(results_of(memory=Memory(PENDING, [{"stock": 800.0, "deferrous": 200.0}])))
    assert "geometric" not in printed(alone)
    ET.fromstring(svg(alone))
    assert json.dumps(alone.as_json())


def test_the_file_of_figures_has_all_rounds(report: Report) -> None:
    read = json.loads(json.dumps(report.as_json()))
    good, bad, aside = read["groups"][0]["workloads"]
    assert [each["stock"]["wall"] for each in good["rounds"]] == [10e-6, 11e-6]
    assert good["peer"]["ratio"]["median"] == pytest.approx(3.0)
    assert bad["ratio"]["median"] == pytest.approx(2.0)
    assert not aside["counted"]
    assert read["versions"]["deferrous"] == "1.2.3"
    assert read["machine"]["cores"] == 2


def test_the_picture_has_a_bar_for_each_row(report: Report) -> None:
    root = ET.fromstring(svg(report))
    rows = ["good", "bad", "aside", "memory", "asyncio"]
    assert len(root.findall(f"{SVG}rect")) == len(rows)
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert [text for text in texts if text in rows] == rows


def test_the_picture_has_all_groups_with_their_means(two_groups: Report) -> None:
    root = ET.fromstring(svg(two_groups))
    assert len(root.findall(f"{SVG}rect")) == 7
    texts = [element.text for element in root.iter(f"{SVG}text")]
    headings = [
        "Deferreds, geometric mean of 2: 4.58x",
        "Reactor, geometric mean of 2: 9.00x",
        "Reactor, processor time:",
    ]
    assert [text for text in texts if text in headings] == headings


def test_the_picture_of_one_group_has_its_mean_in_the_title(report: Report) -> None:
    texts = [element.text for element in ET.fromstring(svg(report)).iter(f"{SVG}text")]
    assert texts[1] == "Geometric mean of 2: 4.58x. Longer is better. The thin lines are quartiles."


def test_bars_are_as_long_as_their_ratios_and_fill_the_picture(report: Report) -> None:
    good, bad, *_ = ET.fromstring(svg(report)).findall(f"{SVG}rect")
    assert float(good.get("width", 0)) / float(bad.get("width", 0)) == pytest.approx(5.25, 0.01)
    assert float(good.get("width", 0)) > 200


def test_the_picture_says_what_was_measured_and_on_what(report: Report) -> None:
    texts = [element.text for element in ET.fromstring(svg(report)).iter(f"{SVG}text")]
    assert "deferrous 1.2.3, Twisted 26.10.0, CPython 3.13.0" in texts
    assert "Abacus & Sons <9>, 2 processors, Linux x86_64" in texts
