"""The methods of ``Deferred`` that are functions of Python.

Most are Twisted's own functions: all they do is call other methods and Python objects, which no other
language would do faster. Where one makes a Deferred by itself, it makes one of ours. Tools such as
``mock.create_autospec`` look for functions of Python.

The methods that are called once for nearly every Deferred are functions, too. The extension module has calls
of them run code in Rust, and theirs only where something is special: names of Twisted that a program has
replaced, arguments by keyword, and on CPython 3.11, which always runs it.
"""

from __future__ import annotations

import functools
import sys
from types import FunctionType
from typing import Any

from twisted.internet import defer

from deferrous._by_name import NAMES, with_names
from deferrous._frames import of_cancel

_METHODS = ("addTimeout", "asFuture")
#: Methods whose code looks up nothing that has a counterpart of ours. Their globals are those of Twisted's
#: module: tools evaluate annotations there, and find none of the names that `NAMES` looks up elsewhere.
_PLAIN_METHODS = ("callback", "chainDeferred", "errback", "pause", "unpause")
_CLASS_METHODS = ("fromFuture",)


def _cancel(deferred: Any) -> Any:
    """Return the method ``cancel``.

    Twisted's function would call itself for each Deferred that waits for another. The method in Rust needs no
    stack for that, so a function calls it, with the name and the place of Twisted's in tracebacks.

    :param deferred: the class in Rust.
    """
    in_rust, stock = deferred.cancel, vars(defer.Deferred)["cancel"]
    in_python = with_names(stock)

    def cancel(self: Any) -> None:
        if issubclass(type(self), deferred):
            in_rust(self)
        else:
            # A program may call it with any object that has the attributes.
            in_python(self)

    code = cancel.__code__.replace(
        co_filename=stock.__code__.co_filename, co_firstlineno=stock.__code__.co_firstlineno
    )
    if sys.version_info >= (3, 11):
        code = code.replace(co_qualname=stock.__code__.co_qualname)
    if sys.version_info[:2] == (3, 11):
        # This code runs: its call, two lines below the first one, is where Twisted's calls the canceller.
        code = code.replace(co_firstlineno=of_cancel()["cancel"][3] - 2)
    method: Any = FunctionType(code, vars(defer), stock.__name__, None, cancel.__closure__)
    functools.update_wrapper(method, stock)
    del method.__wrapped__
    return method


def add_methods(deferred: Any) -> None:
    """Give the class the methods that are Twisted's; the extension module does, when it is loaded.

    :param deferred: the class in Rust.
    """
    stock: Any = defer.Deferred
    NAMES.put("Deferred", deferred)
    for name in _METHODS:
        setattr(deferred, name, with_names(vars(stock)[name]))
    for name in _PLAIN_METHODS:
        setattr(deferred, name, with_names(vars(stock)[name], vars(defer)))
    deferred.cancel = _cancel(deferred)
    for name in _CLASS_METHODS:
        setattr(deferred, name, classmethod(with_names(vars(stock)[name].__func__)))
    # The property that warns of the old name, where the attribute has a new one.
    deferred.callbacks = vars(stock).get("callbacks", vars(deferred)["_callbacks"])
