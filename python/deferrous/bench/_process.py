"""The parent's end of a process that measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

_SCRIPT = Path(__file__).with_name("_worker.py")


class BenchError(Exception):
    """Nothing can be measured, for the reason given."""


@dataclass(frozen=True)
class Side:
    """One of the sides of the comparison. Two sides of one kind show the noise."""

    name: str
    kind: str


STOCK = Side("stock", "stock")
DEFERROUS = Side("deferrous", "deferrous")
STOCK_AGAIN = Side("stock again", "stock")
#: Measures the floors of the workloads that have one, in plain Python.
FLOOR = Side("floor", "floor")


class Process(AbstractContextManager["Process"]):
    """A process that measures one side of a group, until the end of the `with` block."""

    def __init__(self, side: Side, group: str = "deferreds") -> None:
        self.side = side
        self._process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), side.kind, group],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=_environment(),
        )
        try:
            self.versions: dict[str, str | None] = self._answer("start")["versions"]
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, do: str, **about: object) -> dict[str, Any]:
        """Return the answer of the worker's method `do`."""
        assert self._process.stdin is not None
        # If it has ended, the missing answer says so.
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"do": do, **about}) + "\n")
            self._process.stdin.flush()
        return self._answer(str(about.get("name", do)))

    def _answer(self, what: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(
                f"the process that measures {self.side.name} ended in '{what}', "
                f"with status {self._process.wait()}"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(f"'{what}' fails with {self.side.name}: {answer['error']}")
        return answer

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            # There may be a request in it that was never sent.
            with suppress(BrokenPipeError):
                pipe.close()


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    # The stock side must run without it.
    environment.pop("DEFERROUS", None)
    # All processes have the same order of sets, which some costs depend on.
    environment["PYTHONHASHSEED"] = "0"
    return environment
