"""The context in which a transport calls its protocol: logs say of which connection something is."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.logger import globalLogPublisher
from twisted.python import context, log

from tests import logs
from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, Kit, Noting

CASES = Cases()


def _holds(items: list[Any], count: int) -> bool:
    return len(items) == count


def _system() -> str:
    """Give of whom the log would say that something is."""
    found: dict[str, Any] = context.get(log.ILogContext)
    return str(found["system"])


class Systems:
    """Listens to what is logged, for the names of systems."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._publisher: Any = globalLogPublisher

    def __enter__(self) -> list[str]:
        self._publisher.addObserver(self._observe)
        return self.said

    def __exit__(self, *_: object) -> None:
        self._publisher.removeObserver(self._observe)

    def _observe(self, event: dict[str, Any]) -> None:
        if event["log_namespace"] == "log_legacy":
            self.said.append(f"{event['log_system']}: {event.get('log_text') or event.get('log_format')}")


@CASES(["-", "Noting,0,127.0.0.1", "-"])
async def inside_data_received(kit: Kit) -> Any:
    """The system is `logstr` inside dataReceived, and what it was before outside."""
    server, peer = await kit.served()
    seen: list[str] = []
    server.on_data = lambda _: seen.append(_system())
    before = _system()
    peer.send(b"hello")
    await kit.becomes(lambda: seen)
    return [before, *seen, _system()]


@CASES([["Noting,0,127.0.0.1: hello", "Noting,0,127.0.0.1: hello"]])
async def log_messages(kit: Kit) -> Any:
    """`log.msg` inside dataReceived says so, each time."""
    server, peer = await kit.served()
    server.on_data = lambda data: log.msg(data.decode())
    with Systems() as said:
        for count in (1, 2):
            peer.send(b"hello")
            await kit.becomes(partial(_holds, server.got, count))
    return [said]


@CASES(["Noting,0,127.0.0.1", "mine", "Noting,0,127.0.0.1"])
async def logstr_changes(kit: Kit) -> Any:
    """Another `logstr` counts from the next piece on."""
    server, peer = await kit.served()
    seen: list[str] = []

    def change(data: bytes) -> None:
        seen.append(_system())
        server.wire.logstr = {1: "mine", 2: "Noting,0,127.0.0.1"}.get(len(seen), "over")

    server.on_data = change
    for count in (1, 2, 3):
        peer.send(b"x")
        await kit.becomes(partial(_holds, seen, count))
    return seen


@CASES([["0", "1", "2"], True])
async def log_prefix_of_a_subclass(kit: Kit) -> Any:
    """`logPrefix` is called for every event."""

    class Server(tcp.Server):
        asked = 0

        def logPrefix(self) -> str:
            self.asked += 1
            return f"{self.asked - 1}"

    server, peer = await kit.served(transport=Server)
    server.wire.asked = 0
    seen: list[str] = []
    server.on_data = lambda _: seen.append(_system())
    for count in (1, 2, 3):
        peer.send(b"x")
        await kit.becomes(partial(_holds, seen, count))
    return [seen, server.wire.asked == 3]


@CASES(["mine", "Noting,0,127.0.0.1"])
async def log_prefix_of_the_instance(kit: Kit) -> Any:
    """`logPrefix` that is set on a transport counts until it is deleted."""
    server, peer = await kit.served()
    seen: list[str] = []
    server.on_data = lambda _: seen.append(_system())
    server.wire.logPrefix = lambda: "mine"
    peer.send(b"x")
    await kit.becomes(lambda: seen)
    del server.wire.logPrefix
    peer.send(b"x")
    await kit.becomes(lambda: len(seen) == 2)
    return seen


@CASES(["hello", "(unable)", [True]])
async def an_error_in_log_prefix(kit: Kit) -> Any:
    """Where it raises, data is not lost: it is logged, and tried again until that works."""

    class Server(tcp.Server):
        fails = 0

        def logPrefix(self) -> str:
            if self.fails:
                self.fails -= 1
                raise ValueError("in logPrefix")
            return "mine"

    server, peer = await kit.served(transport=Server)
    server.wire.fails = 2
    with logs.Log() as log_of_all:
        peer.send(b"hello")
        await kit.becomes(lambda: server.got or server.lost)
        said = [text for text in log_of_all.take() if "ValueError" in text]
    return [server.text, "(unable)", [len(said) > 0]]


@CASES(["Noting,0,127.0.0.1", "Noting,0,127.0.0.1", "Noting,0,127.0.0.1"])
async def in_other_callbacks(kit: Kit) -> Any:
    """resumeProducing, and connectionLost after a close of either side, have the same system."""
    seen: list[str] = []

    class Producer:
        def resumeProducing(self) -> None:
            seen.append(_system())
            server.wire.unregisterProducer()

        pauseProducing = stopProducing = staticmethod(lambda: None)

    server, peer = await kit.served()
    server.wire.registerProducer(Producer(), True)
    server.wire.write(FLOOD)
    await kit.received(peer, len(FLOOD))
    await kit.becomes(lambda: seen)
    server.on_lost = lambda _: seen.append(_system())
    peer.close()
    await kit.ended(server)
    server, peer = await kit.served()
    server.on_lost = lambda _: seen.append(_system())
    server.wire.loseConnection()
    await kit.ended(server)
    return seen


@CASES(["-", "-"])
async def in_callbacks_of_timers(kit: Kit) -> Any:
    """connectionLost after abortConnection comes from a timer, and has no system of its own."""
    seen: list[str] = []
    server, _ = await kit.served()
    server.on_lost = lambda _: seen.append(_system())
    server.wire.abortConnection()
    await kit.ended(server)
    return [*seen, _system()]


@CASES(["tests.transports.kit.Making", "Noting,client"])
async def when_made(kit: Kit) -> Any:
    """connectionMade of a server has the system of the port; dataReceived of a client has its own."""
    seen: list[str] = []
    made = Noting()
    made.on_made = lambda: seen.append(_system())
    await kit.served(made)
    client, peer = await kit.called()
    client.on_data = lambda _: seen.append(_system())
    peer.send(b"x")
    await kit.becomes(lambda: client.got)
    return seen


@CASES(["inner", "Noting,0,127.0.0.1", "Noting,0,127.0.0.1"])
async def nested_contexts(kit: Kit) -> Any:
    """A context that a program pushes inside is popped again, also by turns and connections inside."""
    server, peer = await kit.served()
    other, other_peer = await kit.served()
    seen: list[str] = []

    def nested(_: bytes) -> None:
        seen.append(log.callWithContext({"system": "inner"}, _system))
        other_peer.send(b"y")
        while not other.got:
            kit.reactor.iterate(0.01)
        seen.append(_system())

    server.on_data = nested
    inside: list[str] = []
    other.on_data = lambda _: inside.append(_system())
    peer.send(b"x")
    await kit.becomes(lambda: len(seen) == 2)
    return [*seen, *inside]


@CASES([{"system": "Noting,0,127.0.0.1"}])
async def the_context_itself(kit: Kit) -> Any:
    """It is a dict with `system`."""
    server, peer = await kit.served()
    seen: list[dict[str, Any]] = []
    server.on_data = lambda _: seen.append(context.get(log.ILogContext))
    peer.send(b"x")
    await kit.becomes(lambda: seen)
    return seen


@CASES(["Noting,0,127.0.0.1", "Noting,0,127.0.0.1"])
async def a_context_that_is_changed(kit: Kit) -> Any:
    """What a program writes into the dict is gone with the next event."""
    server, peer = await kit.served()
    seen: list[str] = []

    def spoil(_: bytes) -> None:
        seen.append(_system())
        found: dict[str, Any] = context.get(log.ILogContext)
        found["system"] = "spoilt"

    server.on_data = spoil
    for count in (1, 2):
        peer.send(b"x")
        await kit.becomes(partial(_holds, seen, count))
    return seen


@CASES([None, 1, 2, None])
async def the_context_around_is_changed(kit: Kit) -> Any:
    """What a program writes into the dict of the context around is in that of the next event."""
    server, peer = await kit.served()
    seen: list[Any] = []
    around: dict[str, Any] = context.get(log.ILogContext)
    server.on_data = lambda _: seen.append(context.get(log.ILogContext).get("mine"))
    for count, value in enumerate((None, 1, 2, None), 1):
        around["mine"] = value
        if value is None:
            del around["mine"]
        peer.send(b"x")
        await kit.becomes(partial(_holds, seen, count))
    return seen


@CASES([[None, None], [1, 2], [None, None]])
async def the_context_around_is_replaced(kit: Kit) -> Any:
    """Another dict for log lines, and more beside it, count from the next event on."""
    server, peer = await kit.served()
    seen: list[Any] = []
    before: dict[str, Any] = context.get(log.ILogContext)
    server.on_data = lambda _: seen.append([context.get(log.ILogContext).get("mine"), context.get("beside")])
    peer.send(b"x")
    await kit.becomes(partial(_holds, seen, 1))
    set_default: Any = context.setDefault
    set_default(log.ILogContext, {"mine": 1})
    set_default("beside", 2)
    peer.send(b"x")
    await kit.becomes(partial(_holds, seen, 2))
    set_default(log.ILogContext, before)
    set_default("beside", None)
    peer.send(b"x")
    await kit.becomes(partial(_holds, seen, 3))
    return seen


@CASES([["Noting,0,127.0.0.1: None", "Unhandled Error"]])
async def errors(kit: Kit) -> Any:
    """An error in dataReceived is logged with the system."""
    server, peer = await kit.served()

    def fail(_: bytes) -> None:
        raise ValueError("in dataReceived")

    server.on_data = fail
    with Systems() as said:
        peer.send(b"x")
        await kit.ended(server)
    (line,) = said
    return [[line.split("\n")[0].replace("Unhandled Error", "None"), "Unhandled Error"]]


@CASES([[True, True]])
async def call_with_logger_replaced(kit: Kit) -> Any:
    """`log.callWithLogger` that a program has replaced is called for each event."""
    server, peer = await kit.served()
    calls: list[Any] = []
    stock = log.callWithLogger

    def noting(logger: Any, function: Any, *arguments: Any, **keywords: Any) -> Any:
        calls.append(logger)
        return stock(logger, function, *arguments, **keywords)

    log.callWithLogger = noting  # type: ignore[assignment]
    try:
        peer.send(b"x")
        await kit.becomes(lambda: server.got)
    finally:
        log.callWithLogger = stock
    return [[server.wire in calls, server.text == "x"]]


@pytest.mark.parametrize("case", CASES.names)
def test_logs_say_of_which_connection_something_is(returned: dict[str, Any], case: str) -> None:
    """In each callback of the loop, with whatever `logPrefix` and `logstr` say at that time."""
    assert returned.get(case, returned) == CASES.expected(case)
