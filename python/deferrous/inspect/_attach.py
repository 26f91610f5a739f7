"""Make a program listen that was not started for it, by `sys.remote_exec` of CPython 3.14 and later.

The interpreter of the program runs a script of ours in its main thread as soon as that runs Python. The
script leaves a file that says what came of it. It is Python because `sys.remote_exec` takes Python.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from typing import Any

from deferrous.inspect._processes import Process
from deferrous.inspect._protocol import MAX_REQUEST, InspectError, decode

#: The first Python that has `sys.remote_exec`.
FIRST = (3, 14)

#: How often the file is looked for, in seconds.
_STEP = 0.02

_SCRIPT = """\
def attach(outcome):
    import json, os, sys
    try:
        if "twisted.internet" not in sys.modules:
            problem = "does not use Twisted"
        else:
            from deferrous.inspect import enable
            enable()
            problem = ""
    except ImportError as error:
        problem = f"cannot import deferrous.inspect: {error}"
    except Exception as error:
        problem = f"cannot listen: {error}"
    with open(outcome + ".part", "w") as file:
        json.dump({"problem": problem}, file)
    os.rename(outcome + ".part", outcome)
attach(%r)
del attach
"""


def make_listen(process: Process, timeout: float) -> None:
    """Make a program listen.

    Args:
        process: the program.
        timeout: for how many seconds to wait for it.

    Raises:
        InspectError: that is impossible here. The message says why, and what to do.
    """
    problem = _problem(process)
    if problem:
        raise InspectError(problem)
    # Its name is in the script, and the program has to be able to read and write it.
    folder = tempfile.mkdtemp(prefix="deferrous-attach-", dir="/tmp")
    try:
        script, outcome = os.path.join(folder, "attach.py"), os.path.join(folder, "outcome.json")
        with open(script, "w") as file:
            file.write(_SCRIPT % outcome)
        if process.uid != os.geteuid():
            os.chown(script, process.uid, -1)
            os.chown(folder, process.uid, -1)
        _execute(process, script)
        _wake(process)
        answer = _wait(outcome, timeout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if answer is None:
        raise InspectError(_never_ran(process, timeout))
    if answer.get("problem"):
        raise InspectError(f"process {process.pid} ({process.name}) {answer['problem']}")


def _problem(process: Process) -> str:
    """Say why this Python cannot attach to a program; "" if it can."""
    start = "start it with DEFERROUS_INSPECT=1, or call deferrous.inspect.enable() in it"
    listens_not = f"process {process.pid} ({process.name}) does not listen"
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    python = process.python
    if python is not None and tuple(map(int, python.split("."))) < FIRST:
        return f"{listens_not}: {start}. CPython {python} has no other way; 3.14 and later have"
    if not hasattr(sys, "remote_exec"):
        if python is None:
            return f"{listens_not}: {start}"
        return f"{listens_not}: {start}; or ask with its own Python, {process.executable} -m deferrous"
    if python is not None and python != own:
        return (
            f"{listens_not}, and runs on Python {python}, to which Python {own} cannot attach: ask with its "
            f"own Python, {process.executable} -m deferrous, or {start}"
        )
    if process.inner_pid != process.pid:
        return f"{listens_not}, and is in a container: {start}, or ask there"
    return ""


def _execute(process: Process, script: str) -> None:
    """Have the program run the script when it next runs Python."""
    described = f"process {process.pid} ({process.name})"
    remote_exec: Any = sys.remote_exec  # type: ignore[attr-defined,unused-ignore]
    try:
        remote_exec(process.pid, script)
    except PermissionError:
        raise InspectError(
            f"{described} does not listen, and this system does not allow attaching to it: as root it does, "
            "or with sysctl kernel.yama.ptrace_scope=0; or start it with DEFERROUS_INSPECT=1"
        ) from None
    except (RuntimeError, OSError, ValueError) as error:
        text = str(error) or type(error).__name__
        raise InspectError(
            f"{described} does not listen, and attaching to it failed: {text}. Start it with "
            "DEFERROUS_INSPECT=1"
        ) from None


def _wake(process: Process) -> None:
    """Wake a reactor that waits: Twisted's answer to SIGCHLD is to look for children that have ended.

    A program that has no handler for that signal does not notice it.
    """
    with contextlib.suppress(OSError):
        os.kill(process.pid, signal.SIGCHLD)


def _wait(outcome: str, timeout: float) -> dict[str, Any] | None:
    """Return what the script has left; None if it has not run in time.

    Raises:
        InspectError: the file is not one of ours.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            # The folder may be another user's, and this one root: the file could lead anywhere.
            found = os.open(outcome, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            time.sleep(_STEP)
        except OSError as error:
            raise InspectError(f"{outcome} cannot be read: {error.strerror}") from None
        else:
            with open(found, "rb") as file:
                return decode(file.read(MAX_REQUEST))
    return None


def _never_ran(process: Process, timeout: float) -> str:
    from deferrous.inspect import _blocked

    lines = [
        f"process {process.pid} ({process.name}) does not listen yet: its main thread has not run Python for "
        f"{timeout:g} s",
        *_blocked.describe(process.pid),
    ]
    return "\n".join(lines)
