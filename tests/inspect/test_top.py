"""`deferrous top`: what the keys do, and a real terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

from deferrous.inspect._top import Top

LINES = [f"line {number}" for number in range(50)]


class Program:
    """What is asked."""

    def __init__(self) -> None:
        self.requests: list[Mapping[str, Any]] = []
        self.problem: str | None = None

    def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.requests.append(request)
        if self.problem is not None:
            raise OSError(self.problem)
        return {"text": "\n".join(LINES)}


def made() -> tuple[Top, Program]:
    program = Program()
    top = Top(program, lambda answer: str(answer["text"]))
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
    assert program.requests[-1] == {"command": "ps", "sort": "oldest"}
    assert top.press("<")
    assert top.press("<")
    top.look()
    assert program.requests[-1] == {"command": "ps", "sort": "waits_for"}
    for key, view in {"t": "pstree", "w": "why", "s": "stalls"}.items():
        assert top.press(key)
        top.look()
        assert program.requests[-1] == {"command": view}


def test_a_filter_is_typed_and_taken() -> None:
    top, program = made()
    for key in ("/", "f", "q", "KEY_BACKSPACE", "o"):
        assert not top.press(key)
    assert top.screen(5, 40)[-1] == "names with: fo_"
    assert top.press("\n")
    top.look()
    assert program.requests[-1] == {"command": "ps", "sort": "count", "name": "*fo*"}
    for key in ("/", "x", "\x1b"):
        assert not top.press(key)
    assert top.name == "fo"


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
show(Top(lambda request: {"text": "view " + request["command"]}, lambda answer: answer["text"]))
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
