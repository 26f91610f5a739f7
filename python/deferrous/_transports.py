"""The methods of Twisted's streams that have a fast counterpart in Rust.

It is Python because it looks at Python's functions, once.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from twisted.internet import abstract, tcp

#: The classes, with the methods of each.
_METHODS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (tcp.Connection, ("doRead", "_dataReceived", "logPrefix", "writeSomeData")),
    (
        abstract.FileDescriptor,
        (
            *("doWrite", "startWriting", "stopWriting", "write", "writeSequence"),
            *("_maybePauseProducer", "_isSendBufferFull"),
        ),
    ),
    # Without pyOpenSSL it has no methods.
    (vars(tcp)["_TLSConnectionMixin"], ("write", "writeSequence")),
)


def find() -> dict[str, FunctionType]:
    """Return Twisted's methods, by the names of class and method.

    One that a program has replaced is left out.
    """
    found: dict[str, FunctionType] = {}
    for owner, names in _METHODS:
        for name in names:
            method: Any = vars(owner).get(name)
            where = f"{owner.__qualname__}.{name}"
            if (
                isinstance(method, FunctionType)
                and method.__module__ == owner.__module__
                and method.__qualname__ == where
            ):
                found[where] = method
    return found
