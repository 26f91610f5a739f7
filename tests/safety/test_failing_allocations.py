"""Where an allocation of the interpreter fails, an operation raises `MemoryError` or succeeds.

By default, all is done with ours, and with stock Twisted where ours did something else: CPython has bugs of
its own where it has no memory. `make safety` also compares the states that are left behind.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import pytest

from tests.safety import apart, deferred_operations, reactor_operations, thread_operations

pytest.importorskip("_testcapi", reason="makes allocations fail; not every build of CPython has it")

#: The operations by kind.
KINDS: dict[str, list[str]] = {
    "deferred": list(deferred_operations.OPERATIONS),
    "reactor": list(reactor_operations.OPERATIONS),
    "thread": list(thread_operations.OPERATIONS),
}
#: How many operations one process does after the other, because it takes a moment to start.
AT_ONCE = 16
CASES = [pytest.param(kind, at, id=name) for kind, names in KINDS.items() for at, name in enumerate(names)]
#: What CPython says where a function has failed and raised nothing, or has returned and raised something.
BUGS = (
    "error return without exception set",
    "returned NULL without setting an exception",
    "returned a result with an exception set",
)


@functools.cache
def _reports(kind: str, side: str, chunk: int) -> dict[str, apart.Report]:
    names = KINDS[kind][chunk * AT_ONCE : (chunk + 1) * AT_ONCE]
    return apart.reports("tests.safety.allocations", kind, side, *names)


def reports(kind: str, side: str, at: int) -> list[Any]:
    """Give what the trials of an operation reported, on stock Twisted or on ours."""
    *trials, end = _reports(kind, side, at // AT_ONCE)[KINDS[kind][at]]
    assert end == "done"
    return trials


def crashes(trial: list[Any]) -> bool:
    """Say whether the interpreter did not survive, or did not come to an end."""
    return str(trial[2]).startswith("killed by")


@pytest.mark.parametrize(("kind", "at"), CASES)
def test_an_operation_raises_memory_error_or_succeeds(kind: str, at: int) -> None:
    """It also neither loses nor keeps a reference to what it was given, whichever allocation fails.

    Python's own code crashes in some trials, as in generators, and Twisted's log keeps what it is told of.
    Both may be where they are on stock Twisted, too.
    """
    odd = [
        (only_one, number, outcome, detail, counts)
        for only_one, number, outcome, detail, _, counts in reports(kind, "ours", at)
        if (outcome not in ("returned", "MemoryError") and not str(detail).endswith(BUGS)) or any(counts)
    ]
    if odd:
        stock = reports(kind, "stock", at)
        crashed = {trial[2] for trial in stock} & {"killed by SIGSEGV", "killed by SIGPROF"}
        kept = [[0, 0, 0], *(trial[5] for trial in stock)]
        assert [trial for trial in odd if trial[2] not in crashed and trial[4] not in kept] == []
        assert [trial for trial in odd if trial[2] not in {"returned", "MemoryError", *crashed}] == []


@pytest.mark.skipif(os.environ.get("DEFERROUS_SAFETY") != "all", reason="takes minutes; make safety runs it")
@pytest.mark.parametrize(("kind", "at"), CASES)
def test_its_state_is_one_that_stock_twisted_leaves(kind: str, at: int) -> None:
    """With one of its allocations failing, as with none; or the state that it was in before.

    Where all allocations fail and Twisted does not come to an end, there is nothing to compare with.
    """
    stock, ours = reports(kind, "stock", at), reports(kind, "ours", at)
    no_end = any(crashes(trial) for trial in stock if not trial[0])
    states = [trial[4] for trial in [*stock, ours[0]] if not crashes(trial)]
    found: list[Any] = []
    for only_one, number, outcome, _, state, _ in ours:
        if not crashes([None, None, outcome]) and state not in states and (only_one or not no_end):
            found.append([only_one, number, outcome, state])
    assert found == []
