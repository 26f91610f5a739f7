"""The workloads of `deferrous bench`, and which of them count.

They know Twisted and nothing of deferrous, so that a process that measures stock Twisted can
load them without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    taking_turns,
    web_request,
)
from ._check import WrongResult

__all__ = ["WORKLOADS", "Workload", "WrongResult", "memory"]


@dataclass(frozen=True)
class Workload:
    """Something to time. `run(times)` does it so many times, and raises if it comes out wrong."""

    name: str
    run: Callable[[int], None]
    #: How many operations one time of `run` is.
    operations: int = 1
    #: How many times as fast as stock Twisted it is to be.
    target: float | None = 2.5
    #: Whether it is part of the geometric mean.
    counted: bool = True
    #: The same work with asyncio.
    peer: Callable[[int], None] | None = None

    @property
    def operation(self) -> str:
        """What one operation is, in a line."""
        return (self.run.__doc__ or "").strip()


def _also(name: str, run: Callable[[int], None]) -> Workload:
    return Workload(name, run, target=None, counted=False)


WORKLOADS: tuple[Workload, ...] = (
    Workload("construct", construct.construct),
    Workload("fires-at-start", chain.fires_at_start, target=7.0),
    Workload("fires-at-end", chain.fires_at_end, target=7.0),
    Workload("errbacks", chain.errbacks),
    Workload("chained-fired", chained.fired, target=7.0),
    Workload("chained-unfired", chained.unfired, target=7.0),
    Workload("await-succeed", coroutines.await_succeed, operations=coroutines.AWAITS_OF_SUCCEED),
    Workload("inline-fired", inline_callbacks.fired),
    Workload("inline-unfired", inline_callbacks.unfired, operations=coroutines.AT_ONCE),
    Workload("inline-nested", inline_callbacks.nested),
    Workload("coroutine-fired", coroutines.fired),
    Workload(
        "coroutine-unfired",
        coroutines.unfired,
        operations=coroutines.AT_ONCE,
        peer=asyncio_peer.unfired,
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
)
