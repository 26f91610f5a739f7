"""Every test of a behaviour is also one of what is not logged."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _nothing_unexpected(request: pytest.FixtureRequest) -> None:
    """Make a test fail for a log event that it has not asked for."""
    if "face" in request.fixturenames:
        request.getfixturevalue("logged")
