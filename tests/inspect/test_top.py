"""`deferrous top`: what the keys do, and a real terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time
from typing import Any

from deferrous.inspect import InspectError
from deferrous.inspect._top import Top

LINES = [f"line {number}" for number in range(50)]
#: The last one is the most frequent but one.
NAMES = [*((line, 1) for line in LINES[1:]), (LINES[0], 9)]
ROW = {"kind": "deferred", "file": "", "line": 0, "waits_for": "", "oldest": None, "youngest": None}


class Program:
    """What is asked."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.problem: str | None = None

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        if self.problem is not None:
            raise InspectError(self.problem)
        return {"rows": [dict(ROW, name=name, count=count) for name, count in NAMES]}


def made() -> tuple[Top, Program]:
    program = Program()
    top = Top(program, lambda answer: "\n".join(row["name"] for row in answer["rows"]))
    top.look()
    return top, program


def test_the_screen_has_the_answer_and_never_more_than_the_terminal() -> None:
    top, _program = made()
    screen = top.screen(10, 40)
    assert len(screen) == 10
    assert screen[0] == "deferrous top: ps by count, every 2 s"
    assert screen[1:9] == LINES[:8]
    for height in range(4):
        for width in range(4):
            assert len(top.screen(height, width)) <= height
            assert all(len(line) < max(width, 1) for line in top.screen(height, width))


def test_keys_choose_the_view_and_the_column() -> None:
    top, program = made()
    assert top.press(">")
    top.look()
    assert program.requests[-1] == {"command": "ps"}
    assert top.screen(4, 60)[:2] == ["deferrous top: ps by oldest, every 2 s", "line 1"]
    assert top.press("<")
    assert top.press("<")
    top.look()
    assert top.screen(4, 60)[0] == "deferrous top: ps by waits, every 2 s"
    for key, view in {"t": "pstree", "w": "why", "s": "stalls"}.items():
        assert top.press(key)
        top.look()
        assert program.requests[-1] == {"command": view}


def test_a_filter_is_typed_and_taken() -> None:
    top, _program = made()
    for key in ("/", "4", "q", "KEY_BACKSPACE", "9"):
        assert not top.press(key)
    assert top.screen(5, 40)[-1] == "names with: 49_"
    assert top.press("\n")
    top.look()
    assert top.screen(4, 60)[1:3] == ["line 49", ""]
    for key in ("/", "x", "\x1b"):
        assert not top.press(key)
    assert top.name == "49"


def test_scrolling_stays_within_the_lines() -> None:
    top, _program = made()
    for key, first in [
        ("KEY_DOWN", 1),
        ("KEY_NPAGE", 21),
        ("KEY_END", 49),
        ("KEY_DOWN", 49),
        ("KEY_HOME", 0),
        ("KEY_UP", 0),
    ]:
        top.press(key)
        assert top.first == first


def test_the_interval_has_bounds() -> None:
    top, _program = made()
    for _ in range(10):
        top.press("+")
    assert top.interval == 1.0
    for _ in range(10):
        top.press("-")
    assert top.interval == 60.0


def test_a_program_that_does_not_answer_is_said_and_its_last_answer_stays() -> None:
    top, program = made()
    program.problem = "process 42 has ended"
    top.look()
    screen = top.screen(10, 40)
    assert screen[1] == "line 0"
    assert screen[-1] == "process 42 has ended"


SHOW = """
from deferrous.inspect._top import Top, show
show(Top(lambda request: {"view": "view " + request["command"]}, lambda answer: answer["view"]))
print("ended well")
"""


def test_a_terminal_shows_it_and_is_left_in_order() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-c", SHOW])
    seen = b""

    def wait_for(text: bytes) -> None:
        nonlocal seen
        deadline = time.monotonic() + 60
        while text not in seen:
            assert time.monotonic() < deadline, seen
            if select.select([terminal], [], [], 0.2)[0]:
                seen += os.read(terminal, 65536)

    try:
        wait_for(b"view ps")
        os.write(terminal, b"t")
        wait_for(b"tree")
        os.write(terminal, b"q")
        wait_for(b"ended well")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(terminal)
