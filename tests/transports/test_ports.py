"""Ports: how many connections they accept at a time, what makes the transports, and how they stop."""

from __future__ import annotations

import errno
import socket
from functools import partial
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from tests import logs
from tests.transports.cases import Cases
from tests.transports.kit import LOCAL, Kit, Making, Noting

CASES = Cases()


class Counting(Factory):
    """Keeps what it makes."""

    noisy = False

    def __init__(self) -> None:
        self.made: list[Noting] = []
        self.told: list[str] = []

    def doStart(self) -> None:
        """Note it."""
        self.told.append("start")

    def doStop(self) -> None:
        """Note it."""
        self.told.append("stop")

    def buildProtocol(self, address: Any) -> Any:
        """Give a new one."""
        self.made.append(Noting())
        return self.made[-1]


def _call(kit: Kit, address: Any, count: int) -> list[socket.socket]:
    """Connect so many sockets."""
    peers = [kit.keep(socket.socket()) for _ in range(count)]
    for peer in peers:
        peer.connect(address)
    return peers


def _all_of(accepted: list[int], count: int) -> bool:
    return sum(accepted) == count


def _own_port(kit: Kit, kind: Any, factory: Any) -> Any:
    port = kind(0, factory, 50, LOCAL, kit.reactor)
    port.startListening()
    kit.ports.append(port)
    return port


async def _gone(kit: Kit, factory: Counting) -> None:
    """Let all connections of a factory end."""
    for each in factory.made:
        each.wire.abortConnection()
    await kit.becomes(lambda: all(each.lost for each in factory.made))


@CASES([100, [10], 10, [1], 1])
async def as_many_as_came_last_time(kit: Kit) -> Any:
    """`numberAccepts` is how many were accepted last, and those are accepted in one turn."""
    accepted: list[int] = []

    class Port(tcp.Port):
        def doRead(self) -> None:
            before = len(factory.made)
            super().doRead()
            accepted.append(len(factory.made) - before)

    factory = Counting()
    port = _own_port(kit, Port, factory)
    found = [port.numberAccepts]
    for count in (10, 1):
        _call(kit, port.socket.getsockname(), count)
        await kit.becomes(partial(_all_of, accepted, count))
        found += [list(accepted), port.numberAccepts]
        accepted.clear()
        await _gone(kit, factory)
        factory.made.clear()
    return found


@CASES([[2, 3], 23])
async def at_most_so_many(kit: Kit) -> Any:
    """No more are accepted in one turn, and when there were as many, twenty more the next time."""
    accepted: list[int] = []

    class Port(tcp.Port):
        def doRead(self) -> None:
            before = len(factory.made)
            super().doRead()
            accepted.append(len(factory.made) - before)

    factory = Counting()
    port = _own_port(kit, Port, factory)
    port.numberAccepts = 2
    _call(kit, port.socket.getsockname(), 5)
    await kit.becomes(lambda: len(factory.made) == 5)
    after = port.numberAccepts
    await _gone(kit, factory)
    return [accepted, after + 20]


@CASES([["Mine", "Mine"], [0, 1], 2])
async def what_makes_transports(kit: Kit) -> Any:
    """The attribute `transport` makes them: a class or a function, with the arguments of Server."""

    class Mine(tcp.Server):
        pass

    made = []

    def make(*arguments: Any) -> Any:
        made.append(len(arguments))
        return Mine(*arguments)

    factory = Counting()
    port = kit.port(factory)
    port.transport = make
    _call(kit, port.socket.getsockname(), 2)
    await kit.becomes(lambda: len(factory.made) == 2)
    kinds = [type(each.wire).__name__ for each in factory.made]
    numbers = [each.wire.sessionno for each in factory.made]
    await _gone(kit, factory)
    return [kinds, numbers, port.sessionno]


@CASES([["first"], "passed on"])
async def its_own_do_read(kit: Kit) -> Any:
    """A port with its own doRead passes connections on: Twisted's makes none."""
    passed: list[socket.socket] = []

    class Port(tcp.Port):
        def doRead(self) -> None:
            own, _ = self.socket.accept()
            passed.append(kit.keep(own))

    factory = Counting()
    port = _own_port(kit, Port, factory)
    (peer,) = _call(kit, port.socket.getsockname(), 1)
    peer.setblocking(False)
    await kit.becomes(lambda: passed)
    passed[0].send(b"passed on")
    got = (await kit.received(peer, 9)).decode()
    return [["first"] if not factory.made else [], got]


@CASES(["end", ["one"]])
async def no_protocol(kit: Kit) -> Any:
    """A connection for which the factory has no protocol is closed, and the next one is accepted."""
    port = kit.port(Making(None))
    (peer,) = _call(kit, port.socket.getsockname(), 1)
    peer.setblocking(False)
    how = await kit.drained(peer)
    port.factory.one = made = Noting()
    _call(kit, port.socket.getsockname(), 1)
    await kit.becomes(lambda: made.wire)
    made.wire.abortConnection()
    await kit.ended(made)
    return [how, ["one"]]


@CASES([["critical log_legacy ValueError(in buildProtocol)"], 1])
async def an_error_of_the_factory(kit: Kit) -> Any:
    """It is logged, and the port goes on."""

    class Failing(Counting):
        fails = True

        def buildProtocol(self, address: Any) -> Any:
            if self.fails:
                self.fails = False
                raise ValueError("in buildProtocol")
            return super().buildProtocol(address)

    factory = Failing()
    port = kit.port(factory)
    with logs.Log() as log:
        _call(kit, port.socket.getsockname(), 1)
        await kit.becomes(lambda: not factory.fails)
        await kit.turns()
        said = log.take()
    _call(kit, port.socket.getsockname(), 1)
    await kit.becomes(lambda: factory.made)
    await _gone(kit, factory)
    return [said, len(factory.made)]


@CASES([True, [True, False], False, ["start", "stop"], False])
async def stopping(kit: Kit) -> Any:
    """stopListening gives a Deferred that fires in a later turn, when the socket is closed."""
    factory = Counting()
    port = kit.port(factory)
    stopped = port.stopListening()
    fired: list[Any] = []
    stopped.addCallback(fired.append)
    early = [port.connected, bool(fired)]
    await kit.becomes(lambda: fired)
    return [isinstance(stopped, Deferred), early, port.connected, factory.told, hasattr(port, "socket")]


@CASES([["start", "stop", "start"], 1])
async def listening_again(kit: Kit) -> Any:
    """A port that has been stopped may listen again."""
    factory = Counting()
    port = kit.port(factory)
    await port.stopListening()
    port.startListening()
    _call(kit, port.socket.getsockname(), 1)
    await kit.becomes(lambda: factory.made)
    told = list(factory.told)
    await _gone(kit, factory)
    return [told, len(factory.made)]


@CASES([None, True, 1])
async def a_socket_made_before(kit: Kit) -> Any:
    """`_preexistingSocket` is taken instead of a new one, and is not shut down at the end."""
    own = kit.listening()
    factory: Any = Counting()
    port = tcp.Port(0, factory, 50, LOCAL, kit.reactor)
    port._preexistingSocket = own
    port.startListening()
    kit.ports.append(port)
    _call(kit, own.getsockname(), 1)
    await kit.becomes(lambda: factory.made)
    found = [port._preexistingSocket, port.socket is own and not port._shouldShutdown, len(factory.made)]
    await _gone(kit, factory)
    return found


class Refusing:
    """A listening socket whose `accept` fails as a case wants."""

    def __init__(self, real: socket.socket, failing: list[int]) -> None:
        self.real, self.failing = real, failing

    def accept(self) -> Any:
        """Fail or accept."""
        if self.failing:
            raise OSError(self.failing.pop(0), "planned")
        return self.real.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@CASES([1, ["ECONNABORTED", "ENFILE", "ENOBUFS", "ENOMEM"], []])
async def errors_of_accepting(kit: Kit) -> Any:
    """Those of the system are logged, and the port goes on."""
    factory = Counting()
    port = kit.port(factory)
    numbers = [errno.ECONNABORTED, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EPERM, errno.EAGAIN]
    port.socket = Refusing(port.socket, numbers)
    events: list[Any] = []
    with logs.Log() as log:
        _call(kit, port.socket.getsockname(), 1)
        await kit.becomes(lambda: factory.made)
        events += [event["acceptError"] for event in log.events if "acceptError" in event]
        log.events.clear()
    await _gone(kit, factory)
    return [len(factory.made), events, numbers]


@CASES(["end", 1, ["released", "closed", "reserved again"]])
async def no_descriptor_left(kit: Kit) -> Any:
    """At EMFILE the reserve is given up, who waits is closed, and the reserve is taken again."""
    factory = Counting()
    port = kit.port(factory)
    address = port.socket.getsockname()
    port.socket = Refusing(port.socket, [errno.EMFILE])
    with logs.Log() as log:
        (peer,) = _call(kit, address, 1)
        peer.setblocking(False)
        how = await kit.drained(peer)
        said = " ".join(text for text in log.take() if "EMFILE" in text)
    words = {"releasing": "released", "Closed socket": "closed", "Re-reserving": "reserved again"}
    _call(kit, address, 1)
    await kit.becomes(lambda: factory.made)
    await _gone(kit, factory)
    return [how, len(factory.made), [told for word, told in words.items() if word in said]]


@pytest.mark.parametrize("case", CASES.names)
def test_ports_accept_as_on_stock(returned: dict[str, Any], case: str) -> None:
    """As many at a time, by what makes the transports, and until they are stopped."""
    assert returned.get(case, returned) == CASES.expected(case)
