"""Random programs see the same effects on Twisted's Deferreds and on ours."""

from __future__ import annotations

import os
from pathlib import Path

from tests import apis
from tests.differential.workers import run_all

#: How many programs are compared. The long version of the tests asks for 200,000.
PROGRAMS = int(os.environ.get("DEFERROUS_PROGRAMS", "2000"))


def test_random_programs_do_the_same_on_stock_and_ours(tmp_path: Path) -> None:
    """No program shows a difference. One that does is cut down and printed with what is seen on both."""
    found = run_all(["tests.differential", "--candidate", apis.NAMES[-1]], PROGRAMS, tmp_path)
    assert not found, "\n".join(found)


def test_two_copies_of_twisted_do_not_differ(tmp_path: Path) -> None:
    """Two copies of one source are no different: what the machine writes down depends on nothing else."""
    found = run_all(["tests.differential", "--candidate", "copy"], PROGRAMS // 4, tmp_path)
    assert not found, "\n".join(found)
