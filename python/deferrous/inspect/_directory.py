"""The private directory with a socket for each program that can be inspected, named after its process.

Only its owner can enter it, and nobody else can have made it: a program puts no socket into a directory that
is another's, or a link. It is Python because it only looks at files.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator

from deferrous.inspect._protocol import InspectError

#: The longest path of a socket, in bytes: the system's structure has room for 108, and the end of the text.
MAX_PATH = 107


def directories(uid: int, runtime: str | None) -> Iterator[str]:
    """Yield where the sockets of a user may be, the likeliest first.

    Args:
        uid: the user.
        runtime: the program's XDG_RUNTIME_DIR.
    """
    if runtime and runtime.startswith("/"):
        yield os.path.join(runtime, "deferrous")
    yield f"/tmp/deferrous-{uid}"


def socket_name(pid: int) -> str:
    """Return the name of a process's socket in its directory."""
    return f"{pid}.sock"


def own_path() -> str:
    """Make the directory if it is not there, and return where this process's socket belongs.

    Raises:
        InspectError: the directory cannot be made, or is not ours alone.
    """
    uid = os.geteuid()
    problem = ""
    for directory in directories(uid, os.environ.get("XDG_RUNTIME_DIR")):
        path = os.path.join(directory, socket_name(os.getpid()))
        if len(os.fsencode(path)) > MAX_PATH:
            problem = f"{directory} is too long for the path of a socket"
            continue
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(directory, 0o700)
            problem = directory_problem(directory, uid)
        except OSError as error:
            problem = f"{directory} cannot be made: {error.strerror}"
        if not problem:
            return path
    raise InspectError(problem)


def directory_problem(directory: str, uid: int) -> str:
    """Say why sockets of a user do not belong into a directory; "" if they do.

    Raises:
        FileNotFoundError: there is none.
    """
    found = os.lstat(directory)
    if stat.S_ISLNK(found.st_mode):
        return f"{directory} is a symbolic link: remove it"
    if not stat.S_ISDIR(found.st_mode):
        return f"{directory} is no directory: remove it"
    if found.st_uid != uid:
        return f"{directory} belongs to the user {found.st_uid}, not to {uid}: have it removed"
    if stat.S_IMODE(found.st_mode) & 0o077:
        return f"{directory} is open to other users: chmod 700 {directory}"
    return ""


def remove_left_behind(directory: str) -> None:
    """Remove the sockets of processes that have ended without doing so, as those do that are killed."""
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):
            pid, _, rest = name.partition(".")
            if rest == "sock" and pid.isdecimal() and not is_alive(int(pid)):
                remove_if_dead(os.path.join(directory, name))


def is_alive(pid: int) -> bool:
    """Say whether there is a process of this number, whoever it belongs to."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def remove_own(path: str) -> bool:
    """Remove a socket that belongs to this user, in a directory that nobody else can change.

    Root leaves the sockets of other users alone, who may put anything else there at any moment.

    Returns:
        whether it was removed.
    """
    with contextlib.suppress(OSError):
        if is_own(path):
            os.unlink(path)
            return True
    return False


def is_own(path: str) -> bool:
    """Say whether a file is a socket of this user, in a directory that nobody else can change."""
    uid = os.geteuid()
    try:
        found = os.lstat(path)
        in_order = not directory_problem(os.path.dirname(path), uid)
    except OSError:
        return False
    return in_order and found.st_uid == uid and stat.S_ISSOCK(found.st_mode)


def remove_if_dead(path: str) -> bool:
    """Remove a socket of this user that nobody listens on.

    The process need not be one that this system numbers in the same way: containers share directories.

    Returns:
        whether it was removed.
    """
    if not is_own(path):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return remove_own(path)
        except OSError:
            pass
    return False
