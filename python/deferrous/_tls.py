"""What Rust needs of Twisted's TLS and of pyOpenSSL, to do what they do once the handshake is done.

It is Python because it looks at Python's functions, once, and runs them where something special happens.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

#: Twisted's methods, with the names that each looks up. A release in which one looks up something else is not
#: known here: its own methods stay.
_PROTOCOL = {
    "dataReceived": """
        _tlsConnection bio_write _handshakeDone _checkHandshakeStatus _appSendBuffer _unbufferPendingWrites
        _flushReceiveBIO""",
    "_flushReceiveBIO": """
        _lostTLSConnection _tlsConnection recv WantReadError ZeroReturnError Error Failure _shutdownTLS
        _tlsShutdownFinished _aborted ProtocolWrapper dataReceived _flushSendBIO""",
    "_flushSendBIO": "_tlsConnection bio_read WantReadError transport write",
    "write": "disconnecting _producer _write",
    "_write": """
        _lostTLSConnection len _tlsConnection send WantReadError Error Failure _bufferedWrite
        _tlsShutdownFinished _flushSendBIO""",
}
_WRAPPER = {"dataReceived": "wrappedProtocol dataReceived"}
_SMALL_WRITES = {
    "write": "_buffer append _bufferLeft len flush _scheduled _clock callLater _scheduledFlush",
    "flush": "_buffer MAX_BUFFER_SIZE _bufferLeft _write join",
    "_scheduledFlush": "_scheduled flush",
}
#: The same of pyOpenSSL.
_CONNECTION = {
    "recv": "_no_zero_allocator socket MSG_PEEK _lib SSL_peek SSL_read _ssl _raise_ssl_error _ffi buffer",
    "send": "_text_to_bytes_and_warn _ffi from_buffer len ValueError _lib SSL_write _ssl _raise_ssl_error",
    "bio_read": """
        _from_ssl TypeError isinstance int integer_types _no_zero_allocator _lib BIO_read
        _handle_bio_errors _ffi buffer""",
    "bio_write": """
        _text_to_bytes_and_warn _into_ssl TypeError _ffi from_buffer _lib BIO_write len _handle_bio_errors""",
    "_handle_bio_errors": """
        _lib BIO_should_retry BIO_should_read WantReadError BIO_should_write WantWriteError
        BIO_should_io_special ValueError _raise_current_error""",
    "_raise_ssl_error": """
        _context _verify_helper _alpn_select_helper _ocsp_helper raise_if_problem _lib SSL_get_error
        SSL_ERROR_WANT_READ WantReadError SSL_ERROR_WANT_WRITE WantWriteError SSL_ERROR_ZERO_RETURN
        ZeroReturnError SSL_ERROR_WANT_X509_LOOKUP WantX509LookupError SSL_ERROR_SYSCALL platform _ffi
        getwinerror errno ERR_peek_error SysCallError errorcode get _raise_current_error SSL_ERROR_SSL
        ERR_GET_REASON Cryptography_HAS_UNEXPECTED_EOF_WHILE_READING _openssl_assert
        SSL_R_UNEXPECTED_EOF_WHILE_READING ERR_clear_error SSL_ERROR_NONE""",
}
_HELPER = {"raise_if_problem": "_problems _raise_current_error Error pop"}

#: The functions and numbers of OpenSSL that these methods use.
_LIBRARY = (
    *("SSL_read", "SSL_write", "SSL_get_error", "SSL_ERROR_WANT_READ"),
    *("BIO_read", "BIO_write", "BIO_should_retry", "BIO_should_read"),
)


class _Unknown(Exception):
    """Something is not as it is known here."""


def _methods(owner: type, names: dict[str, str]) -> dict[str, FunctionType]:
    """Return the methods of a class, none of which a program has replaced."""
    found = {}
    for name, looked_up in names.items():
        method: Any = vars(owner).get(name)
        if (
            not isinstance(method, FunctionType)
            or method.__module__ != owner.__module__
            or method.__qualname__ != f"{owner.__qualname__}.{name}"
            or not set(method.__code__.co_names) <= set(looked_up.split())
        ):
            raise _Unknown(f"{owner.__qualname__}.{name}")
        found[name] = method
    return found


def _looked_up(module: dict[str, Any], *names: str) -> list[tuple[dict[str, Any], str, Any]]:
    return [(module, name, module[name]) for name in names]


def find() -> dict[str, Any]:
    """Return what Rust needs, by its names there: Twisted's methods, by class and method, and more.

    It is empty if there is no TLS, or if it is not as it is known here.
    """
    tls = sys.modules.get("twisted.protocols.tls")
    ssl = sys.modules.get("OpenSSL.SSL")
    if tls is None or ssl is None:
        return {}
    try:
        return _find(tls, ssl)
    except (_Unknown, AttributeError, KeyError, TypeError, ValueError):
        return {}


def _find(tls: Any, ssl: Any) -> dict[str, Any]:
    protocol = _methods(tls.TLSMemoryBIOProtocol, _PROTOCOL)
    small_writes = _methods(tls._AggregateSmallWrites, _SMALL_WRITES)
    fixed = [
        (owner, name, method)
        for owner, names in (
            (tls.ProtocolWrapper, _WRAPPER),
            (ssl.Connection, _CONNECTION),
            (ssl._CallbackExceptionHelper, _HELPER),
        )
        for name, method in _methods(owner, names).items()
    ]
    library = ssl._lib
    if not isinstance(library, ModuleType):
        raise _Unknown("the library")
    globals_ = _looked_up(vars(tls), "ProtocolWrapper", "WantReadError")
    globals_ += _looked_up(
        vars(ssl), "_ffi", "_lib", "_no_zero_allocator", "_text_to_bytes_and_warn", "WantReadError"
    )
    globals_ += _looked_up(vars(library), *_LIBRARY)
    return {
        **{f"TLSMemoryBIOProtocol.{name}": method for name, method in protocol.items()},
        **{f"_AggregateSmallWrites.{name}": method for name, method in small_writes.items()},
        "methods": [(name, protocol[name]) for name in ("_flushReceiveBIO", "_flushSendBIO", "_write")],
        "connection": ssl.Connection,
        "connection methods": list(_CONNECTION),
        "context": ssl.Context,
        "helper": ssl._CallbackExceptionHelper,
        "raise_if_problem": ssl._CallbackExceptionHelper.raise_if_problem,
        "fixed": fixed,
        "globals": globals_,
        "library": {
            "cffi": ssl._ffi,
            "compiled": library._original_lib,
            **{name: getattr(library, name) for name in _LIBRARY},
        },
        "returned_by_read": returned_by_read,
        "returned_by_write": returned_by_write,
    }


def returned_by_read(connection: Any, result: int, data: bytes | None) -> Callable[[], None]:
    """Have the next `recv` of a connection go on with what `SSL_read` has returned, instead of calling it.

    Args:
        connection: pyOpenSSL's.
        result: what was returned.
        data: what was read, if that is more than 0.

    Returns:
        what has to be called after that. It undoes this if the method has not been called.
    """
    # What makes the memory that is read into, and what looks at that.
    memory = {"_no_zero_allocator": lambda *_: None, "_ffi": SimpleNamespace(buffer=lambda *_: data)}
    return _Once(connection, "recv", "SSL_read", result, **memory).undo


def returned_by_write(connection: Any, result: int) -> Callable[[], None]:
    """Have the next `send` of a connection go on with what `SSL_write` has returned, instead of calling it.

    Args:
        connection: pyOpenSSL's.
        result: what was returned.

    Returns:
        what has to be called after that. It undoes this if the method has not been called.
    """
    return _Once(connection, "send", "SSL_write", result).undo


class _Once:
    """A method that a connection has until it is called. In it, a function of OpenSSL returns something."""

    def __init__(self, connection: Any, name: str, function: str, result: int, **names: Any) -> None:
        self._name = name
        self._result = result
        stock: Any = getattr(type(connection), name)
        names["_lib"] = SimpleNamespace(**{function: self._call})
        copy = FunctionType(stock.__code__, {**stock.__globals__, **names}, name, stock.__defaults__)
        self._own: MethodType | None = MethodType(copy, connection)
        setattr(connection, name, self._own)

    def _call(self, *_: object) -> int:
        self.undo()
        return self._result

    def undo(self) -> None:
        """Take the method away. Neither it nor the connection is kept."""
        own: Any = self._own
        self._own = None
        if own is not None and vars(own.__self__).get(self._name) is own:
            delattr(own.__self__, self._name)
