"""Ports give their protocols each datagram once, with its address, whatever happens in between."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from twisted.internet import udp
from twisted.internet.protocol import ConnectedDatagramProtocol, DatagramProtocol

from tests import logs
from tests.transports.cases import Cases
from tests.transports.kit import LOCAL, Kit, nothing

CASES = Cases()


class Noting(DatagramProtocol):
    """Notes what it is given, and lets a case act on it."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.addresses: list[Any] = []
        self.on_data: Any = nothing

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Keep the datagram and its address."""
        self.got.append(datagram.decode())
        self.addresses.append(addr)
        self.on_data(datagram)


@CASES([["one", "", "two"], True, ["tuple", "str", "int"]])
async def with_addresses(kit: Kit) -> Any:
    """Each comes with the host and the port of its sender; an empty one is one, too."""
    noting = Noting()
    _, peer = kit.datagrams(noting)
    for data in (b"one", b"", b"two"):
        peer.send(data)
    await kit.becomes(lambda: len(noting.got) == 3)
    first = noting.addresses[0]
    kinds = [type(first).__name__, type(first[0]).__name__, type(first[1]).__name__]
    return [noting.got, noting.addresses == [peer.getsockname()] * 3, kinds]


@CASES([["six"], True])
async def by_ipv6(kit: Kit) -> Any:
    """Of an address of IPv6 the protocol is given the host and the port alone."""
    noting = Noting()
    _, peer = kit.datagrams(noting, host="::1")
    peer.send(b"six")
    await kit.becomes(lambda: noting.got)
    return [noting.got, noting.addresses == [("::1", peer.getsockname()[1])]]


@CASES([["one", "two", "three"], ["builtins.ValueError: one", "builtins.ValueError: two"], 1])
async def errors_of_the_protocol(kit: Kit) -> Any:
    """What datagramReceived raises is logged, and the next datagrams are received in the same turn."""
    noting = Noting()

    def fail(data: bytes) -> None:
        if data != b"three":
            raise ValueError(data.decode())

    noting.on_data = fail
    port, peer = kit.datagrams(noting)
    with logs.Log() as log:
        for data in (b"one", b"two", b"three"):
            peer.send(data)
        await kit.becomes(lambda: len(noting.got) == 3)
        told = [line.strip().splitlines()[-1] for line in log.written()]
    return [noting.got, told, port.connected]


@CASES([["doRead", "datagramReceived", "fail"], "Noting (UDP)"])
async def what_is_logged(kit: Kit) -> Any:
    """An error is logged with Twisted's function in its traceback, and with the prefix of the port."""
    noting = Noting()

    def fail(_: bytes) -> None:
        raise ValueError("datagram")

    noting.on_data = fail
    _, peer = kit.datagrams(noting)
    with logs.Log() as log:
        peer.send(b"data")
        await kit.becomes(lambda: log.events)
        (event,) = log.events
        names = [frame[0] for frame in event["failure"].frames]
        return [names, event["system"]]


@CASES([[["1", "2"], ["3", "4"], ["5"]]])
async def at_most_so_many_in_a_turn(kit: Kit) -> Any:
    """After maxThroughput bytes others have their turn."""
    noting = Noting()
    turns: list[list[str]] = []

    class Port(udp.Port):
        maxThroughput = 2

    port, peer = kit.datagrams(noting, Port)
    port.stopReading()
    for data in (b"1", b"2", b"3", b"4", b"5"):
        peer.send(data)
    port.startReading()
    while sum(len(turn) for turn in turns) < 5:
        await kit.turns(1)
        if noting.got:
            turns.append(noting.got)
            noting.got = []
    return [turns]


@CASES([["1", "2", "3"], True])
async def after_stop_listening(kit: Kit) -> Any:
    """stopListening in datagramReceived does not keep those back that have come already."""
    noting = Noting()
    port, peer = kit.datagrams(noting)
    port.stopReading()
    for data in (b"1", b"2", b"3"):
        peer.send(data)
    noting.on_data = lambda data: data == b"1" and port.stopListening()
    port.startReading()
    await kit.becomes(lambda: not port.connected)
    return [noting.got, port.maxThroughput == -1]


@CASES([["1"], True])
async def after_connection_lost(kit: Kit) -> Any:
    """A port that loses its socket in datagramReceived reads no more."""
    noting = Noting()
    port, peer = kit.datagrams(noting)
    port.stopReading()
    peer.send(b"1")
    peer.send(b"2")

    def lose(_: bytes) -> None:
        port.stopReading()
        port.connectionLost()

    noting.on_data = lose
    port.startReading()
    await kit.becomes(lambda: noting.got)
    await kit.turns()
    return [noting.got, not hasattr(port, "socket")]


@CASES([["1", "2"], ["3"]])
async def another_protocol_in_between(kit: Kit) -> Any:
    """A protocol that is set in datagramReceived is given the next one."""
    first, second = Noting(), Noting()
    port, peer = kit.datagrams(first)

    def change(data: bytes) -> None:
        if data == b"2":
            port.protocol = second

    first.on_data = change
    for data in (b"1", b"2", b"3"):
        peer.send(data)
    await kit.becomes(lambda: second.got)
    port.protocol = first
    return [first.got, second.got]


@CASES([["long", "sho"]])
async def a_size_that_is_set(kit: Kit) -> Any:
    """maxPacketSize that is set in between cuts the next one."""
    noting = Noting()
    port, peer = kit.datagrams(noting)
    noting.on_data = lambda _: setattr(port, "maxPacketSize", 3)
    peer.send(b"long")
    peer.send(b"short")
    await kit.becomes(lambda: len(noting.got) == 2)
    return [noting.got]


class Connected(Noting, ConnectedDatagramProtocol):  # type: ignore[misc]
    """Notes refusals."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = 0
        self.fails = False

    def connectionRefused(self) -> None:
        """Count it."""
        self.refused += 1
        if self.fails:
            raise ValueError("refused")


async def refuse(kit: Kit, connected: Connected) -> None:
    """Send a datagram to where nobody receives it, and receive another one."""
    port, peer = kit.datagrams(connected)
    port.stopReading()
    port.connect(*peer.getsockname())
    peer.send(b"data")
    peer.close()
    port.write(b"refused")
    port.startReading()
    await kit.becomes(lambda: (connected.refused and connected.got) or not port.connected)


@CASES([1, ["data"]])
async def refused(kit: Kit) -> Any:
    """A connected port tells its protocol that the peer has refused a datagram, and reads on."""
    connected = Connected()
    await refuse(kit, connected)
    return [connected.refused, connected.got]


@CASES([1, [], ["doRead", "connectionRefused"], "ConnectionRefusedError"])
async def an_error_of_connection_refused(kit: Kit) -> Any:
    """What connectionRefused raises while the refusal is handled ends the port."""
    connected = Connected()
    connected.fails = True
    with logs.Log() as log:
        await refuse(kit, connected)
        failure = next(event["failure"] for event in log.events if "failure" in event)
    names = [frame[0] for frame in failure.frames if frame[0] in ("doRead", "connectionRefused")]
    return [connected.refused, connected.got, names, type(failure.value.__context__).__name__]


@CASES([["data"], ["recvfrom"]])
async def a_socket_of_another_class(kit: Kit) -> Any:
    """Whatever is in the attribute `socket` is asked."""
    noting, calls = Noting(), []
    port, peer = kit.datagrams(noting)

    class Socket:
        real = port.socket

        def recvfrom(self, size: int) -> Any:
            calls.append("recvfrom")
            return self.real.recvfrom(size)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    port.socket = Socket()
    peer.send(b"data")
    await kit.becomes(lambda: noting.got)
    port.socket = port.socket.real
    return [noting.got, sorted(set(calls))]


@CASES([["data"], ["doRead"], ["DATA"]])
async def methods_of_a_subclass(kit: Kit) -> Any:
    """A doRead of a subclass is called, and one that is set on the port."""
    noting, calls = Noting(), []

    class Port(udp.Port):
        def doRead(self) -> None:
            calls.append("doRead")
            super().doRead()

    _, peer = kit.datagrams(noting, Port)
    peer.send(b"data")
    await kit.becomes(lambda: noting.got)
    other = Noting()
    port, peer = kit.datagrams(other)

    def read() -> None:
        data, address = port.socket.recvfrom(100)
        other.datagramReceived(data.upper(), address)

    port.doRead = read
    peer.send(b"data")
    await kit.becomes(lambda: other.got)
    return [noting.got, calls, other.got]


@CASES([["one", "two"], 2])
async def limits_of_a_subclass_are_asked(kit: Kit) -> Any:
    """A property maxPacketSize is asked for each datagram, and once more for none."""
    noting, asked = Noting(), []

    class Port(udp.Port):
        @property
        def maxPacketSize(self) -> int:
            asked.append(1)
            return 100

        @maxPacketSize.setter
        def maxPacketSize(self, size: int) -> None: ...

    port, peer = kit.datagrams(noting, Port)
    port.stopReading()
    peer.send(b"one")
    peer.send(b"two")
    port.startReading()
    await kit.becomes(lambda: len(noting.got) == 2)
    return [noting.got, len(asked) - 1]


@CASES([["before", "logged"], ["ValueError"], ["after"]])
async def another_log_of_the_module(kit: Kit) -> Any:
    """`log` that is replaced in twisted.internet.udp is told of errors."""
    noting, told = Noting(), []
    _, peer = kit.datagrams(noting)

    class Log:
        @staticmethod
        def err() -> None:
            told.append("ValueError")

    def fail(data: bytes) -> None:
        if data == b"logged":
            raise ValueError

    noting.on_data = fail
    peer.send(b"before")
    await kit.becomes(lambda: noting.got)
    original = vars(udp)["log"]
    vars(udp)["log"] = Log
    try:
        peer.send(b"logged")
        await kit.becomes(lambda: told)
    finally:
        vars(udp)["log"] = original
    got, noting.got = noting.got, []
    peer.send(b"after")
    await kit.becomes(lambda: noting.got)
    return [got, told, noting.got]


@CASES(
    [4, "data", "6", ["InvalidAddressError", "InvalidAddressError", "AssertionError", "MessageLengthError"]]
)
async def writing(kit: Kit) -> Any:
    """A datagram goes to an address at once; other addresses and too much are refused."""
    port, peer = kit.datagrams(Noting())
    other, far = kit.datagrams(Noting(), host="::1")
    length = port.write(b"data", peer.getsockname())
    other.write(b"6", far.getsockname()[:2])
    failures = []
    wrong: list[Any] = [
        (b"x", ("localhost", 1)),
        (b"x", ("::1", 1)),
        (b"x", None),
        (b"x" * 70_000, (LOCAL, 1)),
    ]
    for data, address in wrong:
        try:
            port.write(data, address)
        except Exception as error:
            failures.append(type(error).__name__)
    return [length, peer.recv(10).decode(), far.recv(10).decode(), failures]


@CASES([["one", "two", "three"], ["sendto"]])
async def writing_by_another_socket(kit: Kit) -> Any:
    """Writing asks whatever is in the attribute `socket`, and a method of a subclass is called."""
    calls = []

    class Port(udp.Port):
        def write(self, datagram: bytes, addr: Any = None) -> None:
            super().write(datagram.lower(), addr)

    port, peer = kit.datagrams(Noting(), Port)
    port.write(b"ONE", peer.getsockname())

    class Socket:
        real = port.socket

        def sendto(self, data: bytes, address: Any) -> Any:
            calls.append("sendto")
            return self.real.sendto(data, address)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    port.socket = Socket()
    port.write(b"two", addr=peer.getsockname())
    port.socket = port.socket.real
    port.writeSequence([b"thr", b"ee"], peer.getsockname())
    return [[peer.recv(10).decode() for _ in range(3)], calls]


@CASES([["connected"], "AssertionError"])
async def writing_when_connected(kit: Kit) -> Any:
    """A connected port writes to its peer, and to nobody else."""
    port, peer = kit.datagrams(Noting())
    port.connect(*peer.getsockname())
    port.write(b"connected")
    try:
        port.write(b"elsewhere", (LOCAL, 9))
    except AssertionError as error:
        return [[peer.recv(100).decode()], type(error).__name__]


@CASES([["adopted"], True])
async def adopted(kit: Kit) -> Any:
    """A port of a socket that the program has made reads, too."""
    noting = Noting()
    own = kit.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    own.bind((LOCAL, 0))
    own.setblocking(False)
    port = kit.reactor.adoptDatagramPort(own.fileno(), socket.AF_INET, noting)
    peer = kit.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    peer.sendto(b"adopted", own.getsockname())
    await kit.becomes(lambda: noting.got)
    await port.stopListening()
    return [noting.got, errno.ECONNREFUSED in udp._sockErrReadRefuse]


@pytest.mark.parametrize("case", CASES.names)
def test_datagrams_are_received(returned: dict[str, Any], case: str) -> None:
    """Each of them once, in order, and as stock gives them."""
    assert returned.get(case, returned) == CASES.expected(case)
