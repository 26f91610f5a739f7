"""`scripts/request-cost`: what a request costs a server, counted and not timed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "request-cost"
#: What the script needs beside the two tools that count.
TOOLS = ["awk", "bash", "dirname", "env", "grep", "mktemp", "rm"]


def run(folder: Path, *arguments: str, tools: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the script where only these tools are installed, with few requests."""
    for tool in (*TOOLS, *tools):
        (folder / tool).symlink_to(shutil.which(tool) or pytest.skip(f"{tool} is missing"))
    rounds = {"DEFERROUS_FEW_ROUNDS": "1", "DEFERROUS_MANY_ROUNDS": "11"}
    environment = {**os.environ, **rounds, "PATH": str(folder), "PYTHON": sys.executable}
    return subprocess.run([SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_system_calls_of_a_request_are_counted(tmp_path: Path) -> None:
    done = run(tmp_path, "stock", "unix-echo", tools=("strace",))
    row, side, _instructions, calls, epoll_ctl = done.stdout.splitlines()[1].split()
    assert (row, side) == ("unix-echo", "stock")
    # It wants to write, and then no more: twice for each response.
    assert epoll_ctl == "2.000"
    # It receives and sends, too. Starting twice takes some calls more or fewer: they are not the request's.
    assert float(calls) > 3.5
    # And the server ends without an error.
    assert len(done.stderr.splitlines()) == 1


def test_tools_that_are_missing_are_named_and_their_figures_left_out(tmp_path: Path) -> None:
    done = run(tmp_path, "stock", "udp-echo")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].split() == ["udp-echo", "stock", "-", "-", "-"]
    assert "valgrind is missing" in done.stderr
    assert "strace is missing" in done.stderr


@pytest.mark.parametrize("arguments", [("stock", "no-such"), ("no-such", "tcp-echo-1")])
def test_what_cannot_be_run_is_an_error(tmp_path: Path, arguments: tuple[str, str]) -> None:
    done = run(tmp_path, *arguments, tools=("strace",))
    assert done.returncode != 0
    assert done.stderr.count("\n") > 1
