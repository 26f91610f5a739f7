"""Each process measures the side it is for, or says why it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from deferrous.bench._process import DEFERROUS, STOCK, BenchError, Process, Side
from deferrous.bench.workloads import Group
from deferrous.bench.workloads.reactor import GROUP as REACTOR
from deferrous.bench.workloads.transports import GROUP as TRANSPORTS

#: A deferrous that puts something else there than stock Twisted has.
SUBCLASS = """
__version__ = "stand-in"

def install():
    from twisted.internet import defer

    class Ours(defer.Deferred):
        def __init__(self):
            raise RuntimeError("ours, and not stock")

        def addCallbacks(self):
            pass

    defer.Deferred = Ours
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that the processes take for deferrous."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "deferrous.py"


def test_the_stock_side_answers() -> None:
    with Process(STOCK) as process:
        assert process.versions["deferrous"] is None
        assert set(process.ask("time", name="construct", times=3)) == {"wall", "cpu"}


def test_the_stock_side_ignores_the_environment(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_up = stand_in.with_name("sitecustomize.py")
    start_up.write_text("import os\nif 'DEFERROUS' in os.environ: os._exit(9)")
    monkeypatch.setenv("DEFERROUS", "1")
    with Process(STOCK) as process:
        assert process.versions["deferrous"] is None


def test_the_deferrous_side_measures_the_installed_package(stand_in: Path) -> None:
    stand_in.write_text(SUBCLASS)
    with Process(DEFERROUS) as process:
        assert process.versions["deferrous"] == "stand-in"
        with pytest.raises(BenchError, match="ours, and not stock"):
            process.ask("time", name="construct", times=1)


def test_the_deferrous_side_runs_on_deferrous() -> None:
    pytest.importorskip("deferrous.defer", reason="the extension module is not built")
    with Process(DEFERROUS) as process:
        assert process.versions["deferrous"]
        process.ask("time", name="construct", times=3)


def test_the_side_of_records_keeps_them(stand_in: Path) -> None:
    folder = stand_in.with_suffix("")
    folder.mkdir()
    (folder / "__init__.py").write_text(SUBCLASS)
    (folder / "inspect.py").write_text("def enable(): raise ImportError('records are kept')")
    with Process(DEFERROUS):
        pass
    with pytest.raises(BenchError, match="records: ImportError: records are kept"):
        Process(Side("records", "records"))


@pytest.mark.parametrize("side", [STOCK, DEFERROUS], ids=lambda side: side.name)
def test_processes_of_a_workload_are_on_its_side_and_are_timed(side: Side) -> None:
    pytest.importorskip("deferrous.defer", reason="the extension module is not built")
    with Process(side) as process:
        # It fails where the process that it starts is of the other side.
        assert process.ask("time", name="start", times=1)["cpu"] > 0.01


def test_the_side_of_asyncio_does_not_measure_deferreds() -> None:
    with Process(Side("asyncio", "asyncio")) as process:
        process.ask("time", name="coroutine-unfired", times=1)
        with pytest.raises(BenchError, match="'construct' fails with asyncio"):
            process.ask("time", name="construct", times=1)


def test_deferrous_that_cannot_be_installed_is_named(stand_in: Path) -> None:
    stand_in.write_text("def install(): raise ImportError('no extension module')")
    with pytest.raises(BenchError, match=r"deferrous: ImportError: no extension module$"):
        Process(DEFERROUS)


def test_deferrous_that_installs_nothing_is_not_measured(stand_in: Path) -> None:
    stand_in.write_text("def install(): pass")
    with pytest.raises(BenchError, match="Deferred is stock Twisted's"):
        Process(DEFERROUS)


def test_a_process_that_dies_is_an_error(stand_in: Path) -> None:
    stand_in.write_text("import os\ndef install(): os._exit(7)")
    with pytest.raises(BenchError, match="ended in 'start', with status 7"):
        Process(DEFERROUS)


def test_an_error_while_measuring_comes_with_its_traceback() -> None:
    with Process(STOCK) as process, pytest.raises(BenchError, match=r"(?s)Traceback.*KeyError") as error:
        process.ask("time", name="no such workload", times=1)
    assert "'no such workload' fails with stock" in str(error.value)


def test_printed_text_does_not_mix_with_the_answers(
    stand_in: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stand_in.write_text("print('noise')\ndef install(): raise ImportError('reached')")
    with pytest.raises(BenchError, match="reached"):
        Process(DEFERROUS)
    assert capfd.readouterr().err == "noise\n"


def test_the_reactor_of_a_side_runs_between_its_rounds() -> None:
    with Process(STOCK, "reactor") as process:
        for _ in range(2):
            for name in ("next-turn", "to-thread-10", "from-other-thread"):
                assert process.ask("time", name=name, times=3)["cpu"] > 0


@pytest.mark.parametrize(
    ("group", "count"), [(REACTOR, 50_000), (TRANSPORTS, 1000)], ids=["reactor", "transports"]
)
def test_the_deferrous_side_has_our_reactor(group: Group, count: int) -> None:
    pytest.importorskip("deferrous.reactor", reason="the extension module is not built")
    with Process(DEFERROUS, group.name) as process:
        assert process.versions["reactor"] == "DeferrousReactor"
        for workload in group.workloads:
            if not workload.obstacle():
                process.ask("warm", name=workload.name, times=1)
                process.ask("time", name=workload.name, times=3)
        assert process.ask("memory", count=count)["bytes"] > 0


def test_deferrous_without_its_reactor_is_not_measured(stand_in: Path) -> None:
    stand_in.write_text(SUBCLASS)
    with pytest.raises(BenchError, match=r"twisted\.internet\.reactor is stock Twisted's"):
        Process(DEFERROUS, "reactor")


def test_an_error_in_the_reactor_comes_with_its_traceback() -> None:
    with Process(STOCK, "reactor") as process:
        with pytest.raises(BenchError, match=r"(?s)Traceback.*ZeroDivisionError") as error:
            process.ask("memory", count=0)
        assert "'memory' fails with stock" in str(error.value)
        process.ask("time", name="next-turn", times=1)


def test_the_side_of_uvloop_needs_no_reactor() -> None:
    with Process(Side("uvloop", "uvloop"), "reactor") as process:
        assert process.versions["uvloop"]
        process.ask("time", name="to-thread-1", times=3)
