"""The jobs of the tests of executors: functions that other processes can import.

Processes tell of themselves and wait for each other by files, which works wherever a job runs.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from tests.children import PATIENCE


class Oops(Exception):
    """An error of a job."""


def whatever_it_is_called(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments."""
    return args, kwargs


def note(file: Path, line: object = "") -> None:
    """Add a line to a file."""
    with file.open("a") as lines:
        lines.write(f"{line}\n")


def noted(file: Path) -> list[str]:
    """Return the lines that have been added to a file."""
    return file.read_text().splitlines() if file.exists() else []


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("what was waited for has not come")
        time.sleep(0.01)


def until_exists(file: Path) -> None:
    """Wait for a file."""
    until(file.exists)


def wait(begun: Path, gate: Path, result: Any = None) -> Any:
    """Note that the job has begun, and return when there is a gate."""
    note(begun)
    until_exists(gate)
    return result


def wait_and_fail(begun: Path, gate: Path) -> NoReturn:
    """Note that the job has begun, and raise when there is a gate."""
    wait(begun, gate)
    raise Oops("late")


def fail(message: str) -> NoReturn:
    """Raise."""
    raise Oops(message)


def fail_because(message: str) -> NoReturn:
    """Raise from something else."""
    try:
        fail("the cause")
    except Oops as error:
        raise ValueError(message) from error


def end_the_process() -> NoReturn:
    """End this process as a crash would."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process has outlived SIGKILL")


def wait_to_be_killed_once(pids: Path) -> int:
    """Note the process; wait there if it is the first one, and return its number if it is another."""
    note(pids, os.getpid())
    if len(noted(pids)) == 1:
        until_exists(pids.with_name("never"))
    return os.getpid()


def square_slowly(number: int, pids: Path) -> int:
    """Note the process, and return the square."""
    time.sleep(0.02)
    note(pids, os.getpid())
    return number * number
