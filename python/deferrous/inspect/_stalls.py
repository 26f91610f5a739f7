"""Watching for stalls: turns of the reactor that take too long.

A thread in Rust, which needs no interpreter, notices them and measures. A thread in Python takes the stack
when that one asks for it, and logs what it has found. It is Python because it reads frames and logs.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
import threading
import time
from collections import deque
from typing import Any

from twisted.logger import Logger

from deferrous import _core
from deferrous.inspect import _stall_causes, _stall_loops
from deferrous.inspect._durations import duration
from deferrous.inspect._protocol import InspectError
from deferrous.inspect._stall_stacks import Taken

#: How many stalls are kept.
KEPT = 100

#: How many lines are logged within so many seconds.
MOST_LINES, PERIOD = 20, 60.0

#: The name of the thread.
THREAD_NAME = "deferrous-stalls"


class Watch:
    """What watches the loop of one thread."""

    def __init__(self, stalls: Stalls) -> None:
        """Watch the loop of this thread.

        Raises:
            OSError: the system has no threads left.
        """
        self.stalls = stalls
        self.pid, self.loop = os.getpid(), threading.get_ident()
        #: The stacks of the turn that was looked at last.
        self.taken = Taken()
        self.watchdog = _core.Watchdog(stalls.threshold)
        self.watchdog.start(threading.get_native_id())
        gc.callbacks.append(_core.note_collection)
        #: Whether the thread logs something. An observer of the log may wait for the reactor, or for ever.
        self.logs = False
        self.thread = threading.Thread(target=self._listen, name=THREAD_NAME, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Stop, and log what was found last. It waits for a second at most if the log does not go on."""
        self.watchdog.stop()
        if threading.current_thread() is not self.thread:
            self._join()
        _stop_noting_collections()

    def _join(self) -> None:
        """Wait for the thread's end: at the end of the program, it must not wake up when Python is gone."""
        patience = time.monotonic() + 10.0
        while self.thread.is_alive() and time.monotonic() < patience:
            self.thread.join(1.0)
            if self.logs:
                return

    def now(self) -> dict[str, Any] | None:
        """Return the stall that goes on; None if there is none."""
        raw = self.watchdog.now()
        return raw and _stall_causes.describe(raw, self.taken, over=False)

    def _listen(self) -> None:
        """Take stacks, and log stalls, until the end."""
        lines = self.stalls.lines
        while (found := self.watchdog.next(lines.pause())) is not None:
            try:
                if isinstance(found, tuple):
                    self._take(*found)
                elif found:
                    self._tell(_stall_causes.describe(found, self.taken, over=True))
                else:
                    self._tell(None)
            except Exception:
                # The next one is to be told of all the same.
                _logger().failure("while telling of a stall")
        self._tell(None, rest=True)

    def _tell(self, stall: dict[str, Any] | None, rest: bool = False) -> None:
        """Log a stall, if there is one, and what was not logged before, if that is due or `rest` says so."""
        self.logs = True
        try:
            if stall is not None:
                self.stalls.add(stall)
            self.stalls.lines.log_rest(now=rest)
        finally:
            self.logs = False

    def _take(self, number: int, waited: float) -> None:
        """Take the stack of the loop's thread, if this turn still runs.

        Args:
            number: that of the turn.
            waited: for how many seconds this thread has waited for the interpreter.
        """
        frame = sys._current_frames().get(self.loop)
        running = _core.running_turn()
        if self.taken.number != number:
            self.taken = Taken(number)
        self.taken.waited = max(self.taken.waited, waited)
        if frame is not None and running is not None and running[0] == number:
            self.taken.add(frame, running[1], time.monotonic())


class Lines:
    """The log, which gets at most so many lines in a time."""

    def __init__(self) -> None:
        #: When the lines of the last period were logged.
        self._logged: deque[float] = deque(maxlen=MOST_LINES)
        #: How many stalls there were since that were not logged, how long they took, and the longest.
        self._rest, self._took, self._longest = 0, 0.0, 0.0

    def add(self, stall: dict[str, Any]) -> None:
        """Log a stall, or count it."""
        now = time.monotonic()
        if len(self._logged) == MOST_LINES and now - self._logged[0] < PERIOD:
            self._rest += 1
            self._took += stall["took"]
            self._longest = max(self._longest, stall["took"])
            return
        self.log_rest(now=True)
        self._logged.append(now)
        _log(stall["text"], stall)

    def pause(self) -> float | None:
        """Return for how many seconds nothing is to be done unless there is a stall; None is for ever."""
        if not self._rest:
            return None
        return max(self._logged[0] + PERIOD - time.monotonic(), 0.0)

    def log_rest(self, now: bool = False) -> None:
        """Log how many stalls were not logged, when that is due, or `now`."""
        if self._rest and (now or self.pause() == 0.0):
            text = (
                f"The reactor stood still {self._rest} more times, which were not logged: for "
                f"{duration(self._took)} altogether, and for {duration(self._longest)} at most. "
                f"`deferrous stalls {os.getpid()}` shows the last ones."
            )
            self._rest, self._took, self._longest = 0, 0.0, 0.0
            _log(text, None)


def _logger() -> Logger:
    return Logger(namespace="deferrous.stalls")


def _log(text: str, stall: dict[str, Any] | None) -> None:
    _logger().warn("{text}", text=text, stall=stall)


class Stalls:
    """The stalls of this process."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.recent: deque[dict[str, Any]] = deque(maxlen=KEPT)
        #: How many there were before those.
        self.left_out = 0
        self.lines = Lines()
        self.watch: Watch | None = None
        #: Why the loop is not watched, although it runs.
        self.problem: str | None = None
        #: Whoever changes what is watched has it.
        self.lock = threading.Lock()

    def begin(self) -> None:
        """Watch the loop that begins in this thread, unless it is watched, or nothing is any more."""
        with self.lock:
            if self is _stalls:
                self._begin()

    def _begin(self) -> None:
        watch = self.watch
        if watch is not None and (watch.pid, watch.loop) == (os.getpid(), threading.get_ident()):
            return
        if watch is not None and watch.pid == os.getpid():
            watch.stop()
        try:
            self.watch = Watch(self)
            self.problem = None
        except Exception as error:
            # The program goes on without.
            self.problem = f"The reactor is not watched for stalls: {error}"
            _log(self.problem, None)

    def add(self, stall: dict[str, Any]) -> None:
        """Keep a stall, and log it."""
        self.left_out += len(self.recent) == KEPT
        self.recent.append(stall)
        self.lines.add(stall)


_stalls: Stalls | None = None
_lock = threading.Lock()


def start(threshold: float) -> None:
    """Watch for turns of the reactor that take longer, from now on. Any thread may call it.

    Args:
        threshold: how long a turn may take, in seconds, at least 0.001.

    Raises:
        InspectError: it cannot be done in this process. The message says why.
        ValueError: the threshold is shorter.
    """
    global _stalls
    if not threshold >= 0.001:
        raise ValueError("a turn of the reactor is not a stall before 0.001 seconds have passed")
    if sys.platform != "linux":
        raise InspectError("the reactor can only be watched for stalls on Linux")
    with _lock:
        if _stalls is not None:
            _stop(_stalls)
        _stalls = Stalls(threshold)
        _core.watch_loops(_begin, _stall_causes.name_called)
        _stall_loops.unwatch()
        _stall_loops.watch(_begin)


def stop() -> None:
    """Stop watching. What was found is forgotten. Any thread may call it, and it may wait for a moment."""
    global _stalls
    with _lock:
        stalls, _stalls = _stalls, None
        _core.watch_loops(None, _stall_causes.name_called)
        _stall_loops.unwatch()
    if stalls is not None:
        _stop(stalls)


def _stop(stalls: Stalls) -> None:
    with stalls.lock:
        watch, stalls.watch = stalls.watch, None
    if watch is not None and watch.pid == os.getpid():
        watch.stop()


def _stop_noting_collections() -> None:
    with contextlib.suppress(ValueError):
        gc.callbacks.remove(_core.note_collection)


def threshold() -> float | None:
    """Return how long a turn may take, in seconds; None if nothing is watched."""
    return None if _stalls is None else _stalls.threshold


def answer() -> dict[str, Any]:
    """Return what `deferrous stalls` is told. Any thread may call it.

    Returns:
        `threshold` in seconds, or None if nothing is watched; `now`, the stall that goes on, or None;
        `recent`, the last ones, the latest last; `left_out`, how many there were before; and `note`, why
        nothing is watched, or None.
    """
    stalls = _stalls
    if stalls is None:
        note = "This program is not watched for stalls: start it with DEFERROUS_STALL=50ms."
        return {"threshold": None, "now": None, "recent": [], "left_out": 0, "note": note}
    watch = stalls.watch
    return {
        "threshold": stalls.threshold,
        "now": watch and watch.now(),
        "recent": list(stalls.recent),
        "left_out": stalls.left_out,
        "note": stalls.problem or _stall_loops.problem(),
    }


def _begin() -> None:
    stalls = _stalls
    if stalls is not None:
        stalls.begin()


def _after_fork() -> None:
    """Forget the watch of the parent, whose threads are not here. A loop that begins gets its own."""
    global _lock
    # Another thread of the parent may have had them.
    _lock = threading.Lock()
    if _stalls is not None:
        _stalls.lock = threading.Lock()
    if _stalls is not None and _stalls.watch is not None:
        _stalls.watch = None
        _stop_noting_collections()


def _at_exit() -> None:
    """Log what was found last: the thread that does it ends without notice."""
    if _stalls is not None:
        _stop(_stalls)


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
