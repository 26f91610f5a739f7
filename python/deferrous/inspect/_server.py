"""The thread that answers the commands, while the reactor runs and while it is blocked.

It waits for all its connections at once, so that one that is slow keeps nobody else waiting. It is no thread
of `threading`, whose lists are the program's. It is Python because it waits most of the time.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import select
import signal
import socket
import struct
import sys
import time

from deferrous.inspect import _connection
from deferrous.inspect._connection import Connection
from deferrous.inspect._copy import forget_copier, is_copy
from deferrous.inspect._directory import own_path, remove_if_dead, remove_left_behind, remove_own
from deferrous.inspect._protocol import InspectError

#: How many connections there may be at once. The next ones are refused.
MOST_CONNECTIONS = 8

#: Signals that the thread does not keep from the others: those of errors, and those of profilers.
_OPEN_SIGNALS = {
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP),
    *(signal.SIGSYS, signal.SIGPROF, signal.SIGVTALRM),
}


class Server:
    """A socket and the thread that serves it."""

    def __init__(self) -> None:
        """Open the socket.

        Raises:
            InspectError: that is impossible. The message says why.
        """
        self.path = own_path()
        self.pid = os.getpid()
        self._connections: list[Connection] = []
        self._ends = False
        self._removed = False
        self._listener = _listen(self.path)
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._ended = _thread.allocate_lock()

    def start(self) -> None:
        """Start the thread.

        Raises:
            InspectError: the system has no thread for it. The socket is closed.
        """
        self._ended.acquire()
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError as error:
            self.remove()
            self.abandon()
            raise InspectError(str(error)) from None

    def stop(self) -> None:
        """End the thread."""
        self._ends = True
        with contextlib.suppress(OSError):
            os.write(self._waker, b"\0")
        if self._ended.acquire(timeout=1):
            os.close(self._waker)

    def remove(self) -> None:
        """Remove the socket, so that nobody asks any longer. The next server may have it at the same path."""
        if self.pid == os.getpid() and not self._removed:
            self._removed = True
            remove_own(self.path)

    def abandon(self) -> None:
        """Close what a fork has left in a child, in which the thread does not run."""
        for connection in self._connections:
            connection.abandon()
        self._listener.close()
        os.close(self._woken)
        os.close(self._waker)

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _OPEN_SIGNALS)
        _name_thread()
        remove_left_behind(os.path.dirname(self.path))
        try:
            while not self._ends:
                self._turn()
        finally:
            for connection in self._connections:
                connection.close()
            self._listener.close()
            os.close(self._woken)
            self._ended.release()

    def _turn(self) -> None:
        """Wait until something has happened, and deal with it."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(self._listener, select.POLLIN)
        for connection in self._connections:
            for descriptor, events in connection.interests():
                poll.register(descriptor, events)
        ready = {descriptor for descriptor, _ in poll.poll(self._timeout())}
        now = time.monotonic()
        for connection in list(self._connections):
            try:
                connection.go_on(ready, now)
            except Exception:
                # Whatever is wrong with this one, the next ones are answered.
                connection.close()
            if connection.closed:
                self._connections.remove(connection)
        if self._listener.fileno() in ready:
            self._accept()

    def _timeout(self) -> float | None:
        """Return after how many milliseconds a connection is given up; None if there is none."""
        deadlines = [connection.deadline for connection in self._connections]
        return max(0.0, min(deadlines) - time.monotonic()) * 1000 + 1 if deadlines else None

    def _accept(self) -> None:
        """Take a connection, if it is of somebody who may ask."""
        try:
            connected, _ = self._listener.accept()
        except OSError:
            # The program has no descriptor left. It stays ready: do not ask again at once.
            time.sleep(0.1)
            return
        connected.setblocking(False)
        connection = Connection(connected)
        problem = _peer_problem(connected)
        if not problem and len(self._connections) >= MOST_CONNECTIONS:
            problem = f"the program answers {MOST_CONNECTIONS} others already: try again"
        if problem:
            try:
                connection.refuse(problem)
            except OSError:
                # It has gone already.
                connection.close()
        if not connection.closed:
            self._connections.append(connection)


def _listen(path: str) -> socket.socket:
    """Listen on a path, in place of a socket that a process of the same number has left there.

    Raises:
        InspectError: somebody listens there, or that is impossible.
    """
    listener = socket.socket(socket.AF_UNIX)
    try:
        if os.path.lexists(path) and not remove_if_dead(path):
            raise InspectError(f"{path} is in use: does a container share the directory?")
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(MOST_CONNECTIONS)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise InspectError(f"{path} cannot be opened: {error.strerror}") from None
    except InspectError:
        listener.close()
        raise
    return listener


def _peer_problem(connected: socket.socket) -> str:
    """Say why the process at the other end may not ask; "" if it may."""
    if not hasattr(socket, "SO_PEERCRED"):
        # The directory is private.
        return ""
    data = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", data)
    if uid in (0, os.geteuid()):
        return ""
    return f"the program belongs to the user {os.geteuid()}, and answers that user and root"


def _name_thread() -> None:
    """Name the thread for tools of the system, and for our command when the program does not answer."""
    if sys.platform == "linux":
        with (
            contextlib.suppress(OSError),
            open(f"/proc/self/task/{_thread.get_native_id()}/comm", "w") as file,
        ):
            file.write(_connection.THREAD_NAME)


#: Whoever starts or stops a server has it. Nobody who has it waits for the server's thread.
_lock = _thread.allocate_lock()

#: The server of this process.
_server: Server | None = None

#: For how many seconds a child lives before it gets a socket of its own. Most start another program at once.
CHILD_DELAY = 0.5

#: Whether this process is to have a server. In a child, that may be so before it has one.
_wanted = False

#: Whether forks and the end of the process are noticed.
_hooked = False


def start() -> None:
    """Start the server of this process, if there is none. Any thread may call it.

    Raises:
        InspectError: the socket cannot be opened. The message says why.
    """
    global _server, _wanted, _hooked
    with _lock:
        if _server is not None:
            return
        server = Server()
        server.start()
        _server, _wanted = server, True
        if not _hooked:
            _hooked = True
            import atexit

            os.register_at_fork(after_in_child=_after_fork)
            atexit.register(_at_exit)


def stop() -> None:
    """End the server of this process, if there is one. Any thread may call it."""
    global _server, _wanted
    with _lock:
        server, _server, _wanted = _server, None, False
        if server is not None:
            server.remove()
    if server is not None:
        server.stop()


def running() -> Server | None:
    """Return the server of this process."""
    return _server


def _at_exit() -> None:
    if _server is not None:
        _server.remove()


def _after_fork() -> None:
    """Give a child a server of its own, unless it is a copy of ours or starts another program soon."""
    global _server, _lock
    if is_copy():
        return
    # Another thread of the parent may have had it.
    _lock = _thread.allocate_lock()
    forget_copier()
    if not _wanted:
        return
    if _server is not None:
        _server.abandon()
        _server = None
    _thread.start_new_thread(_start_later, (os.getpid(),))


def _start_later(pid: int) -> None:
    time.sleep(CHILD_DELAY)
    if _wanted and pid == os.getpid():
        with contextlib.suppress(InspectError, OSError):
            start()
