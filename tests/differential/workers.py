"""Runs programs in processes of their own, so that one that ends its process is known by its number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.children import environment
from tests.differential.generate import generate
from tests.differential.program import to_text

#: How many programs one process runs.
CHUNK = 2500


def run(candidate: str, first: int, count: int, folder: Path) -> str:
    """Run programs, and give what is to be said of them: nothing, if all is well."""
    progress = folder / f"{candidate}-{first}"
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.differential", "--candidate", candidate]
    command += ["--first", str(first), "--count", str(count), "--progress", str(progress)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    if done.returncode == 1 and done.stdout:
        return done.stdout + done.stderr
    seed = int(progress.read_text())
    died = signal.Signals(-done.returncode).name if done.returncode < 0 else f"status {done.returncode}"
    return f"Program {seed} ended the process by {died}:\n{to_text(generate(seed))}\n{done.stderr}"


def run_all(candidate: str, count: int, folder: Path) -> list[str]:
    """Run many programs in as many processes at a time as there are processors. Give what is to be said."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        size = min(CHUNK, -(-count // len(os.sched_getaffinity(0))))
        starts = range(0, count, size)
        found = pool.map(lambda first: run(candidate, first, min(size, count - first), folder), starts)
        return [text for text in found if text]
