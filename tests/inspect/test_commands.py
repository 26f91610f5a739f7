"""The command line of `deferrous ps` and the others."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from deferrous.inspect import _commands

from tests.children import environment, python
from tests.inspect.outside import WAITS, deferrous, running


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("50ms", 0.05), ("2m", 120), ("1.5h", 5400), ("1d", 86400), ("7", 7)]
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert _commands.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "1e3", "1 s", "1w", "inf", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        _commands.duration(text)


def test_options_are_understood() -> None:
    options = _commands.parser("ps").parse_args(
        ["1", "--older", "30s", "--name", "fetch*", "--sort", "count", "--json"]
    )
    assert _commands.selection(options) == {"older": 30.0, "name": "fetch*", "sort": "count"}


@pytest.mark.parametrize("command", ["ps", "pstree", "why", "stalls"])
def test_each_command_says_what_it_is_for(command: str) -> None:
    outcome = python("-m", "deferrous", command, "--help", env=environment(COLUMNS="200"))
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(f"usage: deferrous {command} ")
    assert _commands.PURPOSES[command] in outcome.out
    assert "DEFERROUS_INSPECT=1" in outcome.out


def test_json_is_one_object(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        outcome = program.ask("ps", "--json")
        assert json.loads(outcome.out)["pid"] == program.pid


def test_a_reader_that_has_enough_is_no_error(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        env = environment(XDG_RUNTIME_DIR=os.fspath(runtime))
        command = [sys.executable, "-m", "deferrous", "ps", str(program.pid), "--json"]
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w") as closed:
            done = subprocess.run(command, env=env, stdout=closed, stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_thread_stands_for_its_process(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        threads = {int(name) for name in os.listdir(f"/proc/{program.pid}/task")}
        for thread in threads:
            outcome = deferrous("ps", str(thread), "--json", runtime=runtime)
            assert json.loads(outcome.out)["pid"] == program.pid


def test_the_commands_import_neither_twisted_nor_the_extension(runtime: Path) -> None:
    source = """
import sys
sys.argv = ["deferrous", "ps", "2147483647"]
from deferrous.__main__ import main
assert main() == 1
assert not [name for name in sys.modules if name.startswith("twisted") or name == "deferrous._native"]
"""
    outcome = python("-c", source, env=environment())
    assert outcome.status == 0, outcome.err
