"""Comparing a loop with asyncio's own by tests that a test has written."""

from __future__ import annotations

import io
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.asyncio_loop.conformance import STOCK, STOCK_QUALIFIED, LoopBench
from tests.asyncio_loop.interpreter import Interpreter
from tests.asyncio_loop.modules import LoopSide
from tests.conformance.trial import Limits, Mode

#: The module that the tests are in, and the one with the class of loops that is compared.
MODULE = "sample"
LOOPS = "sample_loops"
LOOP = f"{LOOPS}.Loop"

#: A loop that is asyncio's own, under another name.
LOOP_SOURCE = """
import asyncio

class Loop(asyncio.SelectorEventLoop):
    pass
"""


@dataclass(frozen=True, kw_only=True)
class SampleSide(LoopSide):
    """One side, whose tests and loop are in a folder."""

    folder: Path

    def variables(self) -> dict[str, str]:
        """Return the environment variables that name the class and the folder."""
        return super().variables() | {"PYTHONPATH": str(self.folder)}


def sample_bench(tests: str, folder: Path, limits: Limits) -> LoopBench:
    """Make a bench for tests in the Python of this process.

    Args:
        tests: the source of `MODULE`.
        folder: an empty folder.
        limits: when to kill a process.
    """
    (folder / f"{MODULE}.py").write_text(tests)
    (folder / f"{LOOPS}.py").write_text(LOOP_SOURCE)
    return LoopBench(
        environment=Interpreter(
            folder=folder / "runs",
            twisted="",
            python_version=platform.python_version(),
            executable=Path(sys.executable),
            modules=(MODULE,),
            loop=LOOP,
        ),
        sides=(
            SampleSide("stock", Mode.STOCK, loop=STOCK, qualified_name=STOCK_QUALIFIED, folder=folder),
            SampleSide("ours", Mode.INSTALLED, loop=LOOP, qualified_name=LOOP, folder=folder),
        ),
        limits=limits,
        together=True,
        results=folder / "runs",
        console=Console(file=io.StringIO(), width=300),
    )
