"""The measured times, and the figures that are computed from them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from deferrous.bench._process import DEFERROUS, FLOOR, STOCK
from deferrous.bench.workloads import Group, Measure, Pending, Workload

FORMAT = 3
_SIDES = STOCK.name, DEFERROUS.name


class Sample(NamedTuple):
    """Seconds for one operation, in one round."""

    wall: float
    cpu: float

    def seconds(self, measure: Measure) -> float:
        """Return the seconds of the clock or those of the processor."""
        return self.wall if measure == "wall" else self.cpu


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

    workload: Workload
    #: How many times each side ran the workload in a round.
    times: dict[str, int]
    rounds: list[dict[str, Sample]] = field(default_factory=list)
    #: The names of the two sides that are compared.
    sides: tuple[str, str] = _SIDES

    def cost(self, side: str) -> float:
        """The median of the seconds that an operation took, by what the workload is measured by."""
        return statistics.median(each[side].seconds(self.workload.measure) for each in self.rounds)

    def ratio(self, of: str, to: str, measure: Measure | None = None) -> Spread:
        """The time of one side over that of another, round by round: both met the same noise."""
        by = measure or self.workload.measure
        return spread(each[of].seconds(by) / each[to].seconds(by) for each in self.rounds)

    def difference(self, of: str, to: str) -> Spread:
        """By how many seconds one side took longer than another, round by round."""
        by = self.workload.measure
        return spread(each[of].seconds(by) - each[to].seconds(by) for each in self.rounds)

    @property
    def floor(self) -> float | None:
        """The median of the seconds that the Python calls of an operation take alone."""
        return self.cost(FLOOR.name) if FLOOR.name in self.times else None

    @property
    def met_peer(self) -> bool:
        """Whether its peer was measured too."""
        return self.workload.peer is not None and self.workload.peer.name in self.times


@dataclass
class Memory:
    """Bytes for each of many that wait, in each round."""

    pending: Pending
    rounds: list[dict[str, float]] = field(default_factory=list)
    #: The names of the two sides that are compared.
    sides: tuple[str, str] = _SIDES

    def cost(self, side: str) -> float:
        """The median of the bytes for one."""
        return statistics.median(each[side] for each in self.rounds)

    def ratio(self, of: str, to: str) -> Spread:
        """The bytes of one side over those of another, round by round."""
        return spread(each[of] / each[to] for each in self.rounds)


@dataclass
class Results:
    """The results of one group."""

    group: Group
    timings: Sequence[Timing]
    memory: Memory | None
    #: Of the rows that were asked for and could not be measured: name and reason.
    left_out: Mapping[str, str] = field(default_factory=dict)
    #: The names of the two sides that are compared.
    sides: tuple[str, str] = _SIDES

    @property
    def counted(self) -> list[Timing]:
        """The workloads of the geometric mean."""
        return [timing for timing in self.timings if timing.workload.counted]

    @property
    def with_peer(self) -> list[Timing]:
        """The workloads with a peer."""
        return [timing for timing in self.timings if timing.workload.peer]


@dataclass
class Report:
    """The results of one run of the command."""

    first: str
    second: str
    command: str
    versions: dict[str, str | None]
    machine: dict[str, str | int]
    groups: Sequence[Results]

    def ratio(self, timing: Timing) -> Spread:
        """How many times as fast the second side is as the first."""
        return timing.ratio(*timing.sides)

    def added(self, timing: Timing) -> Spread:
        """By how many seconds an operation takes longer on the second side than on the first."""
        first, second = timing.sides
        return timing.difference(second, first)

    def geometric_mean(self, results: Results) -> float | None:
        """Of the ratios of the workloads of a group that count, if there are any."""
        ratios = [self.ratio(timing).median for timing in results.counted]
        return math.exp(statistics.fmean(map(math.log, ratios))) if ratios else None

    def least(self, results: Results) -> Timing | None:
        """The workload of a group that counts and gains least."""
        return min(results.counted, key=lambda timing: self.ratio(timing).median, default=None)

    def over_peer(self, timing: Timing) -> Spread | None:
        """How many times as fast the second side is as the peer of a workload, if that was measured."""
        peer = timing.workload.peer
        return timing.ratio(peer.name, timing.sides[1]) if peer and timing.met_peer else None

    def as_json(self) -> dict[str, Any]:
        """Everything, with all rounds."""
        return {
            "format": FORMAT,
            "command": self.command,
            "sides": [self.first, self.second],
            "versions": self.versions,
            "machine": self.machine,
            "groups": [self._results_as_json(each) for each in self.groups],
        }

    def _results_as_json(self, results: Results) -> dict[str, Any]:
        least = self.least(results)
        return {
            "name": results.group.name,
            "sides": list(results.sides),
            "geometric_mean": self.geometric_mean(results),
            "least": least and {"workload": least.workload.name, "ratio": self.ratio(least).median},
            "workloads": [self._timing_as_json(timing) for timing in results.timings],
            "memory": results.memory and self._memory_as_json(results.memory),
            "left_out": dict(results.left_out),
        }

    def _timing_as_json(self, timing: Timing) -> dict[str, Any]:
        workload = timing.workload
        over = self.over_peer(timing)
        return {
            "name": workload.name,
            "operation": workload.operation,
            "counted": workload.counted,
            "measured_by": workload.measure,
            "added": self.added(timing)._asdict(),
            "floor": timing.floor,
            "ratio": self.ratio(timing)._asdict(),
            "wall_ratio": timing.ratio(*timing.sides, "wall")._asdict(),
            "cpu_ratio": timing.ratio(*timing.sides, "cpu")._asdict(),
            "peer": workload.peer and {"name": workload.peer.name, "ratio": over and over._asdict()},
            "times_per_round": timing.times,
            "rounds": [{side: sample._asdict() for side, sample in each.items()} for each in timing.rounds],
            "unit": "seconds for an operation",
        }

    def _memory_as_json(self, memory: Memory) -> dict[str, Any]:
        return {
            "name": memory.pending.name,
            "count": memory.pending.count,
            "unit": f"bytes of resident memory for {memory.pending.one}",
            "ratio": memory.ratio(*reversed(memory.sides))._asdict(),
            "rounds": memory.rounds,
        }
