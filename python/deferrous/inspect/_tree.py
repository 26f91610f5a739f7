"""Who waits for whom, as trees, from the outermost that waits. It is Python because it only arranges."""

from __future__ import annotations

from collections.abc import Iterable

from deferrous.inspect._groups import Shape, Shapes
from deferrous.inspect._items import Item
from deferrous.inspect._model import Node

#: The depth of trees. Rows of the same are one node, whatever their length.
_DEEPEST = 60

#: So many nodes are in one tree.
_MOST_NODES = 2000


def roots(items: Iterable[Item]) -> list[Item]:
    """Return the outermost items: those that no other one waits for, and one of each circle."""
    items = list(items)
    found = [item for item in items if not item.waited]
    reached = _reached(found)
    for item in sorted(items, key=lambda item: (is_plain(item), item.kind, item.place.file, item.place.line)):
        if item not in reached:
            found.append(item)
            reached |= _reached([item])
    return found


def is_plain(item: Item) -> bool:
    """Say whether nothing is known of an item but that it is a Deferred."""
    return item.kind == "deferred" and not item.note and not item.place.file


def _reached(found: Iterable[Item]) -> set[Item]:
    reached: set[Item] = set()
    ahead = list(found)
    while ahead:
        item = ahead.pop()
        if item not in reached:
            reached.add(item)
            ahead += item.waits
    return reached


def trees(items: Iterable[Item], shapes: Shapes) -> list[Node]:
    """Return the trees of all items that wait for something, like ones as one, the most frequent first."""
    counted: dict[Shape, list[Item]] = {}
    for item in roots(items):
        if item.waits:
            counted.setdefault(shapes.of(item), []).append(item)
    found = []
    for shape, alike in counted.items():
        ages = [item.age for item in alike if item.age is not None]
        found.append(_Builder().node(shape, len(alike), max(ages, default=None), 0))
    return sorted(
        found, key=lambda node: (-node.count, node.kind, node.name, node.place.file, node.place.line)
    )


class _Builder:
    """Makes one tree."""

    def __init__(self) -> None:
        self._made = 0
        self._shown: set[Shape] = set()

    def node(self, shape: Shape, count: int, age: float | None, depth: int) -> Node:
        """Make the node of a shape, and all below it."""
        while (
            depth
            and is_plain(shape.item)
            and len(shape.below) == 1
            and shape.below[0][1] == 1
            and not shape.circle
        ):
            shape = shape.below[0][0]
            age = _age(shape)
        self._made += 1
        item, notes = shape.item, [shape.note()]
        if shape.circle:
            while is_plain(item) and item.waits:
                item = item.waits[0]
            return Node("circle", item.name, item.place, note=f"back to {item.kind} {item.name}")
        length, last = _row(shape)
        if length > 1:
            notes.append(f"{length:,} in a row")
        below = last.below
        if below and (depth >= _DEEPEST or self._made > _MOST_NODES):
            notes.append("what it waits for is left out here")
            below = ()
        elif below and last in self._shown:
            notes.append("as above")
            below = ()
        self._shown.add(last)
        return Node(
            item.kind,
            item.name,
            item.place,
            age,
            count,
            "; ".join(filter(None, notes)),
            tuple(self.node(inner, many, _age(inner), depth + 1) for inner, many in below),
        )


def _age(shape: Shape) -> float | None:
    return shape.ages[1] if shape.ages else None


def _row(shape: Shape) -> tuple[int, Shape]:
    """Return how many of the same wait for each other in a row, and the last of these."""
    item, length = shape.item, 1
    while len(shape.below) == 1:
        following, many = shape.below[0]
        other = following.item
        if (
            many > 1
            or following.circle
            or (other.kind, other.name, other.place) != (item.kind, item.name, item.place)
        ):
            break
        shape, length = following, length + 1
    return length, shape
