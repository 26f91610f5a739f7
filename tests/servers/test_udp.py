"""UDP: datagrams come whole, with the address of their sender, and a port can be closed and opened again."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.protocol import ConnectedDatagramProtocol, DatagramProtocol

from tests import logs
from tests.reactors import Loop
from tests.reactors.inside import announce, becomes, gathered, until

LOCAL = "127.0.0.1"


class Echo(DatagramProtocol):
    """Sends back what comes, and notes it."""

    def __init__(self, answers: bool = True) -> None:
        self.answers = answers
        self.got: list[tuple[bytes, Any]] = []
        self.notes: list[str] = []

    @property
    def wire(self) -> Any:
        """Give the transport."""
        return self.transport

    def startProtocol(self) -> None:
        """Note it."""
        self.notes.append("start")

    def stopProtocol(self) -> None:
        """Note it."""
        self.notes.append("stop")

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Send it back."""
        self.got.append((datagram, addr))
        if datagram == b"raise":
            raise ValueError("in datagramReceived")
        if self.answers:
            self.wire.write(datagram, addr)

    def connectionRefused(self) -> None:
        """Note it."""
        self.notes.append("refused")


def serving(reactor: Any) -> list[str]:
    """Serve until a signal comes."""
    echo = Echo()
    port = reactor.listenUDP(0, echo, interface=LOCAL, maxPacketSize=65536)
    reactor.callWhenRunning(lambda: announce(port.getHost().port))
    reactor.run()
    return echo.notes


def test_datagrams_of_every_size_come_back(loop: Loop) -> None:
    """Datagrams of every size come back to their sender."""
    with loop.start(serving) as server:
        address = (LOCAL, server.line())
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(5)]
        for client in clients:
            client.settimeout(100)
        for number, size in enumerate([0, 1, 500, 8000, 65507] * 20):
            for client in clients:
                client.sendto(bytes([number]) * size, address)
                assert client.recvfrom(70000) == (bytes([number]) * size, address)
        for client in clients:
            client.close()
        server.send(15)
        outcome = server.wait()
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.endswith('["start", "stop"]\n')


def both_sides(reactor: Any, count: int) -> list[Any]:
    """Send many datagrams, some at once, from one port to another."""

    async def main() -> list[Any]:
        server, client = Echo(), Echo(answers=False)
        port = reactor.listenUDP(0, server, interface=LOCAL)
        from_port = reactor.listenUDP(0, client, interface=LOCAL)
        sent = []
        for number in range(count):
            sent.append(b"%d" % number)
            client.wire.write(sent[-1], (LOCAL, port.getHost().port))
            if number % 20 == 19:
                await becomes(reactor, lambda: len(client.got) == len(sent))
        return [
            [data for data, _ in client.got] == sent,
            {address for _, address in server.got} == {(LOCAL, from_port.getHost().port)},
        ]

    return until(reactor, main())


def test_datagrams_on_the_loopback_interface_arrive_in_order(loop: Loop) -> None:
    """On the loopback interface, and not too many at once, all arrive in order."""
    assert loop.run(both_sides, 2000) == [True, True]


def connected(reactor: Any) -> list[Any]:
    """Be connected to one address, first to nobody."""

    class Client(Echo, ConnectedDatagramProtocol):  # type: ignore[misc]
        """Is told when nobody is there."""

    async def main() -> list[Any]:
        server, stranger, client = Echo(), Echo(answers=False), Client(False)
        port = reactor.listenUDP(0, server, interface=LOCAL)
        address = port.getHost()
        own = reactor.listenUDP(0, client, interface=LOCAL)
        other = reactor.listenUDP(0, stranger, interface=LOCAL)
        client.wire.connect(LOCAL, address.port)
        stranger.wire.write(b"from a stranger", (LOCAL, own.getHost().port))
        client.wire.write(b"to the server")
        await becomes(reactor, lambda: bool(client.got))
        found: list[Any] = [[data.decode() for data, _ in client.got]]
        for each in (port, own, other):
            await each.stopListening()
        for _ in range(3):
            again = reactor.listenUDP(address.port, server, interface=LOCAL)
            reactor.listenUDP(0, stranger, interface=LOCAL)
            stranger.wire.write(b"again", (LOCAL, address.port))
            await becomes(reactor, lambda: server.got[-1][0] == b"again")
            await gathered([again.stopListening(), stranger.wire.stopListening()])
            server.got.append((b"", None))
        return [*found, server.notes, client.notes]

    return until(reactor, main())


def test_a_connected_port_hears_only_its_address(loop: Loop) -> None:
    """Only that address is heard; and a port that was closed can be opened again."""
    assert loop.run(connected) == [["to the server"], ["start", "stop"] * 4, ["start", "stop"]]


def refused(reactor: Any) -> list[str]:
    """Be connected to an address where nobody is, and send once."""
    client = Echo(answers=False)

    async def main() -> list[str]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
            unused.bind((LOCAL, 0))
            nobody = unused.getsockname()[1]
        reactor.listenUDP(0, client, interface=LOCAL)
        client.wire.connect(LOCAL, nobody)
        client.wire.write(b"to nobody")
        await becomes(reactor, lambda: len(client.notes) > 1)
        return client.notes

    return until(reactor, main())


def test_a_refused_datagram_is_reported(loop: Loop, stock_loop: Loop) -> None:
    """A refused datagram is reported as by Twisted's reactors.

    Where a poller calls a failure something to read, as `select` does, the protocol hears of it first.
    """
    assert loop.run(refused) in (stock_loop.run(refused), ["start", "refused", "stop"])


def raising(reactor: Any) -> list[Any]:
    """Raise for a datagram, between others."""
    logs.begin()

    async def main() -> list[Any]:
        server, client = Echo(), Echo(answers=False)
        port = reactor.listenUDP(0, server, interface=LOCAL)
        reactor.listenUDP(0, client, interface=LOCAL)
        with logs.Log() as log:
            for data in (b"one", b"raise", b"two"):
                client.wire.write(data, (LOCAL, port.getHost().port))
            await becomes(reactor, lambda: len(client.got) == 2)
            said = [text for text in log.take() if "ValueError" in text]
        return [[data.decode() for data, _ in client.got], len(said)]

    return until(reactor, main())


def test_an_exception_of_a_protocol_is_logged(loop: Loop) -> None:
    """The error is logged, and the next datagram comes."""
    assert loop.run(raising) == [["one", "two"], 1]


def multicast(reactor: Any) -> list[str]:
    """Send to a group over the loopback interface."""

    async def main() -> list[str]:
        members = [Echo(answers=False) for _ in range(2)]
        port = reactor.listenMulticast(0, members[0], listenMultiple=True)
        number = port.getHost().port
        reactor.listenMulticast(number, members[1], listenMultiple=True)
        for member in members:
            await member.wire.joinGroup("224.0.0.250", LOCAL)
        sender = Echo(answers=False)
        reactor.listenMulticast(0, sender)
        await sender.wire.setOutgoingInterface(LOCAL)
        sender.wire.setLoopbackMode(1)
        sender.wire.write(b"to all", ("224.0.0.250", number))
        await becomes(reactor, lambda: all(member.got for member in members))
        return [member.got[0][0].decode() for member in members]

    return until(reactor, main())


def test_all_members_of_a_group_get_its_datagrams(loop: Loop) -> None:
    """All members of a group get what is sent to it."""
    assert loop.run(multicast) == ["to all"] * 2
