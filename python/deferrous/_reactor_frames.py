"""The frames of Twisted's reactor and thread pool in tracebacks.

As in `_frames`, these functions are run here once, with stand-ins for their objects. The stand-ins raise an
error when they are called in place of the program. Copies are run, which log nothing.

If a program has replaced one of these functions, it is left out, and tracebacks lack it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from errno import ECONNREFUSED
from types import FunctionType, SimpleNamespace, TracebackType
from typing import Any

from twisted._threads._team import Team
from twisted.internet import posixbase, tcp, udp, unix
from twisted.internet.base import ReactorBase

from deferrous._frames import Place, _boom, _entries, _Raised
from deferrous._pools import StockThreadPool

Trail = list[Place]
"""Places in the order of calls, the outermost first."""


class _Handler:
    """Stands for the error handlers in Twisted's functions, and keeps the trail of the last error."""

    trail: Trail

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, traceback: TracebackType | None) -> bool:
        self.trail = _trail(traceback)
        return True

    def log(self, *_: object) -> None:
        """Keep the trail of the current exception."""
        _kind, error, traceback = sys.exc_info()
        self.trail = _trail(traceback)
        if error is not None:
            # `_doReadOrWrite` has the error in a variable. With its traceback, the frames of all callers and
            # what is in their variables would be alive until the collector runs.
            error.__traceback__ = None


def _trail(traceback: TracebackType | None) -> Trail:
    """Return the places of a traceback without the last one, where the error was raised."""
    return [place for _, place in _entries(traceback)][:-1]


def _copy(function: Any, **names: Any) -> Callable[..., Any]:
    """Copy a function, with other objects for these names of its module."""
    return FunctionType(function.__code__, {**function.__globals__, **names})


def _nothing(*_: object) -> None: ...


def _of_calls() -> Iterator[tuple[str, Trail]]:
    handler = _Handler()
    names = {"_threadCallHandler": handler, "_DEFAULT_DELAYED_CALL_LOGGING_HANDLER": handler}
    run_until_current = _copy(ReactorBase.runUntilCurrent, **names)
    timed = SimpleNamespace(time=0, cancelled=0, delayed_time=0, creator=None, func=_boom, args=(), kw={})
    reactor = SimpleNamespace(
        threadCallQueue=[(_boom, (), {})],
        wakeUp=_nothing,
        _insertNewDelayedCalls=_nothing,
        seconds=lambda: 0,
        _pendingTimedCalls=[],
        _cancellations=0,
        _justStopped=False,
    )
    run_until_current(reactor)
    yield "thread call", handler.trail
    reactor._pendingTimedCalls.append(timed)
    run_until_current(reactor)
    yield "timed call", handler.trail


def _of_turns() -> Iterator[tuple[str, Trail]]:
    handler = _Handler()
    main_loop = _copy(ReactorBase.mainLoop, _topHandler=handler, _log=SimpleNamespace(info=_nothing))
    for step in ("runUntilCurrent", "timeout", "doIteration"):
        reactor = SimpleNamespace(_started=True, running=True)

        def fail(*_: object, reactor: SimpleNamespace = reactor) -> None:
            reactor._started = False
            raise _Raised

        reactor.runUntilCurrent = reactor.timeout = reactor.doIteration = _nothing
        setattr(reactor, step, fail)
        main_loop(reactor)
        yield step, handler.trail


def _of_descriptors() -> Iterator[tuple[str, Trail]]:
    handler = _Handler()
    mixin: Any = posixbase._PollLikeMixin
    do_read_or_write = _copy(mixin._doReadOrWrite, log=SimpleNamespace(err=handler.log))
    reactor = SimpleNamespace(_POLL_DISCONNECTED=8, _POLL_IN=1, _POLL_OUT=4, _disconnectSelectable=_nothing)
    selectable = SimpleNamespace(fileno=lambda: 0, doRead=_boom, doWrite=_boom)
    for name, event in (("doRead", 1), ("doWrite", 4)):
        do_read_or_write(reactor, selectable, 0, event)
        yield name, handler.trail
    reactor._disconnectSelectable = _boom
    selectable.doRead = lambda: True
    with handler:
        do_read_or_write(reactor, selectable, 0, 1)
    yield "disconnect", handler.trail[1:]


def _of_streams() -> Iterator[tuple[str, Trail]]:
    handler = _Handler()
    connection: Any = tcp.Connection
    stream = SimpleNamespace(bufferSize=1, socket=SimpleNamespace(recv=bytes))
    stream.protocol = SimpleNamespace(dataReceived=_boom)
    stream._dataReceived = lambda data: connection._dataReceived(stream, data)
    message = SimpleNamespace(recvmsg=lambda *_: (b"data", [], 0))
    do_read = _copy(vars(unix)["_SendmsgMixin"].doRead, sendmsg=message)
    for name, read in (("dataReceived", connection.doRead), ("dataReceived by a message", do_read)):
        with handler:
            read(stream)
        # Without this function and the lambda.
        yield name, [handler.trail[1], handler.trail[3]]


def _of_ports() -> Iterator[tuple[str, Trail]]:
    handler = _Handler()
    do_read: Any = _copy(udp.Port.doRead, log=SimpleNamespace(err=handler.log))
    port = SimpleNamespace(maxThroughput=1, maxPacketSize=1, addressFamily=None, _connectedAddr=None)
    port.socket = SimpleNamespace(recvfrom=lambda _: (b"data", None))
    port.protocol = SimpleNamespace(datagramReceived=_boom, connectionRefused=_boom)
    do_read(port)
    yield "datagramReceived", handler.trail
    port.socket.recvfrom = _boom
    with handler:
        do_read(port)
    yield "recvfrom", handler.trail[1:]

    def refuse(_: int) -> None:
        raise ConnectionRefusedError(ECONNREFUSED, "refused")

    port.socket.recvfrom, port._connectedAddr = refuse, True
    with handler:
        do_read(port)
    yield "connectionRefused", handler.trail[1:]


def _of_tls() -> Iterator[tuple[str, Trail]]:
    if "twisted.protocols.tls" not in sys.modules:
        return
    tls: Any = sys.modules["twisted.protocols.tls"]
    stock, handler = tls.TLSMemoryBIOProtocol, _Handler()
    connection = SimpleNamespace(bio_write=_nothing, bio_read=_nothing, recv=bytes, send=len)
    protocol = SimpleNamespace(
        _tlsConnection=connection, _handshakeDone=True, _appSendBuffer=[], _aborted=False
    )
    protocol.disconnecting = protocol._lostTLSConnection = False
    protocol.wrappedProtocol, protocol.transport = SimpleNamespace(), SimpleNamespace(write=_boom)

    def trail(act: Callable[..., object], *arguments: object) -> Trail:
        with handler:
            act(*arguments)
        # Without the functions of this module.
        return [place for place in handler.trail if place[1] is not globals()]

    protocol._flushReceiveBIO = _boom
    yield "TLS, _flushReceiveBIO", trail(stock.dataReceived, protocol, b"data")
    protocol._flushReceiveBIO = lambda: stock._flushReceiveBIO(protocol)
    protocol.wrappedProtocol.dataReceived = _boom
    yield "TLS, dataReceived", trail(stock.dataReceived, protocol, b"data")
    protocol.wrappedProtocol.dataReceived = lambda _: setattr(protocol, "_lostTLSConnection", True)
    protocol._flushSendBIO = lambda: stock._flushSendBIO(protocol)
    yield "TLS, write after dataReceived", trail(stock.dataReceived, protocol, b"data")
    protocol._lostTLSConnection = False
    protocol._write = lambda data: stock._write(protocol, data)
    yield "TLS, write", trail(stock.write, protocol, b"data")
    small = SimpleNamespace(_buffer=[b"data"], _bufferLeft=0, MAX_BUFFER_SIZE=0, _write=_boom, flush=_boom)
    yield "TLS, small write", trail(tls._AggregateSmallWrites.write, small, b"data")
    yield "TLS, _scheduledFlush", trail(tls._AggregateSmallWrites._scheduledFlush, small)
    yield "TLS, flush", trail(tls._AggregateSmallWrites.flush, small)


def _of_jobs() -> Iterator[tuple[str, Trail]]:
    pool: Any = SimpleNamespace(joined=False, _team=SimpleNamespace(do=lambda job: job()))
    failures: list[Any] = []
    StockThreadPool.callInThreadWithCallback(pool, lambda _, failure: failures.append(failure), _boom)
    (failure,) = failures
    yield "job", _trail(failure.tb)
    failure.value.__traceback__ = failure.tb = None
    handler = _Handler()
    with handler:
        StockThreadPool.callInThreadWithCallback(pool, _boom, int)
    yield "onResult", handler.trail[-1:]
    worker = SimpleNamespace(do=lambda work: work())
    team: Any = SimpleNamespace(
        _idle=[worker],
        _busyCount=0,
        _logException=handler.log,
        _coordinator=SimpleNamespace(do=_nothing),
    )
    Team._coordinateThisTask(team, _boom)
    yield "work", handler.trail


def _found(*finders: Callable[[], Iterator[tuple[str, Trail]]]) -> dict[str, Trail]:
    found: dict[str, Trail] = {}
    for find_some in finders:
        with contextlib.suppress(Exception):
            found.update(find_some())
    return found


def find() -> dict[str, Trail]:
    """Return the trails to the functions that the reactor calls."""
    return _found(_of_calls, _of_turns, _of_descriptors, _of_streams, _of_ports, _of_tls)


def find_in_pool() -> dict[str, Trail]:
    """Return the trails to the functions that workers of the thread pool call."""
    return _found(_of_jobs)
