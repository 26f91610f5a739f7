"""Mistakes to plant in Twisted's transports, all of which have to be found, and a change that is none.

A machine that compares is worth what it finds. Each mistake is one that a rebuilt transport may well have.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

from twisted.internet import abstract, error, main, posixbase, reactor, tcp
from twisted.protocols import tls
from twisted.python import failure, log

# What is replaced has no types here.
FileDescriptor: Any = abstract.FileDescriptor
Connection: Any = tcp.Connection
TLSProtocol: Any = tls.TLSMemoryBIOProtocol
_posixbase: Any = posixbase

_stock: dict[str, Callable[..., Any]] = {
    name: getattr(Connection, name)
    for name in (
        *("write", "writeSequence", "loseConnection", "unregisterProducer", "connectionLost"),
        *("doRead", "doWrite", "writeSomeData", "stopReading", "_closeSocket", "readConnectionLost"),
        *("abortConnection", "_closeWriteConnection", "logPrefix"),
    )
}
_file_write = FileDescriptor.write
_file_lose = FileDescriptor.loseConnection
_file_lost = FileDescriptor.connectionLost
_file_do_write = FileDescriptor.doWrite


def _never(*_: object) -> None:
    """Do nothing."""


def write_nothing_while_disconnecting() -> None:
    """After loseConnection nothing more is sent."""

    def write(self: Any, data: bytes) -> None:
        if not self.disconnecting:
            _file_write(self, data)

    FileDescriptor.write = write


def write_after_half_close() -> None:
    """What is written after the end of the direction is kept."""

    def write(self: Any, data: bytes) -> None:
        told, self._writeDisconnected = self._writeDisconnected, False
        _file_write(self, data)
        self._writeDisconnected = told

    FileDescriptor.write = write


def unchecked_sequence() -> None:
    """What is no bytes is left out."""

    def write_sequence(self: Any, pieces: Any) -> None:
        for piece in pieces:
            if isinstance(piece, bytes):
                self.write(piece)

    FileDescriptor.writeSequence = write_sequence


def producer_never_paused() -> None:
    """A push producer is not paused."""
    FileDescriptor._maybePauseProducer = _never


def producer_paused_once() -> None:
    """A push producer that is paused is not told so again."""
    stock = FileDescriptor._maybePauseProducer

    def maybe_pause(self: Any) -> None:
        if not self.producerPaused:
            stock(self)

    FileDescriptor._maybePauseProducer = maybe_pause


def producer_not_stopped() -> None:
    """A producer is not told that the connection is lost."""

    def lost(self: Any, reason: Any) -> None:
        self.producer = None
        _file_lost(self, reason)

    FileDescriptor.connectionLost = lost


def producer_not_resumed() -> None:
    """A push producer is not resumed."""

    def do_write(self: Any) -> Any:
        producer, paused = self.producer, self.producerPaused
        if self.streamingProducer:
            self.producer = None
        try:
            return _file_do_write(self)
        finally:
            if self.streamingProducer and self.connected:
                self.producer, self.producerPaused = producer, paused

    FileDescriptor.doWrite = do_write


def producer_not_waited_for() -> None:
    """A connection is closed though a producer has not finished."""

    def lose(self: Any) -> None:
        if self.connected:
            self.producer = None
        _file_lose(self)

    FileDescriptor.loseConnection = lose


def unregistering_does_not_close() -> None:
    """A connection stays open though its producer has finished."""

    def unregister(self: Any) -> None:
        self.producer = None

    FileDescriptor.unregisterProducer = unregister


def data_not_waited_for() -> None:
    """A connection is closed though not all has been sent."""

    def lose(self: Any) -> None:
        if not self.disconnecting:
            self.dataBuffer, self.offset, self._tempDataBuffer, self._tempDataLen = b"", 0, [], 0
        _file_lose(self)

    FileDescriptor.loseConnection = lose


def reads_while_closing() -> None:
    """Data is taken after loseConnection."""

    def lose(self: Any) -> None:
        reading = self in self.reactor.getReaders()
        _file_lose(self)
        if reading and self.connected:
            self.startReading()

    FileDescriptor.loseConnection = lose


def lost_twice() -> None:
    """The protocol is told twice."""

    def lost(self: Any, reason: Any) -> None:
        protocol = getattr(self, "protocol", None)
        _stock["connectionLost"](self, reason)
        if protocol is not None:
            protocol.connectionLost(reason)

    Connection.connectionLost = lost


def protocol_kept() -> None:
    """The attribute `protocol` stays."""

    def lost(self: Any, reason: Any) -> None:
        protocol = getattr(self, "protocol", None)
        _stock["connectionLost"](self, reason)
        self.protocol = protocol

    Connection.connectionLost = lost


def socket_left_open() -> None:
    """The socket is shut down, but not closed."""
    kept = []

    def close(self: Any, orderly: bool) -> None:
        kept.append(self.socket.dup())
        _stock["_closeSocket"](self, orderly)

    Connection._closeSocket = close


def abort_is_orderly() -> None:
    """An aborted connection is closed like others."""
    Connection._closeSocket = lambda self, _: _stock["_closeSocket"](self, True)


def abort_at_once() -> None:
    """The protocol is told from inside abortConnection."""

    def abort(self: Any) -> None:
        if not self.disconnected:
            self.connectionLost(failure.Failure(error.ConnectionAborted()))

    Connection.abortConnection = abort


def wrong_reason_of_a_reset() -> None:
    """A reset looks like a clean end."""

    def do_read(self: Any) -> Any:
        why = _stock["doRead"](self)
        return main.CONNECTION_DONE if why is main.CONNECTION_LOST else why

    Connection.doRead = do_read


def half_close_not_told() -> None:
    """The end of one direction ends the connection."""
    Connection.readConnectionLost = Connection.connectionLost


def own_half_close_not_told() -> None:
    """The protocol is not told that it sends no more."""
    Connection._closeWriteConnection = lambda self: self.socket.shutdown(1)


def pause_too_late() -> None:
    """What has come is delivered though the protocol has paused."""

    def do_read(self: Any) -> Any:
        why = _stock["doRead"](self)
        if not why and self.connected and self not in self.reactor.getReaders():
            why = _stock["doRead"](self)
        return why

    Connection.doRead = do_read


def pause_forgotten() -> None:
    """Reading goes on."""
    FileDescriptor.pauseProducing = _never


def short_write_repeats() -> None:
    """After a short write a byte is sent again."""

    def write_some(self: Any, data: bytes) -> Any:
        sent = _stock["writeSomeData"](self, data)
        return sent - 1 if isinstance(sent, int) and 1 < sent < len(data) else sent

    Connection.writeSomeData = write_some


def short_write_loses() -> None:
    """The rest of a short write is lost."""

    def write_some(self: Any, data: bytes) -> Any:
        sent = _stock["writeSomeData"](self, data)
        return len(data) if isinstance(sent, int) and sent else sent

    Connection.writeSomeData = write_some


def error_not_logged() -> None:
    """What a protocol raises ends the connection in silence."""
    _posixbase.log = type("Log", (), {"err": _never})


def error_survived() -> None:
    """What a protocol raises is logged, and the connection goes on."""

    def data_received(self: Any, data: bytes) -> Any:
        try:
            return stock(self, data)
        except Exception:
            log.err()
            return None

    stock = Connection._dataReceived
    Connection._dataReceived = data_received


def no_log_prefix() -> None:
    """What is logged in a callback does not say of which connection."""
    Connection.logPrefix = lambda self: "-"


def buffer_size_of_the_class() -> None:
    """The attribute `bufferSize` of a transport is not looked at."""

    def full(self: Any) -> bool:
        return bool(len(self.dataBuffer) + self._tempDataLen > FileDescriptor.bufferSize)

    FileDescriptor._isSendBufferFull = full


def close_notify_not_waited_for() -> None:
    """A connection with TLS is closed before the other end has agreed."""
    stock = TLSProtocol._shutdownTLS

    def shut_down(self: Any) -> None:
        stock(self)
        self.transport.loseConnection()

    TLSProtocol._shutdownTLS = shut_down


def early_flushes() -> None:
    """No mistake: what has been written is sent before the loop waits, and only the rest is polled for.

    This is what a reactor may do that saves system calls, so no program may see it.
    """
    lazy: dict[Any, None] = {}
    loop: Any = reactor
    add, remove, writers, poll = loop.addWriter, loop.removeWriter, loop.getWriters, loop.doPoll

    def add_writer(writer: Any) -> None:
        if isinstance(writer, tcp.Connection) and writer.connected and writer not in writers():
            lazy[writer] = None
        else:
            add(writer)

    def remove_writer(writer: Any) -> None:
        lazy.pop(writer, None)
        remove(writer)

    def do_poll(timeout: float | None) -> None:
        for writer in list(lazy):
            if writer in lazy:
                log.callWithLogger(writer, loop._doReadOrWrite, writer, writer.fileno(), select.EPOLLOUT)
                timeout = 0
                if writer in lazy:
                    del lazy[writer]
                    add(writer)
        poll(timeout)

    loop.addWriter, loop.removeWriter, loop.doIteration = add_writer, remove_writer, do_poll
    loop.getWriters = lambda: [*lazy, *writers()]


#: What is none.
HARMLESS = (early_flushes,)
#: All others, of which none may go unnoticed.
MISTAKES = (
    write_nothing_while_disconnecting,
    write_after_half_close,
    unchecked_sequence,
    producer_never_paused,
    producer_paused_once,
    producer_not_stopped,
    producer_not_resumed,
    producer_not_waited_for,
    unregistering_does_not_close,
    data_not_waited_for,
    reads_while_closing,
    lost_twice,
    protocol_kept,
    socket_left_open,
    abort_is_orderly,
    abort_at_once,
    wrong_reason_of_a_reset,
    half_close_not_told,
    own_half_close_not_told,
    pause_too_late,
    pause_forgotten,
    short_write_repeats,
    short_write_loses,
    error_not_logged,
    error_survived,
    no_log_prefix,
    buffer_size_of_the_class,
    close_notify_not_waited_for,
)
#: How each is called on the command line.
BY_NAME = {plant.__name__: plant for plant in (*HARMLESS, *MISTAKES)}
