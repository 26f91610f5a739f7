"""A client of Twisted with `openssl s_server`: much data, every way to end, renegotiation, new keys."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.endpoints import SSL4ClientEndpoint, TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.ssl import Certificate, optionsForClientTLS

from tests.peers.commands import BYTES, LOCAL, command, talking
from tests.peers.inside import Gathering
from tests.peers.tools import needs
from tests.reactors import Loop
from tests.reactors.inside import announce, becomes, until

pytestmark = needs("openssl")
VERSIONS = ["-tls1_2", "-tls1_3"]


def endpoint(reactor: Any, port: int, certificate: str, wrapped: bool = False) -> Any:
    """Give what connects by TLS, believing the certificate.

    Args:
        reactor: the reactor.
        port: where the server is.
        certificate: the file with it.
        wrapped: whether TLS is put over an endpoint of TCP.
    """
    options = optionsForClientTLS("localhost", Certificate.loadPEM(Path(certificate).read_bytes()))
    if wrapped:
        plain: Any = TCP4ClientEndpoint(reactor, LOCAL, port)
        return wrapClientTLS(options, plain)
    return SSL4ClientEndpoint(reactor, LOCAL, port, options)


def s_server(certificate: str, *options: str) -> list[str]:
    """Give the command of a server that says where it listens."""
    return ["openssl", "s_server", "-accept", f"{LOCAL}:0", "-cert", certificate, *options]


@contextmanager
def listening(certificate: str, *options: str, cwd: Path) -> Iterator[int]:
    """Start a server that needs no input, and give its port."""
    with command(*s_server(certificate, *options), cwd=cwd) as server:
        server.until(lambda: re.search(r"ACCEPT .*:\d+\n", server.out) is not None, "it listens")
        match = re.search(r"ACCEPT .*:(\d+)\n", server.out)
        assert match
        yield int(match[1])


def fetching(reactor: Any, port: int, certificate: str, wrapped: bool) -> list[Any]:
    """Get a file."""

    async def main() -> list[Any]:
        client = await connectProtocol(endpoint(reactor, port, certificate, wrapped), Gathering())
        client.transport.write(b"GET /big HTTP/1.0\r\n\r\n")
        lost = await client.lost
        head, _, body = bytes(client.got).partition(b"\r\n\r\n")
        return [head.split(b"\r\n")[0].decode(), hashlib.sha256(body).hexdigest(), lost]

    return until(reactor, main())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_client_receives_much_and_then_the_end(
    loop: Loop, certificate: str, version: str, wrapped: bool, tmp_path: Path
) -> None:
    """A big file, whole, and then a clean end."""
    (tmp_path / "big").write_bytes(os.urandom(BYTES))
    expected = hashlib.sha256((tmp_path / "big").read_bytes()).hexdigest()
    with listening(certificate, "-WWW", version, cwd=tmp_path) as port:
        found = loop.run(fetching, port, certificate, wrapped)
    assert found == ["HTTP/1.0 200 ok", expected, "ConnectionDone"]


def reversing(reactor: Any, port: int, certificate: str, count: int) -> list[Any]:
    """Send many lines, which come back with their letters in reverse."""

    async def main() -> list[Any]:
        client = await connectProtocol(endpoint(reactor, port, certificate), Gathering())
        lines = [b"%08d" % number for number in range(count)]
        for line in lines:
            client.transport.write(line + b"\n")
        await becomes(reactor, lambda: client.got.count(b"\n") == count)
        same = bytes(client.got).split(b"\n")[:-1] == [line[::-1] for line in lines]
        client.transport.loseConnection()
        return [same, await client.lost]

    return until(reactor, main())


@pytest.mark.parametrize("version", VERSIONS)
def test_many_small_writes_arrive_in_order(
    loop: Loop, certificate: str, version: str, tmp_path: Path
) -> None:
    """Each line that is written comes back."""
    with listening(certificate, "-rev", version, cwd=tmp_path) as port:
        assert loop.run(reversing, port, certificate, 5000) == [True, "ConnectionDone"]


class Interactive:
    """A server that does what its input says, for one client."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.port = int(self.read(rb"ACCEPT .*:(\d+)$"))

    def read(self, pattern: bytes) -> str:
        """Read until a line matches, and give the group of the pattern."""
        assert self._process.stdout is not None
        seen = []
        while line := self._process.stdout.readline():
            seen.append(line)
            if match := re.search(pattern, line.rstrip()):
                return match[1].decode() if match.groups() else match[0].decode()
        raise AssertionError(b"".join(seen).decode())

    def say(self, line: bytes) -> None:
        """Give it a line, which it sends or obeys."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it without a word."""
        self._process.send_signal(signal.SIGKILL)


@contextmanager
def interactive(certificate: str, *options: str) -> Iterator[Interactive]:
    """Start a server that does what its input says, and tells at once that it has done it."""
    with talking("stdbuf", "-oL", *s_server(certificate, *options), together=True) as process:
        yield Interactive(process)


def telling(reactor: Any, port: int, certificate: str) -> list[Any]:
    """Say that it is there, print each line that comes, and give how it ended."""

    async def main() -> list[Any]:
        client = await connectProtocol(endpoint(reactor, port, certificate), Gathering())
        client.transport.write(b"here\n")
        while not client.lost.called:
            await becomes(reactor, lambda: client.lost.called or b"\n" in client.got)
            *lines, rest = bytes(client.got).split(b"\n")
            client.got[:] = rest
            for line in lines:
                announce(line.decode())
                client.transport.write(b"got " + line + b"\n")
        return [await client.lost]

    return until(reactor, main())


def talk(loop: Loop, certificate: str, version: str, orders: list[bytes]) -> list[Any]:
    """Let a client talk to a server that says a word after each order, until it is killed; give its end.

    Args:
        loop: the reactor of the client.
        certificate: of the server.
        version: of TLS.
        orders: for the server, or nothing.
    """
    with (
        interactive(certificate, version) as server,
        loop.start(telling, server.port, certificate) as client,
    ):
        server.read(b"^here$")
        for number, order in enumerate(orders):
            if order:
                server.say(order)
                server.read(b"^SSL_do_handshake -> 1$")
            server.say(b"word %d" % number)
            server.read(b"^got word %d$" % number)
            assert client.line(number) == f"word {number}"
        server.kill()
        outcome = client.wait()
    assert (outcome.status, outcome.err) == (0, "")
    ended: list[Any] = json.loads(outcome.out.splitlines()[len(orders)])
    return ended


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_is_told_of_an_end_without_close_notify(loop: Loop, certificate: str, version: str) -> None:
    """Of a server that is killed. What ends with a close-notify is tested above."""
    assert talk(loop, certificate, version, [b"", b""]) == ["ConnectionLost"]


def test_a_server_may_renegotiate(loop: Loop, certificate: str) -> None:
    """What a server of TLS 1.2 asks for is done by OpenSSL beneath Twisted."""
    assert talk(loop, certificate, "-tls1_2", [b"r", b"r"]) == ["ConnectionLost"]


def test_a_server_may_renew_the_keys(loop: Loop, certificate: str) -> None:
    """Of TLS 1.3, its own and those of both directions."""
    assert talk(loop, certificate, "-tls1_3", [b"k", b"K", b"k", b"K"]) == ["ConnectionLost"]


def distrusting(reactor: Any, port: int, certificate: str) -> list[Any]:
    """Expect another certificate."""

    async def main() -> list[Any]:
        options = optionsForClientTLS("another.example", Certificate.loadPEM(Path(certificate).read_bytes()))
        client = await connectProtocol(SSL4ClientEndpoint(reactor, LOCAL, port, options), Gathering())
        client.transport.write(b"never sent\n")
        return [await client.lost, client.got.decode()]

    return until(reactor, main())


def test_a_client_refuses_the_certificate_of_another(loop: Loop, certificate: str, tmp_path: Path) -> None:
    """It sends nothing then."""
    with listening(certificate, "-rev", cwd=tmp_path) as port:
        assert loop.run(distrusting, port, certificate) == ["VerificationError", ""]
