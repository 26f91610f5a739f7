"""The things of a snapshot while it is made: what there is, and what waits for what.

It is Python because it only holds what was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from deferrous.inspect._model import NOWHERE, Place


class Item:
    """A thing that is outstanding, or what such a thing waits for.

    Attributes:
        kind, name, place, age, note: as those of a `Node`.
        words: what one says of something that waits for this: "a timer due in 12 s".
        plural: the same of several that are alike but for numbers and addresses: "timers".
        due: in how many seconds a timer is due.
        waits: the items that it waits for.
        waited: whether another one waits for it.
        starts: the objects from which what it will fire can be reached.
        listed: whether it has a row of its own in the table.
    """

    # Most items have these, and there may be millions: only what differs is kept in an item itself.
    words = ""
    plural = ""
    note = ""
    age: float | None = None
    due: float | None = None
    waits: Sequence[Item] = ()
    waited = False
    starts: Iterable[Any] = ()
    listed = True

    def __init__(self, kind: str, name: str, place: Place = NOWHERE, **more: Any) -> None:
        self.kind = kind
        self.name = name
        self.place = place
        if more:
            self.plural = more.get("words", "")
            vars(self).update(more)

    def wait_for(self, other: Item) -> None:
        """Note that this waits for another one."""
        if type(self.waits) is list:
            self.waits.append(other)
        else:
            self.waits = [other]
        other.waited = True


def where(place: Place) -> str:
    """Return a place as text, with the whole path."""
    return f"{place.file}:{place.line}" if place.file else ""
