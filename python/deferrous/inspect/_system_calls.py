"""The names of system calls in which threads wait, by their numbers. It is Python because it is a table."""

from __future__ import annotations

import os

_X86_64 = {
    0: "read", 1: "write", 7: "poll", 17: "pread64", 18: "pwrite64", 19: "readv", 20: "writev",
    23: "select", 34: "pause", 35: "nanosleep", 42: "connect", 43: "accept", 44: "sendto", 45: "recvfrom",
    46: "sendmsg", 47: "recvmsg", 61: "wait4", 72: "fcntl", 73: "flock", 74: "fsync", 75: "fdatasync",
    128: "rt_sigtimedwait", 202: "futex", 230: "clock_nanosleep", 232: "epoll_wait", 247: "waitid",
    257: "openat", 270: "pselect6", 271: "ppoll", 281: "epoll_pwait", 288: "accept4", 426: "io_uring_enter",
    441: "epoll_pwait2",
}  # fmt: skip

#: Those of all newer architectures.
_OTHERS = {
    22: "epoll_pwait", 25: "fcntl", 32: "flock", 56: "openat", 63: "read", 64: "write", 65: "readv",
    66: "writev", 67: "pread64", 68: "pwrite64", 72: "pselect6", 73: "ppoll", 82: "fsync", 83: "fdatasync",
    95: "waitid", 98: "futex", 101: "nanosleep", 115: "clock_nanosleep", 137: "rt_sigtimedwait",
    202: "accept", 203: "connect", 206: "sendto", 207: "recvfrom", 211: "sendmsg", 212: "recvmsg",
    242: "accept4", 260: "wait4", 426: "io_uring_enter", 441: "epoll_pwait2",
}  # fmt: skip

#: What a number is called on this machine.
SYSTEM_CALLS = _X86_64 if os.uname().machine == "x86_64" else _OTHERS


def system_call(number: int) -> str:
    """Return the name of a system call."""
    return SYSTEM_CALLS.get(number, f"system call {number}")
