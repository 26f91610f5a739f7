"""The commands `deferrous ps`, `pstree`, `why`, `stalls`, `top` and `web`.

They print what the program sends, which has the text's parts and no text: see `_text.py`. They are Python
because they only ask and print.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from deferrous.inspect import _client
from deferrous.inspect._durations import seconds_of
from deferrous.inspect._printable import printable_lines
from deferrous.inspect._protocol import InspectError
from deferrous.inspect._select import COLUMNS, select

#: What each command is for.
PURPOSES = {
    "ps": "List what is outstanding in a running program, like things in one row.",
    "pstree": "Show what waits for what in a running program, down to what has to happen.",
    "why": "Say what keeps a running program from ending.",
    "stalls": "List what has blocked a running program's reactor, and what blocks it now.",
    "top": "Show live in this terminal what ps, pstree, why and stalls print.",
    "web": "Show live on a page in the browser what a program waits for, and how its reactor is doing.",
}

#: The commands that print one answer.
PRINTING = ("ps", "pstree", "why", "stalls")

_EPILOG = """\
The program answers if it was started with DEFERROUS_INSPECT=1 or has called deferrous.inspect.enable(). Any
program on CPython 3.14 or later does, if the system allows this user to attach to it. Values of results and
arguments are never shown.
"""


def duration(text: str) -> float:
    """Return the seconds of a duration such as 30s, 50ms, 2m, 1.5h or 1d. A number alone means seconds.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    seconds = seconds_of(text, ("ms", "s", "m", "h", "d", ""))
    if seconds is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: say 50ms, 30s, 2m, 1.5h or 1d")
    return seconds


def process_id(text: str) -> int:
    """Return a process's number.

    Raises:
        argparse.ArgumentTypeError: it cannot be one.
    """
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is no process: PID is a number")
    return int(text)


def parser(command: str) -> argparse.ArgumentParser:
    """Return what reads the command line of a command."""
    made = argparse.ArgumentParser(
        prog=f"deferrous {command}",
        description=PURPOSES[command],
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("pid", type=process_id, metavar="PID", nargs="?", help="the process of the program")
    if command in ("ps", "pstree"):
        made.add_argument(
            "--older", type=duration, metavar="AGE", help="only what is older, such as 30s or 5m"
        )
        made.add_argument(
            "--name", metavar="PATTERN", help="only what has this in its name; * and ? as in a shell"
        )
    if command == "ps":
        made.add_argument("--sort", choices=COLUMNS, metavar="COLUMN", help=f"by {', '.join(COLUMNS)}")
    if command in PRINTING:
        made.add_argument("--json", action="store_true", help="print the answer as JSON")
    if command == "web":
        made.add_argument("--port", type=int, metavar="PORT", default=0, help="serve the page there")
    made.add_argument(
        "--timeout",
        type=duration,
        metavar="TIME",
        default=_client.TIMEOUT,
        help="wait so long for the answer",
    )
    made.add_argument("--no-attach", action="store_true", help="do not make a program listen that does not")
    return made


def run(command: str, arguments: Sequence[str]) -> int:
    """Run a command.

    Args:
        command: its name.
        arguments: the command line after it.

    Returns:
        the exit status: 0 if the program has answered, 1 if not, 2 if the command line is wrong, and 130
        after Ctrl-C.
    """
    reader = parser(command)
    options = reader.parse_args(arguments)
    if options.pid is None:
        reader.print_usage(sys.stderr)
        _tell(f"deferrous {command}: {_which()}")
        return 2

    def ask(asked: dict[str, Any], tell: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
        attach = not options.no_attach
        try:
            return _client.ask(options.pid, asked, timeout=options.timeout, attach=attach, tell=tell)
        except InspectError as error:
            raise InspectError(printable_lines(str(error))) from None

    try:
        if command in PRINTING:
            answer = ask({"command": command}, _tell)
            return _print(select(answer, **selection(options)), options.json)
        # The first answer says what is wrong, if something is.
        ask({"command": "stalls"}, _tell)
        return _show_top(ask) if command == "top" else _serve_page(ask, options.port)
    except InspectError as error:
        _tell(f"deferrous {command}: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _show_top(ask: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """Show answers in this terminal until the user ends it.

    Returns:
        the exit status.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InspectError("this is no terminal: deferrous ps prints the same once")
    try:
        from deferrous.inspect._top import Top, show
    except ImportError as error:
        raise InspectError(f"this Python cannot draw on terminals ({error}): use deferrous ps") from None
    from deferrous.inspect._text import render

    show(Top(ask, render))
    return 0


def _serve_page(ask: Callable[[dict[str, Any]], dict[str, Any]], port: int) -> int:
    """Serve the page until Ctrl-C.

    Returns:
        the exit status.
    """
    from deferrous.inspect._web import Page

    try:
        page = Page(ask, port)
    except (OSError, OverflowError) as error:
        _tell(f"deferrous web: port {port} cannot be used: {error}")
        return 1
    with page:
        print(f"{page.address}\nCtrl-C ends it.", flush=True)
        page.serve_forever()
    return 0


def selection(options: argparse.Namespace) -> dict[str, Any]:
    """Return what of the answer is asked for, as arguments of `select`."""
    return {name: getattr(options, name, None) for name in ("older", "name", "sort")}


def _tell(text: str) -> None:
    """Print a text for people, apart from the answer."""
    print(printable_lines(text), file=sys.stderr, flush=True)


def _which() -> str:
    """Ask for a process, and name those that can be asked."""
    found = _client.listening()
    if not found:
        return "which program? No program of this user listens."
    programs = "".join(f"\n  {pid:>7}  {_client.name_of(pid)}" for pid in found)
    return f"which program? These listen:{programs}"


def _print(answer: dict[str, Any], as_json: bool) -> int:
    """Print an answer.

    Returns:
        the exit status.
    """
    try:
        if as_json:
            print(json.dumps(answer, indent=2))
        else:
            from deferrous.inspect._text import render

            print(render(answer).rstrip("\n"))
        if answer.get("in_process"):
            _tell("(answered in the process itself, which was slowed down meanwhile)")
        sys.stdout.flush()
    except BrokenPipeError:
        # As in `deferrous ps PID | head`. Python would complain at its end, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
