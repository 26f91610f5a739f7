"""`deferrous top PID`: what a program waits for, live, in a terminal.

It asks again every few seconds and shows what `ps`, `pstree`, `why` and `stalls` print. It is Python because
Python's `curses` draws on the terminal.
"""

from __future__ import annotations

import contextlib
import curses
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deferrous.inspect._protocol import InspectError
from deferrous.inspect._select import select

#: The keys of the views, and the commands that they show.
VIEWS = {"p": "ps", "t": "pstree", "w": "why", "s": "stalls"}

#: The columns by which `ps` sorts, in the order of the keys < and >.
ORDERS = ("count", "oldest", "youngest", "kind", "name", "place", "waits")

HELP = "p ps  t tree  w why  s stalls  < > sort  / filter  space pause  + - interval  q quit"

#: Seconds between two questions, at least and at most. Each is a look at all objects of the program.
SHORTEST, LONGEST = 1.0, 60.0

Ask = Callable[[dict[str, Any]], dict[str, Any]]
Render = Callable[[dict[str, Any]], str]


@dataclass
class Top:
    """What is shown, and what the keys do to it. It knows no terminal, so that tests need none."""

    ask: Ask
    render: Render
    view: str = "ps"
    sort: int = 0
    name: str = ""
    interval: float = 2.0
    paused: bool = False
    #: The first line that is shown, and the filter that is being typed.
    first: int = 0
    typing: str | None = None
    lines: list[str] = field(default_factory=list)
    problem: str = ""

    def look(self) -> None:
        """Ask the program. If it does not answer, the last answer stays, and the reason is shown."""
        try:
            answer = select(self.ask({"command": self.view}), name=self.name or None, sort=ORDERS[self.sort])
        except InspectError as error:
            self.problem = str(error)
        else:
            self.lines = self.render(answer).splitlines()
            self.problem = ""

    def press(self, key: str) -> bool:
        """Do what a key means.

        Args:
            key: the character, or the name that curses has for the key.

        Returns:
            whether the program is to be asked at once.
        """
        if self.typing is not None:
            return self._type(key)
        if key in VIEWS:
            self.view, self.first = VIEWS[key], 0
            return True
        if key in ("<", ">"):
            self.sort = (self.sort + (1 if key == ">" else -1)) % len(ORDERS)
            return True
        if key in ("+", "-"):
            factor = 0.5 if key == "+" else 2
            self.interval = min(LONGEST, max(SHORTEST, self.interval * factor))
        elif key == " ":
            self.paused = not self.paused
        elif key == "/":
            self.typing = self.name
        else:
            self._scroll(key)
        return False

    def _type(self, key: str) -> bool:
        """Type at the filter. Enter takes it, Escape leaves the old one."""
        assert self.typing is not None
        if key in ("\n", "\r", "KEY_ENTER"):
            self.name, self.typing, self.first = self.typing, None, 0
            return True
        if key == "\x1b":
            self.typing = None
        elif key in ("KEY_BACKSPACE", "\x7f", "\b"):
            self.typing = self.typing[:-1]
        elif len(key) == 1 and key.isprintable():
            self.typing += key
        return False

    def _scroll(self, key: str) -> None:
        steps = {"KEY_DOWN": 1, "j": 1, "KEY_UP": -1, "k": -1, "KEY_NPAGE": 20, "KEY_PPAGE": -20}
        ends = {"KEY_HOME": 0, "g": 0, "KEY_END": len(self.lines), "G": len(self.lines)}
        to = ends.get(key, self.first + steps.get(key, 0))
        self.first = max(0, min(to, len(self.lines) - 1))

    def screen(self, height: int, width: int) -> list[str]:
        """Return the lines of the screen.

        Args:
            height: how many lines there is room for.
            width: how many characters a line has.
        """
        state = "paused" if self.paused else f"every {self.interval:g} s"
        about = f"deferrous top: {self.view}"
        if self.view == "ps":
            about += f" by {ORDERS[self.sort]}"
        if self.name:
            about += f", names with {self.name!r}"
        foot = HELP if self.typing is None else f"names with: {self.typing}_"
        if self.problem:
            foot = self.problem
        room = max(0, height - 2)
        body = self.lines[self.first : self.first + room]
        body += [""] * (room - len(body))
        return [line[: max(0, width - 1)] for line in (f"{about}, {state}", *body, foot)][:height]


def show(top: Top) -> None:
    """Show it in this terminal until the user ends it by q or Ctrl-C.

    Args:
        top: what is shown.

    Raises:
        InspectError: this is no terminal that can be drawn on.
    """
    _check_terminal()
    try:
        curses.wrapper(_loop, top)
    except KeyboardInterrupt:
        return


def _check_terminal() -> None:
    """Check that something can be drawn anywhere on this terminal.

    Raises:
        InspectError: it cannot.
    """
    name = os.environ.get("TERM") or "not set"
    try:
        curses.setupterm()
    except curses.error:
        problem = "is not known here"
    else:
        # Curses would end the process.
        problem = "" if curses.tigetstr("cup") and curses.tigetstr("clear") else "cannot move its cursor"
    if problem:
        raise InspectError(
            f"this terminal (TERM is {name}) {problem}: set TERM to what it is, or use deferrous ps"
        )


def _loop(window: curses.window, top: Top) -> None:
    with contextlib.suppress(curses.error):
        # A terminal without colours has its own anyway.
        curses.use_default_colors()
    window.timeout(100)
    next_look = 0.0
    while True:
        if not top.paused and time.monotonic() >= next_look:
            top.look()
            next_look = time.monotonic() + top.interval
        _draw(window, top)
        try:
            key = window.get_wch()
        except curses.error:
            # No key was pressed in time.
            continue
        name = key if isinstance(key, str) else curses.keyname(key).decode()
        if name == "q" and top.typing is None:
            return
        if top.press(name):
            next_look = 0.0


def _draw(window: curses.window, top: Top) -> None:
    height, width = window.getmaxyx()
    window.erase()
    lines = top.screen(height, width)
    for at, line in enumerate(lines):
        style = curses.A_REVERSE if at in (0, height - 1) else curses.A_NORMAL
        window.addnstr(at, 0, line.ljust(width - 1), width - 1, style)
    window.refresh()
