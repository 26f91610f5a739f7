"""What takes the place of Twisted's Deferred: the names of `twisted.internet.defer`, in Rust.

`deferrous.install()` puts them there. Importing this module imports Twisted, and replaces nothing in it; what
is made by these names then works beside Twisted's own, and is no instance of Twisted's class.

All of it belongs to the thread that runs the reactor. Nothing is locked, as in Twisted: other threads hand
their results over with `reactor.callFromThread`.

What is Python here is so because Twisted needs a function of Python, or because it only calls Python.
"""

from __future__ import annotations

import sys

from deferrous import _guard as _guard

# isort: split
from twisted.internet import defer as _stock
from twisted.python.failure import Failure

from deferrous import _by_name, _core
from deferrous._core import (
    Deferred,
    DeferredList,
    DeferredLock,
    DeferredQueue,
    DeferredSemaphore,
    ensureDeferred,
    execute,
    fail,
    gatherResults,
    maybeDeferred,
    race,
    succeed,
)
from deferrous._generators import inlineCallbacks

__all__ = [
    "Deferred",
    "DeferredList",
    "DeferredLock",
    "DeferredQueue",
    "DeferredSemaphore",
    "ensureDeferred",
    "execute",
    "fail",
    "gatherResults",
    "getDebugging",
    "inlineCallbacks",
    "maybeDeferred",
    "race",
    "setDebugging",
    "succeed",
]


def setDebugging(on: bool) -> None:
    """Switch on or off that all Deferreds record where they are made and fired.

    The records are in the message of AlreadyCalledError, and in what is logged of unhandled errors. They cost
    far more time than the Deferreds themselves.

    Args:
        on: whether to record. It counts for what is made and fired from now on, in all threads.
    """
    _by_name.NAMES["Deferred"].debug = bool(on)


def getDebugging() -> bool:
    """Say whether Deferreds record where they are made and fired.

    Returns:
        what `setDebugging` was called with last; False before.
    """
    debugging: bool = _by_name.NAMES["Deferred"].debug
    return debugging


_stock._ConcurrencyPrimitive.register(DeferredLock)
_stock._ConcurrencyPrimitive.register(DeferredSemaphore)

for _function in inlineCallbacks, setDebugging, getDebugging:
    _function.__module__ = _stock.__name__

#: What takes the place of what in `twisted.internet.defer`. Attributes of this module, and not its globals:
#: under `python -X lazy_imports=all`, those have a stand-in for each import that nobody has used yet.
REPLACEMENTS: dict[str, object] = {
    **{name: getattr(sys.modules[__name__], name) for name in __all__},
    "_cancellableInlineCallbacks": _core._cancellableInlineCallbacks,
    "_DEFERRED_SUBCLASSES": _core._DEFERRED_SUBCLASSES,
    "_parseDeferredListResult": _core._parseDeferredListResult,
}

_by_name.begin(_core, REPLACEMENTS)


def patch_failure() -> None:
    """Give Twisted's Failure the methods that are written in Rust: `check` and `trap`."""
    for name, method in _core.failure_methods.items():
        setattr(Failure, name, method)
