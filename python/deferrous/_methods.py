"""The methods of ``Deferred`` that talk to asyncio and to a reactor's clock.

They are Twisted's own functions: all they do is call Python objects, which no other language would do
faster. Where one makes a Deferred by itself, it makes one of ours.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from twisted.internet import defer

_METHODS = ("addTimeout", "asFuture")
_CLASS_METHODS = ("fromFuture",)


def _with_globals(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    """Make a function of the same code that finds its globals among these names."""
    copy = FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__annotations__ = dict(function.__annotations__)
    copy.__qualname__ = function.__qualname__
    copy.__doc__ = function.__doc__
    return copy


def add_methods(deferred: Any) -> None:
    """Give the class the methods that are Twisted's; the extension module does, when it is loaded.

    :param deferred: the class in Rust.
    """
    stock: Any = defer.Deferred
    names = {**vars(defer), "Deferred": deferred}
    for name in _METHODS:
        setattr(deferred, name, _with_globals(vars(stock)[name], names))
    for name in _CLASS_METHODS:
        function = vars(stock)[name].__func__
        setattr(deferred, name, classmethod(_with_globals(function, names)))
    # The property that warns of the old name, where the attribute has a new one.
    deferred.callbacks = vars(stock).get("callbacks", vars(deferred)["_callbacks"])
