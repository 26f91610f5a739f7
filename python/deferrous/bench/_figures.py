"""What was measured, and what is computed from it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FORMAT = 1
GEOMETRIC_MEAN_TARGET = 5.0
MEMORY_TARGET = 0.35
ASYNCIO_TARGET = 1.0


class Sample(NamedTuple):
    """Seconds for one operation, in one round."""

    wall: float
    cpu: float


class Spread(NamedTuple):
    """The lower quartile, the median and the upper quartile."""

    low: float
    median: float
    high: float


def spread(values: Iterable[float]) -> Spread:
    """The quartiles of one value or more."""
    ordered = sorted(values)
    if len(ordered) == 1:
        return Spread(ordered[0], ordered[0], ordered[0])
    return Spread(*statistics.quantiles(ordered, n=4, method="inclusive"))


@dataclass
class Timing:
    """The rounds of one workload. In each, every side did it once, one after the other."""

    name: str
    operation: str
    counted: bool
    target: float | None
    #: How many times each side ran the workload in a round.
    times: dict[str, int]
    rounds: list[dict[str, Sample]] = field(default_factory=list)

    def cost(self, side: str) -> float:
        """The median of the seconds that an operation took."""
        return statistics.median(each[side].wall for each in self.rounds)

    def ratio(self, of: str, to: str) -> Spread:
        """The time of one side over that of another, round by round: both met the same noise."""
        return spread(each[of].wall / each[to].wall for each in self.rounds)

    def cpu_ratio(self, of: str, to: str) -> Spread:
        """The same, of processor time."""
        return spread(each[of].cpu / each[to].cpu for each in self.rounds)


@dataclass
class Memory:
    """Bytes for each pending Deferred, in each round."""

    count: int
    rounds: list[dict[str, float]]

    def cost(self, side: str) -> float:
        """The median of the bytes for a Deferred."""
        return statistics.median(each[side] for each in self.rounds)

    def ratio(self, of: str, to: str) -> Spread:
        """The bytes of one side over those of another, round by round."""
        return spread(each[of] / each[to] for each in self.rounds)


@dataclass
class Report:
    """All that one run of the command has found out."""

    first: str
    second: str
    command: str
    versions: dict[str, str | None]
    machine: dict[str, str | int]
    timings: Sequence[Timing]
    memory: Memory | None

    def ratio(self, timing: Timing) -> Spread:
        """How many times as fast the second side is as the first."""
        return timing.ratio(self.first, self.second)

    def meets_target(self, timing: Timing) -> bool:
        """Whether a workload is as fast as it is to be."""
        return timing.target is None or self.ratio(timing).median >= timing.target

    @property
    def counted(self) -> list[Timing]:
        """The workloads of the geometric mean."""
        return [timing for timing in self.timings if timing.counted]

    @property
    def geometric_mean(self) -> float | None:
        """Of the ratios of the workloads that count, if there are any."""
        ratios = [self.ratio(timing).median for timing in self.counted]
        return math.exp(statistics.fmean(map(math.log, ratios))) if ratios else None

    @property
    def least(self) -> Timing | None:
        """The workload that counts and gains least."""
        return min(self.counted, key=lambda timing: self.ratio(timing).median, default=None)

    @property
    def with_peer(self) -> Timing | None:
        """The workload that asyncio did too."""
        return next((each for each in self.timings if "asyncio" in each.times), None)

    def as_json(self) -> dict[str, Any]:
        """Everything, with all rounds."""
        least = self.least
        return {
            "format": FORMAT,
            "command": self.command,
            "sides": [self.first, self.second],
            "versions": self.versions,
            "machine": self.machine,
            "geometric_mean": {"ratio": self.geometric_mean, "target": GEOMETRIC_MEAN_TARGET},
            "least": least and {"workload": least.name, "ratio": self.ratio(least).median},
            "workloads": [self._timing_as_json(timing) for timing in self.timings],
            "memory": self.memory and self._memory_as_json(self.memory),
        }

    def _timing_as_json(self, timing: Timing) -> dict[str, Any]:
        shown = {
            "name": timing.name,
            "operation": timing.operation,
            "counted": timing.counted,
            "target": timing.target,
            "ratio": self.ratio(timing)._asdict(),
            "cpu_ratio": timing.cpu_ratio(self.first, self.second)._asdict(),
            "times_per_round": timing.times,
            "rounds": [{side: sample._asdict() for side, sample in each.items()} for each in timing.rounds],
            "unit": "seconds for an operation",
        }
        if "asyncio" in timing.times:
            over = timing.ratio("asyncio", self.second)
            shown["asyncio"] = {"ratio": over._asdict(), "target": ASYNCIO_TARGET}
        return shown

    def _memory_as_json(self, memory: Memory) -> dict[str, Any]:
        return {
            "deferreds": memory.count,
            "unit": "bytes of resident memory for a Deferred with two callbacks",
            "ratio": memory.ratio(self.second, self.first)._asdict(),
            "target": MEMORY_TARGET,
            "rounds": memory.rounds,
        }
