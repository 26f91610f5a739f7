"""Very many connections at once, and a server that runs out of descriptors and recovers."""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import signal
import socket
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Factory, Protocol

from tests import logs
from tests.reactors import Loop
from tests.reactors.inside import announce, becomes, descriptors, more_descriptors, until
from tests.reactors.running import Running

#: How many connections there are at once, as far as the system lets a process have descriptors.
CONNECTIONS = int(os.environ.get("DEFERROUS_CONNECTIONS", "2000"))
#: Descriptors that a process needs besides its connections.
BESIDES = 100
LOCAL = "127.0.0.1"


def possible(wanted: int) -> int:
    """Give how many connections both processes may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - BESIDES)


class Counting(Protocol):
    """Sends back what comes, and is counted."""

    now = 0
    most = 0

    def connectionMade(self) -> None:
        """Count it."""
        Counting.now += 1
        Counting.most = max(Counting.most, Counting.now)

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        transport: Any = self.transport
        transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        """Count it out."""
        Counting.now -= 1


def serving(reactor: Any, count: int) -> list[int]:
    """Serve until a signal comes, and give how many connections there were at most, and are left."""
    more_descriptors(count + BESIDES)
    port = reactor.listenTCP(0, Factory.forProtocol(Counting), backlog=1024, interface=LOCAL)
    reactor.callWhenRunning(lambda: announce(port.getHost().port))
    reactor.addSystemEventTrigger("before", "shutdown", lambda: announce([Counting.most, Counting.now]))
    reactor.run()
    return [Counting.now]


class Client(Protocol):
    """Sends its number twice, and waits for both to come back."""

    def __init__(self, number: int) -> None:
        self.text = b"%10d" % number
        self.got = b""
        self.answered: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        """Send it."""
        self.send()

    def send(self) -> None:
        """Send the number, and expect it."""
        transport: Any = self.transport
        self.got = b""
        self.answered = Deferred()
        transport.write(self.text)

    def dataReceived(self, data: bytes) -> None:
        """Look whether it is the own number."""
        self.got += data
        if self.got == self.text:
            self.answered.callback(None)

    def connectionLost(self, reason: Any = None) -> None:
        """Tell it."""
        self.lost.callback(None)


class Clients(ClientFactory):
    """Makes them, and keeps them."""

    noisy = False

    def __init__(self) -> None:
        self.made: list[Client] = []
        self.failures: list[str] = []

    def buildProtocol(self, address: Any) -> Client:
        """Make one."""
        self.made.append(Client(len(self.made)))
        return self.made[-1]

    def came_to(self, count: int) -> bool:
        """Say whether so many connections have been made or have failed."""
        return len(self.made) + len(self.failures) >= count

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        """Note why."""
        self.failures.append(str(reason.value))


def connecting(reactor: Any, port: int, count: int) -> list[Any]:
    """Open that many connections, use all, twice, and close them."""
    more_descriptors(count + BESIDES)
    before = len(descriptors())
    clients = Clients()

    def all_answered() -> bool:
        return bool(clients.failures) or sum(each.answered.called for each in clients.made) == count

    async def main() -> list[Any]:
        for number in range(count):
            reactor.connectTCP(LOCAL, port, clients, timeout=100)
            if number % 200 == 199:
                await becomes(reactor, partial(clients.came_to, number + 1))
        await becomes(reactor, all_answered)
        found = [len(descriptors()) - before >= count, len(reactor.getReaders()) >= count]
        for client in clients.made:
            client.send()
        await becomes(reactor, all_answered)
        for client in clients.made:
            transport: Any = client.transport
            transport.loseConnection()
        await becomes(reactor, lambda: all(client.lost.called for client in clients.made))
        return [*found, clients.failures, len(clients.made)]

    return until(reactor, main())


def test_thousands_of_connections_are_served(loop: Loop) -> None:
    """Each is answered, and again, and all end."""
    count = possible(CONNECTIONS)
    with loop.start(serving, count, patience=1200) as server:
        port = server.line()
        found = loop.run(connecting, port, count, patience=1200)
        assert found == [True, True, [], count]
        server.until(lambda: descriptors_of(server) < BESIDES, "all are closed")
        server.send(signal.SIGTERM)
        assert server.line(1) == [count, 0]
        assert server.wait().status == 0


def descriptors_of(process: Running) -> int:
    """Count the descriptors of a process."""
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def with_few_descriptors(reactor: Any, limit: int) -> int:
    """Serve with a low limit until a signal comes, and give how many connections there were at most."""
    logs.begin()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    port = reactor.listenTCP(0, Factory.forProtocol(Counting), backlog=512, interface=LOCAL)
    reactor.callWhenRunning(lambda: announce(port.getHost().port))
    reactor.run()
    return Counting.most


def answered(connection: socket.socket) -> bool:
    """Say whether an answer has come, or the server has let us go."""
    try:
        return connection.recv(10) == b"x"
    except ConnectionResetError:
        return False


def answers(connections: list[socket.socket], patience: float) -> list[socket.socket]:
    """Send to all, and give those that answer: all at once, or until nobody has for some time."""
    waiting = selectors.DefaultSelector()
    for connection in connections:
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"x")
        waiting.register(connection, selectors.EVENT_READ, connection)
    found: list[socket.socket] = []
    told = 0
    while told < len(connections) and (ready := waiting.select(patience)):
        told += len(ready)
        for key, _ in ready:
            waiting.unregister(key.data)
            if answered(key.data):
                found.append(key.data)
    return found


def test_a_server_recovers_from_running_out_of_descriptors(loop: Loop) -> None:
    """A server that can accept no more goes on with those that it has, and takes others later."""
    with loop.start(with_few_descriptors, 64) as server:
        address = (LOCAL, server.line())
        crowd = [socket.create_connection(address, timeout=100) for _ in range(150)]
        served = answers(crowd, 1)
        assert 20 < len(served) < 64
        for connection in served:
            connection.sendall(b"x")
            assert connection.recv(10) == b"x"
        for connection in crowd:
            connection.close()
        newcomers = [socket.create_connection(address, timeout=100) for _ in range(20)]
        assert len(answers(newcomers, 100)) == 20
        for connection in newcomers:
            connection.close()
        server.send(signal.SIGTERM)
        outcome = server.wait()
    assert (outcome.status, outcome.err) == (0, "")
    assert int(outcome.out.splitlines()[-1]) < 64


def without_descriptors(reactor: Any, port: int, limit: int) -> list[Any]:
    """Connect more often than there are descriptors, and again when some are free."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))

    async def main() -> list[Any]:
        found: list[Any] = []
        for _ in range(3):
            before, clients = len(descriptors()), Clients()
            for _ in range(limit * 2):
                reactor.connectTCP(LOCAL, port, clients, timeout=100)
            await becomes(reactor, partial(clients.came_to, limit * 2))
            await becomes(reactor, lambda: all(each.answered.called for each in clients.made))  # noqa: B023
            found.append([len(clients.made) > limit / 2, sorted(set(clients.failures))])
            for client in clients.made:
                transport: Any = client.transport
                transport.loseConnection()
            await becomes(reactor, lambda: all(client.lost.called for client in clients.made))  # noqa: B023
            await becomes(reactor, lambda: len(descriptors()) == before)  # noqa: B023
        return found

    return until(reactor, main())


def test_clients_recover_from_running_out_of_descriptors(loop: Loop) -> None:
    """Connections that cannot be made fail, those that there are go on, and later others are made."""
    with loop.start(serving, 1000) as server:
        found = loop.run(without_descriptors, server.line(), 100)
        server.send(signal.SIGTERM)
        assert server.wait().status == 0
    assert found == [[True, ["Couldn't bind: 24: Too many open files."]]] * 3
