"""Paired rounds: the sides take turns, so that all of them meet the same noise.

Each side is a process of its own, since deferrous is under all of Twisted or under none of it.
A process keeps for its life what chance gave it, such as where its memory lies, which moves a
workload by some hundredths. So a run uses several processes for each side, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec

from deferrous.bench._figures import Memory, Results, Sample, Timing
from deferrous.bench._process import FLOOR, Process, Side
from deferrous.bench.workloads import Group, Pending, Workload

Told = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """How long to measure."""

    processes: int
    rounds: int
    seconds: float


FULL = Pace(processes=5, rounds=5, seconds=0.02)
QUICK = Pace(processes=2, rounds=3, seconds=0.008)


@dataclass(frozen=True)
class Chosen:
    """The workloads of a group to measure."""

    group: Group
    workloads: Sequence[Workload]
    pending: Pending | None
    #: Of the rows that were chosen too, and cannot be measured here: name and reason.
    left_out: Mapping[str, str] = field(default_factory=dict)

    def possible(self) -> Chosen:
        """Leave out what cannot be measured here."""
        rows: list[Workload | Pending] = [*self.workloads, *([self.pending] if self.pending else [])]
        left_out = {each.name: reason for each in rows if (reason := each.obstacle())}
        workloads = [each for each in self.workloads if each.name not in left_out]
        pending = self.pending if self.pending and self.pending.name not in left_out else None
        return Chosen(self.group, workloads, pending, left_out)


def steps(choices: Sequence[Chosen], pace: Pace) -> int:
    """Return the number of steps of the progress bar."""
    rows = sum(len(each.workloads) + (each.pending is not None) for each in choices)
    return pace.processes * rows


def measure(chosen: Chosen, sides: Sequence[Side], pace: Pace, told: Told) -> Results:
    """Measure the chosen workloads of one group on all sides."""
    names = sides[0].name, sides[1].name
    timings = [Timing(each, times={}, sides=names) for each in chosen.workloads]
    if timings:
        _time_workloads(chosen.group, timings, sides, pace, told)
    memory = None
    if chosen.pending:
        memory = _measure_memory(chosen.group, chosen.pending, sides, pace, told)
    return Results(chosen.group, timings, memory, chosen.left_out, names)


def sides_of(group: Group, sides: Sequence[Side]) -> list[Side]:
    """Return the sides that a group compares, which are `sides` unless it says otherwise."""
    return [Side(name, name) for name in group.compares] if group.compares else list(sides)


def _time_workloads(
    group: Group, timings: Sequence[Timing], sides: Sequence[Side], pace: Pace, told: Told
) -> None:
    """Time each workload on each side, with its peer if that is installed, and its floor."""
    others = sorted({side for each in timings for side in _others(each.workload)}, key=lambda side: side.name)
    for _ in range(pace.processes):
        with ExitStack() as stack:
            processes = [stack.enter_context(Process(side, group.name)) for side in [*sides, *others]]
            for timing in timings:
                told(timing.workload.name)
                wanted = [*sides, *_others(timing.workload)]
                _time_workload(timing, [each for each in processes if each.side in wanted], pace)


def _others(workload: Workload) -> list[Side]:
    """The sides beside stock Twisted and deferrous that a workload is timed on."""
    sides = [FLOOR] if workload.floor else []
    if workload.peer and find_spec(workload.peer.name):
        sides.append(Side(workload.peer.name, workload.peer.name))
    return sides


def _time_workload(timing: Timing, processes: list[Process], pace: Pace) -> None:
    workload = timing.workload
    for process in processes:
        # Start threads and servers before anything is timed.
        process.ask("warm", name=workload.name, times=1)
        if process.side.name not in timing.times:
            times = workload.times or _calibrate(process, workload.name, pace.seconds)
            timing.times[process.side.name] = times
        process.ask("warm", name=workload.name, times=timing.times[process.side.name])
    for _ in range(pace.rounds):
        # Another side begins each time, because the first one may find another state of caches and clock.
        processes = [*processes[1:], processes[0]]
        samples = {each.side.name: _sample(each, timing) for each in processes}
        timing.rounds.append(dict(sorted(samples.items(), key=lambda item: item[0])))


def _sample(process: Process, timing: Timing) -> Sample:
    times = timing.times[process.side.name]
    took = process.ask("time", name=timing.workload.name, times=times)
    operations = times * timing.workload.operations
    return Sample(took["wall"] / operations, took["cpu"] / operations)


def _calibrate(process: Process, name: str, seconds: float) -> int:
    """How many times fill a round.

    Each side has its own number: with that of the slower one, the rounds of the faster one would
    be short, and their noise would be what the ratio shows. By processor time, since a pause while
    something else runs would make all rounds of the side too short.
    """
    times = 1
    while True:
        cpu: float = process.ask("time", name=name, times=times)["cpu"]
        if cpu * 4 >= seconds:
            return max(1, round(times * seconds / cpu))
        times *= 2


def _measure_memory(group: Group, pending: Pending, sides: Sequence[Side], pace: Pace, told: Told) -> Memory:
    """How much those that wait need, each side in a fresh process, which has no free memory."""
    memory = Memory(pending, sides=(sides[0].name, sides[1].name))
    for _ in range(pace.processes):
        told(pending.name)
        found: dict[str, float] = {}
        for side in sides:
            with Process(side, group.name) as process:
                found[side.name] = process.ask("memory", count=pending.count)["bytes"]
        memory.rounds.append(found)
    return memory


def versions_of(sides: Sequence[Side], groups: Sequence[Group]) -> dict[str, str | None]:
    """Return the versions on all sides. It raises if a side cannot be measured."""
    found: dict[str, str | None] = {}
    for group in groups:
        for side in sides_of(group, sides):
            with Process(side, group.name) as process:
                about = {what: which for what, which in process.versions.items() if which}
            if "reactor" in about:
                about[f"reactor of {side.name}"] = about.pop("reactor")
            found |= about
    return {"deferrous": None, **found}
