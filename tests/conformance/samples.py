"""Running trial on tests that a test has written."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.conformance import trial
from tests.conformance.environment import Environment

#: The module that they are in.
MODULE = "test_sample"


def run_sample(source: str, side: trial.Side, limits: trial.Limits, folder: Path) -> trial.Ended:
    """Run tests in the Python of this process.

    Args:
        source: the module of tests.
        side: what is to be underneath Twisted.
        limits: when to kill the run.
        folder: an empty folder, for the module and the run.
    """
    # Trial gets the name of the module, because Twisted 26.10 cannot load one by its path on CPython 3.15.
    # What is beside the recorder is on the path of modules.
    recorder = shutil.copytree(trial.RECORDER, folder / "recorder")
    (recorder / f"{MODULE}.py").write_text(source)
    environment = Environment(Path(sys.prefix), "", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "RECORDER", recorder)
        running = trial.Running(side, environment, [MODULE], folder / "run", folder)
    return trial.watch([running], limits, print)[0]
