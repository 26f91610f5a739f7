"""The line of a stall, for measurements that a test makes up: each cause is told by its own words."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import Any

import pytest
from deferrous.inspect import _stall_causes, _stall_text
from deferrous.inspect._stall_stacks import Taken


def here() -> Any:
    """Return the frame of a function of this file."""
    return sys._getframe()


def line(waited: float = 0.005, calls: int = 1, **measured: Any) -> str:
    """Return the line of a stall of 100 ms, of which something was measured."""
    began = time.monotonic() - 0.1
    raw: dict[str, Any] = {
        "number": 7,
        "began": began,
        "took": 0.1,
        "measured": 0.1,
        "processor": 0.0,
        "starved": 0.0,
        "interpreter": 0.0,
        "asleep": [],
        "collector": 0.0,
        "collections": 0,
        "disk": False,
        "kind": 2,
        "others": [],
        "called": [{"kind": "timer", "name": "tick", "file": "/app.py", "line": 3}],
        "calls": calls,
        **measured,
    }
    taken = Taken(7)
    taken.waited = waited
    taken.add(here(), began, began + 0.05)
    stall = _stall_causes.describe(raw, taken, over=True)
    text: str = stall["text"]
    return re.sub(r"\([^ ()]*test_stall_lines.py:\d+\)", "(FILE)", text)


#: How a line ends about what was called and where it was.
END = "Called: timer tick (/app.py:3). Stacks: here (FILE) 100%."


def test_computing() -> None:
    assert line(processor=0.09, starved=0.01) == (
        "The reactor stood still for 100 ms: it computed in here (FILE). Processor 90 ms, garbage collector "
        f"0, waiting for the interpreter 0, without a processor 10 ms, asleep 0. {END}"
    )


def test_a_function_of_c() -> None:
    found = line(processor=0.1, waited=0.08)
    assert ": it computed in here (FILE), in a function of C that let no other thread run. Processor" in found


def test_collecting() -> None:
    found = line(processor=0.1, collector=0.08, collections=3)
    assert (
        ": Python collected garbage 3 times, begun in here (FILE). Processor 100 ms, garbage collector 80 ms,"
        in found
    )


def test_sleeping() -> None:
    found = line(asleep=[(61 if os.uname().machine == "x86_64" else 260, 0.1)])
    assert ": it slept in the system call wait4() in here (FILE). " in found
    assert "asleep 100 ms." in found


def test_a_disk() -> None:
    assert ": it waited for a disk, uninterruptibly, in fsync() in here (FILE). " in line(
        disk=True, asleep=[(74 if os.uname().machine == "x86_64" else 82, 0.1)]
    )


def test_a_lock() -> None:
    futex = 202 if os.uname().machine == "x86_64" else 98
    assert ": it waited for a lock (futex) in here (FILE). " in line(asleep=[(futex, 0.1)])


def test_a_sleep_that_the_system_does_not_name() -> None:
    assert ": it slept in here (FILE). " in line(asleep=[(None, 0.1)])


def test_the_interpreter() -> None:
    found = line(interpreter=0.09, others=[(1 << 30, 0.09)])
    assert ": it waited for the interpreter, used by a thread of other code (1073741824). " in found
    assert "waiting for the interpreter 90 ms," in found


def test_a_busy_machine() -> None:
    found = line(processor=0.02, starved=0.08)
    assert re.search(
        r": the machine was too busy to give it a processor \(load \d+\.\d, \d+ processors?\), "
        r"while it computed in here \(FILE\)\. ",
        found,
    )


def test_nothing_seen() -> None:
    found = line(processor=None, starved=None, measured=0.0)
    assert found == (
        "The reactor stood still for 100 ms: nobody saw why in here (FILE), as the watchdog got no processor "
        f"either, or the system tells nothing. {END}"
    )


@pytest.mark.parametrize(("calls", "told"), [(1, ""), (2, ", and 1 more call"), (9, ", and 8 more calls")])
def test_more_calls(calls: int, told: str) -> None:
    told = told and f"{told} in the same turn"
    assert f"Called: timer tick (/app.py:3){told}." in line(processor=0.1, calls=calls)


def test_the_command_lists_stalls_with_their_stacks_and_the_one_that_goes_on() -> None:
    frames = [{"name": f"f{depth}", "file": "/app.py", "line": depth} for depth in range(1, 9)]
    stall = {"at": 0.0, "text": "The text.", "stacks": [{"share": 0.75, "frames": frames}]}
    told: dict[str, Any] = {
        "threshold": 0.05,
        "now": {**stall, "stacks": []},
        "recent": [stall],
        "left_out": 3,
        "note": None,
    }
    lines = _stall_text.answer(told)
    assert lines[0] == "4 turns of the reactor took longer than 50 ms; the last 1:"
    assert lines[2].endswith("  The text.")
    assert lines[3] == (
        "      75%  f1 (/app.py:1) < f2 (/app.py:2) < f3 (/app.py:3) < f4 (/app.py:4) < f5 (/app.py:5) < "
        "f6 (/app.py:6) < 2 more"
    )
    assert lines[5:] == ["Now: The text."]


def test_the_command_says_that_there_was_none() -> None:
    told: dict[str, Any] = {"threshold": 0.05, "now": None, "recent": [], "left_out": 0, "note": None}
    assert _stall_text.answer(told) == ["No turns of the reactor took longer than 50 ms"]


def test_the_command_says_that_nothing_is_watched() -> None:
    told: dict[str, Any] = {
        "threshold": None,
        "now": None,
        "recent": [],
        "left_out": 0,
        "note": "Not watched.",
    }
    assert _stall_text.answer(told) == ["Not watched."]


def test_stacks_of_another_turn_are_not_shown() -> None:
    assert "Stacks" not in line(processor=0.1, number=8)
    assert ": it computed in tick (/app.py:3). " in line(processor=0.1, number=8)
