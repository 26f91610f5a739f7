"""A method that a subclass of a transport has of its own is called, each time that stock would call it."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from twisted.internet import error, tcp, unix
from twisted.internet.main import CONNECTION_DONE

from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, HalfNoting, Kit, Making, Noting

CASES = Cases()


@CASES(["hello", ["doRead"]])
async def do_read(kit: Kit) -> Any:
    """It reads in its own way, and calls Twisted's."""
    calls = []

    class Server(tcp.Server):
        def doRead(self) -> Any:
            calls.append("doRead")
            return super().doRead()

    server, peer = await kit.served(transport=Server)
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    return [server.text, calls]


@CASES(["hel", ["ConnectionDone"]])
async def do_read_that_ends(kit: Kit) -> Any:
    """It takes a part, and says that this is all."""

    class Server(tcp.Server):
        def doRead(self) -> Any:
            protocol: Any = self.protocol
            protocol.dataReceived(self.socket.recv(3))
            return CONNECTION_DONE

    server, peer = await kit.served(transport=Server)
    peer.send(b"hello")
    await kit.ended(server)
    return [server.text, server.lost]


@CASES(["hello", 1, True])
async def do_write(kit: Kit) -> Any:
    """It is called when there is something to write, and not any more when that is done."""
    calls = []

    class Server(tcp.Server):
        def doWrite(self) -> Any:
            calls.append(len(self._tempDataBuffer))
            return super().doWrite()

    server, peer = await kit.served(transport=Server)
    server.wire.write(b"hel")
    server.wire.write(b"lo")
    got = await kit.received(peer, 5)
    await kit.turns()
    return [got.decode(), len(calls), calls == [2]]


@CASES(["HELLO", [5]])
async def write_some_data(kit: Kit) -> Any:
    """It is given all that waits, and says how much it has taken."""
    sizes = []

    class Server(tcp.Server):
        def writeSomeData(self, data: bytes) -> Any:
            sizes.append(len(data))
            return super().writeSomeData(bytes(data).upper())

    server, peer = await kit.served(transport=Server)
    server.wire.writeSequence([b"hel", b"lo"])
    return [(await kit.received(peer, 5)).decode(), sizes]


@CASES(["abcdefg", [[7, 7, 0], [5, 5, 0], [3, 3, 0], [1, 1, 0]], ["ConnectionDone"]])
async def write_some_data_that_takes_two_bytes(kit: Kit) -> Any:
    """The rest is handed over until it has been taken; only then the connection is closed."""
    seen = []

    class Server(tcp.Server):
        def writeSomeData(self, data: bytes) -> Any:
            seen.append([len(data), len(self.dataBuffer), self.offset])
            return super().writeSomeData(data[:2])

    server, peer = await kit.served(transport=Server)
    server.wire.write(b"abcdefg")
    server.wire.loseConnection()
    got = await kit.received(peer, 7)
    await kit.ended(server)
    return [got.decode(), seen, server.lost]


@CASES([["ConnectionLost"], ["ValueError"]])
async def write_some_data_that_fails(kit: Kit) -> Any:
    """An error that it returns ends the connection; so does one that it raises."""
    found = []
    for error_of in (lambda: error.ConnectionLost(), lambda: 1 // 0):

        class Server(tcp.Server):
            failing = staticmethod(error_of)

            def writeSomeData(self, data: bytes) -> Any:
                try:
                    return self.failing()
                except ZeroDivisionError:
                    raise ValueError("in writeSomeData") from None

        server, _ = await kit.served(transport=Server)
        server.wire.write(b"hello")
        await kit.ended(server)
        found.append(server.lost)
    return found


@CASES(["olleh", []])
async def data_received_of_a_transport(kit: Kit) -> Any:
    """`_dataReceived` stands between the socket and the protocol."""

    class Server(tcp.Server):
        def _dataReceived(self, data: Any) -> Any:
            return super()._dataReceived(data[::-1])

    server, peer = await kit.served(transport=Server)
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    return [server.text, server.lost]


@CASES([True, [], ["ConnectionAborted"]])
async def post_lose_connection(kit: Kit) -> Any:
    """`_postLoseConnection` decides what happens when all has been written."""

    class Server(tcp.Server):
        asked = 0

        def _postLoseConnection(self) -> Any:
            self.asked += 1

    server, peer = await kit.served(transport=Server)
    server.wire.write(b"last words")
    server.wire.loseConnection()
    await kit.received(peer, 10)
    await kit.becomes(lambda: server.wire.asked)
    await kit.turns()
    asked, lost = server.wire.asked == 1, list(server.lost)
    server.wire.abortConnection()
    await kit.ended(server)
    return [asked, lost, server.lost]


@CASES(["<hello>", ["hello", ">"]])
async def write(kit: Kit) -> Any:
    """`write` is called by programs, and calls Twisted's."""
    calls = []

    class Server(tcp.Server):
        def write(self, data: bytes) -> None:
            calls.append(data.decode())
            super().write(b"<" + data if data == b"hello" else data)

    server, peer = await kit.served(transport=Server)
    server.wire.write(b"hello")
    server.wire.write(b">")
    return [(await kit.received(peer, 7)).decode(), calls]


@CASES([["startWriting", "stopWriting"], "ab"])
async def starting_and_stopping_to_write(kit: Kit) -> Any:
    """`startWriting` and `stopWriting` are called at each write, and when all has gone."""
    calls = []

    class Server(tcp.Server):
        def startWriting(self) -> None:
            calls.append("startWriting")
            super().startWriting()

        def stopWriting(self) -> None:
            calls.append("stopWriting")
            super().stopWriting()

    server, peer = await kit.served(transport=Server)
    calls.clear()
    server.wire.write(b"ab")
    got = await kit.received(peer, 2)
    await kit.turns()
    return [calls, got.decode()]


@CASES(["", True, "held back"])
async def start_writing_that_waits(kit: Kit) -> Any:
    """A `startWriting` that does nothing keeps all back until somebody calls Twisted's."""

    class Server(tcp.Server):
        def startWriting(self) -> None:
            pass

    server, peer = await kit.served(transport=Server)
    server.wire.write(b"held back")
    early = await kit.seen(peer)
    waiting = server.wire not in kit.reactor.getWriters()
    tcp.Server.startWriting(server.wire)
    return [early, waiting, (await kit.received(peer, 9)).decode()]


@CASES([["stopReading", "startReading"], "ab"])
async def starting_and_stopping_to_read(kit: Kit) -> Any:
    """`stopReading` and `startReading` are called by pauseProducing and resumeProducing."""
    calls = []

    class Server(tcp.Server):
        def startReading(self) -> None:
            calls.append("startReading")
            super().startReading()

        def stopReading(self) -> None:
            calls.append("stopReading")
            super().stopReading()

    server, peer = await kit.served(transport=Server)
    calls.clear()
    server.wire.pauseProducing()
    peer.send(b"ab")
    await kit.turns()
    early = server.text
    server.wire.resumeProducing()
    await kit.becomes(lambda: server.got)
    return [calls, early + server.text]


@CASES([["ConnectionDone"], ["before", "after"]])
async def connection_lost(kit: Kit) -> Any:
    """`connectionLost` is called once, and the protocol is told in it."""
    calls = []

    class Server(tcp.Server):
        def connectionLost(self, reason: Any) -> None:
            calls.append("before")
            super().connectionLost(reason)
            calls.append("after")

    server, peer = await kit.served(transport=Server)
    peer.close()
    await kit.ended(server)
    await kit.turns()
    return [server.lost, calls]


@CASES([["mine", "ConnectionDone"]])
async def read_connection_lost(kit: Kit) -> Any:
    """`readConnectionLost` is called when the peer sends no more."""

    class Server(tcp.Server):
        def readConnectionLost(self, reason: Any) -> None:
            self.protocol.lost.append("mine")
            super().readConnectionLost(reason)

    server, peer = await kit.served(transport=Server)
    peer.shutdown(socket.SHUT_WR)
    await kit.becomes(lambda: "ConnectionDone" in server.lost)
    return [server.lost]


@CASES([["mine", "write"], "end"])
async def close_write_connection(kit: Kit) -> Any:
    """`_closeWriteConnection` is called when all has been written after loseWriteConnection."""

    class Server(tcp.Server):
        def _closeWriteConnection(self) -> None:
            self.protocol.lost.append("mine")
            super()._closeWriteConnection()

    server, peer = await kit.served(HalfNoting(), Server)
    server.wire.loseWriteConnection()
    return [server.lost if await kit.drained(peer) else None, "end"]


@CASES([["pause", "pause"], True])
async def is_send_buffer_full(kit: Kit) -> Any:
    """`_isSendBufferFull` decides when a producer is paused."""

    class Server(tcp.Server):
        def _isSendBufferFull(self) -> bool:
            return True

    server, _ = await kit.served(transport=Server)
    told: list[str] = []

    class Producer:
        pauseProducing = staticmethod(lambda: told.append("pause"))
        resumeProducing = stopProducing = staticmethod(lambda: None)

    server.wire.registerProducer(Producer(), True)
    server.wire.write(b"a")
    server.wire.write(b"b")
    return [told, server.wire.producerPaused]


@CASES(["hello", True])
async def fileno(kit: Kit) -> Any:
    """`fileno` as a method of the class is hidden by that of the instance, and seen where that is deleted."""

    class Server(tcp.Server):
        def fileno(self) -> int:
            return self.socket.fileno()

    server, peer = await kit.served(transport=Server)
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    hidden = server.wire.fileno == server.wire.socket.fileno
    del server.wire.fileno
    server.wire.pauseProducing()
    server.wire.resumeProducing()
    return [server.text, hidden and server.wire.fileno() == server.wire.socket.fileno()]


@CASES(["hello", "hi", [True, True]])
async def create_internet_socket(kit: Kit) -> Any:
    """`createInternetSocket` of a client may give any socket."""
    made = []

    class Client(tcp.Client):
        def createInternetSocket(self) -> Any:
            made.append(super().createInternetSocket())
            made[-1].setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return made[-1]

    client, peer = await kit.called(transport=Client)
    client.wire.write(b"hello")
    got = await kit.received(peer, 5)
    peer.send(b"hi")
    await kit.becomes(lambda: client.got)
    return [got.decode(), client.text, [client.wire.socket is made[0], client.wire.getTcpKeepAlive()]]


class _Negotiating(tcp.Client):
    """Asks a proxy first, as clients of SOCKS do: its own `_connectDone` begins with another protocol."""

    def _connectDone(self) -> None:
        """Read and write by hand until the proxy has answered."""
        self.connected = 1
        self.doRead, self.doWrite = self._answered, self._ask  # type: ignore[method-assign]
        self.logstr = "negotiating"
        self.startWriting()

    def _ask(self) -> None:
        self.socket.send(b"proxy?")
        self.stopWriting()
        self.startReading()

    def _answered(self) -> None:
        answer = self.socket.recv(2)
        assert answer == b"OK"
        del self.doRead, self.doWrite
        self.stopReading()
        super()._connectDone()


@CASES(["proxy?", [], "hello", "Noting,client", "reply"])
async def connect_done(kit: Kit) -> Any:
    """`_connectDone` of a client may talk to a proxy first, with its own doRead and doWrite."""
    listening = kit.listening()
    factory = Making(Noting())
    client: Any = factory.one
    kit.connect(listening.getsockname(), factory, _Negotiating)
    peer = await kit.accepted(listening)
    asked = await kit.received(peer, 6)
    early = [client.transport] if client.transport else []
    # What comes in one packet with the answer belongs to the protocol.
    peer.send(b"OKhello")
    await kit.becomes(lambda: client.got)
    client.wire.write(b"reply")
    got = await kit.received(peer, 5)
    logstr = client.wire.logstr
    client.wire.abortConnection()
    await kit.ended(client)
    return [asked.decode(), early, client.text, logstr, got.decode()]


class _Bucket(tcp.Server):
    """Gives its protocol a few bytes a time, as servers with a token bucket do."""

    tokens = 4

    def doRead(self) -> Any:
        """Read as much as there are tokens for, and wait if there are none."""
        if self.tokens <= 0:
            self.stopReading()
            self.reactor.callLater(0.001, self._refill)
            return None
        self.bufferSize = self.tokens
        data = self.socket.recv(self.bufferSize)
        self.tokens -= len(data)
        return self._dataReceived(data)

    def _refill(self) -> None:
        self.tokens = 4
        self.startReading()


@CASES([["abcd", "efgh", "ij"], ["ConnectionDone"]])
async def a_token_bucket(kit: Kit) -> Any:
    """A server that reads only what it has tokens for gets everything, in small pieces."""
    server, peer = await kit.served(transport=_Bucket)
    peer.send(b"abcdefghij")
    await kit.becomes(lambda: len(server.got) == 3)
    peer.close()
    await kit.ended(server)
    return [[data.decode() for data in server.got], server.lost]


class _Adopted(tcp.Connection):
    """A connection over a socket that somebody else has connected, as for Bluetooth."""

    def __init__(self, own: socket.socket, protocol: Any, reactor: Any) -> None:
        super().__init__(own, protocol, reactor)
        self.connected = 1
        self.logstr = "adopted"
        self.startReading()
        protocol.makeConnection(self)


@CASES(["hello", "hi", len(FLOOD), ["ConnectionDone"], False])
async def a_plain_connection(kit: Kit) -> Any:
    """A subclass of `Connection` that is neither client nor server reads, writes and ends as others."""
    own, peer = socket.socketpair()
    kit.keep(peer).setblocking(False)
    protocol = Noting()
    _Adopted(own, protocol, kit.reactor)
    peer.send(b"hello")
    await kit.becomes(lambda: protocol.got)
    protocol.wire.write(b"hi")
    got = await kit.received(peer, 2)
    protocol.wire.write(FLOOD)
    flood = await kit.received(peer, len(FLOOD))
    peer.close()
    await kit.ended(protocol)
    return [protocol.text, got.decode(), len(flood), protocol.lost, hasattr(protocol.wire, "socket")]


@CASES(["hello", "HI", ["doRead", "writeSomeData"]])
async def methods_of_unix_transports(kit: Kit) -> Any:
    """The same holds for UNIX sockets."""
    calls = []

    class Server(unix.Server):
        def doRead(self) -> Any:
            calls.append("doRead")
            return super().doRead()

        def writeSomeData(self, data: bytes) -> Any:
            calls.append("writeSomeData")
            return super().writeSomeData(bytes(data).upper())

    server, peer = await kit.served(transport=Server, kind="unix")
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    server.wire.write(b"hi")
    got = await kit.received(peer, 2)
    return [server.text, got.decode(), calls]


@pytest.mark.parametrize("case", CASES.names)
def test_methods_of_subclasses_are_called(returned: dict[str, Any], case: str) -> None:
    """Whoever has a method of its own sees all that it would see on stock, and nothing goes past it."""
    assert returned.get(case, returned) == CASES.expected(case)
