"""A forked copy of the process, which walks over all objects while the process goes on.

The process stops for the fork alone. What the copy looks at stays as it was, keeps nothing alive in the
process and ends nothing there. It closes all descriptors at once, keeps no signal handler of the program,
answers through a pipe, and ends without running what the program has set up for its end. It is Python because
it forks and waits.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from threading import get_ident
from typing import Any, NoReturn

from deferrous.inspect._protocol import encode

#: For how many seconds a copy may work. A million Deferreds take seconds, more where processors are scarce.
PATIENCE = 300

#: The thread that is making a copy. In the copy, the only one that there is.
_copier: int | None = None

#: Signals that end a copy by themselves, whatever the program does at them. All others are blocked there.
_ENDING = (signal.SIGALRM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)

#: Our entry in `warnings.filters`.
_filter: object = None


def can_copy() -> bool:
    """Say whether a forked copy can be trusted: elsewhere, libraries of the system do not survive a fork."""
    return sys.platform == "linux"


def is_copy() -> bool:
    """Say whether this process is being copied by this thread, or is the copy."""
    return _copier == get_ident()


def forget_copier() -> None:
    """Forget, in a child that the program has forked, which thread was making a copy: it is not there."""
    global _copier
    _copier = None


class Copy:
    """A copy that is at work."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        #: What it answers, and the end of that when it has ended.
        self.pipe = pipe
        self.received = bytearray()
        #: When it is given up, by `time.monotonic`.
        self.deadline = time.monotonic() + PATIENCE
        self._closed = False

    def read(self) -> bool:
        """Read what has come, without waiting.

        The end of the line counts, not that of the pipe: a child that the program has forked at the same time
        may have the pipe, too.

        Returns:
            whether that was all.
        """
        while not self.received.endswith(b"\n"):
            try:
                piece = os.read(self.pipe, 1 << 20)
            except BlockingIOError:
                return False
            if not piece:
                break
            self.received += piece
        return True

    def abandon(self) -> None:
        """Close the pipe in a child of the process, whose child the copy is not."""
        os.close(self.pipe)

    def end(self) -> None:
        """End the copy, if it has not ended, and have the system forget it."""
        if self._closed:
            return
        self._closed = True
        os.close(self.pipe)
        # A program that waits for any child may have been faster, or the system where SIGCHLD is ignored.
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(self.pid, os.WNOHANG)[0] == 0:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)


def start_copy(answer: Callable[[], dict[str, Any]]) -> Copy:
    """Start a copy of this process.

    Args:
        answer: what it calls, whose result it sends.

    Raises:
        OSError: there is no memory, or no process, for it.
        RuntimeError: the interpreter is ending, and does not fork any more.
    """
    global _copier
    reading, writing = os.pipe()
    _copier = get_ident()
    try:
        _ignore_warning()
        pid = os.fork()
        if pid == 0:
            _be_copy(writing, answer)
    except BaseException:
        os.close(reading)
        raise
    finally:
        _copier = None
        os.close(writing)
    os.set_blocking(reading, False)
    return Copy(pid, reading)


def _ignore_warning() -> None:
    """Have Python 3.12 and later not warn the program of a fork that is ours.

    It warns because other threads may hold locks at that moment. A copy uses none of the program's.

    The filter is for this file alone. It is put first again only if the program has put others before it,
    because each change makes Python forget what it has warned of.
    """
    global _filter
    if sys.version_info >= (3, 12) and (not warnings.filters or warnings.filters[0] is not _filter):
        warnings.filterwarnings(
            "ignore", category=DeprecationWarning, module=__name__.replace(".", r"\.") + "$"
        )
        _filter = warnings.filters[0]


def _be_copy(pipe: int, answer: Callable[[], dict[str, Any]]) -> NoReturn:
    """Be the copy: send an answer, and end."""
    try:
        # Finalizers are the program's code.
        gc.disable()
        _close_all_but(pipe)
        # What the program has run after each fork may have started a thread: it does not get its turn.
        sys.setswitchinterval(PATIENCE)
        handlers = _reset_signals()
        _be_modest()
        try:
            line = encode(answer())
        except Exception as error:
            line = encode({"error": f"the copy of the program failed: {describe_error(error)}"})
        unsent = memoryview(line)
        while unsent:
            unsent = unsent[os.write(pipe, unsent) :]
        del handlers
    finally:
        os._exit(0)


def describe_error(error: BaseException) -> str:
    """Return the class of an error and where it was raised. Its text could have values of the program."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    kind = type(error).__name__
    if traceback is None:
        return kind
    return f"{kind} in {traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"


def _close_all_but(pipe: int) -> None:
    """Close all descriptors but one. What they are open to belongs to the program."""
    try:
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        descriptors = list(range(os.sysconf("SC_OPEN_MAX")))
    for descriptor in descriptors:
        if descriptor != pipe:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _reset_signals() -> list[object]:
    """Let signals end the copy, itself included when it takes too long.

    Returns:
        the program's handlers, which may have finalizers.
    """
    handlers: list[object] = [signal.signal(number, signal.SIG_DFL) for number in _ENDING]
    signal.alarm(PATIENCE)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    return handlers


def _be_modest() -> None:
    """Let the program have the processor, and the copy be the one that ends when the memory does."""
    with contextlib.suppress(OSError):
        os.nice(5)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
