"""IMAP: Python's imaplib and curl with a server of Twisted, and Twisted's client with it."""

from __future__ import annotations

import imaplib
import random
import ssl
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.endpoints import SSL4ClientEndpoint, TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS
from twisted.mail import imap4

from tests.peers.commands import BYTES, LOCAL, Server, run, serving
from tests.peers.inside import serve
from tests.peers.mailbox import Account
from tests.peers.tools import needs
from tests.reactors import Loop
from tests.reactors.inside import until


def message_of(number: int, size: int = 200) -> bytes:
    """Give a message, whose subject is a number."""
    randomly = random.Random(number)
    lines = [b"From: me@localhost", b"To: you@localhost", b"Subject: message %d" % number, b""]
    lines += [randomly.randbytes(30).hex().encode() for _ in range(size // 62 + 1)]
    return b"\r\n".join([*lines, b""])


class Realm:
    """Has one account."""

    def __init__(self) -> None:
        self.account: Any = Account()

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        """Give it."""
        return imap4.IAccount, self.account, lambda: None


def imap_server(reactor: Any, certificate: str) -> list[Any]:
    """Serve by TCP and by TLS."""
    checker: Any = InMemoryUsernamePasswordDatabaseDontUse()
    checker.addUser(b"user", b"secret")
    portal = Portal(Realm(), [checker])  # type: ignore[arg-type]

    class Making(Factory):
        def buildProtocol(self, addr: Any) -> Any:
            made: Any = imap4.IMAP4Server()
            made.portal, made.factory = portal, self
            return made

    options: Any = PrivateCertificate.loadPEM(Path(certificate).read_text()).options()
    secure = reactor.listenSSL(0, Making(), options, interface=LOCAL)
    return serve(reactor, reactor.listenTCP(0, Making(), interface=LOCAL), secure)


@pytest.fixture
def server(loop: Loop, certificate: str) -> Iterator[Server]:
    """Give a server of IMAP, which has to end in order."""
    with serving(loop, imap_server, certificate) as server:
        yield server


def connected(server: Server, certificate: str, secure: bool) -> imaplib.IMAP4:
    """Connect Python's client."""
    if not secure:
        return imaplib.IMAP4(LOCAL, server.port, timeout=100)
    context = ssl.create_default_context(cafile=certificate)
    return imaplib.IMAP4_SSL(LOCAL, server.addresses[1], ssl_context=context, timeout=100)


@pytest.mark.parametrize("secure", [False, True])
def test_imaplib_stores_reads_and_deletes(server: Server, certificate: str, secure: bool) -> None:
    """Messages, of which one is large, their flags, and folders."""
    messages = [message_of(1), message_of(2), message_of(3, BYTES // 4)]
    with connected(server, certificate, secure) as client:
        with pytest.raises(imaplib.IMAP4.error):
            client.login("user", "wrong")
        client.login("user", "secret")
        assert client.create("folder")[0] == "OK"
        for message in messages:
            # Twisted wants flags.
            assert client.append("folder", r"(\Flagged)", "", message)[0] == "OK"
        assert client.select("folder") == ("OK", [b"3"])
        for number, message in enumerate(messages, 1):
            found: Any = client.fetch(str(number), "(BODY.PEEK[TEXT])")[1]
            assert found[0][1] == message.partition(b"\r\n\r\n")[2]
        client.store("2", "+FLAGS", r"(\Deleted)")
        assert client.search(None, "DELETED")[1] == [b"2"]
        assert client.expunge()[1] == [b"2"]
        found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        subjects = [part[1].split()[-1] for part in found if isinstance(part, tuple)]
        assert subjects == [b"1", b"3"]
        assert client.rename("folder", "renamed")[0] == "OK"
        assert client.status("renamed", "(MESSAGES UIDNEXT)")[1][0].endswith(b"(MESSAGES 2 UIDNEXT 4)")


@needs("curl")
@pytest.mark.parametrize("scheme", ["imap", "imaps"])
def test_curl_stores_and_reads(server: Server, certificate: str, scheme: str, tmp_path: Path) -> None:
    """A message there and back."""
    base = f"{scheme}://localhost:{server.addresses[scheme == 'imaps']}/INBOX"
    curl = ["curl", "-sS", "--ipv4", "--cacert", certificate, "--user", "user:secret"]
    message = message_of(1, 100_000)
    (tmp_path / "message").write_bytes(message)
    run(*curl, "-T", str(tmp_path / "message"), base)
    read = run(*curl, f"{base};MAILINDEX=1;SECTION=TEXT").out
    assert read == message.partition(b"\r\n\r\n")[2]


def imap_client(reactor: Any, port: int, certificate: str | None, count: int) -> list[Any]:
    """Store messages, read them, delete some, and leave."""
    messages = [message_of(number, number * 5000) for number in range(1, count + 1)]

    async def main() -> list[Any]:
        if certificate:
            trusted = Certificate.loadPEM(Path(certificate).read_bytes())
            options = optionsForClientTLS("localhost", trusted)
            endpoint: Any = SSL4ClientEndpoint(reactor, LOCAL, port, options)
        else:
            endpoint = TCP4ClientEndpoint(reactor, LOCAL, port)
        client: Any = await connectProtocol(endpoint, imap4.IMAP4Client())
        await client.login(b"user", b"secret")
        for message in messages:
            await client.append("INBOX", BytesIO(message), [r"\Flagged"])
        found: list[Any] = [(await client.select("INBOX"))["EXISTS"]]
        bodies = await client.fetchBody("1:*")
        texts = [bodies[number]["RFC822.TEXT"] for number in sorted(bodies)]
        found.append(texts == [message.partition(b"\r\n\r\n")[2].decode() for message in messages])
        await client.addFlags("1:2", [r"\Deleted"])
        found.append(sorted(await client.expunge()))
        await client.logout()
        return found

    return until(reactor, main())


@pytest.mark.parametrize("secure", [False, True])
def test_a_client_stores_reads_and_deletes(
    loop: Loop, server: Server, certificate: str, secure: bool
) -> None:
    """Twisted's client, with Twisted's server."""
    port = server.addresses[secure]
    assert loop.run(imap_client, port, certificate if secure else None, 10) == [10, True, [1, 2]]
