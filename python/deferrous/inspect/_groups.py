"""Like things are one: what is of one kind, at one place, and waits for the same, by numbers.

Each item gets a shape, which is made of its own and of those that it waits for. Two items with one shape
are alike. It is Python because it only compares. It does not recurse: a chain may be a million Deferreds
long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from deferrous.inspect._durations import in_words
from deferrous.inspect._items import Item
from deferrous.inspect._model import Group, Place

#: So many different words are kept of things that are alike.
_MOST_WORDS = 3


class Shape:
    """What items have in common that are alike.

    Attributes:
        item: the first of them.
        below: the shapes that they wait for, each with how many.
        count: how many they are.
    """

    __slots__ = ("ages", "below", "circle", "count", "dues", "item", "notes", "words")

    def __init__(self, item: Item, below: tuple[tuple[Shape, int], ...], circle: bool = False) -> None:
        self.item = item
        self.below = below
        self.circle = circle
        self.count = 0
        self.ages: list[float] = []
        self.dues: list[float] = []
        self.words: set[str] = set()
        self.notes: set[str] = set()

    def add(self, item: Item) -> None:
        """Count another item."""
        self.count += 1
        if item.age is not None:
            _widen(self.ages, item.age)
        if item.due is not None:
            _widen(self.dues, item.due)
        if len(self.words) < _MOST_WORDS:
            self.words.add(item.words)
        if len(self.notes) < _MOST_WORDS:
            self.notes.add(item.note)

    def says(self) -> str:
        """Return what one says of something that waits for one of these."""
        if len(self.words) == 1 and not (self.dues and self.count > 1):
            return next(iter(self.words))
        return self._due(self.item.plural)

    def note(self) -> str:
        """Return what else there is to say of these."""
        if self.item.kind in ("timer", "loop") and self.dues:
            own = self.item.note.partition(", next")[0]
            due = self._due("" if self.item.kind == "timer" else "next")
            return ", ".join(filter(None, (own, due)))
        if len(self.notes) == 1:
            return next(iter(self.notes))
        return "each in a thread of its own" if self.item.kind == "job" else self.item.plural

    def _due(self, text: str) -> str:
        if not self.dues:
            return text
        first, last = (in_words(due) for due in self.dues)
        due = f"in {first}" if first == last else f"in {first} to {last}"
        return f"{text} {due}" if text == "next" else f"{text} due {due}".strip()


def _widen(bounds: list[float], value: float | None) -> None:
    if value is None:
        return
    bounds[:] = [min([value, *bounds[:1]]), max([value, *bounds[1:]])]


class Shapes:
    """The shapes of items."""

    def __init__(self) -> None:
        self._known: dict[Any, Shape] = {}
        self._of: dict[Item, Shape] = {}

    def of(self, item: Item) -> Shape:
        """Return the shape of an item, which is counted the first time."""
        found = self._of.get(item)
        if found is not None:
            return found
        if not item.waits:
            found = self._of[item] = self._made(item, ())
            return found
        if len(item.waits) == 1 and item.waits[0] in self._of:
            found = self._of[item] = self._made(item, ((self._of[item.waits[0]], 1),))
            return found
        # The items from the one that is asked for to where the walk is, each with what is left to do below
        # it.
        open_items = {item: None}
        walk = [(item, iter(item.waits))]
        while walk:
            at, rest = walk[-1]
            following = next(rest, None)
            if following is None:
                walk.pop()
                del open_items[at]
                # What is not there yet is further up: the items wait for each other in a circle.
                below = Counter(self._of.get(other) or self._circle(other) for other in at.waits)
                self._of[at] = self._made(at, tuple(below.items()))
            elif following not in self._of and following not in open_items:
                open_items[following] = None
                walk.append((following, iter(following.waits)))
        return self._of[item]

    def _made(self, item: Item, parts: tuple[tuple[Shape, int], ...]) -> Shape:
        note = "" if item.plural or item.due is not None else item.note
        below = parts if len(parts) < 2 else frozenset(parts)
        key = (item.kind, item.name, item.place, item.plural, note, below)
        shape = self._known.get(key)
        if shape is None:
            shape = self._known[key] = Shape(item, parts)
        shape.add(item)
        return shape

    def _circle(self, item: Item) -> Shape:
        key = ("circle", item.kind, item.name, item.place)
        if key not in self._known:
            self._known[key] = Shape(item, (), circle=True)
            self._known[key].words.add("itself: a circle")
        return self._known[key]


def waits_for(shape: Shape) -> str:
    """Say in words what items of a shape wait for: what is at the end of it all."""
    said: dict[str, None] = {}
    for below, _ in shape.below:
        while below.below and not below.item.words and below.item.kind not in ("job", "lock", "semaphore"):
            below = below.below[0][0]
        said[_words(below)] = None
        if len(said) > _MOST_WORDS:
            break
    texts = list(said)
    more = len(shape.below) - _MOST_WORDS
    return "; ".join(texts[:_MOST_WORDS]) + (f"; and {more} more" if len(texts) > _MOST_WORDS else "")


def _words(shape: Shape) -> str:
    item = shape.item
    if shape.circle:
        return "itself, in a circle"
    text = shape.says()
    if item.kind in ("lock", "semaphore") and shape.below:
        holder = shape.below[0][0].item
        return f"the {item.kind} {item.name}, which {holder.name} has" + _at(holder.place)
    return text or f"{item.kind} {item.name}"


def _at(place: Place) -> str:
    return f" at {place.file}:{place.line}" if place.file else ""


def groups(items: Iterable[Item], shapes: Shapes) -> list[Group]:
    """Return the rows of the table, those with the most things first."""
    counted: dict[Shape, list[Item]] = {}
    for item in items:
        if item.listed:
            shape = shapes.of(item)
            alike = counted.get(shape)
            if alike is None:
                counted[shape] = [item]
            else:
                alike.append(item)
    rows: dict[Any, Group] = {}
    for shape, alike in counted.items():
        item, ages = shape.item, list[float]()
        for other in alike:
            _widen(ages, other.age)
        text = waits_for(shape) or (shape.note() if item.kind != "deferred" else item.words)
        key = (item.kind, item.name, item.place, text)
        before = rows.get(key)
        if before is not None:
            _widen(ages, before.oldest)
            _widen(ages, before.youngest)
        count = len(alike) + (before.count if before is not None else 0)
        oldest, youngest = (ages[1], ages[0]) if ages else (None, None)
        rows[key] = Group(*key, count, oldest, youngest)
    return sorted(
        rows.values(), key=lambda row: (-row.count, row.kind, row.name, row.place.file, row.place.line)
    )
