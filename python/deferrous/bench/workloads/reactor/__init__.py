"""The workloads of the reactor: timers and threads, in a reactor that runs.

They are coroutines, and what they await are Deferreds of the side that is measured.
"""

from __future__ import annotations

from .._workload import Group, Pending, Workload
from . import from_threads, timers, to_threads, uvloop_peer

__all__ = ["GROUP"]

_WORKLOADS = (
    Workload("next-turn", timers.next_turn),
    Workload("timers-cancelled", timers.cancelled, times=50_000),
    Workload("timers-fired", timers.fired, times=100_000),
    Workload("from-own-thread", from_threads.from_its_own, operations=from_threads.BURST),
    Workload(
        "from-other-thread",
        from_threads.from_another,
        operations=from_threads.BURST,
        measure="cpu",
    ),
    Workload("to-thread-1", to_threads.one, measure="cpu", peer=uvloop_peer.PEER),
    Workload("to-thread-10", to_threads.ten, operations=10, measure="cpu"),
    Workload("to-thread-100", to_threads.hundred, operations=100, measure="cpu"),
)

GROUP = Group(
    "reactor",
    "The reactor",
    _WORKLOADS,
    Pending(
        "memory-timers",
        timers.fill,
        count=100_000,
        what="pending timers",
        one="a timer that waits, with a function and an argument",
    ),
    in_reactor=True,
)
