"""Every test of a behaviour is also one of what is not logged."""

from __future__ import annotations

import pytest

from tests import logs


@pytest.fixture(autouse=True)
def _nothing_unexpected(logged: logs.Log) -> None:
    """Make a test fail for a log event that it has not asked for."""
