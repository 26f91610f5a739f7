"""A process in which a program hangs, and what `ps`, `pstree` and `why` say of it.

Its command is ``python -m tests.inspect.hang REACTOR PROGRAM``. It prints the answers as one line of JSON
as soon as they name the line of the program that is marked as the culprit, or when it is given up.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.children import PATIENCE
from tests.reactors import INSTALLERS

#: What the line has at its end that keeps the program from going on.
MARK = "# culprit"


def culprits(program: Path) -> list[str]:
    """Return the lines of a program that are marked, as FILE:LINE."""
    lines = program.read_text("utf-8").splitlines()
    return [f"{program.name}:{number}" for number, line in enumerate(lines, 1) if line.endswith(MARK)]


def ask() -> dict[str, Any]:
    """Ask this process, as the thread does that answers the commands."""
    from deferrous.inspect import _report
    from deferrous.inspect._threads import threads_now

    commands = ("ps", "pstree", "why")
    # What answers goes through JSON, as it does on its way to the command.
    requests = ({"command": command, "threads": threads_now()} for command in commands)
    found: dict[str, Any] = json.loads(json.dumps({r["command"]: _report.answer(r) for r in requests}))
    return found


def watch(program: Path) -> None:
    """Ask until the answers name the culprit, print them, and end the process."""
    from deferrous.inspect._text import render

    deadline = time.monotonic() + PATIENCE / 4
    while True:
        time.sleep(0.2)
        answers = ask()
        texts = {command: render(answer) for command, answer in answers.items()}
        # A thread that keeps the process is in no tree.
        said = texts["ps"] + texts["pstree"], texts["why"]
        named = all(line in text for line in culprits(program) for text in said)
        if named or time.monotonic() > deadline:
            print(json.dumps({"texts": texts, "answers": answers}), flush=True)
            os._exit(0)


def main(reactor: str, program: str) -> None:
    """Install a reactor, and run a program."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    installer, function = INSTALLERS[reactor]
    getattr(importlib.import_module(installer), function)()
    # A program that waits for its threads at the end would not wait for this one.
    threading.Thread(target=watch, args=(Path(program),), daemon=True).start()
    sys.argv = [program]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
