"""The library that lets calls of the system fail: failing_calls.c says how."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def compiled(folder: Path) -> str:
    """Compile it, and give its file, for `LD_PRELOAD`. Where there is no compiler the test is skipped."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    made = str(folder / "failing_calls.so")
    source = str(Path(__file__).with_name("failing_calls.c"))
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-Wall", source, "-o", made, "-ldl"], check=True)
    return made
