"""The machine finds mistakes that are planted in a copy of Twisted's source."""

from __future__ import annotations

import ast
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import apis, second_copy
from tests.children import environment
from tests.differential.compare import Comparison, Guard, Mismatch, Runner
from tests.differential.machine import search
from tests.differential.mutants import HARMLESS, all_mutants
from tests.differential.program import Program, from_text, to_text

#: One mistake in so many is tried. The long version of the tests tries more.
EVERY = os.environ.get("DEFERROUS_MISTAKES_EVERY", "12")


def test_planted_mistakes_are_found() -> None:
    """Each mistake that is tried shows in some program."""
    command = [sys.executable, "-m", "tests.differential.hunt", "--every", EVERY]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_part_of_twisteds_source_has_planted_mistakes() -> None:
    """Every part of Twisted's source that we stand for has some, and what is harmless is among them."""
    names = {mutant.name for mutant in all_mutants()}
    assert len(names) > 400
    assert set(HARMLESS) <= names


def _swallow_less(tree: ast.Module) -> None:
    """Let cancelled Deferreds swallow nothing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node) == "self._suppressAlreadyCalled = True":
            node.value = ast.Constant(False)


def test_a_found_mistake_is_reduced_and_printed(tmp_path: Path) -> None:
    """The smallest program is printed, with both sides of the difference."""
    gc.collect()
    gc.freeze()
    comparison = Comparison(apis.load("stock"), second_copy.load(_swallow_less))
    with (tmp_path / "record").open("wb", buffering=0) as record:
        found = search(comparison, 0, 500, record, remembers=False)
    assert found is not None
    smallest, mismatch = found
    nothing = [("new", 0, None, None), ("new", 1, None, None)]
    assert smallest["watch"] == 0
    assert smallest["ops"][:2] == nothing
    assert len(smallest["ops"]) <= 4
    assert "suppress=True" in str(mismatch)
    assert "suppress=False" in str(mismatch)
    with pytest.raises(Mismatch):
        comparison(from_text(to_text(smallest)))


def test_endless_programs_are_not_compared() -> None:
    """A program that goes on for ever on Twisted is told from others, and is not compared."""
    program: Program = {
        "watch": 0,
        "ops": [
            ("new", 0, None, None),
            ("new", 1, None, None),
            ("queue_share", 0, 1),
            ("start", 2, "ensure", ([([], ("slot", 0), "raise")], ("argument",))),
            ("fire", 1, ("token", 0)),
        ],
    }
    guard = Guard()
    assert not guard.ends(program)
    assert guard.ends({"watch": 0, "ops": program["ops"][:4]})


def test_the_same_program_records_the_same_each_time() -> None:
    """A run depends on nothing that was before it."""
    runner = Runner(apis.load("stock"))
    program: Program = {
        "watch": 2,
        "ops": [
            ("fail", 0, ("caught", "boom")),
            ("new", 1, "everything", None),
            ("chain", 0, 1),
            ("debug", True),
            ("new", 2, None, None),
            ("fire", 2, ("slot", 1)),
        ],
    }
    assert runner.run(program) == runner.run(program)
