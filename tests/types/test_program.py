"""A program with annotations has no mistakes by the types of deferrous, as by Twisted's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.children import environment, python

PROGRAM = Path(__file__).with_name("program.py")


@pytest.mark.parametrize("module", ["twisted.internet.defer", "deferrous.defer"])
def test_a_program_fits_our_types_and_twisteds(module: str, tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    source = PROGRAM.read_text("utf-8")
    assert "from twisted.internet.defer import" in source
    program = tmp_path / "program.py"
    program.write_text(source.replace("twisted.internet.defer", module), "utf-8")
    outcome = python(
        "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}", str(program), cwd=tmp_path
    )
    assert outcome.status == 0, outcome.out + outcome.err


@pytest.mark.parametrize("switch", [None, "1"])
def test_the_program_runs_on_both(switch: str | None) -> None:
    outcome = python(str(PROGRAM), env=environment(DEFERROUS=switch))
    assert (outcome.status, outcome.out, outcome.err) == (0, "1\n", "")
