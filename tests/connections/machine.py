"""Runs programs over a pair of connections on one reactor, and writes down what is seen."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from typing import Any

from twisted.internet.protocol import ClientFactory
from twisted.logger import globalLogPublisher

from tests.connections.ends import End, HalfEnd, described
from tests.connections.program import CLIENT, CLOSES, OTHER, SERVER, SOCKET_BUFFER, Op, Program
from tests.connections.raw import RawEnd
from tests.connections.settle import in_flight, settle

LOCAL = "127.0.0.1"
#: The number of a session, which depends on what was before.
_SESSION = re.compile(r",\d+,")


class _Made(ClientFactory):
    """Gives the ends that it was told to."""

    noisy = False

    def __init__(self) -> None:
        self.next: list[Any] = []

    def buildProtocol(self, address: Any) -> Any:
        """Give the next one, if any is left."""
        return self.next.pop(0) if self.next else None


def prepare(own: socket.socket) -> socket.socket:
    """Give a socket small buffers, and have it send at once."""
    own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
    if own.family != socket.AF_UNIX:
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # With the large segments of the loopback interface, a small window would stay closed for a while.
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 4096)
    return own


class Machine:
    """What programs have in common: a port for each kind of connection, and certificates."""

    def __init__(self, reactor: Any, folder: str) -> None:
        self.reactor = reactor
        self.factory: Any = _Made()
        self.path = os.path.join(folder, "socket")
        tcp = reactor.listenTCP(0, self.factory, interface=LOCAL)
        unix = reactor.listenUNIX(self.path, self.factory)
        for port in (tcp, unix):
            prepare(port.socket)
        self.ports = [tcp, unix]
        self.address = (LOCAL, tcp.getHost().port)
        self.errors: list[str] = []
        self._contexts: Any = None
        publisher: Any = globalLogPublisher
        publisher.addObserver(self._observe)

    def _observe(self, event: dict[str, Any]) -> None:
        failure = event.get("log_failure", event.get("failure"))
        if failure is not None:
            system = _SESSION.sub(",N,", str(event.get("log_system")))
            self.errors.append(f"{system}: {event.get('why')} {described(failure)}")

    @property
    def contexts(self) -> Any:
        """The two sides' settings of TLS, or None where there is no OpenSSL."""
        if self._contexts is None:
            from tests.connections import certificates

            self._contexts = certificates.contexts()
        return self._contexts

    def connect(self, kind: str, how: str, factory: Any) -> socket.socket | None:
        """Begin to connect. Gives the socket if the end is none of Twisted's."""
        family, address = (socket.AF_INET, self.address) if kind == "tcp" else (socket.AF_UNIX, self.path)
        if how == "connected":
            if kind == "tcp":
                connector = self.reactor.connectTCP(*self.address, factory)
            else:
                connector = self.reactor.connectUNIX(self.path, factory)
            prepare(connector.transport.socket)
            return None
        own = prepare(socket.socket(family))
        own.connect(address)
        own.setblocking(False)
        if how == "raw":
            return own
        with own:
            self.reactor.adoptStreamConnection(own.fileno(), family, factory)
        return None


class Run:
    """One program in progress."""

    def __init__(self, machine: Machine, program: Program) -> None:
        self.machine = machine
        self.program = program
        self.lines: list[str] = []
        self._log: list[str] = []
        self._before = len(os.listdir("/proc/self/fd"))
        self._ends: dict[str, Any] = {}

    def steps(self) -> Iterator[float]:
        """Do everything. It gives the seconds until it is to be called again."""
        self.machine.errors.clear()
        self._begin()
        yield from self._settled("connecting")
        for name, ops in self.program["steps"]:
            for op in ops:
                self._do(name, op)
            yield from self._settled(f"{name} {ops}")
        for end in self._ends.values():
            if end.socket is not None:
                end.notes.append("at the end")
                end.do(["abort"])
        yield from self._settled("end")
        for end in self._ends.values():
            end.force()
            self.lines += end.notes
        self.machine.factory.next.clear()
        readers = self.machine.reactor.getReaders()
        ours = [each for each in readers if isinstance(getattr(each, "protocol", None), (End, HalfEnd))]
        leaked = len(os.listdir("/proc/self/fd")) - self._before
        self.lines.append(f"left over: {len(ours)} readers, {leaked} descriptors")

    def _begin(self) -> None:
        reactor, machine = self.machine.reactor, self.machine
        ends = self._ends
        for name, plan in self.program["ends"].items():
            ends[name] = (HalfEnd if plan["half"] else End)(reactor, name, plan)
        machine.factory.next = [ends[SERVER]]
        factory = _Made()
        factory.next = [ends.get(CLIENT)]
        try:
            own = machine.connect(self.program["kind"], self.program["client"], factory)
        except Exception as error:
            self._log.append(f"connecting raises {type(error).__name__}: {error}")
            own = None
        if own is not None:
            ends[CLIENT] = RawEnd(CLIENT, own)
        for name, end in ends.items():
            end.other = ends[OTHER[name]]

    def _do(self, name: str, op: Op) -> None:
        end = self._ends[name]
        if op[0] == "tls":
            self._start_tls()
        elif end.made and not (op[0] in CLOSES and self._waits_to_react(end.other)):
            end.do(op)

    @staticmethod
    def _waits_to_react(end: Any) -> bool:
        """Say whether an end is paused and reacts to data.

        If the end of the connection waited behind the data, it would be chance which of the two is first.
        """
        reacts = any(event == "data" for event, *_ in getattr(end, "reactions", ()))
        return reacts and end.made and not end.reading and not end.eof

    def _start_tls(self) -> None:
        ends = [self._ends[name] for name in (SERVER, CLIENT)]
        ready = self.machine.contexts is not None
        for end, other in (ends, reversed(ends)):
            wire = end.wire
            ready = ready and end.made and end.reading and not in_flight(end, other)
            ready = ready and not (wire.disconnecting or wire._writeDisconnecting or wire.TLS)
        if ready:
            for end, context in zip(ends, self.machine.contexts, strict=True):
                end.wire.startTLS(context)
                end.notes.append("TLS begins")

    def _settled(self, what: str) -> Iterator[float]:
        """Wait for the effects of a step, and write down what was seen."""
        ends = [self._ends[name] for name in (SERVER, CLIENT)]
        yield from settle(self.machine.reactor, ends, self._log, self.program["sleeps"])
        self.lines.append(f"-- {what}")
        for end in ends:
            self.lines += [f"{end.name}: {note}" for note in end.notes]
            end.notes.clear()
            if end.made:
                self.lines.append(f"{end.name} {self._received(end)}: {end.state()}")
        self.lines += sorted(self.machine.errors) + self._log
        self.machine.errors.clear()
        self._log.clear()

    @staticmethod
    def _received(end: Any) -> str:
        """Say what has come so far, where it is no chance how much that is."""
        other = end.other
        if end.reading:
            certain = not in_flight(other, end)
        else:
            certain = end.ended_by_other and not other.dropped and not other.reacted
        return f"has {end.count} bytes {end.sum:08x}" if certain else "has some bytes"
