"""Fixtures of the tests of inspection from outside."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def runtime() -> Iterator[Path]:
    """Give a folder with a short name for sockets, whose paths may not be long."""
    folder = Path(tempfile.mkdtemp(prefix="deferrous-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
