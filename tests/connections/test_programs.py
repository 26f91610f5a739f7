"""Random programs over pairs of connections see the same on stock Twisted's reactor and on ours."""

from __future__ import annotations

import os

import pytest

from tests import reactors
from tests.connections.compare import differences
from tests.connections.program import make

#: How many programs are compared. The long version of the tests asks for 100,000.
PROGRAMS = int(os.environ.get("DEFERROUS_CONNECTION_PROGRAMS", "1000"))
REFERENCE, *CANDIDATES = reactors.NAMES


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_random_programs_see_the_same_on_stock_and_ours(candidate: str) -> None:
    """No program shows a difference. One that does is cut down and printed with what is seen on both."""
    found = differences(REFERENCE, [candidate], PROGRAMS)
    assert not found, "\n".join(found)


def test_programs_see_the_same_each_time_on_stock() -> None:
    """What is seen is no chance."""
    found = differences(REFERENCE, [REFERENCE], PROGRAMS // 4)
    assert not found, "\n".join(found)


def test_programs_do_not_see_when_data_is_flushed() -> None:
    """A reactor that sends what has been written before it waits shows no difference."""
    found = differences(REFERENCE, [REFERENCE, "--mistake", "early_flushes"], PROGRAMS // 4)
    assert not found, "\n".join(found)


def test_a_seed_gives_the_same_program_again() -> None:
    """A seed that is printed is enough to see a program again."""
    assert [make(seed) for seed in range(100)] == [make(seed) for seed in range(100)]
