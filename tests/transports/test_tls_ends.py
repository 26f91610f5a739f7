"""TLS: what programs do inside dataReceived, errors, and the ends of connections."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("OpenSSL")

from OpenSSL import SSL
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from tests import logs
from tests.connections.certificates import contexts
from tests.reactors import Loop
from tests.reactors.inside import until
from tests.transports.cases import Cases
from tests.transports.kit import LOCAL, Kit, Making, Noting

CASES = Cases()
_PROTOCOL: Any = TLSMemoryBIOProtocol
_FACTORY: Any = TLSMemoryBIOFactory


async def _secured(kit: Kit, settings: Any = None) -> tuple[Any, Any]:
    """Give both ends of a connection whose handshake is done."""
    server, client = await kit.pair()
    for end, each in zip((server, client), settings or contexts(), strict=True):
        end.wire.startTLS(each)
    client.wire.write(b"hello")
    await kit.becomes(lambda: server.got)
    server.wire.write(b"hello")
    await kit.becomes(lambda: client.got)
    server.got.clear()
    client.got.clear()
    return server, client


def _records(end: Any, *pieces: bytes) -> None:
    """Write each piece as a record of its own, all in one turn."""
    for piece in pieces:
        _PROTOCOL.write(end.wire.protocol, piece)


def _reasons(protocol: Any) -> list[Any]:
    """Keep what a protocol is told at the end: type, arguments, and the functions in the traceback."""
    reasons: list[Any] = []

    def keep(reason: Failure) -> None:
        functions = [name for name, *_ in reason.frames]
        error: Any = reason.value
        reasons.append([type(error).__name__, repr(error.args), functions])

    protocol.on_lost = keep
    return reasons


def _acting(act: Callable[[], object]) -> Callable[[bytes], None]:
    def on_data(data: bytes) -> None:
        if data == b"one":
            act()

    return on_data


@CASES(["onetwothree", ["ConnectionDone"], ["ConnectionDone"], []])
async def losing_the_connection(kit: Kit) -> Any:
    """After loseConnection inside dataReceived, what has come is delivered; what is written is not."""
    server, client = await _secured(kit)

    def lose() -> None:
        server.wire.loseConnection()
        server.wire.write(b"never")

    server.on_data = _acting(lose)
    _records(client, b"one", b"two", b"three")
    await kit.ended(client)
    return [server.text, await kit.ended(server), client.lost, client.got]


@CASES([["one", "onetwothree"], ["ConnectionLost", "ConnectionLost"]])
async def aborting_the_connection(kit: Kit) -> Any:
    """After abortConnection of TLS inside dataReceived, nothing is delivered; TCP aborts in a later turn."""
    texts, ends = [], []
    for of in (lambda wire: wire.protocol, lambda wire: wire):
        server, client = await _secured(kit)
        wire, reasons = of(server.wire), _reasons(client)
        server.on_data = _acting(lambda wire=wire: wire.abortConnection())  # type: ignore[misc]
        _records(client, b"one", b"two", b"three")
        await kit.ended(client)
        await kit.ended(server)
        texts.append(server.text)
        ends.append(reasons[0][0])
    return [texts, ends]


@CASES([["one", "two", "three"], [], ["four"]])
async def pausing_the_transport(kit: Kit) -> Any:
    """After pauseProducing inside dataReceived, what has come already is delivered, and the rest is not."""
    server, client = await _secured(kit)
    server.on_data = _acting(lambda: server.wire.pauseProducing())
    _records(client, b"one", b"two", b"three")
    await kit.becomes(lambda: len(server.got) == 3)
    first = [data.decode() for data in server.got]
    server.got.clear()
    _records(client, b"four")
    await kit.turns(20)
    during = [data.decode() for data in server.got]
    server.wire.resumeProducing()
    await kit.becomes(lambda: server.got)
    return [first, during, [data.decode() for data in server.got]]


@CASES(["onetwo", "inner", "back", 2])
async def tls_inside_tls(kit: Kit) -> Any:
    """TLS may be begun inside of TLS."""
    server, client = await _secured(kit)
    settings = contexts()
    server.wire.write(b"o")
    _records(client, b"one", b"two")
    await kit.becomes(lambda: len(server.text) == 6)
    first, depth = server.text, 0
    for end, each in zip((server, client), settings, strict=True):
        outer = end.wire.protocol
        factory = _FACTORY(each, end is client, None)
        inner = factory.protocol(factory, end, False)
        outer.wrappedProtocol = inner
        inner.makeConnection(outer)
        end.inner, depth = inner, depth + 1
    server.got.clear()
    client.got.clear()
    client.inner.write(b"inner")
    await kit.becomes(lambda: len(server.text) == 5)
    server.inner.write(b"back")
    await kit.becomes(lambda: b"back" in client.got)
    return [first, server.text, client.got[-1].decode(), depth]


_FRAMES = ["doRead", "_dataReceived", "dataReceived", "_flushReceiveBIO", "dataReceived", "dataReceived"]


@CASES([["ConnectionLost"], ["ZeroDivisionError"], _FRAMES, "onetwo"])
async def an_error_of_the_protocol(kit: Kit) -> Any:
    """What dataReceived raises ends the connection, and is logged with the frames of Twisted's functions."""
    server, client = await _secured(kit)
    server.on_data = _acting(lambda: 1 / 0)
    with logs.Log() as log:
        _records(client, b"one", b"two")
        await kit.ended(server)
    failures = [event["failure"] for event in log.events if event.get("failure")]
    functions = [name for name, *_ in failures[0].frames if name != "_doReadOrWrite"]
    return [server.lost, [failure.type.__name__ for failure in failures], functions[:6], server.text]


@CASES([["Error"], True, ["recv", "_raise_ssl_error"], "before"])
async def a_broken_record(kit: Kit) -> Any:
    """A record that was changed on its way ends the connection with OpenSSL's error."""
    server, client = await _secured(kit)
    reasons = _reasons(server)
    _records(client, b"before")
    broken = b"\x17\x03\x03\x00\x20" + bytes(32)
    FileDescriptor.write(client.wire, broken)
    await kit.ended(server)
    kind, arguments, functions = reasons[0]
    return [[kind], "decryption failed or bad record mac" in arguments, functions[1:3], server.text]


@CASES([["Error"], True])
async def an_alert(kit: Kit) -> Any:
    """So does the alert by which the other side tells of such an error."""
    _server, client = await _secured(kit)
    reasons = _reasons(client)
    FileDescriptor.write(client.wire, b"\x17\x03\x03\x00\x20" + bytes(32))
    await kit.ended(client)
    return [[reasons[0][0]], "alert bad record mac" in reasons[0][1]]


@CASES(["last", ["ConnectionDone"]])
async def the_goodbye_of_the_peer(kit: Kit) -> Any:
    """What comes with close_notify is delivered before the end, and nothing is received after it."""
    server, client = await _secured(kit)
    _records(client, b"last")
    client.wire.protocol._shutdownTLS()
    await kit.ended(server)
    return [server.text, server.lost]


@CASES(0)
async def what_is_left(kit: Kit) -> Any:
    """Connections that have ended are freed without the collector."""
    server, client = await _secured(kit)
    handles = [weakref.ref(end.wire.getHandle()) for end in (server, client)]
    gc.collect()
    gc.disable()
    try:
        server.wire.loseConnection()
        await kit.ended(server)
        await kit.ended(client)
        await kit.turns()
        return sum(handle() is not None for handle in handles)
    finally:
        gc.enable()


@CASES([["ZeroDivisionError"], "for another"])
async def an_error_that_a_callback_has_left(kit: Kit) -> Any:
    """An error that waits in pyOpenSSL, of a callback of OpenSSL, is raised at the next chance."""
    settings = contexts()
    context = settings[0].getContext()
    context.set_verify(SSL.VERIFY_NONE, lambda *_: True)
    server, client = await _secured(kit, settings)
    _records(client, b"for ")
    await kit.becomes(lambda: server.got)
    _records(client, b"another")
    await kit.becomes(lambda: len(server.text) == 11)
    text = server.text
    context._verify_helper._problems.append(ZeroDivisionError("left"))
    with logs.Log() as log:
        _records(client, b"never")
        await kit.ended(server)
    return [[event["failure"].type.__name__ for event in log.events if event.get("failure")], text]


@CASES(["ping", "pong", True])
async def an_older_version(kit: Kit) -> Any:
    """TLS 1.2 is spoken as well, where the peer does not know more."""
    options, _ = contexts()
    older = CertificateOptions()
    older.getContext().set_max_proto_version(SSL.TLS1_2_VERSION)
    server, client = await _secured(kit, (options, older))
    client.wire.write(b"ping")
    await kit.becomes(lambda: server.got)
    server.wire.write(b"pong")
    await kit.becomes(lambda: client.got)
    version = server.wire.getHandle().get_protocol_version_name()
    return [server.text, client.text, version == "TLSv1.2"]


@CASES([["done"], "ping", "h2", True])
async def listeners_and_negotiated_protocols(kit: Kit) -> Any:
    """The protocol is told of the handshake, knows what was negotiated, and info callbacks are called."""

    @implementer(IHandshakeListener)
    class Listening(Noting):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[str] = []

        def handshakeCompleted(self) -> None:
            self.told.append("done")

    options, _ = contexts()
    told: list[int] = []
    serving = CertificateOptions(
        privateKey=options.privateKey, certificate=options.certificate, acceptableProtocols=[b"h2"]
    )
    serving.getContext().set_info_callback(lambda _connection, where, _code: told.append(where))
    factory, client = Making(Listening()), Noting()
    port = kit.port(_FACTORY(serving, False, factory))
    calling = CertificateOptions(acceptableProtocols=[b"h2"])
    kit.connect(port.socket.getsockname(), _FACTORY(calling, True, Making(client)))
    await kit.becomes(lambda: client.wire is not None)
    client.wire.write(b"ping")
    server: Any = factory.one
    await kit.becomes(lambda: server.got)
    negotiated = server.wire.negotiatedProtocol.decode()
    client.wire.loseConnection()
    await kit.ended(server)
    await kit.ended(client)
    return [server.told, server.text, negotiated, bool(told)]


@CASES(["pause", ["pause", "resume"], "ConnectionDone", 6_000_000])
async def a_producer_that_loses_the_connection(kit: Kit) -> Any:
    """A producer that is paused in the middle of a large write may close: what waits is written once more."""
    server, client = await _secured(kit)
    told: list[str] = []

    class Producer:
        def pauseProducing(self) -> None:
            told.append("pause")
            server.wire.loseConnection()

        def resumeProducing(self) -> None:
            told.append("resume")
            server.wire.unregisterProducer()

        def stopProducing(self) -> None:
            told.append("stop")

    server.wire.registerProducer(Producer(), True)
    server.wire.write(bytes(3_000_000))
    first = told[0]
    await kit.ended(client)
    return [first, told, client.lost[0], sum(map(len, client.got))]


@CASES([["pause"], True, "ConnectionLost"])
async def a_producer_that_aborts(kit: Kit) -> Any:
    """A producer that is paused in the middle of a large write may abort."""
    server, client = await _secured(kit)
    told: list[str] = []

    class Producer:
        def pauseProducing(self) -> None:
            told.append("pause")
            server.wire.abortConnection()

        def resumeProducing(self) -> None:
            told.append("resume")

        def stopProducing(self) -> None:
            told.append("stop")

    server.wire.registerProducer(Producer(), True)
    server.wire.write(bytes(3_000_000))
    await kit.ended(server)
    await kit.ended(client)
    return [told[:1], sum(map(len, client.got)) < 3_000_000, server.lost[0]]


@pytest.mark.parametrize("case", CASES.names)
def test_tls_ends_as_twisted_ends_it(returned: dict[str, Any], case: str) -> None:
    """Whatever programs do in callbacks, and whatever goes wrong: it ends as by Twisted's functions."""
    assert returned.get(case, returned) == CASES.expected(case)


def _functions_of_an_exchange(reactor: Any) -> list[str]:
    logs.begin()
    called: set[str] = set()

    def profile(frame: Any, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.endswith(("OpenSSL/SSL.py", "protocols/tls.py", "policies.py")):
            called.add(frame.f_code.co_name)

    async def main() -> None:
        kit = Kit(reactor)
        options, _ = contexts()
        factory, client = Making(Noting()), Noting()
        port = reactor.listenSSL(0, factory, options, interface=LOCAL)
        kit.ports.append(port)
        reactor.connectSSL(LOCAL, port.getHost().port, Making(client), CertificateOptions())
        await kit.becomes(lambda: client.wire is not None)
        client.wire.write(b"hello")
        server: Any = factory.one
        await kit.becomes(lambda: server.got)
        server.wire.write(b"hello")
        await kit.becomes(lambda: client.got)
        sys.setprofile(profile)
        for _ in range(3):
            client.wire.write(b"ping" * 10_000)
            await kit.turns(10)
            server.wire.write(b"pong")
            await kit.turns(10)
        sys.setprofile(None)
        assert (len(server.text), len(client.text)) == (120_005, 17)
        client.wire.loseConnection()
        await kit.ended(server)
        await kit.close()

    until(reactor, main())
    return sorted(called)


def test_data_goes_through_no_function_of_python(loop: Loop) -> None:
    """Once the handshake is done, neither Twisted's functions nor those of pyOpenSSL run."""
    called = loop.run(_functions_of_an_exchange)
    assert called == [] if loop.name != "epoll" else {"recv", "send", "dataReceived"} <= set(called)
