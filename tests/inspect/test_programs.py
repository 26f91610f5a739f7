"""Programs that hang in known ways: what the commands print names the line that is the cause."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import twisted

from tests.inspect.document import PAGE, PROGRAMS, answers, section
from tests.inspect.hang import culprits
from tests.reactors import Loop

#: What is not in the trees: a thread waits for nothing that is known.
NOT_IN_TREES = ("lingering_thread",)

#: The releases of Twisted and Python with which the document is made: it has lines and names of theirs.
DOCUMENTED = "26.10.0", (3, 13)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_what_is_printed_names_the_line_that_is_the_cause(program: Path, loop: Loop) -> None:
    found = answers(program, loop.name)
    assert culprits(program)
    for command, text in found["texts"].items():
        if command != "pstree" or program.stem not in NOT_IN_TREES:
            missing = [line for line in culprits(program) if line not in text]
            assert not missing, f"{command} does not name {missing}\n{text}"
    if loop.name == "deferrous" and (twisted.__version__, sys.version_info[:2]) == DOCUMENTED:
        assert section(program, found) in PAGE.read_text("utf-8"), "run python -m tests.inspect.document"


def test_there_are_twenty_ways_to_hang() -> None:
    assert len(PROGRAMS) >= 20
