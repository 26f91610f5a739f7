"""The reactors that one test is run on, in processes of their own: a process has one, and runs it once.

``epoll`` is stock Twisted. By it tests are tested: what a test says of a reactor has to be so there.
``deferrous`` is a process in which `deferrous.install()` has been called, and ``alone`` one with our reactor
under Twisted's own Deferreds.

A test gives a function of its module to `Loop.run`, which calls it in such a process, with the reactor as
its first argument. What it returns, a value that JSON can hold, comes back. A process that does not end in
time is ended, and what it has printed, with the stacks of its threads, is shown.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.children import PATIENCE, Outcome, environment
from tests.reactors.running import Running

#: The folder in which the package `tests` is.
ROOT = Path(__file__).parents[2]

#: The reactors that the tests run on. The first one is the reference.
NAMES = tuple(os.environ.get("DEFERROUS_REACTORS", "epoll,deferrous").split(","))

#: The class that each name stands for.
CLASSES = {
    "epoll": "twisted.internet.epollreactor.EPollReactor",
    "deferrous": "deferrous.reactor.DeferrousReactor",
    "alone": "deferrous.reactor.DeferrousReactor",
}

#: The functions that install each reactor.
INSTALLERS = {
    "epoll": ("twisted.internet.epollreactor", "install"),
    "deferrous": ("deferrous", "install"),
    "alone": ("deferrous.reactor", "install"),
}


class Loop:
    """One of the reactors, in processes of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        #: The full name of its class.
        self.kind = CLASSES[name]
        #: Its name for ``--reactor`` of twistd and trial.
        self.option = "epoll" if name == "epoll" else "deferrous"

    def start(
        self, program: Callable[..., Any], *arguments: Any, patience: float = PATIENCE, **changes: str | None
    ) -> Running:
        """Start a function of a test in a process of its own.

        Args:
            program: a function of a module. It is given the reactor, and then the arguments.
            arguments: values that JSON can hold.
            patience: for how many seconds the process may run.
            changes: to the environment.
        """
        command = [sys.executable, "-m", "tests.reactors", self.name, str(patience)]
        command += [program.__module__, program.__qualname__, json.dumps(arguments)]
        return Running(command, ROOT, environment(**changes), patience)

    def outcome(
        self, program: Callable[..., Any], *arguments: Any, patience: float = PATIENCE, **changes: str | None
    ) -> Outcome:
        """Run a function of a test in a process of its own, and return what that left behind."""
        with self.start(program, *arguments, patience=patience, **changes) as running:
            return running.wait()

    def run(
        self, program: Callable[..., Any], *arguments: Any, patience: float = PATIENCE, **changes: str | None
    ) -> Any:
        """Run a function of a test, which has to end well and in silence, and return what it returned."""
        outcome = self.outcome(program, *arguments, patience=patience, **changes)
        assert (outcome.status, outcome.err) == (0, ""), f"ended with {outcome.status}\n{outcome.err}"
        return json.loads(outcome.out.splitlines()[-1])

    def twisted(
        self, command: str, *arguments: str, cwd: Path, patience: float = PATIENCE, **changes: str | None
    ) -> Running:
        """Start twistd or trial on this reactor.

        Args:
            command: the name of the command.
            arguments: what follows the option that chooses the reactor.
            cwd: the folder to start it in.
            patience: for how many seconds the process may run.
            changes: to the environment.
        """
        chosen = f"--reactor={self.option}"
        return twisted_command(command, chosen, *arguments, cwd=cwd, patience=patience, **changes)


def twisted_command(
    command: str, *arguments: str, cwd: Path, patience: float = PATIENCE, **changes: str | None
) -> Running:
    """Start a command of Twisted's, on the reactor that it chooses itself."""
    module = {"twistd": "twisted", "trial": "twisted.trial"}[command]
    words: Sequence[str] = [sys.executable, "-m", module, *arguments]
    if command == "twistd":
        words = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", *arguments]
    return Running(words, cwd, environment(**changes), patience)
