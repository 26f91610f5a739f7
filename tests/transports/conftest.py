"""What the cases of a file return on a reactor."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reactors import Loop
from tests.transports.cases import outcomes, run_cases

_known: dict[tuple[str, str], dict[str, Any]] = {}


@pytest.fixture
def returned(loop: Loop, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give what each case of the file returns. One that ends the process has no entry."""
    key = (request.module.__name__, loop.name)
    if key not in _known:
        outcome = loop.outcome(run_cases, key[0], patience=100)
        _known[key] = outcomes(outcome.out)
        if (outcome.status, outcome.err) != (0, ""):
            _known[key]["the process"] = [outcome.status, outcome.err]
    return _known[key]
