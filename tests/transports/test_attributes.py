"""The attributes of a transport are what programs set them to, and are read when stock reads them."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import tcp

from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, Kit, Noting

CASES = Cases()


@CASES(["", "sent", [0, 1]])
async def connected_by_hand(kit: Kit) -> Any:
    """Whatever `connected` says decides whether `write` drops."""
    server, peer = await kit.served()
    wire = server.wire
    before = wire.connected
    wire.connected = 0
    wire.write(b"dropped")
    wire.writeSequence([b"dropped"])
    early = await kit.seen(peer)
    seen = wire.connected
    wire.connected = 1
    wire.write(b"sent")
    return [early, (await kit.received(peer, 4)).decode(), [seen, before]]


@CASES([["data"], "end", ["ConnectionDone"]])
async def disconnecting_by_hand(kit: Kit) -> Any:
    """`disconnecting` that is set by hand closes when all has been written."""
    server, peer = await kit.served()
    server.wire.write(b"data")
    server.wire.disconnecting = 1
    got = await kit.received(peer, 4)
    how = await kit.drained(peer)
    await kit.ended(server)
    return [[got.decode()], how, server.lost]


@CASES(["hello", []])
async def disconnecting_taken_back(kit: Kit) -> Any:
    """`disconnecting` that is taken back in time closes nothing."""
    server, peer = await kit.served()
    server.wire.write(b"hello")
    server.wire.loseConnection()
    server.wire.disconnecting = False
    got = await kit.received(peer, 5)
    await kit.turns()
    return [got.decode(), server.lost]


@CASES(["", "sent", 3])
async def connected_as_a_property(kit: Kit) -> Any:
    """A property `connected` of a subclass is asked each time."""

    class Server(tcp.Server):
        asked = 0
        answer = 1

        @property
        def connected(self) -> int:
            self.asked += 1
            return self.answer

        @connected.setter
        def connected(self, value: int) -> None:
            self.answer = value

    server, peer = await kit.served(transport=Server)
    wire = server.wire
    wire.asked, wire.answer = 0, 0
    wire.write(b"dropped")
    early = await kit.seen(peer)
    wire.answer = 1
    wire.write(b"se")
    wire.write(b"nt")
    return [early, (await kit.received(peer, 4)).decode(), wire.asked]


@CASES([["hello"], True, ["ConnectionDone"]])
async def protocol_as_a_property(kit: Kit) -> Any:
    """A property `protocol` of a subclass is asked for each piece of data."""
    asked = []

    class Server(tcp.Server):
        @property
        def protocol(self) -> Any:
            asked.append("protocol")
            return self.__dict__["its protocol"]

        @protocol.setter
        def protocol(self, value: Any) -> None:
            self.__dict__["its protocol"] = value

        @protocol.deleter
        def protocol(self) -> None:
            del self.__dict__["its protocol"]

    server, peer = await kit.served(transport=Server)
    asked.clear()
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    looked = len(asked) > 0
    peer.close()
    await kit.ended(server)
    return [[server.text], looked, server.lost]


@CASES([True, ["ConnectionDone"]])
async def disconnecting_as_a_property(kit: Kit) -> Any:
    """A property `disconnecting` of a subclass says when to close."""

    class Server(tcp.Server):
        asked, wanted = False, 0

        @property
        def disconnecting(self) -> int:
            self.asked = True
            return self.wanted

        @disconnecting.setter
        def disconnecting(self, value: int) -> None:
            self.wanted = value

    server, peer = await kit.served(transport=Server)
    wire = server.wire
    wire.write(b"hello")
    await kit.received(peer, 5)
    await kit.becomes(lambda: wire.asked)
    wire.wanted = 1
    wire.startWriting()
    await kit.ended(server)
    return [wire.asked, server.lost]


@CASES([[["before"], ["after"]], ["before", "after"]])
async def protocol_swapped_in_data_received(kit: Kit) -> Any:
    """What comes after `protocol` is set goes to the new one: this piece is the old one's."""
    first, second = Noting(), Noting()
    server, peer = await kit.served(first)

    def swap(_: bytes) -> None:
        server.wire.protocol = second
        second.makeConnection(server.wire)

    first.on_data = swap
    peer.send(b"before")
    await kit.becomes(lambda: first.got)
    peer.send(b"after")
    await kit.becomes(lambda: second.got)
    got = [[data.decode() for data in each.got] for each in (first, second)]
    peer.close()
    await kit.ended(second)
    return [got, [first.text, second.text] if not first.lost else first.lost]


@CASES(["", [0, 0, 14], "kept"])
async def the_buffer_cleared_by_hand(kit: Kit) -> Any:
    """`_tempDataBuffer` that is cleared by hand, with its length, is not sent."""
    server, peer = await kit.served()
    wire = server.wire
    wire.write(b"cleared")
    wire.writeSequence([b"clear", b"ed"])
    seen = wire._tempDataLen
    del wire._tempDataBuffer[:]
    wire._tempDataLen = 0
    early = await kit.seen(peer)
    found = [len(wire.dataBuffer), wire.offset, seen]
    wire.write(b"kept")
    return [early, found, (await kit.received(peer, 4)).decode()]


@CASES([["a", "b", "c"], 3, "xbc"])
async def the_buffer_changed_by_hand(kit: Kit) -> Any:
    """`_tempDataBuffer` is a list of what has been written, which may be changed."""
    server, peer = await kit.served()
    wire = server.wire
    wire.write(b"a")
    wire.writeSequence((b"b", b"c"))
    seen = [data.decode() for data in wire._tempDataBuffer]
    wire._tempDataBuffer[0] = b"x"
    length = wire._tempDataLen
    return [seen, length, (await kit.received(peer, 3)).decode()]


@CASES(["by hand"])
async def the_buffer_filled_by_hand(kit: Kit) -> Any:
    """`dataBuffer` that is set by hand is sent from `offset` on."""
    server, peer = await kit.served()
    wire = server.wire
    wire.dataBuffer = b"not this, by hand"
    wire.offset = 10
    wire.startWriting()
    return [(await kit.received(peer, 7)).decode()]


@CASES([True, True, 0, len(FLOOD), [0, 0, 0]])
async def the_buffers_after_a_short_write(kit: Kit) -> Any:
    """`dataBuffer` without the first `offset` bytes is what waits, besides `_tempDataBuffer`."""
    server, peer = await kit.served()
    wire = server.wire
    wire.write(FLOOD)
    await kit.turns(50)
    rest = len(wire.dataBuffer) - wire.offset
    partly = 0 < rest < len(FLOOD) and wire.offset > 0
    flow = wire in kit.reactor.getWriters()
    waiting = wire._tempDataLen
    got = await kit.received(peer, len(FLOOD))
    await kit.turns()
    return [partly, flow, waiting, len(got), [len(wire.dataBuffer), wire.offset, wire._tempDataLen]]


@CASES(["hello", "mine", True, "Noting,0,127.0.0.1"])
async def dict_replaced_and_updated(kit: Kit) -> Any:
    """The attributes are in `__dict__`, which may be replaced by a copy, and updated."""
    server, peer = await kit.served()
    wire = server.wire
    wire.__dict__ = dict(wire.__dict__)
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    wire.__dict__.update(tag="mine", bufferSize=2)
    server.got.clear()
    peer.send(b"abc")
    await kit.becomes(lambda: len(server.got) == 2)
    names = {"reactor", "_tempDataBuffer", "_tempDataLen", "socket", "fileno", "protocol", "server", "client"}
    names |= {"sessionno", "hostname", "logstr", "repstr", "connected"}
    return ["hello", wire.tag, names <= set(vars(wire)), wire.logstr]


@CASES([["one"], ["two"]])
async def protocol_put_into_dict(kit: Kit) -> Any:
    """`__dict__["protocol"]` is the protocol."""
    server, peer = await kit.served()
    peer.send(b"one")
    await kit.becomes(lambda: server.got)
    other = Noting()
    vars(server.wire)["protocol"] = other
    peer.send(b"two")
    await kit.becomes(lambda: other.got)
    vars(server.wire)["protocol"] = server
    return [[server.text], [other.text]]


class Derived(tcp.Server):
    """A class that has no connection yet."""


@CASES([["AttributeError", "AttributeError"], [0, 0], [0, 0], ["one", "two", "three"]])
async def deleting_what_a_write_has_set(kit: Kit) -> Any:
    """One that has sent has `dataBuffer` and `offset` of its own, and without them those of its class."""
    steps: list[Any] = []
    for transport in (None, Derived):
        server, peer = await kit.served(transport=transport)
        wire, got = server.wire, []
        try:
            del wire.offset
        except AttributeError as error:
            steps.append(type(error).__name__)
        for data in (b"one", b"two", b"three"):
            wire.write(data)
            got.append((await kit.received(peer, len(data))).decode())
            del wire.dataBuffer, wire.offset
        steps.append([len(wire.dataBuffer), wire.offset])
    return [steps[::2], steps[1], steps[3], got]


@CASES([[], ["dataBuffer", "offset"], ["dataBuffer", "offset"]])
async def what_a_write_sets(kit: Kit) -> Any:
    """They are in its dict once it has sent, whether or not the system took it."""
    found = []
    for data in (b"", b"little", FLOOD):
        server, _ = await kit.served()
        server.wire.write(data)
        await kit.turns()
        found.append([name for name in ("dataBuffer", "offset") if name in vars(server.wire)])
    return found


@CASES([True, 0, "<Noting #0 on PORT>", "Noting,0,127.0.0.1", "127.0.0.1", True])
async def what_a_server_says_of_itself(kit: Kit) -> Any:
    """`client`, `sessionno`, `repstr`, `logstr`, `hostname`, `server`."""
    server, peer = await kit.served()
    wire = server.wire
    port = str(wire.getHost().port)
    return [
        wire.client == peer.getsockname(),
        wire.sessionno,
        wire.repstr.replace(port, "PORT"),
        wire.logstr,
        wire.hostname,
        repr(wire) == wire.repstr and wire.server._realPortNumber == int(port),
    ]


@CASES([True, "Noting,client", True, True])
async def what_a_client_says_of_itself(kit: Kit) -> Any:
    """`realAddress`, `addr`, `logstr`, `connector`."""
    client, peer = await kit.called()
    wire = client.wire
    return [
        wire.realAddress == peer.getsockname() == wire.addr,
        wire.logstr,
        wire.connector.transport is wire,
        (wire.getPeer().host, wire.getPeer().port) == peer.getsockname(),
    ]


@CASES([["socket", "protocol", "fileno"], [], -1, [0, 1]])
async def what_is_left_of_a_lost_one(kit: Kit) -> Any:
    """`protocol`, `socket` and `fileno` are deleted, and `connected` is false."""
    server, peer = await kit.served()
    wire = server.wire
    names = ("socket", "protocol", "fileno")
    before = [name for name in names if name in vars(wire)]
    peer.close()
    await kit.ended(server)
    after = [name for name in names if name in vars(wire)]
    return [before, after, wire.fileno(), [wire.connected, wire.disconnected]]


@pytest.mark.parametrize("case", CASES.names)
def test_attributes_mean_what_they_mean_on_stock(returned: dict[str, Any], case: str) -> None:
    """They may be set, be properties, or be reached through `__dict__`."""
    assert returned.get(case, returned) == CASES.expected(case)
