"""The workloads that say what records cost: of chains of Deferreds, and of a request to a web server.

Both sides are deferrous. The first keeps no records of what makes Deferreds, and the second does.
"""

from __future__ import annotations

from . import chain, chained, construct, memory
from ._workload import Group, Measure, Pending, Run, Workload
from .transports import pages
from .transports._traffic import CONNECTIONS

__all__ = ["GROUP"]


def _row(name: str, run: Run, operations: int = 1, measure: Measure = "wall") -> Workload:
    return Workload(f"records-{name}", run, operations=operations, measure=measure)


_WORKLOADS = (
    _row("construct", construct.construct),
    _row("fires-at-start", chain.fires_at_start),
    _row("fires-at-end", chain.fires_at_end),
    _row("errbacks", chain.errbacks),
    _row("chained-fired", chained.fired),
    _row("chained-unfired", chained.unfired),
    _row("web-hello", pages.web, CONNECTIONS, "cpu"),
)

GROUP = Group(
    "inspect",
    "Records of what makes Deferreds, kept or not",
    _WORKLOADS,
    Pending(
        "memory-records",
        memory.fill,
        count=300_000,
        what="pending Deferreds",
        one="a Deferred that waits, with two callbacks and a record",
    ),
    in_reactor=True,
    compares=("deferrous", "records"),
)
