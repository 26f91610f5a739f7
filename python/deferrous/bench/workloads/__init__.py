"""The workloads of `deferrous bench`: here those of Deferreds, and which of them count.

They know Twisted and nothing of deferrous, so that a process that measures stock Twisted can
load them without it.
"""

from __future__ import annotations

from . import (
    asyncio_peer,
    calling,
    chain,
    chained,
    combining,
    construct,
    coroutines,
    ending_early,
    inline_callbacks,
    memory,
    start,
    taking_turns,
    web_request,
)
from ._check import WrongResult
from ._workload import Group, Measure, Peer, Pending, Run, Workload

__all__ = ["GROUP", "Group", "Measure", "Peer", "Pending", "Run", "Workload", "WrongResult"]


def _also(name: str, run: Run) -> Workload:
    return Workload(name, run, counted=False)


_WORKLOADS = (
    Workload("construct", construct.construct),
    Workload("fires-at-start", chain.fires_at_start, floor=chain.fires_at_start_floor),
    Workload("fires-at-end", chain.fires_at_end, floor=chain.fires_at_end_floor),
    Workload("errbacks", chain.errbacks),
    Workload("chained-fired", chained.fired, floor=chained.fired_floor),
    Workload("chained-unfired", chained.unfired, floor=chained.unfired_floor),
    Workload("await-succeed", coroutines.await_succeed, operations=coroutines.AWAITS_OF_SUCCEED),
    Workload("inline-fired", inline_callbacks.fired),
    Workload("inline-unfired", inline_callbacks.unfired, operations=coroutines.AT_ONCE),
    Workload("inline-nested", inline_callbacks.nested),
    Workload("coroutine-fired", coroutines.fired),
    Workload(
        "coroutine-unfired",
        coroutines.unfired,
        operations=coroutines.AT_ONCE,
        peer=asyncio_peer.PEER,
    ),
    Workload("coroutine-nested", coroutines.nested),
    Workload("deferred-list", combining.deferred_list),
    Workload("gather-results", combining.gather_results),
    Workload("maybe-deferred", calling.maybe_deferred),
    Workload("lock", taking_turns.lock),
    Workload("queue", taking_turns.queue),
    Workload("web-request", web_request.web_request, operations=web_request.IN_FLIGHT),
    _also("semaphore", taking_turns.semaphore),
    _also("race", combining.first_of_three),
    _also("execute", calling.executing),
    _also("cancel", ending_early.cancel),
    _also("timeout", ending_early.timeout),
    Workload(
        "start",
        start.import_deferred,
        times=1,
        counted=False,
        measure="cpu",
        in_children=True,
        shows_difference=True,
    ),
)

GROUP = Group(
    "deferreds",
    "Deferreds",
    _WORKLOADS,
    Pending(
        "memory",
        memory.fill,
        count=300_000,
        what="pending Deferreds",
        one="a Deferred that waits, with two callbacks",
    ),
)
