"""`deferrous top`: what the keys do, and a real terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from typing import Any

import pytest
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


class Terminal:
    """A terminal of some kind, in which a Python program runs."""

    def __init__(self, kind: str | None, source: str) -> None:
        self.seen = b""
        self.child, self._terminal = pty.fork()
        if self.child == 0:
            os.environ.pop("TERM", None)
            if kind is not None:
                os.environ["TERM"] = kind
            os.execv(sys.executable, [sys.executable, "-c", source])

    def wait_for(self, text: bytes) -> None:
        deadline = time.monotonic() + 60
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self._terminal], [], [], 0.2)[0]:
                self.seen += os.read(self._terminal, 65536)

    def press(self, key: bytes) -> None:
        os.write(self._terminal, key)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is not None:
            os.kill(self.child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        os.close(self._terminal)
        assert error is not None or status == 0


@pytest.mark.parametrize("kind", ["xterm", "vt100", "screen"])
def test_a_terminal_shows_it_and_is_left_in_order(kind: str) -> None:
    """A vt100 has no colours."""
    with Terminal(kind, SHOW) as terminal:
        terminal.wait_for(b"view ps")
        terminal.press(b"t")
        terminal.wait_for(b"tree")
        terminal.press(b"q")
        terminal.wait_for(b"ended well")


@pytest.mark.parametrize("kind", ["dumb", "unknown", "no such terminal", "", None])
def test_a_terminal_that_cannot_be_drawn_on_is_told_in_one_line(kind: str | None) -> None:
    source = """
from deferrous.inspect import _commands, _client
_client.ask = lambda *_, **__: {}
status = _commands.run("top", ["1"])
print("status", status)
"""
    with Terminal(kind, source) as terminal:
        terminal.wait_for(b"status 1")
        line = terminal.seen.decode().partition("status 1")[0]
    assert re.fullmatch(
        rf"deferrous top: this terminal \(TERM is {kind or 'not set'}\) "
        r"(is not known here|cannot move its cursor): "
        r"set TERM to what it is, or use deferrous ps\r\n",
        line,
    ), line
