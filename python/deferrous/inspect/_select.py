"""The part of an answer that a command line asks for.

It is Python because it only compares texts and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from deferrous.inspect._protocol import InspectError

#: By which the rows of `ps` can be sorted: texts from A to Z, numbers from the largest on.
COLUMNS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "kind": lambda row: row["kind"],
    "name": lambda row: row["name"],
    "place": lambda row: (row["file"], row["line"]),
    "waits": lambda row: row["waits_for"],
    "count": lambda row: -row["count"],
    "oldest": lambda row: -(row["oldest"] or 0.0),
    "youngest": lambda row: -(row["youngest"] or 0.0),
}


def select(
    answer: dict[str, Any], *, older: float | None = None, name: str | None = None, sort: str | None = None
) -> dict[str, Any]:
    """Return an answer with the rows and trees that are asked for.

    Args:
        answer: what the program has answered.
        older: leave out what is younger, in seconds. A row stays if its oldest is older, a tree if one in it
            is.
        name: leave out what does not have this in its name, where `*` and `?` stand for anything. A tree
            stays if one in it has.
        sort: the column to sort rows by.

    Raises:
        InspectError: the program does not record ages.
    """
    if older is not None and not answer.get("records"):
        raise InspectError(
            "the program does not record ages: start it with DEFERROUS_INSPECT=1, or leave out --older"
        )

    def is_wanted(thing: dict[str, Any], age: str) -> bool:
        if older is not None and (thing[age] is None or thing[age] < older):
            return False
        return name is None or fnmatchcase(thing["name"], f"*{name}*")

    selected = dict(answer)
    if "rows" in answer:
        rows = [row for row in answer["rows"] if is_wanted(row, "oldest")]
        selected["rows"] = rows if sort is None else sorted(rows, key=COLUMNS[sort])
    if "trees" in answer:
        selected["trees"] = [
            tree for tree in answer["trees"] if any(is_wanted(node, "age") for node in _nodes(tree))
        ]
    return selected


def _nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a tree."""
    left = [tree]
    while left:
        node = left.pop()
        yield node
        left += node["waits_for"]
