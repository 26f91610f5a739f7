"""Paired rounds: the sides take turns, so that all of them meet the same noise.

Each side is a process of its own, since deferrous is under all of Twisted or under none of it.
A process keeps for its life what chance gave it, such as where its memory lies, which moves a
workload by some hundredths. So a run uses several processes for each side, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from deferrous.bench._figures import Memory, Sample, Timing
from deferrous.bench._process import ASYNCIO, Process, Side
from deferrous.bench.workloads import Workload

Told = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """How long to measure."""

    processes: int
    rounds: int
    seconds: float


FULL = Pace(processes=5, rounds=5, seconds=0.02)
QUICK = Pace(processes=2, rounds=3, seconds=0.008)


def steps(rows: int, pace: Pace) -> int:
    """How often progress is told of."""
    return pace.processes * rows


def time_workloads(
    workloads: Sequence[Workload], sides: Sequence[Side], pace: Pace, told: Told
) -> list[Timing]:
    """Time each workload on each side, and with asyncio where it has such a peer."""
    timings = [Timing(each.name, each.operation, each.counted, each.target, times={}) for each in workloads]
    peers = [ASYNCIO] if any(each.peer for each in workloads) else []
    for _ in range(pace.processes):
        with ExitStack() as stack:
            processes = [stack.enter_context(Process(side)) for side in [*sides, *peers]]
            for workload, timing in zip(workloads, timings, strict=True):
                told(workload.name)
                able = [each for each in processes if each.side is not ASYNCIO or workload.peer]
                _time_workload(workload, timing, able, pace)
    return timings


def _time_workload(workload: Workload, timing: Timing, processes: list[Process], pace: Pace) -> None:
    for process in processes:
        if process.side.name not in timing.times:
            timing.times[process.side.name] = _calibrate(process, workload.name, pace.seconds)
        process.ask("warm", name=workload.name, times=timing.times[process.side.name])
    for _ in range(pace.rounds):
        # Another begins each time: what goes first may meet a cache or a clock of its own.
        processes = [*processes[1:], processes[0]]
        samples = {each.side.name: _sample(each, workload, timing) for each in processes}
        timing.rounds.append(dict(sorted(samples.items(), key=lambda item: item[0])))


def _sample(process: Process, workload: Workload, timing: Timing) -> Sample:
    times = timing.times[process.side.name]
    took = process.ask("time", name=workload.name, times=times)
    operations = times * workload.operations
    return Sample(took["wall"] / operations, took["cpu"] / operations)


def _calibrate(process: Process, name: str, seconds: float) -> int:
    """How many times fill a round.

    Each side has its own number: with that of the slower one, the rounds of the faster one would
    be short, and their noise would be what the ratio shows.
    """
    times = 1
    while True:
        wall: float = process.ask("time", name=name, times=times)["wall"]
        if wall * 4 >= seconds:
            return max(1, round(times * seconds / wall))
        times *= 2


def measure_memory(sides: Sequence[Side], count: int, pace: Pace, told: Told) -> Memory:
    """How much pending Deferreds need, each side in a fresh process, which has no free memory."""
    memory = Memory(count, [])
    for _ in range(pace.processes):
        told("memory")
        found: dict[str, float] = {}
        for side in sides:
            with Process(side) as process:
                found[side.name] = process.ask("memory", count=count)["bytes"]
        memory.rounds.append(found)
    return memory


def versions_of(sides: Sequence[Side]) -> dict[str, str | None]:
    """The versions of what is measured. It raises if a side cannot be."""
    found: dict[str, str | None] = {}
    for side in sides:
        with Process(side) as process:
            found |= {what: which for what, which in process.versions.items() if which}
    return {"deferrous": None, **found}
