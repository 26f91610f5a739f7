"""A process that is talked to while it runs, and that never outlives its test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.children import PATIENCE, Outcome


def eventually(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until something is so.

    Args:
        condition: says whether it is.
        what: what the test fails with if that does not happen.
        patience: how many seconds it may take.
    """
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.005)


class Running:
    """A process with a group of its own, which ends with the `with` block.

    What it prints goes to files, which do not fill up as pipes do.
    """

    def __init__(
        self, command: Sequence[str], cwd: Path, env: Mapping[str, str], patience: float = PATIENCE
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._patience = patience
        self._deadline = time.monotonic() + patience
        self._out = Path(self._folder.name, "out")
        self._err = Path(self._folder.name, "err")
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**env, "PYTHONFAULTHANDLER": "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._folder.cleanup()

    @property
    def out(self) -> str:
        """The text that it has printed so far."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """The text that it has written to standard error so far."""
        return self._err.read_text()

    def alive(self) -> bool:
        """Say whether it runs."""
        return self._process.poll() is None

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def line(self, number: int = 0) -> Any:
        """Wait for a line of its output, and return the value that it has in JSON."""
        self.until(lambda: self.out.count("\n") > number, f"line {number}")
        return json.loads(self.out.splitlines()[number])

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so, which has to be before the process ends."""
        while not condition():
            if not self.alive() and not condition():
                raise AssertionError(
                    f"ended with {self._process.returncode} before {what}\n{self.out}\n{self.err}"
                )
            self._expect_time_left(what)
            time.sleep(0.005)

    def wait(self) -> Outcome:
        """Wait for its end, and return what it left behind."""
        while self.alive():
            self._expect_time_left("its end")
            time.sleep(0.005)
        return Outcome(self._process.returncode, self.out, self.err)

    def _expect_time_left(self, what: str) -> None:
        # The process itself gives up a little earlier and says where it hangs, if it still can.
        if time.monotonic() > self._deadline:
            raise AssertionError(f"still no {what} after {self._patience} s\n{self.out}\n{self.err}")
