"""The selector of a loop, for what looks at `loop._selector`: the descriptors are kept by the loop itself."""

import selectors
from collections.abc import Iterator, Mapping
from typing import Any

from deferrous import _core

_Pair = tuple[Any, Any]


class _Map(Mapping[Any, selectors.SelectorKey]):
    """What a selector watches, by file objects."""

    def __init__(self, core: "_core.LoopCore") -> None:
        self._core = core

    def __len__(self) -> int:
        return len(self._core._watched())

    def __getitem__(self, fileobj: Any) -> selectors.SelectorKey:
        fd = self._core._descriptor(fileobj)
        for key in self._core._watched():
            if key[1] == fd:
                return selectors.SelectorKey(*key)
        raise KeyError(f"{fileobj!r} is not registered")

    def __iter__(self) -> Iterator[int]:
        return (key[1] for key in self._core._watched())


class Selector(selectors.BaseSelector):
    """The descriptors of a loop, as a selector of the standard library.

    The data of a descriptor is a pair: the handle of its reader and that of its writer, or None for either.
    """

    def __init__(self, core: "_core.LoopCore") -> None:
        """Args:
        core: the loop.
        """
        self._core = core
        self._closed = False

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch a descriptor that is not watched yet."""
        _check(events)
        self._core._register(fileobj, events, _pair(data))
        return self.get_key(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Change what is watched of a descriptor."""
        _check(events)
        if self._core._modify(fileobj, events, _pair(data)) is None:
            raise KeyError(f"{fileobj!r} is not registered")
        return self.get_key(fileobj)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Watch a descriptor no longer."""
        key = self._core._unregister(fileobj)
        if key is None:
            raise KeyError(f"{fileobj!r} is not registered")
        return selectors.SelectorKey(*key)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for up to `timeout` seconds, and return what is ready."""
        keys = {}
        told = self._core._poll(None if timeout is None else max(timeout, 0.0))
        if told:
            keys = {key[1]: selectors.SelectorKey(*key) for key in self._core._watched()}
        pairs = ((keys.get(fd), events) for fd, events in told)
        return [(key, events & key.events) for key, events in pairs if key is not None]

    def close(self) -> None:
        """Watch nothing any more."""
        self._closed = True
        self._core._close_selector()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """Return what is watched, by file objects."""
        return None if self._closed else _Map(self._core)  # type: ignore[return-value]


def _check(events: int) -> None:
    if not events or events & ~(selectors.EVENT_READ | selectors.EVENT_WRITE):
        raise ValueError(f"Invalid events: {events!r}")


def _pair(data: Any) -> _Pair:
    if data is None:
        return None, None
    if isinstance(data, tuple) and len(data) == 2:
        return data
    raise TypeError("the data of a descriptor is a pair of handles here")
