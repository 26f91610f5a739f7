"""The part of a reactor that pools use: calls that other threads hand over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, cast

from twisted.internet.interfaces import IReactorFromThreads

from tests.apis import Failure
from tests.children import PATIENCE


class Loop:
    """Makes the calls when a test says so, in its thread."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = (
            SimpleQueue()
        )

    def callFromThread(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Keep a call."""
        self._calls.put((function, args, kwargs))

    @property
    def reactor(self) -> IReactorFromThreads:
        """The loop, as what functions ask for."""
        return cast(IReactorFromThreads, self)

    def turn(self) -> None:
        """Make the calls that there are, and wait for none."""
        while not self._calls.empty():
            self._make_one()

    def outcome(self, deferred: Any) -> Any:
        """Make calls until a Deferred fires, and return its result, which may be a Failure."""
        thread = threading.get_ident()
        found: list[Any] = []

        def take(result: Any) -> None:
            assert threading.get_ident() == thread
            found.append(result)

        deferred.addBoth(take)
        while not found:
            self._make_one()
        return found[0]

    def value(self, deferred: Any) -> Any:
        """Return the value of a Deferred, which must not fail."""
        result = self.outcome(deferred)
        assert not isinstance(result, Failure), result.getTraceback()
        return result

    def failure(self, deferred: Any) -> Any:
        """Return the Failure of a Deferred, which must fail."""
        result = self.outcome(deferred)
        assert isinstance(result, Failure), result
        return result

    def _make_one(self) -> None:
        function, args, kwargs = self._calls.get(timeout=PATIENCE)
        function(*args, **kwargs)
