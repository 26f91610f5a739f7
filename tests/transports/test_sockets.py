"""The socket of a transport is a program's to look at, to replace, to fake, and to close."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import pytest

from tests.transports.cases import Cases
from tests.transports.kit import Kit, Making, Noting

CASES = Cases()


class Wrapped:
    """Stands in the place of a socket, notes what is called, and lets a case answer instead."""

    def __init__(self, real: socket.socket) -> None:
        self.real = real
        self.calls: list[str] = []
        self.answers: dict[str, list[Any]] = {}

    def _call(self, name: str, *arguments: Any) -> Any:
        self.calls.append(name)
        if self.answers.get(name):
            answer = self.answers[name].pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer
        return getattr(self.real, name)(*arguments)

    def fileno(self) -> int:
        """Give the descriptor."""
        return self.real.fileno()

    def recv(self, size: int) -> Any:
        """Receive."""
        return self._call("recv", size)

    def send(self, data: bytes) -> Any:
        """Send."""
        return self._call("send", data)

    def shutdown(self, how: int) -> Any:
        """Shut down."""
        return self._call("shutdown", how)

    def setsockopt(self, *arguments: Any) -> Any:
        """Set an option."""
        return self._call("setsockopt", *arguments)

    def close(self) -> Any:
        """Close."""
        return self._call("close")


async def _wrapped(kit: Kit) -> tuple[Any, Any, Wrapped]:
    server, peer = await kit.served()
    wrapped = server.wire.socket = Wrapped(server.wire.socket)
    return server, peer, wrapped


@CASES(["hello", "hi", ["recv", "send"]])
async def a_fake_that_passes_on(kit: Kit) -> Any:
    """An object with the methods of a socket is called for each piece."""
    server, peer, fake = await _wrapped(kit)
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    server.wire.write(b"hi")
    got = await kit.received(peer, 2)
    return [server.text, got.decode(), fake.calls]


@CASES([["fake", "real"], []])
async def a_fake_that_receives(kit: Kit) -> Any:
    """What `recv` of the object gives is what the protocol gets; no data for now is no end."""
    server, peer, fake = await _wrapped(kit)
    fake.answers["recv"] = [BlockingIOError(errno.EAGAIN, "later"), b"fake"]
    peer.send(b"real")
    await kit.becomes(lambda: len(server.got) == 2)
    return [[data.decode() for data in server.got], server.lost]


@CASES([["bytearray", "memoryview"]])
async def a_fake_that_receives_what_is_no_bytes(kit: Kit) -> Any:
    """The protocol gets the very object."""
    server, peer, fake = await _wrapped(kit)
    fake.answers["recv"] = [bytearray(b"a"), memoryview(b"b")]
    peer.send(b"real")
    await kit.becomes(lambda: len(server.got) == 3)
    return [[type(data).__name__ for data in server.got[:2]]]


@CASES([["ConnectionDone"], ["ConnectionDone"], ["ConnectionLost"], ["ConnectionLost"], ["ValueError"]])
async def a_fake_that_receives_the_end(kit: Kit) -> Any:
    """No bytes and None are the end, errors of the system are a loss, and others are told as they are."""
    found = []
    reset = ConnectionResetError(errno.ECONNRESET, "reset")
    for answer in (b"", bytearray(), reset, OSError(errno.EIO, "bad"), ValueError("in recv")):
        server, peer, fake = await _wrapped(kit)
        fake.answers["recv"] = [answer]
        peer.send(b"real")
        await kit.ended(server)
        found.append(server.lost)
    return found


@CASES(["abcdef", 5, []])
async def a_fake_that_sends_little(kit: Kit) -> Any:
    """`send` may take less, nothing for now (EAGAIN and ENOBUFS), and be interrupted."""
    server, peer, fake = await _wrapped(kit)
    fake.real.send(b"ab")
    later = [OSError(number, "later") for number in (errno.EAGAIN, errno.ENOBUFS, errno.EINTR)]
    fake.answers["send"] = [2, *later]
    server.wire.write(b"ABcdef")
    got = await kit.received(peer, 6)
    return [got.decode(), len(fake.calls), server.lost]


@CASES([["ConnectionLost"], ["ConnectionLost"], ["ValueError"]])
async def a_fake_that_does_not_send(kit: Kit) -> Any:
    """Other errors of `send` are the end."""
    found = []
    for answer in (
        BrokenPipeError(errno.EPIPE, "pipe"),
        OSError(errno.ENOMEM, "memory"),
        ValueError("in send"),
    ):
        server, _, fake = await _wrapped(kit)
        fake.answers["send"] = [answer]
        server.wire.write(b"hello")
        await kit.ended(server)
        found.append(server.lost)
    return found


@CASES([["send", "shutdown", "close"], ["setsockopt", "close"], ["send", "shutdown", "close"]])
async def a_fake_that_is_closed(kit: Kit) -> Any:
    """An orderly end shuts down before it closes; an abort sets SO_LINGER; errors in that are no matter."""
    found = []
    for end in ("loseConnection", "abortConnection", "with an error"):
        server, peer, fake = await _wrapped(kit)
        server.wire.write(b"hello")
        if end == "with an error":
            fake.answers["shutdown"] = [OSError(errno.ENOTCONN, "gone")]
            end = "loseConnection"
        getattr(server.wire, end)()
        await kit.ended(server)
        found.append(fake.calls)
        peer.close()
    return found


@CASES(["first", "second", "to the second", ["ConnectionDone"]])
async def a_socket_exchanged(kit: Kit) -> Any:
    """A transport goes on with another `socket` and `fileno` if its interest is told anew."""
    server, peer = await kit.served()
    wire = server.wire
    peer.send(b"first")
    await kit.becomes(lambda: server.got)
    first, server.got = server.text, []
    ours, theirs = socket.socketpair()
    kit.keep(theirs).setblocking(False)
    ours.setblocking(False)
    wire.stopReading()
    kit.keep(wire.socket)
    wire.socket, wire.fileno = ours, ours.fileno
    wire.startReading()
    theirs.send(b"second")
    await kit.becomes(lambda: server.got)
    wire.write(b"to the second")
    got = await kit.received(theirs, 13)
    theirs.close()
    await kit.ended(server)
    return [first, server.text, got.decode(), server.lost]


@CASES(["second", []])
async def a_socket_exchanged_below_the_descriptor(kit: Kit) -> Any:
    """`dup2` puts another file under the same number; told anew, the transport reads and writes that."""
    server, _ = await kit.served()
    wire = server.wire
    ours, theirs = socket.socketpair()
    kit.keep(theirs).setblocking(False)
    wire.stopReading()
    os.dup2(ours.fileno(), wire.fileno())
    ours.close()
    wire.socket.setblocking(False)
    wire.startReading()
    theirs.send(b"second")
    await kit.becomes(lambda: server.got)
    return [server.text, server.lost]


@CASES(["late", "late", []])
async def a_socket_only_exchanged_for_writing(kit: Kit) -> Any:
    """What has been written goes to the socket that is there when it is sent."""
    server, peer = await kit.served()
    wire = server.wire
    wire.write(b"late")
    ours, theirs = socket.socketpair()
    kit.keep(theirs).setblocking(False)
    real, wire.socket = wire.socket, ours
    got = await kit.received(theirs, 4)
    wire.socket = real
    ours.close()
    wire.write(b"late")
    return [got.decode(), (await kit.received(peer, 4)).decode(), server.lost]


@CASES([["ConnectionAborted"], -1, False])
async def a_socket_closed_under_it(kit: Kit) -> Any:
    """A transport that waits for nothing can be aborted though its socket has been closed."""
    server, peer = await kit.served()
    wire = server.wire
    wire.pauseProducing()
    peer.send(b"never read")
    wire.socket.close()
    number = wire.fileno()
    wire.abortConnection()
    await kit.ended(server)
    return [server.lost, number, wire in kit.reactor.getReaders()]


@CASES([True, "by hand", "and not", True])
async def the_handle(kit: Kit) -> Any:
    """`getHandle` gives the socket, for options and to send by hand."""
    server, peer = await kit.served()
    handle = server.wire.getHandle()
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    handle.sendall(b"by hand")
    server.wire.write(b"and not")
    got = [(await kit.received(peer, 7)).decode() for _ in range(2)]
    return [handle is server.wire.socket, *got, server.wire.getTcpKeepAlive()]


@CASES([True, True, "end", ["ConnectionDone"]])
async def options_and_shutdown_by_hand(kit: Kit) -> Any:
    """TCP_NODELAY can be set and asked for; a shutdown by hand is seen as the end."""
    server, peer = await kit.served()
    server.wire.setTcpNoDelay(True)
    own = server.wire.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    asked = server.wire.getTcpNoDelay()
    server.wire.socket.shutdown(socket.SHUT_RDWR)
    await kit.ended(server)
    return [own, asked, await kit.drained(peer), server.lost]


@CASES(["hello", "hi", ["ConnectionDone"], True])
async def adopted_connections(kit: Kit) -> Any:
    """A connection that somebody else has made, as inetd does; the own descriptor stays the caller's."""
    ours, theirs = kit.keep(socket.socket()), kit.listening()
    ours.connect(theirs.getsockname())
    ours.setblocking(False)
    peer = await kit.accepted(theirs)
    made = Noting()
    kit.reactor.adoptStreamConnection(ours.fileno(), socket.AF_INET, Making(made))
    peer.send(b"hello")
    await kit.becomes(lambda: made.got)
    made.wire.write(b"hi")
    got = await kit.received(peer, 2)
    peer.close()
    await kit.ended(made)
    return [made.text, got.decode(), made.lost, ours.fileno() != -1]


@pytest.mark.parametrize("case", CASES.names)
def test_the_socket_is_the_programs(returned: dict[str, Any], case: str) -> None:
    """Whatever is in the attribute `socket` is called as stock calls it."""
    assert returned.get(case, returned) == CASES.expected(case)
