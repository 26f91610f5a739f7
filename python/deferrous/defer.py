"""Twisted's ``twisted.internet.defer`` as this package puts it in place: the same names, in Rust.

The classes and functions come from the extension module ``deferrous._core``. What is written in Python
here is that because Twisted needs it to be a Python function: ``inlineCallbacks`` makes functions that
are bound as methods and carry the attributes of what they wrap, and the methods that talk to asyncio
and to a reactor's clock call only Python.

Importing this module imports Twisted and changes nothing of it; ``deferrous.install()`` does.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import defer as _stock
from twisted.python.failure import Failure

from deferrous import _core
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
from deferrous._methods import add_methods

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

_cancellableInlineCallbacks = _core._cancellableInlineCallbacks
_DEFERRED_SUBCLASSES = _core._DEFERRED_SUBCLASSES
_parseDeferredListResult = _core._parseDeferredListResult


def setDebugging(on: bool) -> None:
    """Switch the recording of where Deferreds are made and fired on or off, for all Deferreds."""
    Deferred.debug = bool(on)


def getDebugging() -> bool:
    """Say whether it is recorded where Deferreds are made and fired."""
    return Deferred.debug


add_methods(Deferred, _stock.Deferred, vars(_stock))
for _primitive in DeferredLock, DeferredSemaphore:
    _stock._ConcurrencyPrimitive.register(_primitive)

REPLACEMENTS: dict[str, Any] = {
    name: globals()[name]
    for name in [
        *__all__,
        "_cancellableInlineCallbacks",
        "_DEFERRED_SUBCLASSES",
        "_parseDeferredListResult",
    ]
}
"""What takes the place of what in ``twisted.internet.defer``."""


def patch_failure() -> None:
    """Give Twisted's ``Failure`` the methods that are written in Rust: ``check`` and ``trap``."""
    for name, method in _core.failure_methods.items():
        setattr(Failure, name, method)
