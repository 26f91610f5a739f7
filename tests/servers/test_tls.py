"""TLS over the loopback interface, with a certificate that is made for it."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ClientEndpoint, SSL4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS

from tests.certificates import write_certificate
from tests.reactors import Loop
from tests.reactors.inside import announce, gathered, until

#: How much each client sends, in which pieces.
SIZE, PIECE = 2_000_000, 77_777


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the file with a certificate for localhost and its key."""
    return write_certificate(tmp_path_factory.mktemp("tls"))


class Echo(Protocol):
    """Sends back what comes, and pauses the sender when nobody takes it."""

    def connectionMade(self) -> None:
        """Connect the two directions."""
        transport: Any = self.transport
        transport.registerProducer(transport, True)

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        transport: Any = self.transport
        transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        """There is nothing to do."""
        transport: Any = self.transport
        transport.unregisterProducer()


class Collecting(Protocol):
    """Sends data, and collects as many bytes as it has sent."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.got = bytearray()
        self.done: Deferred[bytes] = Deferred()
        self.lost: Deferred[str] = Deferred()

    def connectionMade(self) -> None:
        """Send all."""
        transport: Any = self.transport
        for start in range(0, len(self.data), PIECE):
            transport.write(self.data[start : start + PIECE])

    def dataReceived(self, data: bytes) -> None:
        """Collect."""
        transport: Any = self.transport
        self.got += data
        if len(self.got) == len(self.data):
            self.done.callback(bytes(self.got))
            transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        """Say why."""
        self.lost.callback(reason.type.__name__)


async def listening(reactor: Any, certificate: str) -> Any:
    """Listen, and give the port."""
    options: Any = PrivateCertificate.loadPEM(Path(certificate).read_text()).options()
    endpoint = SSL4ServerEndpoint(reactor, 0, options, interface="127.0.0.1")
    return await endpoint.listen(Factory.forProtocol(Echo))


def serving(reactor: Any, certificate: str) -> None:
    """Serve until a signal comes."""

    async def main() -> None:
        announce((await listening(reactor, certificate)).getHost().port)
        await Deferred()

    until(reactor, main())


def exchange(port: int, certificate: str, number: int) -> bool:
    """Be a client of another implementation, and say whether everything came back."""
    context = ssl.create_default_context(cafile=certificate)
    data = bytes([number]) * SIZE
    got = bytearray()
    with (
        socket.create_connection(("127.0.0.1", port), timeout=100) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        for start in range(0, SIZE, PIECE):
            sent = data[start : start + PIECE]
            secure.sendall(sent)
            wanted = len(got) + len(sent)
            while len(got) < wanted:
                got += secure.recv(1 << 16)
    return got == data


def test_clients_of_python_get_back_their_data_over_tls(loop: Loop, certificate: str) -> None:
    """Clients of Python's own get back what they send, and one that does not trust is refused alone."""
    with loop.start(serving, certificate) as server:
        port = server.line()
        distrusting = ssl.create_default_context()
        with (
            socket.create_connection(("127.0.0.1", port), timeout=100) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            distrusting.wrap_socket(plain, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", port), timeout=100) as plain:
            plain.sendall(b"this is no TLS\r\n" * 10)
            plain.recv(1000)
        with ThreadPoolExecutor(6) as pool:
            assert all(pool.map(exchange, [port] * 6, [certificate] * 6, range(6)))


def both_sides(reactor: Any, certificate: str) -> list[Any]:
    """Connect many clients, with names to be verified, and one with a wrong name."""
    trusted = Certificate.loadPEM(Path(certificate).read_bytes())
    found: list[Any] = []

    async def main() -> None:
        port = (await listening(reactor, certificate)).getHost().port

        async def connected(name: str, protocol: Collecting) -> Any:
            endpoint = SSL4ClientEndpoint(reactor, "127.0.0.1", port, optionsForClientTLS(name, trusted))
            return await connectProtocol(endpoint, protocol)

        data = [bytes([number]) * (SIZE // 4) for number in range(20)]
        clients = [Collecting(each) for each in data]
        for client in clients:
            await connected("localhost", client)
        found.append(await gathered([client.done for client in clients]) == data)
        found.append(sorted(set(await gathered([client.lost for client in clients]))))
        wrong = Collecting(b"never sent")
        await connected("another.example", wrong)
        found.append([await wrong.lost, bytes(wrong.got).decode()])

    until(reactor, main())
    return found


def test_tls_between_two_reactor_programs_ends_cleanly(loop: Loop, certificate: str) -> None:
    """Everything comes back, the end is clean, and a wrong name ends the connection before any data."""
    assert loop.run(both_sides, certificate) == [True, ["ConnectionDone"], ["VerificationError", ""]]
