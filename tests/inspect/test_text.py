"""The tables and trees as text: what somebody reads who is tired."""

from __future__ import annotations

from typing import Any

import pytest
from deferrous.inspect import _report
from deferrous.inspect._durations import in_words
from deferrous.inspect._text import Shortener, render


@pytest.mark.parametrize(
    ("time", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12, "12 s"), (75, "1 min 15 s"), (3600, "1 h"), (200000, "2 d 7 h")],
)
def test_times_have_at_most_two_units(time: float, text: str) -> None:
    assert in_words(time) == text


def test_paths_are_relative_to_the_program_or_to_packages() -> None:
    shorten = Shortener("/srv/app")
    assert shorten.place({"file": "/srv/app/server.py", "line": 3}) == "server.py:3"
    assert (
        shorten.place({"file": "/v/lib/python3.13/site-packages/twisted/a.py", "line": 1}) == "twisted/a.py:1"
    )
    assert shorten.place({"file": "", "line": 0}) == ""


def answer(**parts: Any) -> dict[str, Any]:
    """Return an answer with a heading."""
    heading = {
        "pid": 4711,
        "program": "app.py",
        "python": "3.13.0",
        "twisted": "26.10.0",
        "reactor": "EPollReactor",
    }
    return {**heading, "directory": "/srv", "records": False, **parts}


def test_nothing_outstanding_is_said_in_one_line() -> None:
    text = render(answer(command="ps", rows=[]))
    assert text.splitlines()[1:] == [
        "0 outstanding, in 0 rows (ages are not recorded: start the program with DEFERROUS_INSPECT=1)"
    ]
    assert render(answer(command="pstree", trees=[])).splitlines()[1:] == ["nothing waits for anything"]


def test_a_tree_shows_counts_places_and_ages() -> None:
    leaf = {
        "kind": "timer",
        "name": "tick",
        "file": "",
        "line": 0,
        "age": None,
        "count": 1,
        "note": "due in 2 s",
    }
    root = {"kind": "coroutine", "name": "main", "file": "/srv/a.py", "line": 7, "age": 61.0, "count": 2000}
    tree = {**root, "note": "", "waits_for": [{**leaf, "waits_for": []}, {**leaf, "waits_for": []}]}
    lines = render(answer(command="pstree", trees=[tree])).splitlines()
    assert lines[2] == "2,000 x coroutine main  a.py:7  1 min 1 s old"
    assert lines[3:] == ["├─ timer tick  due in 2 s", "└─ timer tick  due in 2 s"]


def test_an_unknown_command_is_refused() -> None:
    with pytest.raises(ValueError, match="no command 'dance'"):
        _report.answer({"command": "dance"})
