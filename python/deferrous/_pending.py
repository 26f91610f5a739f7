"""The pending calls of a reactor, as the lists that Twisted's reactors have.

Programs that watch a reactor read these private attributes, and tests empty them. It is Python because the
reactor itself does not use it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, MutableSequence
from typing import Any, overload

from deferrous._core import EventLoop


class Pending(MutableSequence[Any]):
    """One queue of a reactor as it is now. Changing the list changes the queue."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, loop: EventLoop, name: str) -> None:
        self._loop = loop
        self._name = name

    def shows(self, loop: EventLoop, name: str) -> bool:
        """Say whether this is the queue of this name of an event loop."""
        return self._loop is loop and self._name == name

    def _now(self) -> list[Any]:
        return self._loop.pending(self._name)

    def __len__(self) -> int:
        return len(self._now())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._now()[index]

    @overload
    def __setitem__(self, index: int, value: Any) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[Any]) -> None: ...
    def __setitem__(self, index: int | slice, value: Any) -> None:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                self._loop.splice(self._name, start, max(start, stop), value)
                return
            places, values = range(start, stop, step), list(value)
            if len(places) != len(values):
                raise ValueError(
                    f"attempt to assign sequence of size {len(values)} "
                    f"to extended slice of size {len(places)}"
                )
            for at, entry in zip(places, values, strict=True):
                self._loop.splice(self._name, at, at + 1, (entry,))
            return
        at = self._at(index)
        self._loop.splice(self._name, at, at + 1, (value,))

    def __delitem__(self, index: int | slice) -> None:
        if not isinstance(index, slice):
            self.pop(index)
            return
        start, stop, step = index.indices(len(self))
        if step == 1:
            self._loop.splice(self._name, start, max(start, stop), ())
            return
        for at in sorted(range(start, stop, step), reverse=True):
            self._loop.splice(self._name, at, at + 1, ())

    def insert(self, index: int, value: Any) -> None:
        """Insert an entry before the one at an index."""
        at, _, _ = slice(index, None).indices(len(self))
        self._loop.splice(self._name, at, at, (value,))

    # Other threads may append at any time. These methods lose nothing then.
    def append(self, value: Any) -> None:
        """Add an entry at the end."""
        self._loop.splice(self._name, sys.maxsize, sys.maxsize, (value,))

    def pop(self, index: int = -1) -> Any:
        """Take an entry out and return it."""
        at = self._at(index)
        return self._loop.splice(self._name, at, at + 1, ())[0]

    def clear(self) -> None:
        """Take all entries out."""
        self._loop.splice(self._name, 0, sys.maxsize, ())

    def _at(self, index: int) -> int:
        return range(len(self))[index]

    def __iter__(self) -> Any:
        return iter(self._now())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Pending):
            other = other._now()
        return self._now() == other

    def __add__(self, other: Iterable[Any]) -> list[Any]:
        return self._now() + list(other)

    def __radd__(self, other: list[Any]) -> list[Any]:
        return other + self._now()

    def __repr__(self) -> str:
        return repr(self._now())
