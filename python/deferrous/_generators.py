"""`inlineCallbacks`.

It is Python because what it makes has to be a function: one that is bound as a method, and that has the name,
the signature and the attributes of the generator function it wraps. What runs the generator is in Rust.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, ParamSpec, TypeVar

from twisted.internet import defer as _stock

from deferrous import _core

_P = ParamSpec("_P")
_T = TypeVar("_T")

_start = _core._start


def inlineCallbacks(
    f: Callable[_P, Generator[_core.Deferred[Any], Any, _T]],
) -> Callable[_P, _core.Deferred[_T]]:
    """Make a generator function that yields Deferreds into a function that returns one.

    The generator goes on with the result of each Deferred that it yields; a failure is raised where it
    yielded. Anything else that it yields comes back at once.

        >>> from twisted.internet.defer import Deferred, inlineCallbacks
        >>> @inlineCallbacks
        ... def increment(d):
        ...     number = yield d
        ...     return number + 1
        >>> d = Deferred()
        >>> done = increment(d).addCallback(print)
        >>> d.callback(41)
        42

    Args:
        f: the generator function.

    Returns:
        a function that calls `f`, runs the generator until it first waits, and returns a Deferred of what the
        generator returns or raises. Cancelling that cancels what the generator waits for. The generator goes
        on in the thread that fires what it waits for: the one that runs the reactor. The function raises
        TypeError if `f` does not return a generator.
    """

    # Names of Twisted's module, as in its own function: a program may have replaced them there.
    @_stock.wraps(f)  # type: ignore[attr-defined]
    def unwindGenerator(*args: _P.args, **kwargs: _P.kwargs) -> _core.Deferred[_T]:
        try:
            gen = f(*args, **kwargs)
        except _stock._DefGen_Return:
            # As in Twisted, without a cause and without a space: programs may look at either.
            raise TypeError(  # noqa: B904
                f"inlineCallbacks requires {f!r} to produce a generator; instead"
                "caught returnValue being used in a non-generator"
            )
        if not isinstance(gen, _stock.GeneratorType):  # type: ignore[attr-defined]
            raise TypeError(f"inlineCallbacks requires {f!r} to produce a generator; instead got {gen!r}")
        return _start(gen)

    return unwindGenerator
