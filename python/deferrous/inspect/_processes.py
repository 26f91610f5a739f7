"""What the system tells of another process, without its help.

It is Python because it reads a few small files.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import NamedTuple


class Process(NamedTuple):
    """A process, as far as this user may know it."""

    pid: int
    #: Its effective user.
    uid: int
    #: Its number where it lives, which is another one in a container.
    inner_pid: int
    #: What it was started with, or its short name.
    name: str
    #: The file of the program; None if this user may not know.
    executable: str | None
    #: Whether it has a Python in it; None if this user may not know.
    is_python: bool | None
    #: Its Python as in "3.14", where that is known.
    python: str | None
    #: What its XDG_RUNTIME_DIR was at its start.
    runtime: str | None


def find(pid: int) -> Process | None:
    """Return a process; None if there is none, or if it has ended and is only waited for.

    Args:
        pid: its number, or that of one of its threads.
    """
    folder = f"/proc/{pid}"
    status = read(f"{folder}/status")
    if not status:
        return None
    state = _field(status, "State")
    if state[:1] in ("Z", "X", ""):
        return None
    executable: str | None
    try:
        executable = os.readlink(f"{folder}/exe").removesuffix(" (deleted)")
    except OSError:
        executable = None
    is_python, python = _look_for_python(folder, executable)
    return Process(
        pid=int(_field(status, "Tgid")),
        uid=int(_field(status, "Uid").split()[1]),
        inner_pid=int((_field(status, "NStgid") or str(pid)).split()[-1]),
        name=_command_line(folder) or _field(status, "Name"),
        executable=executable,
        is_python=is_python,
        python=python,
        runtime=_variable(folder, "XDG_RUNTIME_DIR"),
    )


def read(path: str) -> str:
    """Return what a small file says; "" if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _field(status: str, name: str) -> str:
    """Return one line of a process's status."""
    found = re.search(rf"^{name}:\s*(.*)$", status, re.MULTILINE)
    return "" if found is None else found[1]


def _command_line(folder: str) -> str:
    words = read(f"{folder}/cmdline").rstrip("\0").split("\0")
    text = " ".join(word for word in words if word)
    # A program that is given as text has many lines.
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def _look_for_python(folder: str, executable: str | None) -> tuple[bool | None, str | None]:
    """Say whether a process has a Python in it, and which."""
    if executable is None:
        return None, None
    files = {executable}
    for line in read(f"{folder}/maps").splitlines():
        _, slash, path = line.partition("/")
        if slash:
            files.add("/" + path)
    for file in sorted(files, key=lambda file: file != executable):
        found = re.match(r"(?:lib)?python(\d\.\d+)?", os.path.basename(file))
        if found is not None:
            version = found[1] or _version_of(files)
            return True, version
    return False, None


def _version_of(files: set[str]) -> str | None:
    """Return the version of a Python whose executable does not say it, by the files that it has loaded."""
    for file in files:
        found = re.search(r"/python(\d\.\d+)/|\.cpython-(\d)(\d+)-", file)
        if found is not None:
            return found[1] or f"{found[2]}.{found[3]}"
    return None


def _variable(folder: str, name: str) -> str | None:
    """Return a variable of a process's environment, as it was at its start."""
    for word in read(f"{folder}/environ").split("\0"):
        key, equals, value = word.partition("=")
        if equals and key == name:
            return value
    return None


def user_name(uid: int) -> str:
    """Return how people call a user."""
    import pwd

    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return f"the user {uid}"
