"""Reports that were not measured, for what is done with reports."""

from __future__ import annotations

from deferrous.bench._figures import Memory, Report, Results, Sample, Timing
from deferrous.bench.workloads import Group, Measure, Peer, Pending, Workload

PENDING = Pending("memory", lambda _: None, count=1000, what="pending Deferreds", one="one of them")
PEER = Peer("asyncio", lambda _: None, "asyncio's tasks")


def timing(
    name: str,
    *rounds: tuple[float, float],
    counted: bool = True,
    measure: Measure = "wall",
    peer: Peer | None = None,
) -> Timing:
    """A workload whose rounds took so many seconds with stock Twisted and with deferrous."""

    def run(_times: int) -> None:
        """what it does"""

    workload = Workload(name, run, counted=counted, measure=measure, peer=peer)
    taken = [{"deferrous": Sample(ours, ours), "stock": Sample(stock, stock)} for stock, ours in rounds]
    return Timing(workload, times={"deferrous": 10, "stock": 5}, rounds=taken)


def results_of(*timings: Timing, name: str = "deferreds", memory: Memory | None = None) -> Results:
    """A group of which these timings were measured."""
    workloads = tuple(each.workload for each in timings)
    return Results(Group(name, name.capitalize(), workloads, PENDING), timings, memory)


def report_of(*groups: Results) -> Report:
    """A report of these groups."""
    return Report(
        first="stock",
        second="deferrous",
        command="deferrous bench",
        versions={
            "python": "3.13.0",
            "implementation": "CPython",
            "twisted": "26.10.0",
            "deferrous": "1.2.3",
        },
        machine={"cpu": "Abacus & Sons <9>", "cores": 2, "system": "Linux x86_64"},
        groups=groups,
    )
