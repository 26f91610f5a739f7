"""Python processes for tests: whether deferrous is installed cannot be undone in one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

#: Longer than any of them takes, on a slow machine.
PATIENCE = float(os.environ.get("DEFERROUS_PATIENCE", "120"))


class Outcome(NamedTuple):
    """The status and the output of a process that has ended."""

    status: int
    out: str
    err: str


def environment(**changes: str | None) -> dict[str, str]:
    """Return this environment without what is ours, and with changes, of which None takes a variable away."""
    result = {name: value for name, value in os.environ.items() if not name.startswith("DEFERROUS")}
    for name, value in changes.items():
        result.pop(name, None)
        if value is not None:
            result[name] = value
    return result


def python(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    patience: float = PATIENCE,
) -> Outcome:
    """Run this Python, and return what it left behind."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment() if env is None else env,
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=patience,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def code(source: str, *arguments: str, **changes: str | None) -> Outcome:
    """Run some Python code in a process of its own.

    Args:
        source: the code, indented as the test has it.
        arguments: what it finds in sys.argv.
        changes: to the environment.
    """
    return python("-c", textwrap.dedent(source), *arguments, env=environment(**changes))


def passes(source: str, *arguments: str, **changes: str | None) -> str:
    """Run some Python code that has to end well and silently, and return what it printed."""
    outcome = code(source, *arguments, **changes)
    assert (outcome.status, outcome.err) == (0, ""), outcome.err
    return outcome.out
