"""startTLS: what it changes of a transport, and that what follows is TLS over the same transport."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("OpenSSL")

from OpenSSL import SSL
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import ISSLTransport
from twisted.protocols.tls import TLSMemoryBIOProtocol

from tests.connections.certificates import contexts
from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, Kit, Noting

CASES = Cases()


async def _secured(kit: Kit) -> tuple[Any, Any]:
    """Give both ends of a connection that has just begun TLS."""
    server, client = await kit.pair()
    for end, settings in zip((server, client), contexts(), strict=True):
        end.wire.startTLS(settings)
    return server, client


@CASES(["plain", [False, True, True, True, True], "hello", "hi"])
async def what_it_changes(kit: Kit) -> Any:
    """`TLS`, `protocol`, and `getHandle` of the instance; the protocol keeps its transport."""
    server, client = await kit.pair()
    client.wire.write(b"plain")
    await kit.becomes(lambda: server.got)
    plain, wire, server.got = server.text, server.wire, []
    changes = [wire.TLS]
    for end, settings in zip((server, client), contexts(), strict=True):
        end.wire.startTLS(settings)
    changes += [
        wire.TLS,
        isinstance(wire.protocol, TLSMemoryBIOProtocol),
        "getHandle" in vars(wire) and isinstance(wire.getHandle(), SSL.Connection),
        ISSLTransport.providedBy(wire) and server.transport is wire,
    ]
    client.wire.write(b"hello")
    await kit.becomes(lambda: server.got)
    wire.write(b"hi")
    await kit.becomes(lambda: client.got)
    return [plain, changes, server.text, client.text]


@CASES([True, len(FLOOD), True, ["ConnectionDone"], ["ConnectionDone"]])
async def much_data(kit: Kit) -> Any:
    """Much comes through in order, and then the clean end of both."""
    server, client = await _secured(kit)
    server.wire.writeSequence([FLOOD[:1000], FLOOD[1000:]])
    server.wire.loseConnection()
    await kit.ended(client)
    await kit.ended(server)
    got = b"".join(client.got)
    return [got == FLOOD, len(got), len(client.got) > 1, client.lost, server.lost]


@CASES(["first, later, sequence"])
async def written_before_the_handshake(kit: Kit) -> Any:
    """What is written before the handshake is done waits for it."""
    server, client = await _secured(kit)
    client.wire.write(b"first")
    client.wire.write(b", later")
    client.wire.writeSequence([b", ", b"sequence"])
    await kit.becomes(lambda: len(server.text) == 22)
    return [server.text]


@CASES([["write", "write", "write"], True])
async def records_go_by_the_methods_of_file_descriptor(kit: Kit) -> Any:
    """The records are written by `FileDescriptor.write(transport, ...)`, which may be replaced."""
    calls = []
    stock = FileDescriptor.write

    def noting(self: Any, data: bytes) -> None:
        calls.append("write")
        stock(self, data)

    FileDescriptor.write = noting  # type: ignore[method-assign]
    try:
        server, client = await _secured(kit)
        client.wire.write(b"hello")
        await kit.becomes(lambda: server.got)
    finally:
        FileDescriptor.write = stock  # type: ignore[method-assign]
    return [calls[:3], len(calls) >= 3]


@CASES([True, True, True])
async def the_handle(kit: Kit) -> Any:
    """`getHandle()` and `_tlsConnection` are OpenSSL's connection, of which programs ask much."""
    server, client = await _secured(kit)
    client.wire.write(b"hello")
    await kit.becomes(lambda: server.got)
    handle = server.wire.protocol._tlsConnection
    same = handle is server.wire.getHandle()
    finished = handle.get_finished() == client.wire.getHandle().get_peer_finished()
    return [same, finished, handle.get_cipher_name() == client.wire.getHandle().get_cipher_name()]


@CASES([["pause", "resume"], len(FLOOD)])
async def a_producer(kit: Kit) -> Any:
    """A push producer is paused and resumed, once each."""
    server, client = await _secured(kit)
    told: list[str] = []

    class Producer:
        pauseProducing = staticmethod(lambda: told.append("pause"))
        resumeProducing = staticmethod(lambda: told.append("resume"))
        stopProducing = staticmethod(lambda: told.append("stop"))

    client.wire.write(b"the handshake is done when this comes")
    await kit.becomes(lambda: server.got)
    server.wire.registerProducer(Producer(), True)
    server.wire.write(FLOOD)
    await kit.becomes(lambda: sum(map(len, client.got)) == len(FLOOD))
    await kit.turns()
    return [told, len(b"".join(client.got))]


@CASES([["pause"], ["pause", "resume"]])
async def a_producer_that_was_there_before(kit: Kit) -> Any:
    """A producer is handed over to TLS by startTLS."""
    server, client = await kit.pair()
    told: list[str] = []

    class Producer:
        pauseProducing = staticmethod(lambda: told.append("pause"))
        resumeProducing = staticmethod(lambda: told.append("resume"))
        stopProducing = staticmethod(lambda: told.append("stop"))

    server.wire.registerProducer(Producer(), True)
    for end, settings in zip((server, client), contexts(), strict=True):
        end.wire.startTLS(settings)
    client.wire.write(b"done")
    await kit.becomes(lambda: server.got)
    told.clear()
    server.wire.write(FLOOD)
    first = list(told)
    await kit.becomes(lambda: sum(map(len, client.got)) == len(FLOOD))
    await kit.turns()
    return [first, told]


@CASES(["abc", "", "abcdef"])
async def pausing(kit: Kit) -> Any:
    """A paused transport takes no records."""
    server, client = await _secured(kit)
    client.wire.write(b"abc")
    await kit.becomes(lambda: server.got)
    first = server.text
    server.wire.pauseProducing()
    client.wire.write(b"def")
    await kit.turns(20)
    during = server.text[3:]
    server.wire.resumeProducing()
    await kit.becomes(lambda: len(server.text) == 6)
    return [first, during, server.text]


@CASES([["ConnectionLost"], ["ConnectionLost"]])
async def aborting(kit: Kit) -> Any:
    """abortConnection does not say goodbye; for TLS that is a loss at both sides."""
    server, client = await _secured(kit)
    client.wire.write(b"hello")
    await kit.becomes(lambda: server.got)
    server.wire.abortConnection()
    return [await kit.ended(server), await kit.ended(client)]


@CASES([["ConnectionLost"]])
async def an_end_without_goodbye(kit: Kit) -> Any:
    """A peer that closes without close_notify has not ended cleanly."""
    server, client = await _secured(kit)
    client.wire.write(b"hello")
    await kit.becomes(lambda: server.got)
    client.wire.socket.shutdown(1)
    return [await kit.ended(server)]


@CASES([["Error"], True])
async def no_tls_at_the_other_side(kit: Kit) -> Any:
    """What is no record ends it, with OpenSSL's error."""
    server, peer = await kit.served()
    server.wire.startTLS(contexts()[0])
    peer.send(b"GET / HTTP/1.0\r\n\r\n")
    await kit.ended(server)
    return [server.lost, server.text == ""]


@CASES([["inside"], "hello"])
async def in_data_received(kit: Kit) -> Any:
    """startTLS inside dataReceived, as in answer to STARTTLS."""
    settings = contexts()
    server, client = await kit.pair(Noting(), Noting())
    said: list[str] = []

    def begin(data: bytes) -> None:
        if data == b"STARTTLS":
            said.append("inside")
            server.wire.write(b"OK")
            server.wire.startTLS(settings[0])

    def follow(data: bytes) -> None:
        if data == b"OK":
            client.wire.startTLS(settings[1])
            client.wire.write(b"hello")

    server.on_data, client.on_data = begin, follow
    client.wire.write(b"STARTTLS")
    await kit.becomes(lambda: server.text.endswith("hello"))
    return [said, server.got[-1].decode()]


@pytest.mark.parametrize("case", CASES.names)
def test_tls_goes_on_over_the_same_transport(returned: dict[str, Any], case: str) -> None:
    """The transport keeps its place, and what is written and read is encrypted from then on."""
    assert returned.get(case, returned) == CASES.expected(case)
