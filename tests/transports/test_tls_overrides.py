"""TLS: what a program overrides, replaces or patches counts, in Twisted's classes and in pyOpenSSL's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("OpenSSL")

import twisted
from OpenSSL import SSL
from twisted.protocols import tls
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol

from tests.connections.certificates import contexts
from tests.transports.cases import Cases
from tests.transports.kit import Kit
from tests.transports.test_replaced_meanwhile import replaced

CASES = Cases()
_TLS: Any = tls
_SSL: Any = SSL
_PROTOCOL: Any = TLSMemoryBIOProtocol


async def _secured(kit: Kit) -> tuple[Any, Any]:
    """Give both ends of a connection whose handshake is done."""
    server, client = await kit.pair()
    for end, settings in zip((server, client), contexts(), strict=True):
        end.wire.startTLS(settings)
    await _exchanged(kit, server, client)
    return server, client


async def _exchanged(kit: Kit, server: Any, client: Any) -> str:
    """Send something there and back, and give all of it."""
    said = len(server.text), len(client.text)
    client.wire.write(b"ping")
    await kit.becomes(lambda: len(server.text) == said[0] + 4)
    server.wire.write(b"pong")
    await kit.becomes(lambda: len(client.text) == said[1] + 4)
    return str(server.text[said[0] :] + client.text[said[1] :])


def _noting(calls: list[str], name: str) -> Callable[[Any], Any]:
    """Make something that notes a call and goes on as what it stands for does."""

    def make(before: Any) -> Any:
        def noting(*arguments: Any) -> Any:
            calls.append(name)
            return before(*arguments)

        return noting

    return make


def _subclass(base: Any, name: str, calls: list[str]) -> Any:
    return type("Subclass", (base,), {name: _noting(calls, name)(getattr(base, name))})


_METHODS = ("dataReceived", "_flushReceiveBIO", "_flushSendBIO", "_write")


@CASES([["pingpong", True]] * 5)
async def methods_of_subclasses(kit: Kit) -> Any:
    """A method that a subclass overrides is called."""
    results = []
    bases = [(BufferingTLSTransport, name) for name in _METHODS] + [(_PROTOCOL, "write")]
    for base, name in bases:
        calls: list[str] = []
        subclass = _subclass(base, name, calls)
        with replaced(TLSMemoryBIOFactory, "protocol", lambda _: subclass):  # noqa: B023
            server, client = await _secured(kit)
        calls.clear()
        results.append([await _exchanged(kit, server, client), name in calls])
    return results


@CASES([["pingpong", True, "pingpong", False]] * 4)
async def methods_of_one_protocol(kit: Kit) -> Any:
    """A method that is set on one protocol is called until it is deleted."""
    results = []
    server, client = await _secured(kit)
    protocol = server.wire.protocol
    for name in _METHODS:
        calls: list[str] = []
        with replaced(protocol, name, _noting(calls, name)):
            results.append([await _exchanged(kit, server, client), bool(calls)])
        calls.clear()
        results[-1] += [await _exchanged(kit, server, client), bool(calls)]
    return results


@CASES([["pingpong", True, "pingpong", False]] * 11)
async def methods_of_classes(kit: Kit) -> Any:
    """A method that is replaced in Twisted's class or in pyOpenSSL's is called while it is there."""
    results = []
    server, client = await _secured(kit)
    patches = [(_PROTOCOL, name) for name in ("dataReceived", "_flushReceiveBIO", "_flushSendBIO", "_write")]
    patches += [(ProtocolWrapper, "dataReceived")]
    patches += [
        (_SSL.Connection, name) for name in ("recv", "send", "bio_read", "bio_write", "_raise_ssl_error")
    ]
    patches += [(_SSL.Connection, "_handle_bio_errors")]
    for owner, name in patches:
        calls: list[str] = []
        with replaced(owner, name, _noting(calls, name)):
            results.append([await _exchanged(kit, server, client), bool(calls)])
        calls.clear()
        results[-1] += [await _exchanged(kit, server, client), bool(calls)]
    return results


@CASES([["pingpong", True, "pingpong", False]] * 9)
async def functions_of_modules(kit: Kit) -> Any:
    """A function that is replaced in a module, or in pyOpenSSL's library, is called while it is there."""
    results = []
    server, client = await _secured(kit)
    library = _SSL._lib
    patches = [
        (library, name) for name in ("SSL_read", "SSL_write", "BIO_read", "BIO_write", "SSL_get_error")
    ]
    patches += [(library, name) for name in ("BIO_should_retry", "BIO_should_read")]
    patches += [(_SSL, name) for name in ("_no_zero_allocator", "_text_to_bytes_and_warn")]
    for owner, name in patches:
        calls: list[str] = []
        with replaced(owner, name, _noting(calls, name)):
            results.append([await _exchanged(kit, server, client), bool(calls)])
        calls.clear()
        results[-1] += [await _exchanged(kit, server, client), bool(calls)]
    return results


@CASES(["pingpong", ["dataReceived"]])
async def the_class_of_wrappers(kit: Kit) -> Any:
    """What the module of TLS has by the name `ProtocolWrapper` gets the data."""
    server, client = await _secured(kit)
    calls: list[str] = []

    def deliver(protocol: Any, data: bytes) -> None:
        calls.append("dataReceived")
        protocol.wrappedProtocol.dataReceived(data)

    with replaced(_TLS, "ProtocolWrapper", lambda _: SimpleNamespace(dataReceived=deliver)):
        text = await _exchanged(kit, server, client)
    return [text, sorted(set(calls))]


@CASES(["pingpong", ["bio_read", "bio_write", "recv", "send"], "pingpong"])
async def another_connection(kit: Kit) -> Any:
    """A program may put something of its own in the place of `_tlsConnection`."""
    server, client = await _secured(kit)
    asked = []

    class Between:
        def __init__(self, connection: Any) -> None:
            self._own = connection

        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return getattr(self._own, name)

    with replaced(server.wire.protocol, "_tlsConnection", Between):
        first = await _exchanged(kit, server, client)
    during = sorted(set(asked))
    return [first, during, await _exchanged(kit, server, client)]


@CASES([["bio_read"], "pingpong"])
async def another_connection_while_data_come(kit: Kit) -> Any:
    """A callback of OpenSSL may replace `_tlsConnection` during a read: the new one is asked what to send."""
    asked: list[str] = []
    server, client = await kit.pair()

    class Between:
        def __init__(self, connection: Any) -> None:
            self._own = connection

        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            client.wire.protocol._tlsConnection = self._own
            return getattr(self._own, name)

    def on_info(connection: Any, *_: object) -> None:
        protocol = client.wire.protocol
        # The server sends tickets once the handshake is done.
        if protocol._handshakeDone and not asked and protocol._tlsConnection is connection:
            protocol._tlsConnection = Between(connection)

    serving, calling = contexts()
    calling.getContext().set_info_callback(on_info)
    server.wire.startTLS(serving)
    client.wire.startTLS(calling)
    await kit.becomes(lambda: asked)
    return [asked, await _exchanged(kit, server, client)]


@CASES([["onetwothree", ["_flushSendBIO"]]] * 2)
async def methods_set_while_data_come(kit: Kit) -> Any:
    """What a protocol sets inside `dataReceived` counts from when Twisted's functions next look it up."""
    results = []
    server, client = await _secured(kit)
    for owner in (server.wire.protocol, _PROTOCOL):
        server.got.clear()
        calls: list[str] = []
        with ExitStack() as stack:

            def replace(data: bytes, owner: Any = owner, calls: Any = calls, stack: Any = stack) -> None:
                if data == b"one":
                    for name in ("dataReceived", "_flushReceiveBIO", "_flushSendBIO"):
                        stack.enter_context(replaced(owner, name, _noting(calls, name)))

            server.on_data = replace
            for piece in (b"one", b"two", b"three"):
                _PROTOCOL.write(client.wire.protocol, piece)
            await kit.becomes(lambda: len(server.text) == 11)
            results.append([server.text, list(calls)])
    return results


@CASES([[], 40_000])
async def a_method_set_while_data_go(kit: Kit) -> Any:
    """A method that is replaced in the middle of a large write is used for the next one."""
    server, client = await _secured(kit)
    protocol, calls = server.wire.protocol, list[str]()
    client.got.clear()
    own = protocol.transport
    with ExitStack() as stack:

        def write(data: bytes) -> None:
            if "_write" not in vars(protocol):
                stack.enter_context(replaced(protocol, "_write", _noting(calls, "_write")))
            own.write(data)

        with replaced(protocol, "transport", lambda _: SimpleNamespace(write=write)):
            _PROTOCOL.write(protocol, bytes(40_000))
        during = list(calls)
    await kit.becomes(lambda: len(client.text) == 40_000)
    return [during, len(client.text)]


@CASES(["pingpong", ["raise_if_problem"], "pingpong"])
async def a_helper_of_another_kind(kit: Kit) -> Any:
    """What pyOpenSSL asks for errors of callbacks may be something else."""
    settings = contexts()
    server, client = await kit.pair()
    for end, each in zip((server, client), settings, strict=True):
        end.wire.startTLS(each)
    first, calls = await _exchanged(kit, server, client), list[str]()
    helper = SimpleNamespace(_problems=[], raise_if_problem=lambda: calls.append("raise_if_problem"))
    with replaced(settings[0].getContext(), "_verify_helper", lambda _: helper):
        second = await _exchanged(kit, server, client)
    return [first, sorted(set(calls)), second]


@CASES(["pingpong", ["recv", "send"], "pingpong", True])
async def methods_of_one_connection(kit: Kit) -> Any:
    """A method that is set on pyOpenSSL's connection is called until it is deleted."""
    server, client = await _secured(kit)
    connection, calls = server.wire.getHandle(), list[str]()
    with (
        replaced(connection, "recv", _noting(calls, "recv")),
        replaced(connection, "send", _noting(calls, "send")),
    ):
        first = await _exchanged(kit, server, client)
    during = sorted(set(calls))
    calls.clear()
    return [first, during, await _exchanged(kit, server, client), calls == []]


@CASES(["pingpong", "pingpong", ["ping"], "pingpong"])
async def another_protocol(kit: Kit) -> Any:
    """What is wrapped may be another protocol from one moment to the next."""
    server, client = await _secured(kit)
    protocol = server.wire.protocol
    first, got = await _exchanged(kit, server, client), list[str]()
    second = await _exchanged(kit, server, client)
    stand_in = SimpleNamespace(dataReceived=lambda data: got.append(data.decode()))
    with replaced(protocol, "wrappedProtocol", lambda _: stand_in):
        client.wire.write(b"ping")
        await kit.becomes(lambda: got)
    return [first, second, got, await _exchanged(kit, server, client)]


@CASES([["write"], "pingpong"])
async def another_transport(kit: Kit) -> Any:
    """What is encrypted goes to the transport that the protocol has."""
    server, client = await _secured(kit)
    protocol, calls = server.wire.protocol, list[str]()
    own = protocol.transport
    stand_in = SimpleNamespace(write=_noting(calls, "write")(own.write))
    with replaced(protocol, "transport", lambda _: stand_in):
        text = await _exchanged(kit, server, client)
    return [calls, text]


#: Which errors writes of text and of None raise, and how much waits then: up to 25.5, both are kept first.
IS_NEW = twisted.__version__.startswith("26.")
WRONG = [["TypeError"] * 2, 0] if IS_NEW else [["TypeError"], 2]


@CASES([3, 63_970, True, 0, 64_000, None, "onetwothree", *WRONG])
async def small_writes(kit: Kit) -> Any:
    """Small writes are put together until the next turn."""
    server, client = await _secured(kit)
    small = server.wire.protocol._aggregator
    client.got.clear()
    for piece in (b"one", b"two", b"three" + bytes(19)):
        server.wire.write(piece)
    results = [len(small._buffer), small._bufferLeft, small._scheduled.active()]
    await kit.becomes(lambda: client.got)
    results += [len(small._buffer), small._bufferLeft, small._scheduled, client.text[:11]]
    raised = []
    for wrong in ("text", None):
        try:
            server.wire.write(wrong)
        except Exception as error:
            raised.append(type(error).__name__)
    return [*results, raised, len(small._buffer)]


@CASES([[1, True], [0, False], [0, 64_000], True, [["flush"], ["flush", "_scheduledFlush"]]])
async def much_after_small_writes(kit: Kit) -> Any:
    """Much is written at once, with what waits. The methods that see to that may be replaced."""
    server, client = await _secured(kit)
    small = server.wire.protocol._aggregator
    client.got.clear()
    server.wire.write(b"small")
    first = [len(small._buffer), small._scheduled is not None]
    server.wire.write(bytes(70_000))
    second = [len(small._buffer), small._bufferLeft != 64_000]
    await kit.becomes(lambda: len(client.text) == 70_005)
    third = [len(small._buffer), small._bufferLeft]
    calls: list[str] = []
    with replaced(small, "flush", _noting(calls, "flush")):
        server.wire.write(bytes(70_000))
        both = [list(calls)]
        with replaced(type(small), "_scheduledFlush", _noting(calls, "_scheduledFlush")):
            calls.clear()
            await kit.turns()
            server.wire.write(b"small")
            await kit.becomes(lambda: len(client.text) == 140_010)
    return [first, second, third, client.text.endswith("small"), [*both, sorted(set(calls))[::-1]]]


@pytest.mark.parametrize("case", CASES.names)
def test_what_a_program_replaces_of_tls_counts(returned: dict[str, Any], case: str) -> None:
    """Twisted's and pyOpenSSL's own functions would call it, and so is it called."""
    assert returned.get(case, returned) == CASES.expected(case)
