"""What an inspection finds, as plain data.

It is Python because it only holds what was found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

#: The kinds of things that are outstanding.
KINDS = (
    "deferred",
    "coroutine",
    "inlineCallbacks",
    "timer",
    "call",
    "loop",
    "job",
    "reader",
    "writer",
    "port",
    "process",
    "trigger",
    "thread",
)


class Place(NamedTuple):
    """A line of a file. Without a file it is not known."""

    file: str = ""
    line: int = 0


#: A place that is not known.
NOWHERE = Place()


@dataclass(frozen=True)
class Group:
    """Things that are alike: of one kind, with the same code at the same place, waiting for the same.

    Attributes:
        kind: one of `KINDS`.
        name: the qualified name of the function, or the name of the class.
        place: where it is suspended, or where its function begins, or where it was made.
        waits_for: what it waits for, in words.
        count: how many there are.
        oldest, youngest: their ages in seconds; None if those were not recorded.
    """

    kind: str
    name: str
    place: Place
    waits_for: str
    count: int = 1
    oldest: float | None = None
    youngest: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as a row of the table, which JSON can hold."""
        return {
            "kind": self.kind,
            "name": self.name,
            "file": self.place.file,
            "line": self.place.line,
            "waits_for": self.waits_for,
            "count": self.count,
            "oldest": _rounded(self.oldest),
            "youngest": _rounded(self.youngest),
        }


@dataclass(frozen=True)
class Node:
    """One of the things in a tree, with what it waits for below it.

    Attributes:
        kind: one of `KINDS`, or what else things wait for: lock, semaphore, queue, holder, never, circle.
        name: the qualified name of the function, or the name of the class.
        place: where it is suspended, or where its function begins, or where it was made.
        age: in seconds; None if that was not recorded.
        count: how many trees are the same from here on.
        note: what else there is to say.
        waits_for: the nodes below it.
    """

    kind: str
    name: str
    place: Place = NOWHERE
    age: float | None = None
    count: int = 1
    note: str = ""
    waits_for: tuple[Node, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it with all below it, as JSON can hold it. Trees are not deep: see `_tree`."""
        return {
            "kind": self.kind,
            "name": self.name,
            "file": self.place.file,
            "line": self.place.line,
            "age": _rounded(self.age),
            "count": self.count,
            "note": self.note,
            "waits_for": [node.as_dict() for node in self.waits_for],
        }


@dataclass(frozen=True)
class Snapshot:
    """All that is outstanding in this process at one moment.

    Attributes:
        groups: what there is, like things in one group, the most frequent first.
        trees: who waits for whom, each from the outermost that waits.
        taken: when, in seconds since the epoch.
        took: how many seconds it took.
        records: whether ages and the places where Deferreds are made are recorded.
    """

    groups: tuple[Group, ...] = ()
    trees: tuple[Node, ...] = ()
    taken: float = 0.0
    took: float = 0.0
    records: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "groups": [group.as_dict() for group in self.groups],
            "trees": [tree.as_dict() for tree in self.trees],
            "taken": self.taken,
            "took": self.took,
            "records": self.records,
        }

    def __str__(self) -> str:
        """Return the table of `deferrous ps`."""
        from deferrous.inspect._printable import printable_answer
        from deferrous.inspect._text import table

        return table(printable_answer([group.as_dict() for group in self.groups]))


def _rounded(age: float | None) -> float | None:
    """Return an age in whole milliseconds."""
    return None if age is None or math.isnan(age) else round(age, 3)
