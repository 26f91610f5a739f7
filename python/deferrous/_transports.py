"""The methods of Twisted's streams that have a fast counterpart in Rust.

It is Python because it looks at Python's functions, once.
"""

from __future__ import annotations

import sys
from types import FunctionType, SimpleNamespace
from typing import Any

from twisted.internet import abstract, main, tcp, udp, unix
from twisted.python import sendmsg

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
    (vars(unix)["_SendmsgMixin"], ("doRead", "writeSomeData", "_isSendBufferFull")),
    (udp.Port, ("doRead", "logPrefix", "write")),
    # Without pyOpenSSL it has no methods.
    (vars(tcp)["_TLSConnectionMixin"], ("write", "writeSequence")),
)


#: The names that these methods look up in their modules.
_LOOKED_UP = (
    (vars(abstract), ("isIPAddress", "isIPv6Address")),
    (vars(abstract), ("_concatenate", "_dataMustBeBytes", "lazyByteSlice", "main")),
    (vars(tcp), ("ENOBUFS", "EWOULDBLOCK", "main", "untilConcludes")),
    (vars(unix), ("EWOULDBLOCK", "lazyByteSlice", "main", "sendmsg", "untilConcludes")),
    (vars(udp), ("_sockErrReadIgnore", "_sockErrReadRefuse", "abstract", "log", "socket")),
    (vars(sendmsg), ("CMSG_SPACE", "ReceivedMessage", "recvmsg")),
    (vars(main), ("CONNECTION_DONE", "CONNECTION_LOST")),
)


def _reserve_places() -> None:
    """Have CPython keep `dataBuffer` and `offset` in connections, as it does with their other attributes.

    CPython 3.13 and later have places in an object for the names that the first few objects of its class
    have. One that gets another name has a slower dict from then on. These two are set by the first send,
    before which many connections may have been made.
    """
    if sys.version_info >= (3, 13):
        for transport in (tcp.Server, tcp.Client, vars(unix)["Server"], vars(unix)["Client"]):
            first: Any = object.__new__(transport)
            first.dataBuffer, first.offset = b"", 0


def looked_up() -> list[tuple[dict[str, Any], str, Any]]:
    """Return what Twisted's methods look up: for each name the module, the name, and what is there now."""
    found = [(module, name, module[name]) for module, names in _LOOKED_UP for name in names if name in module]
    with_tls = sys.modules.get("twisted.internet._newtls")
    if with_tls is not None:
        found.append((vars(with_tls), "FileDescriptor", vars(with_tls)["FileDescriptor"]))
    return found


def find() -> dict[str, Any]:
    """Return Twisted's methods, by the names of class and method, and `message_reader`.

    A method that a program has replaced is left out.
    """
    _reserve_places()
    found: dict[str, Any] = {"message_reader": message_reader}
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


def message_reader(data: bytes, ancillary: list[tuple[int, int, bytes]], flags: int) -> FunctionType:
    """Return Twisted's `doRead` of UNIX connections, for a message that has been received.

    Args:
        data: the bytes.
        ancillary: level, type and data of each item that came with them.
        flags: the flags of the message.
    """
    received = SimpleNamespace(**{**vars(sendmsg), "recvmsg": lambda *_: (data, ancillary, flags)})
    do_read: Any = vars(unix)["_SendmsgMixin"].doRead
    return FunctionType(do_read.__code__, {**vars(unix), "sendmsg": received})
