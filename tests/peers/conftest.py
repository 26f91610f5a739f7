"""Fixtures of all tests with peers."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.reactors.running import eventually

#: The environment variable by which processes that a test has started are found again.
MARK = "PEERS_STARTED_BY"


def _marked(mark: str) -> list[str]:
    """Give the commands of the processes that have been started with this mark."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark.encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return found


@pytest.fixture(autouse=True)
def _nothing_runs_on() -> Iterator[None]:
    """Fail a test that leaves a process behind, of whatever session."""
    mark = f"{MARK}={uuid.uuid4()}"
    os.environ[MARK] = mark.split("=")[1]
    yield
    del os.environ[MARK]
    eventually(lambda: not _marked(mark), f"all processes have ended: {_marked(mark)}", patience=20)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the file with a certificate for localhost and its key."""
    return write_certificate(tmp_path_factory.mktemp("tls"))
