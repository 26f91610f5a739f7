"""Runs programs in processes of their own, so that one that ends its process is known."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.children import environment

#: How many programs one process runs.
CHUNK = 2500


def run(arguments: Sequence[str], number: int, count: int, folder: Path) -> str:
    """Run programs, and give what is to be said of them: nothing, if all is well."""
    record = folder / f"record-{number}"
    command = [sys.executable, "-X", "faulthandler", "-m", *arguments]
    command += ["--seed", str(number), "--count", str(count), "--record", str(record)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    if done.returncode == 1 and done.stdout:
        return done.stdout + done.stderr
    died = signal.Signals(-done.returncode).name if done.returncode < 0 else f"status {done.returncode}"
    return f"This program of seed {number} ended the process by {died}:\n{record.read_text()}\n{done.stderr}"


def run_all(arguments: Sequence[str], count: int, folder: Path) -> list[str]:
    """Run many programs in as many processes at a time as there are processors. Give what is to be said.

    Args:
        arguments: the module to run, and what it is told besides the number of programs.
        count: how many programs.
        folder: where each process writes down the program that it runs.
    """
    processors = len(os.sched_getaffinity(0))
    size = min(CHUNK, -(-count // processors))
    with ThreadPoolExecutor(processors) as pool:
        starts = range(0, count, size)
        found = pool.map(lambda first: run(arguments, first, min(size, count - first), folder), starts)
        return [text for text in found if text]
