"""Workloads, and groups of workloads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

#: The measure of a workload: the clock, or the processor time of the whole process.
Measure = Literal["wall", "cpu"]
#: A workload, which ends when it returns, or when what it returns has been awaited.
Run = Callable[[int], "Awaitable[None] | None"]
#: Returns the reason why something cannot be measured here, for people, or None if it can.
Obstacle = Callable[[], "str | None"]


def nothing_missing() -> None:
    """The obstacle of what can be measured everywhere."""


@dataclass(frozen=True)
class Peer:
    """The same work with something else, which is the module of this name."""

    name: str
    run: Callable[[int], None]
    #: The part of that module that is measured, for the table.
    what: str


@dataclass(frozen=True)
class Workload:
    """Something to time. `run(times)` does it so many times, and raises if it comes out wrong."""

    name: str
    run: Run
    #: How many operations one time of `run` is.
    operations: int = 1
    #: How many times a round has, where that is part of what is measured. Else as many as fill it.
    times: int | None = None
    #: Whether it is part of the geometric mean.
    counted: bool = True
    measure: Measure = "wall"
    #: Whether processor time is that of the processes which it starts and waits for, and not its own.
    in_children: bool = False
    #: Whether the difference to stock Twisted is shown too, because it matters more than the ratio.
    shows_difference: bool = False
    peer: Peer | None = None
    #: The Python calls of the row alone, with nothing behind them; see `_floor.py`.
    floor: Run | None = None
    obstacle: Obstacle = nothing_missing

    @property
    def operation(self) -> str:
        """A description of one operation, in a line."""
        return (self.run.__doc__ or "").strip()


@dataclass(frozen=True)
class Pending:
    """Objects that wait, to measure their memory. `fill(places)` puts one into each place of a list."""

    name: str
    fill: Callable[[list[Any]], Awaitable[None] | None]
    count: int
    #: Names of the objects, and of one of them.
    what: str
    one: str
    #: What is there before memory is measured, and what the first use of it allocates.
    prepare: Callable[[], Awaitable[None]] | None = None
    obstacle: Obstacle = nothing_missing

    @property
    def operation(self) -> str:
        """A description of the figure, in a line."""
        return f"bytes for {self.one}"


@dataclass(frozen=True)
class Group:
    """Workloads that have a geometric mean of their own."""

    name: str
    title: str
    workloads: tuple[Workload, ...]
    pending: Pending
    #: Whether they need a reactor that runs.
    in_reactor: bool = False
    #: The sides that it compares, if not stock Twisted and deferrous.
    compares: tuple[str, str] | None = None

    @property
    def names(self) -> list[str]:
        """Of all that is measured."""
        return [*(each.name for each in self.workloads), self.pending.name]
