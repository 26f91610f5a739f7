"""Whether a workload did what it should: a fast wrong answer is no measurement."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure


class WrongResult(Exception):
    """A workload came to something else than it should."""


def expect(found: object, wanted: object) -> None:
    """Raise unless `found` equals `wanted`."""
    if found != wanted:
        raise WrongResult(f"expected {wanted!r}, got {found!r}")


def expect_result(deferred: Deferred[Any], wanted: object) -> None:
    """Raise unless `deferred` has fired with `wanted`. The result is taken out of it."""
    results: list[object] = []
    deferred.addBoth(results.append)
    if not results:
        raise WrongResult(f"expected {wanted!r}, but the Deferred is still waiting")
    if isinstance(results[0], Failure):
        raise WrongResult(f"expected {wanted!r}, got {results[0]!r}") from results[0].value
    expect(results[0], wanted)
