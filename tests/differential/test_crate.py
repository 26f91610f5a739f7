"""Random programs do on the crate what they do on Twisted, but for the differences that are documented."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import apis
from tests.differential import crate
from tests.differential.crate import Comparison, Interpreter, search
from tests.differential.differences import DIFFERENCES, load
from tests.differential.owned import Seen, run
from tests.differential.program import ATTACHED, Op, Program, from_text, to_text
from tests.differential.workers import run_all

#: How many programs are compared. The long version of the tests asks for 100,000.
PROGRAMS = int(os.environ.get("DEFERROUS_RUST_PROGRAMS", "2000"))
PAGE = Path(__file__).parents[2] / "docs" / "rust.md"


def _does(*ops: Op, end: Op = ("argument",)) -> Op:
    return ("function", list(ops), end)


def _add(slot: int, *ops: Op, end: Op = ("argument",)) -> Op:
    return ("add", slot, "addBoth", _does(*ops, end=end), 0)


def _awaiting(slot: int) -> Op:
    return ([([], ("slot", slot), "go on")], ("argument",))


_NEW: Op = ("new", 0, None, None)
_BOOM: Op = ("caught", "boom")
_RETURNS_0: Op = ("value", ("slot", 0))

#: A program for each difference that Twisted's source can be changed to have.
SHOWN: dict[str, list[Op]] = {
    "pausing inside a callback": [
        _NEW,
        _add(0, ("call", ATTACHED, "pause"), _add(ATTACHED)),
        ("fire", 0, 1),
    ],
    "unpausing what is not paused": [_NEW, ("call", 0, "unpause")],
    "waiting in a circle": [_NEW, _add(0, end=_RETURNS_0), ("fire", 0, 1)],
    "waiting for what is on its way": [
        _NEW,
        _add(0, ("succeed", 1, None), _add(1, end=_RETURNS_0), _add(1), end=("value", 2)),
        ("fire", 0, 1),
    ],
    "cancelling inside the canceller": [
        ("new", 0, None, _does(("call", ATTACHED, "cancel"))),
        ("call", 0, "cancel"),
    ],
    "a canceller that panics": [("new", 0, None, _does(end=("raise", "boom"))), ("call", 0, "cancel")],
    "cancelling a coroutine": [_NEW, ("start", 1, "ensure", _awaiting(0)), ("call", 1, "cancel")],
    "cancelling a list": [
        ("succeed", 0, 1),
        ("call", 0, "pause"),
        ("deferred_list", 1, [0], (False, False, False)),
        ("call", 1, "cancel"),
        ("look", 1),
        ("take", 1, "__await__"),
    ],
    "failures in a list": [("fail", 0, _BOOM), ("deferred_list", 1, [0], (False, False, False))],
    "a list or race without input": [("race", 0, [])],
    "late results of a race": [
        ("succeed", 0, 1),
        ("call", 0, "pause"),
        ("race", 1, [0]),
        ("call", 1, "cancel"),
        ("call", 0, "unpause"),
    ],
    "a failure that is refused": [
        _NEW,
        ("fire", 0, 1),
        ("fail", 1, _BOOM),
        ("chain", 1, 0),
    ],
    "adding after chain_deferred": [
        _NEW,
        ("new", 1, None, None),
        _add(0, _add(1)),
        ("chain", 1, 0),
        ("fire", 1, 1),
    ],
    "a permit that is released at once": [
        ("acquire", 0, "lock"),
        ("run_with", 1, "lock", _does(_add(1), ("holding", 2, "lock", ([], ("argument",)))), 0),
        ("release", "lock"),
    ],
    "dropping what a queue was asked for": [("pull", 0), ("drop", 0), ("put", 1), ("state_of", "queue")],
}

#: A program for each of the others, with the lines of its last step and the reports, first those of Twisted.
#: In random programs nothing is abandoned or left behind a pause before the end.
OTHERS: dict[str, tuple[list[Op], Seen, Seen]] = {
    "dropping the last trigger": (
        [_NEW, _add(0), ("deferred_list", 1, [0], (False, False, False)), ("forget", 0)],
        Seen([["forget"]], []),
        Seen([["c1 called with failure Abandoned", "forget"]], []),
    ),
    "a failure behind a pause": (
        [_NEW, ("call", 0, "pause"), ("errback", 0, _BOOM), ("forget", 0)],
        Seen([["forget"]], []),
        Seen([["forget"]], ["boom1"]),
    ),
}


@pytest.fixture(scope="session")
def executable() -> str:
    """Give the interpreter. Where it cannot be built, the tests fail: without it nothing is compared."""
    return crate.build()


@pytest.fixture
def interpreter(executable: str) -> Iterator[Interpreter]:
    """Give a process that runs programs on the crate."""
    with Interpreter(executable) as running:
        yield running


def _program(ops: list[Op]) -> Program:
    return {"watch": 0, "ops": ops}


def test_random_programs_do_the_same_on_twisted_and_in_rust(executable: str, tmp_path: Path) -> None:
    """Stock and ours do the same, and the crate does what Twisted with the documented changes does."""
    found = run_all(["tests.differential.crate", "--interpreter", executable], PROGRAMS, tmp_path)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_is_what_its_change_says(name: str, interpreter: Interpreter) -> None:
    """The crate differs from stock Twisted, and no more if Twisted has this change."""
    program = _program(SHOWN[name])
    seen = interpreter.run(program)
    stock = run(apis.load("stock"), program)
    assert run(apis.load("ours"), program) == stock
    assert seen != stock
    assert run(load(), program) == seen
    assert run(load(without={name}), program) != seen


@pytest.mark.parametrize("name", OTHERS)
def test_a_difference_that_only_rust_can_have_is_as_documented(name: str, interpreter: Interpreter) -> None:
    """Nothing comes of it on Twisted, and what is documented on the crate."""
    ops, in_python, in_rust = OTHERS[name]
    runs = [run(apis.load(api), _program(ops)) for api in apis.NAMES]
    for seen, expected in (*((seen, in_python) for seen in runs), (interpreter.run(_program(ops)), in_rust)):
        assert (seen.steps[-1:], seen.reports) == (expected.steps, expected.reports)


def test_the_documentation_names_each_difference() -> None:
    """The table of differences has a row for each, and no other."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [*DIFFERENCES, *OTHERS]


@pytest.mark.parametrize("mistake", ["sides", "pauses", "flags", "order"])
def test_rules_that_change_places_are_found(mistake: str, executable: str) -> None:
    """An interpreter that swaps two rules does not do the same."""
    with Interpreter(executable, mistake) as wrong:
        assert search(Comparison(wrong), 0, 1000, shrinks=False) is not None


@pytest.mark.parametrize("name", ["a canceller that panics", "waiting in a circle", "failures in a list"])
def test_a_difference_that_is_left_out_is_found(name: str, interpreter: Interpreter) -> None:
    """The random programs meet the differences: without its change they do not do the same."""
    assert search(Comparison(interpreter, frozenset({name})), 0, 1000, shrinks=False) is not None


def test_a_found_mistake_is_reduced_and_printed(executable: str) -> None:
    """The smallest program is printed, with both sides of the difference."""
    with Interpreter(executable, "sides") as wrong:
        found = search(Comparison(wrong), 0, 200)
        assert found is not None
        assert len(found.program["ops"]) <= 4
        assert "crate: " in str(found)
        assert "changed: " in str(found)
        again = from_text(to_text(found.program))
        assert wrong.run(again) == found.runs[1]


def test_without_cargo_the_tests_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has no cargo hears of it."""
    monkeypatch.setattr(crate, "CARGO", "no-such-cargo")
    with pytest.raises(FileNotFoundError, match="no-such-cargo"):
        crate.build()
