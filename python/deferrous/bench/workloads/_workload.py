"""What a workload is, and a group of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

#: What a workload is measured by: the clock, or the processor time of the whole process.
Measure = Literal["wall", "cpu"]
#: A workload, which ends when it returns, or when what it returns has been awaited.
Run = Callable[[int], "Awaitable[None] | None"]


@dataclass(frozen=True)
class Peer:
    """The same work with something else, which is the module of this name."""

    name: str
    run: Callable[[int], None]
    #: What of that module it is, for the table.
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
    #: How many times as fast as stock Twisted it is to be.
    target: float | None = 2.5
    #: Whether it is part of the geometric mean.
    counted: bool = True
    measure: Measure = "wall"
    #: Whether processor time is that of the processes which it starts and waits for, and not its own.
    in_children: bool = False
    #: By how many seconds more than stock Twisted it may take at most, where that is what counts.
    most_added: float | None = None
    peer: Peer | None = None

    @property
    def operation(self) -> str:
        """What one operation is, in a line."""
        return (self.run.__doc__ or "").strip()


@dataclass(frozen=True)
class Pending:
    """What waits, and how much memory that needs. `fill(places)` puts one into each place of a list."""

    name: str
    fill: Callable[[list[Any]], Awaitable[None] | None]
    count: int
    #: What there are so many of, and one of them, in words.
    what: str
    one: str
    #: What part of stock Twisted's memory it is to need at most.
    target: float

    @property
    def operation(self) -> str:
        """What is measured, in a line."""
        return f"bytes for {self.one}"


@dataclass(frozen=True)
class Group:
    """Workloads that have a geometric mean of their own."""

    name: str
    title: str
    workloads: tuple[Workload, ...]
    pending: Pending
    #: What the geometric mean is to be.
    target: float | None = None
    #: Whether they need a reactor that runs.
    in_reactor: bool = False

    @property
    def names(self) -> list[str]:
        """Of all that is measured."""
        return [*(each.name for each in self.workloads), self.pending.name]
