"""WebSockets of autobahn, as server and as client, with the peers of another library."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS

from tests.peers.commands import BYTES, LOCAL, serving
from tests.peers.inside import serve
from tests.peers.tools import needs
from tests.reactors import Loop
from tests.reactors.inside import until

pytestmark = needs("autobahn", "websockets")
#: The sizes of messages: those at which the head of a frame grows, and a large one.
SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1_000_000, min(BYTES, 4 << 20)]


def echo_server(reactor: Any, certificate: str) -> list[Any]:
    """Serve WebSockets that send back what comes, and give how they were closed."""
    from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol

    notes: list[Any] = []

    class Echo(WebSocketServerProtocol):  # type: ignore[misc]
        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            self.sendMessage(payload, isBinary)

        def onClose(self, wasClean: bool, code: int, reason: str) -> None:
            notes.append([wasClean, code])

    factory = WebSocketServerFactory()
    factory.protocol = Echo
    options: Any = PrivateCertificate.loadPEM(Path(certificate).read_text()).options()
    secure = reactor.listenSSL(0, factory, options, interface=LOCAL)
    return serve(reactor, reactor.listenTCP(0, factory, interface=LOCAL), secure, notes=notes)


def exchange(address: str, certificate: str) -> bool:
    """Be a client of the other library, and say whether everything came back."""
    from websockets.sync.client import connect

    context = ssl.create_default_context(cafile=certificate) if address.startswith("wss") else None
    messages: list[Any] = ["text", "gr\u00fc\u00dfe", *map(os.urandom, SIZES)]
    with connect(address, ssl=context, max_size=None, compression=None) as client:
        same = True
        for message in messages:
            client.send(message)
            same = same and client.recv() == message
            same = same and client.ping().wait(60)
        for message in messages[:-1]:
            client.send(message)
        return same and [client.recv() for _ in messages[:-1]] == messages[:-1]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_other_clients_get_back_their_messages(loop: Loop, certificate: str, scheme: str) -> None:
    """Several at once, with messages of all sizes, pings, and a close in order."""
    with serving(loop, echo_server, certificate) as server:
        address = f"{scheme}://localhost:{server.addresses[scheme == 'wss']}"
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(exchange, [address] * 4, [certificate] * 4)) == [True] * 4
        assert server.stop() == [[True, 1000]] * 4


@contextmanager
def other_server(certificate: str | None) -> Iterator[tuple[int, list[int | None]]]:
    """Serve by the other library, in threads of this process; give the port and the codes of closing."""
    from websockets.sync.server import serve as serve_others

    codes: list[int | None] = []

    def handler(peer: Any) -> None:
        for message in peer:
            peer.send(message)
        codes.append(peer.close_code)

    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    with serve_others(handler, LOCAL, 0, ssl=context, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1], codes
        finally:
            server.shutdown()
            thread.join()


def echo_client(reactor: Any, port: int, certificate: str | None, sizes: list[int]) -> list[Any]:
    """Send messages, and say of each whether it came back, and then how the connection was closed."""
    from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol

    closed: Deferred[list[Any]] = Deferred()
    found: list[Any] = []

    class Client(WebSocketClientProtocol):  # type: ignore[misc]
        def onOpen(self) -> None:
            self.messages = [os.urandom(size) for size in sizes]
            for message in self.messages:
                self.sendMessage(message, True)

        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            found.append(payload == self.messages[len(found)])
            if len(found) == len(self.messages):
                self.sendClose(1000, "enough")

        def onClose(self, wasClean: bool, code: int, reason: str) -> None:
            closed.callback([wasClean, code])

    factory = WebSocketClientFactory(f"{'wss' if certificate else 'ws'}://localhost:{port}")
    factory.protocol = Client

    async def main() -> list[Any]:
        if certificate:
            trusted = Certificate.loadPEM(Path(certificate).read_bytes())
            reactor.connectSSL(LOCAL, port, factory, optionsForClientTLS("localhost", trusted))
        else:
            reactor.connectTCP(LOCAL, port, factory)
        return [found, await closed]

    return until(reactor, main())


@pytest.mark.parametrize("secure", [False, True])
def test_a_client_gets_back_its_messages_from_another_server(
    loop: Loop, certificate: str, secure: bool
) -> None:
    """Messages of all sizes, sent at once, and a close in order."""
    used = certificate if secure else None
    with other_server(used) as (port, codes):
        assert loop.run(echo_client, port, used, SIZES) == [[True] * len(SIZES), [True, 1000]]
    assert codes == [1000]


def test_client_and_server_of_autobahn_talk_to_each_other(loop: Loop, certificate: str) -> None:
    """Both on the same kind of reactor."""
    with serving(loop, echo_server, certificate) as server:
        for port, used in zip(server.addresses, (None, certificate), strict=True):
            assert loop.run(echo_client, port, used, SIZES) == [[True] * len(SIZES), [True, 1000]]
        assert server.stop() == [[True, 1000]] * 2
