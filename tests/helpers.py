"""Small things that tests of Deferreds need."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from tests.apis import Failure

#: What a function gives that yields.
Steps = Generator[Any, Any, Any]
#: What `outcome` gives for a Deferred that has none.
UNFIRED = "unfired"


class Oops(Exception):
    """What goes wrong in tests."""


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
    """Be an errback that deals with everything."""


def same(value: Any) -> Any:
    """Be a callback that passes its argument on."""
    return value


def instead(_: object, value: Any) -> Any:
    """Be a callback that puts something else in the place of its argument."""
    return value


def noting(found: list[Any], note: Any = None) -> Any:
    """Give a callback that passes its argument on, and that appends it, or a note, to a list."""

    def callback(value: Any) -> Any:
        found.append(value if note is None else note)
        return value

    return callback
