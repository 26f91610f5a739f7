"""Where an allocation of the interpreter fails, an operation raises `MemoryError` or succeeds.

CPython has bugs of its own where it has no memory: functions of Python crash, or fail and raise nothing. That
such a crash is not ours, and which states are left behind, only `make safety` compares with stock Twisted. It
also does the operations of threads.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

import pytest

from tests.safety import apart, deferred_operations, reactor_operations, thread_operations

pytest.importorskip("_testcapi", reason="makes allocations fail; not every build of CPython has it")

#: Whether everything is compared with stock Twisted, which takes minutes.
COMPARES = os.environ.get("DEFERROUS_SAFETY") == "all"
pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 13) and not COMPARES,
    reason="crashes of the interpreter are told apart for CPython 3.13; 3.12 frees what it has not made",
)
#: The operations by kind.
KINDS: dict[str, list[str]] = {
    "deferred": list(deferred_operations.OPERATIONS),
    "reactor": list(reactor_operations.OPERATIONS),
}
if COMPARES:
    # Threads start and end meanwhile, so what is seen of these varies from run to run.
    KINDS["thread"] = list(thread_operations.OPERATIONS)
#: How many operations one process does after the other, because it takes a moment to start.
AT_ONCE = 16
CASES = [pytest.param(kind, at, id=name) for kind, names in KINDS.items() for at, name in enumerate(names)]
#: What CPython says where a function has failed and raised nothing, or has returned and raised something.
BUGS = (
    "can't allocate lock",
    "error return without exception set",
    "returned NULL without setting an exception",
    "returned a result with an exception set",
)


@functools.cache
def _reports(kind: str, side: str, *names: str) -> dict[str, apart.Report]:
    return apart.reports("tests.safety.allocations", kind, side, *names)


def reports(kind: str, side: str, at: int) -> list[Any]:
    """Give what the trials of an operation reported, on stock Twisted or on ours."""
    names = KINDS[kind]
    first = at - at % AT_ONCE
    together = names[first : first + AT_ONCE] if side == "ours" or COMPARES else [names[at]]
    *trials, end = _reports(kind, side, *together)[names[at]]
    # What comes before it is what the case itself raised.
    assert end == "done", trials[-1:]
    return trials


def is_expected(trial: list[Any]) -> bool:
    """Say whether a trial came to what it may come to, or raised what CPython says of a bug of its own."""
    return trial[2] in ("returned", "MemoryError") or str(trial[3]).endswith(BUGS)


def crashes(trial: list[Any]) -> bool:
    """Say whether the interpreter did not survive, or did not come to an end."""
    return str(trial[2]).startswith("killed by")


@pytest.mark.parametrize(("kind", "at"), CASES)
def test_an_operation_raises_memory_error_or_succeeds(kind: str, at: int) -> None:
    """It also neither loses nor keeps a reference to what it was given, whichever allocation fails.

    Twisted's log keeps what it is told of, and a loop of Twisted's may not end, as on stock Twisted.
    """
    kept = [trial for trial in reports(kind, "ours", at) if any(trial[5])]
    odd = [trial for trial in reports(kind, "ours", at) if not is_expected(trial)]
    if kept:
        counts = [trial[5] for trial in reports(kind, "stock", at)]
        assert [trial for trial in kept if trial[5] not in counts] == []
    if odd:
        # Where Twisted's own code crashes the interpreter, that may go on for a while with broken memory.
        assert any(crashes(trial) for trial in reports(kind, "stock", at)), odd


@pytest.mark.skipif(not COMPARES, reason="takes minutes; make safety runs it")
@pytest.mark.parametrize(("kind", "at"), CASES)
def test_its_state_is_one_that_stock_twisted_leaves(kind: str, at: int) -> None:
    """With one of its allocations failing, as with none; or the state that it was in before.

    Where all allocations fail and Twisted does not come to an end, there is nothing to compare with.
    """
    stock, ours = reports(kind, "stock", at), reports(kind, "ours", at)
    no_end = any(crashes(trial) for trial in stock if not trial[0])
    states = [trial[4] for trial in [*stock, ours[0]] if not crashes(trial)]
    found: list[Any] = []
    for trial in ours:
        if not crashes(trial) and trial[4] not in states and (trial[0] or not no_end):
            found.append(trial)
    assert found == []
