"""What `write` and `writeSequence` take, what they drop, and what the peer gets of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.abstract import FileDescriptor

from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, Kit

CASES = Cases()


class Bytes(bytes):
    """Bytes of a class of its own."""

    def __len__(self) -> int:
        """Be as long as others."""
        return super().__len__()


def _raised(call: Any, *arguments: Any) -> str:
    try:
        return f"gave {call(*arguments)}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@CASES([["TypeError: Data must be bytes"] * 5, "after"])
async def what_is_no_bytes(kit: Kit) -> Any:
    """Only bytes are taken: no text, number, bytearray or memoryview."""
    server, peer = await kit.served()
    values = ("text", 7, None, bytearray(b"array"), memoryview(b"view"))
    raised = [_raised(server.wire.write, value) for value in values]
    server.wire.write(b"after")
    return [raised, (await kit.received(peer, 5)).decode()]


@CASES(["TypeError: Data must be bytes", "gave None", ""])
async def what_is_no_bytes_on_a_lost_connection(kit: Kit) -> Any:
    """It is refused also where bytes are dropped."""
    server, peer = await kit.served()
    peer.close()
    await kit.ended(server)
    write = server.wire.write
    return [
        _raised(write, "text"),
        _raised(write, b"dropped"),
        b"".join(server.wire._tempDataBuffer).decode(),
    ]


@CASES(["subclass and one more", ["Bytes"]])
async def bytes_of_a_subclass(kit: Kit) -> Any:
    """Subclasses of bytes are bytes, and the very object waits."""
    server, peer = await kit.served()
    server.wire.write(Bytes(b"subclass"))
    kinds = [type(data).__name__ for data in server.wire._tempDataBuffer]
    server.wire.writeSequence([Bytes(b" and"), b" one more"])
    return [(await kit.received(peer, 21)).decode(), kinds]


@CASES([False, 0, [0, 1]])
async def nothing_at_all(kit: Kit) -> Any:
    """No bytes are nothing to do; but in a sequence they make it write."""
    server, _ = await kit.served()
    wire = server.wire
    wire.write(b"")
    wire.writeSequence([])
    idle = wire in kit.reactor.getWriters()
    waiting = wire._tempDataLen
    wire.writeSequence([b""])
    return [idle, waiting, [wire._tempDataLen, len(wire._tempDataBuffer)]]


@CASES(["TypeError: Data must be bytes", "", "after"])
async def a_sequence_with_one_that_is_no_bytes(kit: Kit) -> Any:
    """All are looked at before any is taken."""
    server, peer = await kit.served()
    raised = _raised(server.wire.writeSequence, [b"never sent", "text"])
    early = await kit.seen(peer)
    server.wire.write(b"after")
    return [raised, early, (await kit.received(peer, 5)).decode()]


class Changing:
    """Gives other items each time that it is gone through."""

    def __init__(self, *rounds: list[bytes]) -> None:
        self.rounds = list(rounds)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.rounds.pop(0))


@CASES(["abcd", "", "", "efgh", 3, "ij"])
async def sequences_of_every_kind(kit: Kit) -> Any:
    """A generator has been used up by the look at it, and is nothing; a dict is its keys."""
    server, peer = await kit.served()
    wire = server.wire
    wire.writeSequence([b"ab", b"cd"])
    found = [(await kit.received(peer, 4)).decode()]
    wire.writeSequence(data for data in (b"never", b"sent"))
    found.append(await kit.seen(peer))
    wire.writeSequence(iter([b"never", b"sent"]))
    found.append(await kit.seen(peer))
    wire.writeSequence({b"ef": 1, b"gh": 2})
    found.append((await kit.received(peer, 4)).decode())
    # It is gone through to look, to take, and to count.
    changing = Changing([b"looked at"], [b"ij"], [b"counted"])
    wire.writeSequence(changing)
    return [*found, 3 - len(changing.rounds), (await kit.received(peer, 2)).decode()]


@CASES(["ab"])
async def a_list_changed_after_it_was_written(kit: Kit) -> Any:
    """The list is not looked at again."""
    server, peer = await kit.served()
    pieces = [b"a", b"b"]
    server.wire.writeSequence(pieces)
    pieces[0] = b"x"
    pieces.append(b"y")
    got = await kit.received(peer, 2)
    return [got.decode() + await kit.seen(peer)]


@CASES([3, "abc"])
async def many_writes_are_one_send(kit: Kit) -> Any:
    """What has been written in one turn goes out together."""
    sends = []

    class Server(tcp.Server):
        def writeSomeData(self, data: bytes) -> Any:
            sends.append(len(data))
            return super().writeSomeData(data)

    server, peer = await kit.served(transport=Server)
    for data in (b"a", b"b", b"c"):
        server.wire.write(data)
    got = await kit.received(peer, 3)
    return [sends[0], got.decode()]


@CASES(["kept until the next turn", True])
async def nothing_is_sent_inside_write(kit: Kit) -> Any:
    """`write` itself sends nothing: what it has been given is there until the loop turns."""
    server, peer = await kit.served()
    server.wire.write(b"kept until ")
    server.wire.write(b"the next turn")
    try:
        peer.recv(1)
        early = False
    except BlockingIOError:
        early = True
    return [(await kit.received(peer, 24)).decode(), early]


@CASES([True, 128 * 1024, len(FLOOD)])
async def at_most_a_limit_at_a_time(kit: Kit) -> Any:
    """No more than SEND_LIMIT bytes are handed to the system at a time."""
    server, peer = await kit.served()
    wire = server.wire
    before = []

    class Socket:
        real = wire.socket

        def send(self, data: Any) -> int:
            before.append(len(data))
            sent: int = self.real.send(data)
            return sent

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    wire.socket = Socket()
    wire.write(FLOOD)
    got = await kit.received(peer, len(FLOOD))
    wire.socket = wire.socket.real
    return [max(before) <= FileDescriptor.SEND_LIMIT, FileDescriptor.SEND_LIMIT, len(got)]


@CASES([1000, 3000])
async def a_limit_of_its_own(kit: Kit) -> Any:
    """SEND_LIMIT of a subclass is looked at, too."""
    sizes: list[Any] = []

    class Server(tcp.Server):
        SEND_LIMIT = 1000

        def writeSomeData(self, data: bytes) -> Any:
            sent = super().writeSomeData(data)
            sizes.append(sent)
            return sent

    server, peer = await kit.served(transport=Server)
    server.wire.write(b"x" * 3000)
    got = await kit.received(peer, 3000)
    return [max(sizes), len(got)]


@CASES(["before, after", ["ConnectionDone"], "end"])
async def after_lose_connection(kit: Kit) -> Any:
    """What is written between loseConnection and the end is sent; what is written after that is dropped."""
    server, peer = await kit.served()
    wire = server.wire
    wire.write(b"before")
    wire.loseConnection()
    wire.write(b", after")
    got = await kit.received(peer, 13)
    await kit.ended(server)
    wire.write(b"too late")
    wire.writeSequence([b"too", b"late"])
    return [got.decode(), server.lost, await kit.drained(peer)]


@CASES(["before", "", "end"])
async def after_lose_write_connection(kit: Kit) -> Any:
    """What is written after the direction has been closed is dropped."""
    server, peer = await kit.served()
    wire = server.wire
    wire.write(b"before")
    wire.loseWriteConnection()
    got = await kit.received(peer, 6)
    how = await kit.drained(peer)
    wire.write(b"dropped")
    wire.writeSequence([b"dropped"])
    return [got.decode(), b"".join(wire._tempDataBuffer).decode(), how]


@CASES(["before, between", "end"])
async def between_lose_write_connection_and_the_end(kit: Kit) -> Any:
    """What is written in the same turn after loseWriteConnection still goes out."""
    server, peer = await kit.served()
    server.wire.write(b"before")
    server.wire.loseWriteConnection()
    server.wire.write(b", between")
    return [(await kit.received(peer, 15)).decode(), await kit.drained(peer)]


@CASES(["past the method, and by it"])
async def methods_of_file_descriptor_on_the_object(kit: Kit) -> Any:
    """`FileDescriptor.write(transport, data)` works on a transport, as startTLS needs it."""
    server, peer = await kit.served()
    FileDescriptor.write(server.wire, b"past the method")
    FileDescriptor.writeSequence(server.wire, [b", and", b" by it"])
    return [(await kit.received(peer, 26)).decode()]


@pytest.mark.parametrize("case", CASES.names)
def test_the_peer_gets_what_is_written(returned: dict[str, Any], case: str) -> None:
    """All of it in order and once, and nothing else."""
    assert returned.get(case, returned) == CASES.expected(case)
