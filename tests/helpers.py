"""Small things that tests of Deferreds need."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from tests.apis import Failure

#: The return type of a generator function.
Steps = Generator[Any, Any, Any]
#: The return value of `outcome` for a Deferred that has not fired.
UNFIRED = "unfired"


class Oops(Exception):
    """An error in tests."""


def outcome(deferred: Any) -> Any:
    """Take the result of a Deferred: a value, the exception of a failure, or `UNFIRED`."""
    found: list[Any] = []
    deferred.addBoth(found.append)
    if not found:
        return UNFIRED
    return found[0].value if isinstance(found[0], Failure) else found[0]


def raising(error: BaseException) -> Any:
    """Give a callback that raises."""

    def callback(*_: object, **__: object) -> None:
        raise error

    return callback


def handled(_: object) -> None:
    """An errback that handles every failure."""


def same(value: Any) -> Any:
    """A callback that passes its argument on."""
    return value


def instead(_: object, value: Any) -> Any:
    """A callback that returns another value instead of its argument."""
    return value


def noting(found: list[Any], note: Any = None) -> Any:
    """Give a callback that passes its argument on, and that appends it, or a note, to a list."""

    def callback(value: Any) -> Any:
        found.append(value if note is None else note)
        return value

    return callback
