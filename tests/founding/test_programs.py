"""The programs of the founding document print the same on stock Twisted and on ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.children import python

PROGRAMS = sorted(path for path in Path(__file__).parent.glob("*.py") if "test_" not in path.name)
PROGRAMS = [path for path in PROGRAMS if path.name != "__init__.py"]
#: Times, which are never the same.
SECONDS = re.compile(r"\d+\.\d+ seconds")


def fibonacci(number: int) -> int:
    """Give a Fibonacci number."""
    first, second = 0, 1
    for _ in range(number - 1):
        first, second = second, first + second
    return second


def printed(*command: str) -> str:
    """Run a program, which has to end well and in silence, and give what it prints."""
    done = python(*command, cwd=Path(__file__).parents[2])
    assert (done.status, done.err) == (0, "")
    return SECONDS.sub("SOME seconds", done.out)


def test_all_programs_of_the_document_are_tested() -> None:
    """The document has two ways to a Fibonacci number, one to a user, and a pause."""
    names = [path.stem for path in PROGRAMS]
    assert names == ["fibonacci_blocking", "fibonacci_thread", "pausing", "valid_user"]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_programs_print_the_same_on_both(program: Path) -> None:
    """Not a word is different."""
    on_stock = printed(str(program))
    assert on_stock
    assert printed("-m", "deferrous", "run", str(program)) == on_stock


@pytest.mark.parametrize("run", [[], ["-m", "deferrous", "run"]], ids=["stock", "ours"])
def test_programs_print_their_results_in_order(run: list[str]) -> None:
    """The number is right, and the blocking program does its work before the callback is added."""
    folder = Path(__file__).parent
    blocking = printed(*run, str(folder / "fibonacci_blocking.py")).splitlines()
    assert len(blocking) == 103
    assert blocking[100:102] == [
        "Total time taken for largeFibonnaciNumber call: SOME seconds",
        "Adding the callback now.",
    ]
    assert blocking[102] == f"The 10000th Fibonacci number is {fibonacci(10000)}"
    threaded = printed(*run, str(folder / "fibonacci_thread.py")).splitlines()
    assert threaded == [
        "1st line after the addition of the callback",
        "2nd line after the addition of the callback",
        f"largeFibonnaciNumber result = {fibonacci(10000)}",
    ]
    users = printed(*run, str(folder / "valid_user.py")).splitlines()
    assert users == [
        *["Alice is a valid user"] * 2,
        *["Bob is not a valid user"] * 2,
        "error: Carol cannot be looked up",
    ]
    paused = printed(*run, str(folder / "pausing.py")).splitlines()
    assert paused[1:3] == ["all callbacks have been added", "callback 0 got ready, unpaused"]
    assert paused[-2:] == ["called back, and nothing has run", "paused before firing got fired"]


@pytest.mark.parametrize(
    ("run", "reactor"),
    [
        ([], "twisted.internet.epollreactor.EPollReactor"),
        (["-m", "deferrous", "run"], "deferrous.reactor.DeferrousReactor"),
    ],
    ids=["stock", "ours"],
)
def test_make_demo_names_the_reactor_of_each_program(run: list[str], reactor: str) -> None:
    """As `make demo` says of each program: the one with a thread has a reactor, and the others have none."""
    for program in PROGRAMS:
        said = printed(*run, "-m", "tests.reactors.which", str(program)).splitlines()[-1]
        assert said == (f"(reactor: {reactor})" if program.stem == "fibonacci_thread" else "(no reactor)")
