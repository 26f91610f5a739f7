"""`openssl s_client` against a server of Twisted: much data, every way to end, renegotiation, new keys."""

from __future__ import annotations

import hashlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.ssl import PrivateCertificate
from twisted.protocols.basic import LineReceiver

from tests.peers.commands import BYTES, LOCAL, Server, run, serving, talking
from tests.peers.inside import serve
from tests.peers.tools import needs
from tests.reactors import Loop

pytestmark = needs("openssl")
VERSIONS = ["-tls1_2", "-tls1_3"]
PIECE = b"0123456789abcdef" * 4096


def digest_of_pieces(count: int) -> str:
    """Give the digest of so many pieces."""
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(PIECE)
    return digest.hexdigest()


class Obeying(LineReceiver):
    """Does what a line says, and notes how it ends."""

    delimiter = b"\n"
    notes: list[str]

    def connectionMade(self) -> None:
        """Nothing has come yet."""
        self.digest = hashlib.sha256()
        self.left = 0

    def lineReceived(self, line: bytes) -> None:
        """Say it again, send much, take much, or end the connection."""
        word, _, number = line.partition(b" ")
        wire: Any = self.transport
        if word == b"say":
            self.sendLine(number)
        elif word == b"send":
            for _ in range(int(number)):
                wire.write(PIECE)
            wire.loseConnection()
        elif word == b"take":
            self.left = int(number)
            self.setRawMode()
        elif word == b"close":
            wire.loseConnection()
        elif word == b"abort":
            wire.abortConnection()

    def rawDataReceived(self, data: bytes) -> None:
        """Take it, and say what it was."""
        self.digest.update(data)
        self.left -= len(data)
        if not self.left:
            self.sendLine(self.digest.hexdigest().encode())
            wire: Any = self.transport
            wire.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        """Note it."""
        self.notes.append(reason.type.__name__)


def tls_server(reactor: Any, certificate: str) -> list[Any]:
    """Serve by TLS, and give how the connections ended."""
    options: Any = PrivateCertificate.loadPEM(Path(certificate).read_text()).options()
    Obeying.notes = []
    factory = Factory.forProtocol(Obeying)
    return serve(reactor, reactor.listenSSL(0, factory, options, interface=LOCAL), notes=Obeying.notes)


@pytest.fixture
def server(loop: Loop, certificate: str) -> Iterator[Server]:
    """Give a server, which has to end in order."""
    with serving(loop, tls_server, certificate) as server:
        yield server


def s_client(server: Server, certificate: str, *options: str) -> list[str]:
    """Give the command of a client that trusts the certificate and no other."""
    address = ["-connect", f"{LOCAL}:{server.port}", "-servername", "localhost"]
    trust = ["-CAfile", certificate, "-verify_return_error", "-verify_hostname", "localhost"]
    return ["openssl", "s_client", *address, *trust, *options]


@pytest.mark.parametrize("version", VERSIONS)
def test_s_client_receives_much_and_then_the_end(server: Server, certificate: str, version: str) -> None:
    """All of it, and then a close-notify, at which it ends well."""
    count = max(BYTES // len(PIECE), 1)
    result = run(*s_client(server, certificate, "-quiet", version), stdin=b"send %d\n" % count)
    assert hashlib.sha256(result.out).hexdigest() == digest_of_pieces(count)
    assert server.stop() == ["ConnectionDone"]


@pytest.mark.parametrize("version", VERSIONS)
def test_s_client_sends_much(server: Server, certificate: str, version: str) -> None:
    """All of it arrives."""
    count = max(BYTES // len(PIECE), 1)
    data = b"take %d\n" % (count * len(PIECE)) + PIECE * count
    result = run(*s_client(server, certificate, "-quiet", version), stdin=data)
    assert result.out.decode().strip() == digest_of_pieces(count)
    assert server.stop() == ["ConnectionDone"]


def read_line(process: subprocess.Popen[bytes], wanted: bytes) -> list[bytes]:
    """Read lines until one is as wanted, and give all."""
    assert process.stdout is not None
    lines: list[bytes] = []
    while not lines or lines[-1].strip() != wanted:
        line = process.stdout.readline()
        assert line, lines
        lines.append(line)
    return lines


def say(process: subprocess.Popen[bytes], *lines: bytes) -> None:
    """Give a command some lines."""
    assert process.stdin is not None
    process.stdin.write(b"\n".join([*lines, b""]))
    process.stdin.flush()


def until_lost(process: subprocess.Popen[bytes]) -> bytes:
    """Read all that there still is, and wait for the end."""
    assert process.stdout is not None
    rest = process.stdout.read()
    process.wait(timeout=60)
    return rest


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_ends_by_close_notify(server: Server, certificate: str, version: str) -> None:
    """The server is told of a clean end when the client's input ends."""
    with talking(*s_client(server, certificate, "-quiet", "-no_ign_eof", version), together=True) as client:
        say(client, b"say hello")
        read_line(client, b"hello")
        assert client.stdin is not None
        client.stdin.close()
        until_lost(client)
        assert client.returncode == 0
    assert server.stop() == ["ConnectionDone"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_that_is_killed_is_lost(server: Server, certificate: str, version: str) -> None:
    """Without a close-notify the end is not clean."""
    with talking(*s_client(server, certificate, "-quiet", version), together=True) as client:
        say(client, b"say hello")
        read_line(client, b"hello")
        client.send_signal(signal.SIGKILL)
        client.wait()
    assert server.stop() == ["ConnectionLost"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("order", "reason"), [("close", "ConnectionDone"), ("abort", "ConnectionLost")])
def test_s_client_sees_how_the_server_ends(
    server: Server, certificate: str, version: str, order: str, reason: str
) -> None:
    """It tells a close-notify from a reset."""
    with talking(*s_client(server, certificate, "-quiet", version), together=True) as client:
        say(client, b"say hello")
        read_line(client, b"hello")
        say(client, order.encode())
        until_lost(client)
        assert (client.returncode == 0) == (order == "close")
    assert server.stop() == [reason]


def test_a_client_may_not_renegotiate(server: Server, certificate: str) -> None:
    """A client of TLS 1.2 that asks for it loses the connection."""
    with talking(*s_client(server, certificate, "-tls1_2"), together=True) as client:
        say(client, b"say hello")
        read_line(client, b"hello")
        say(client, b"R")
        read_line(client, b"RENEGOTIATING")
        assert b"no renegotiation" in until_lost(client)
        assert client.returncode != 0
    assert server.stop() == ["Error"]


def test_a_client_may_renew_the_keys(server: Server, certificate: str) -> None:
    """Of TLS 1.3, its own and those of both directions, in the middle of data."""
    with talking(*s_client(server, certificate, "-tls1_3"), together=True) as client:
        for key in (b"k", b"K", b"k", b"K"):
            say(client, b"say before")
            read_line(client, b"before")
            say(client, key)
            read_line(client, b"KEYUPDATE")
        say(client, b"say after")
        read_line(client, b"after")
        say(client, b"Q")
        until_lost(client)
        assert client.returncode == 0
    assert server.stop() == ["ConnectionDone"]


def test_a_client_without_trust_is_refused(server: Server, certificate: str) -> None:
    """It does not take the certificate, and the server serves others."""
    command = s_client(server, certificate, "-quiet")
    distrusting = [word for word in command if word not in ("-CAfile", certificate)]
    assert run(*distrusting, stdin=b"say hello\n", status=1).out == b""
    assert run(*command, stdin=b"say hello\nclose\n").out == b"hello\n"
    assert len(server.stop()) == 2
