"""Reports that were not measured, for what is done with reports."""

from __future__ import annotations

from deferrous.bench._figures import Memory, Report, Sample, Timing


def timing(
    name: str,
    *rounds: tuple[float, float],
    counted: bool = True,
    target: float | None = 2.5,
) -> Timing:
    """A workload whose rounds took so many seconds with stock Twisted and with deferrous."""
    return Timing(
        name,
        f"what {name} does",
        counted,
        target,
        times={"deferrous": 10, "stock": 5},
        rounds=[{"deferrous": Sample(ours, ours), "stock": Sample(stock, stock)} for stock, ours in rounds],
    )


def report_of(*timings: Timing, memory: Memory | None = None) -> Report:
    """A report of these timings."""
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
        timings=timings,
        memory=memory,
    )
