"""The methods of ``Deferred`` that talk to asyncio and to a reactor's clock.

They are Twisted's own functions: all they do is call Python objects, which no other language would do
faster. Where one makes a Deferred by itself, it makes one of ours.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import defer

from deferrous._by_name import NAMES, with_names

_METHODS = ("addTimeout", "asFuture")
_CLASS_METHODS = ("fromFuture",)


def add_methods(deferred: Any) -> None:
    """Give the class the methods that are Twisted's; the extension module does, when it is loaded.

    :param deferred: the class in Rust.
    """
    stock: Any = defer.Deferred
    NAMES.put("Deferred", deferred)
    for name in _METHODS:
        setattr(deferred, name, with_names(vars(stock)[name]))
    for name in _CLASS_METHODS:
        setattr(deferred, name, classmethod(with_names(vars(stock)[name].__func__)))
    # The property that warns of the old name, where the attribute has a new one.
    deferred.callbacks = vars(stock).get("callbacks", vars(deferred)["_callbacks"])
