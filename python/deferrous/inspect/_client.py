"""The commands' end of the socket: find the program, ask it, and say in one line what is wrong with it.

It is Python because it waits most of the time.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from deferrous.inspect import _blocked, _directory, _processes
from deferrous.inspect._processes import Process
from deferrous.inspect._protocol import (
    MAX_ANSWER,
    VERSION,
    WORKING,
    InspectError,
    check_answer,
    decode,
    encode,
)

#: After how many seconds a program that has not read the request is said to be blocked.
PATIENCE = 1.0

#: For how many seconds the answer is waited for.
TIMEOUT = 300.0

#: After how many seconds somebody who waits is told that the program works.
TELL_AFTER = 5.0


def ask(
    pid: int,
    request: dict[str, Any],
    *,
    timeout: float = TIMEOUT,
    attach: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Ask a program.

    Args:
        pid: its process.
        request: the command and its options.
        timeout: for how many seconds to wait.
        attach: whether to make a program listen that does not, where that is possible.
        tell: is called with lines about a program that is blocked, while the answer is waited for.

    Returns:
        the answer.

    Raises:
        InspectError: there is none. The message says why.
    """
    process = require_process(pid)
    deadline = time.monotonic() + timeout
    connected = connect(process)
    if connected is None:
        if not attach:
            raise InspectError(not_listening(process))
        from deferrous.inspect._attach import make_listen

        make_listen(process, min(timeout, 10.0))
        connected = connect(process)
        if connected is None:
            raise InspectError(not_listening(process))
    with connected:
        return _exchange(process, connected, {**request, "version": VERSION}, deadline, tell)


def ask_self(path: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the program that this is, in another thread than the server's.

    Args:
        path: where it listens.
        request: the command and its options.

    Returns:
        the answer.

    Raises:
        InspectError: there is none.
        OSError: the program does not listen there.
    """
    process = Process(os.getpid(), os.geteuid(), os.getpid(), "this one", None, True, None, None)
    with socket.socket(socket.AF_UNIX) as connected:
        connected.connect(path)
        deadline = time.monotonic() + TIMEOUT
        return _exchange(process, connected, {**request, "version": VERSION}, deadline, lambda text: None)


def require_process(pid: int) -> Process:
    """Return a process that this user may inspect.

    Raises:
        InspectError: there is none, it belongs to another user, or it is not Python.
    """
    if not os.path.exists("/proc/self/status"):
        raise InspectError("programs are found by /proc, which this system does not have")
    process = _processes.find(pid)
    if process is None:
        for path in _paths(Process(pid, os.geteuid(), pid, "", None, None, None, None)):
            _directory.remove_if_dead(path)
        raise InspectError(f"there is no process {pid}")
    own = os.geteuid()
    if own not in (0, process.uid):
        owner = _processes.user_name(process.uid)
        asker = "root" if process.uid == 0 else f"{owner}, or as root"
        raise InspectError(f"process {pid} ({process.name}) belongs to {owner}: ask as {asker}")
    if process.is_python is False:
        raise InspectError(f"process {pid} ({process.name}) is not Python: it runs {process.executable}")
    return process


def connect(process: Process) -> socket.socket | None:
    """Connect to a program; None if it does not listen. A socket that a dead process has left is removed."""
    for path in _paths(process):
        connected = socket.socket(socket.AF_UNIX)
        try:
            if len(os.fsencode(path)) > _directory.MAX_PATH or not _is_trusted(path, process):
                connected.close()
                continue
            connected.settimeout(PATIENCE)
            connected.connect(path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            connected.close()
        except ConnectionRefusedError:
            connected.close()
            _directory.remove_if_dead(path)
        except (BlockingIOError, TimeoutError):
            connected.close()
            raise InspectError(
                f"process {process.pid} ({process.name}) has too many callers that it does not answer"
            ) from None
        else:
            return connected
    return None


def _paths(process: Process) -> Iterator[str]:
    """Yield where a process's socket may be: in the file system as the process sees it, and as we do."""
    name = _directory.socket_name(process.inner_pid)
    users = [process.uid] if process.uid == 0 or os.geteuid() != 0 else [process.uid, 0]
    found = set()
    for uid in users:
        runtimes = dict.fromkeys((process.runtime, os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{uid}"))
        for runtime in runtimes:
            for directory in _directory.directories(uid, runtime):
                for root in ("", f"/proc/{process.pid}/root"):
                    path = os.path.join(root + directory, name)
                    if path not in found:
                        found.add(path)
                        yield path


def _is_trusted(path: str, process: Process) -> bool:
    """Say whether only a process's user can have made a socket.

    Raises:
        FileNotFoundError: there is none.
    """
    owner = os.lstat(path).st_uid
    directory = os.path.dirname(path)
    return owner in (process.uid, 0) and not _directory.directory_problem(directory, owner)


def not_listening(process: Process) -> str:
    """Say why a program cannot be asked, and what to do."""
    return (
        f"process {process.pid} ({process.name}) does not listen: start it with DEFERROUS_INSPECT=1, or call "
        "deferrous.inspect.enable() in it"
    )


def _exchange(
    process: Process,
    connected: socket.socket,
    request: dict[str, Any],
    deadline: float,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Send a request, and return the answer."""
    _check_peer(process, connected)
    received = bytearray()
    told = working = False
    try:
        # A program that refuses has said so before it reads.
        with contextlib.suppress(ConnectionError):
            connected.sendall(encode(request))
        while not received.endswith(b"\n"):
            patience = deadline - time.monotonic()
            if not told:
                patience = min(patience, TELL_AFTER if working else PATIENCE)
            connected.settimeout(max(patience, 0.001))
            try:
                piece = connected.recv(1 << 20)
            except TimeoutError:
                if time.monotonic() >= deadline:
                    raise InspectError(_timed_out(process, working, tell)) from None
                told = True
                _tell_waiting(process, working, tell)
                continue
            if not piece:
                raise InspectError(_ended(process))
            received += piece
            if received.startswith(WORKING):
                working = True
                del received[: len(WORKING)]
            if len(received) > MAX_ANSWER:
                raise InspectError(f"process {process.pid} ({process.name}) answers without an end")
    except ConnectionError:
        raise InspectError(_ended(process)) from None
    return check_answer(decode(bytes(received)))


def _check_peer(process: Process, connected: socket.socket) -> None:
    """Check that the program itself listens, not one that has had its number or its parent's socket.

    Raises:
        InspectError: another process listens.
    """
    if sys.platform != "linux":
        return
    data = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", data)
    if uid not in (0, process.uid):
        raise InspectError(f"the socket of process {process.pid} belongs to {_processes.user_name(uid)}")
    if pid not in (0, process.pid):
        raise InspectError(f"the socket of process {process.pid} is that of process {pid}: ask that one")


def _tell_waiting(process: Process, working: bool, tell: Callable[[str], None]) -> None:
    """Say that a program works, or that it does not run Python and what its threads do instead."""
    described = f"process {process.pid} ({process.name})"
    if working:
        tell(f"{described} works on the answer; Ctrl-C gives it up")
        return
    tell(f"{described} has not run Python for a second: C code keeps the interpreter.")
    for line in _blocked.describe(process.pid):
        tell(line)
    tell(f"  the function: {_blocked.next_step(process.pid)}")


def _timed_out(process: Process, working: bool, tell: Callable[[str], None]) -> str:
    """Say that an answer has not come, and why that may be."""
    if working:
        for line in _blocked.describe(process.pid):
            tell(line)
        return f"process {process.pid} ({process.name}) has read the question, and its answer never came"
    return f"process {process.pid} ({process.name}) still does not run Python: no answer"


def _ended(process: Process) -> str:
    """Say why a connection has ended without an answer."""
    with contextlib.suppress(OSError):
        time.sleep(0.05)
    if _processes.find(process.pid) is None:
        return f"process {process.pid} ({process.name}) ended before it answered"
    return (
        f"process {process.pid} ({process.name}) closed the connection without an answer: is it at its end?"
    )


def listening() -> list[int]:
    """Return the processes of this user that listen."""
    uid = os.geteuid()
    found = set()
    for runtime in (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{uid}"):
        for directory in _directory.directories(uid, runtime):
            with contextlib.suppress(OSError):
                if not _directory.directory_problem(directory, uid):
                    names = (name.partition(".") for name in os.listdir(directory))
                    found |= {int(pid) for pid, _, rest in names if rest == "sock" and pid.isdecimal()}
    return sorted(pid for pid in found if _directory.is_alive(pid))


def name_of(pid: int) -> str:
    """Return how a process is called."""
    process = _processes.find(pid)
    return "?" if process is None else process.name
