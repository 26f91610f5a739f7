"""Where an allocation of the interpreter fails, an operation raises `MemoryError` or succeeds."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from tests.safety import apart, deferred_operations, reactor_operations

pytest.importorskip("_testcapi", reason="makes allocations fail; not every build of CPython has it")

#: Python's own code ends the process in some cases, as in generators: then there is nothing to compare with.
CASES = [
    pytest.param(kind, operation, id=operation)
    for kind, module in (("deferred", deferred_operations), ("reactor", reactor_operations))
    for operation in module.OPERATIONS
]


@functools.cache
def reports(kind: str, side: str) -> dict[str, apart.Report]:
    """Give what each operation of a kind reported, on stock Twisted or on ours."""
    return apart.reports("tests.safety.allocations", kind, side)


@pytest.mark.parametrize(("kind", "operation"), CASES)
def test_an_operation_raises_memory_error_or_succeeds(kind: str, operation: str) -> None:
    """It also neither loses nor keeps a reference to what it was given, whichever allocation fails."""
    *trials, end = reports(kind, "ours")[operation]
    if end != "done" and end == reports(kind, "stock")[operation][-1]:
        pytest.skip(f"Python itself is {end}, on stock Twisted, too")
    for stop, number, outcome, detail, _, counts in trials:
        assert outcome in ("returned", "MemoryError"), (stop, number, detail)
        assert counts == [0, 0, 0], (stop, number)
    assert end == "done"


@pytest.mark.parametrize(("kind", "operation"), CASES)
def test_its_state_is_one_that_stock_twisted_leaves(kind: str, operation: str) -> None:
    """With one of its allocations failing, as with none."""
    *stock, stock_end = reports(kind, "stock")[operation]
    if stock_end != "done":
        pytest.skip(f"Python itself is {stock_end}, on stock Twisted")
    states = [[outcome, state] for _, _, outcome, _, state, _ in stock]
    found: list[Any] = []
    for _, _, outcome, _, state, _ in reports(kind, "ours")[operation][:-1]:
        if [outcome, state] not in states and [outcome, state] not in found:
            found.append([outcome, state])
    assert found == []
