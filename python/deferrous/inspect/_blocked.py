"""What keeps a program that does not answer, by what the system tells of its threads without its help.

A program whose threads run Python code gives each of them its turn. One that does not answer is in a function
of C that keeps the interpreter. It is Python because it reads a few small files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from typing import NamedTuple

from deferrous.inspect._connection import THREAD_NAME
from deferrous.inspect._processes import read
from deferrous.inspect._system_calls import system_call

#: For how many seconds the threads are watched.
SAMPLE = 0.2

#: Threads that wait for a lock, the interpreter's among others, do not keep it.
_WAITING = "waits for a lock (futex)"

#: What is told of each of them, if there are many.
MOST_THREADS = 12


class _Thread(NamedTuple):
    tid: int
    name: str
    state: str
    seconds: float


def describe(pid: int) -> list[str]:
    """Return lines about the threads of a process, the likely culprits first.

    It takes `SAMPLE` seconds.
    """
    before = {thread.tid: thread.seconds for thread in _threads(pid)}
    started = time.monotonic()
    time.sleep(SAMPLE)
    rows = []
    for thread in _threads(pid):
        elapsed = time.monotonic() - started
        share = (thread.seconds - before.get(thread.tid, thread.seconds)) / elapsed
        if thread.name != THREAD_NAME:
            rows.append((share, thread, _activity(pid, thread, share)))
    rows.sort(key=lambda row: (row[2] == _WAITING, -row[0], row[1].tid != pid))
    lines = [
        f"  thread {thread.tid}{' (main)' if thread.tid == pid else ''} {thread.name!r}: {activity}"
        for _, thread, activity in rows[:MOST_THREADS]
    ]
    if len(rows) > MOST_THREADS:
        lines.append(f"  and {len(rows) - MOST_THREADS} more threads")
    return lines


def next_step(pid: int) -> str:
    """Say what shows the function in C: a tool that is installed here, or one to install."""
    if shutil.which("py-spy"):
        return f"py-spy dump --native --pid {pid}"
    if shutil.which("gdb"):
        return f"gdb -p {pid} -batch -ex 'thread apply all backtrace'"
    if shutil.which("eu-stack"):
        return f"eu-stack -p {pid}"
    return f"py-spy dump --native --pid {pid}   (pip install py-spy)"


def _threads(pid: int) -> Iterator[_Thread]:
    """Yield the threads of a process, each with the seconds that it has had a processor."""
    folder = f"/proc/{pid}/task"
    ticks = os.sysconf("SC_CLK_TCK")
    with contextlib.suppress(OSError):
        for tid in sorted(map(int, os.listdir(folder))):
            stat = read(f"{folder}/{tid}/stat")
            # The name is in parentheses, and may have some.
            name, parenthesis, rest = stat.partition("(")[2].rpartition(")")
            fields = rest.split()
            if parenthesis and len(fields) > 12:
                yield _Thread(tid, name, fields[0], (int(fields[11]) + int(fields[12])) / ticks)


def _activity(pid: int, thread: _Thread, share: float) -> str:
    """Say what a thread does."""
    folder = f"/proc/{pid}/task/{thread.tid}"
    if thread.state in ("T", "t"):
        return "is stopped: by a debugger, or by SIGSTOP"
    if share > 0.5 or thread.state == "R":
        return f"computes, with {min(share, 1):.0%} of a processor"
    call = read(f"{folder}/syscall").split()
    kernel = read(f"{folder}/wchan").strip()
    kernel = f", in the kernel's {kernel}" if kernel not in ("", "0") else ""
    disk = ", which cannot be interrupted" if thread.state == "D" else ""
    if not call or not call[0].lstrip("-").isdigit() or call[0] == "-1":
        return f"waits{disk}{kernel}"
    name = system_call(int(call[0]))
    if name == "futex":
        return _WAITING
    return f"waits in {name}(){disk}{_descriptor(pid, name, call)}{_library(pid, call)}{kernel}"


#: System calls whose first argument is a descriptor.
_OF_DESCRIPTORS = (
    *("read", "write", "readv", "writev", "pread64", "pwrite64", "recvfrom", "recvmsg", "sendto", "sendmsg"),
    *("connect", "accept", "accept4", "fcntl", "flock", "fsync", "fdatasync"),
)


def _descriptor(pid: int, name: str, call: list[str]) -> str:
    """Say what the descriptor of a system call is open to."""
    if name not in _OF_DESCRIPTORS or len(call) < 2:
        return ""
    number = int(call[1], 16)
    try:
        return f" of descriptor {number}, {os.readlink(f'/proc/{pid}/fd/{number}')}"
    except OSError:
        return f" of descriptor {number}"


def _library(pid: int, call: list[str]) -> str:
    """Say in which file the code is that made a system call: the top of the native stack."""
    try:
        address = int(call[-1], 16)
    except ValueError:
        return ""
    for line in read(f"/proc/{pid}/maps").splitlines():
        fields = line.split(maxsplit=5)
        first, _, last = fields[0].partition("-")
        if int(first, 16) <= address < int(last, 16):
            if len(fields) < 6 or not fields[5].startswith("/"):
                return ""
            offset = address - int(first, 16) + int(fields[2], 16)
            return f" at {os.path.basename(fields[5])}+{offset:#x}"
    return ""
