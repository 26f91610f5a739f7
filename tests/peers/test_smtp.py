"""SMTP: Python's smtplib, swaks and curl with a server of Twisted, and Twisted's client with aiosmtpd."""

from __future__ import annotations

import asyncio
import hashlib
import random
import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, succeed
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS
from twisted.mail import smtp
from twisted.mail.imap4 import LOGINCredentials, PLAINCredentials
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.peers.commands import BYTES, LOCAL, Server, run, serving
from tests.peers.inside import serve
from tests.peers.tools import needs
from tests.reactors import Loop
from tests.reactors.inside import gathered, until


def text_of(size: int) -> bytes:
    """Give a message of about this size, with lines that begin with points."""
    randomly = random.Random(size)
    lines = [b"From: me", b"To: you", b"Subject: much", b"", b".", b"..", b""]
    while size > 0:
        lines.append(b"." * randomly.randrange(3) + randomly.randbytes(30).hex().encode())
        size -= len(lines[-1]) + 2
    return b"\r\n".join([*lines, b""])


def digest_of(message: bytes) -> str:
    """Give a digest that does not depend on how lines end, nor on empty ones at the end."""
    return hashlib.sha256(b"\n".join(message.splitlines()).rstrip()).hexdigest()


@implementer(smtp.IMessage)
class Message:
    """Keeps the lines of a message, and notes for whom it was and what."""

    def __init__(self, notes: list[Any], user: str) -> None:
        self.notes, self.user = notes, user
        self.lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        """Keep it."""
        self.lines.append(line)

    def eomReceived(self) -> Any:
        """Note it. The first line is that of the server."""
        self.notes.append([self.user, digest_of(b"\n".join(self.lines[1:]))])
        return succeed(None)

    def connectionLost(self) -> None:
        """Note that it is not whole."""
        self.notes.append([self.user, "lost"])


@implementer(smtp.IMessageDelivery)
class Delivery:
    """Takes messages for everybody but one."""

    def __init__(self, notes: list[Any]) -> None:
        self.notes = notes

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        """Give the first line."""
        return b"Received: by a test"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        """Everybody may send."""
        return origin

    def validateTo(self, user: Any) -> Any:
        """Nobody gets nothing."""
        if user.dest.local == b"nobody":
            raise smtp.SMTPBadRcpt(user)
        return lambda: Message(self.notes, str(user.dest))


class Realm:
    """Has one kind of user."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        """Give what takes messages."""
        return smtp.IMessageDelivery, self.delivery, lambda: None


def smtp_server(reactor: Any, certificate: str) -> list[Any]:
    """Serve, with STARTTLS and passwords, and give the messages."""
    notes: list[Any] = []
    delivery = Delivery(notes)
    checker: Any = InMemoryUsernamePasswordDatabaseDontUse()
    checker.addUser(b"user", b"secret")
    options = PrivateCertificate.loadPEM(Path(certificate).read_text()).options()

    class Factory(smtp.SMTPFactory):
        def buildProtocol(self, addr: Any) -> Any:
            made: Any = smtp.ESMTP({b"LOGIN": LOGINCredentials, b"PLAIN": PLAINCredentials}, options)
            made.factory, made.portal, made.delivery = self, self.portal, delivery
            made.host = b"localhost"
            return made

    factory: Any = Factory(Portal(Realm(delivery), [checker]))  # type: ignore[arg-type]
    return serve(reactor, reactor.listenTCP(0, factory, interface=LOCAL), notes=notes)


@pytest.fixture
def server(loop: Loop, certificate: str) -> Iterator[Server]:
    """Give a server of SMTP, which has to end in order."""
    with serving(loop, smtp_server, certificate) as server:
        yield server


@pytest.mark.parametrize("secure", [False, True])
def test_smtplib_sends_messages(server: Server, certificate: str, secure: bool) -> None:
    """Many in one connection, a large one, and one that is refused for one of two."""
    messages = [text_of(size) for size in (0, 100, 5000, 100, BYTES // 4)]
    with smtplib.SMTP(LOCAL, server.port, timeout=100) as client:
        if secure:
            client.starttls(context=trusting(certificate))
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("user", "wrong")
            client.login("user", "secret")
        for message in messages:
            assert client.sendmail("me@localhost", ["you@localhost"], message) == {}
        refused = client.sendmail("me@localhost", ["you@localhost", "nobody@localhost"], messages[0])
        assert list(refused) == ["nobody@localhost"]
    expected = [["you@localhost", digest_of(message)] for message in [*messages, messages[0]]]
    assert server.stop() == expected


def trusting(certificate: str) -> ssl.SSLContext:
    """Give settings of a client that believes the certificate. The name is that of the address."""
    return ssl.create_default_context(cafile=certificate)


def test_a_client_may_leave_in_the_middle_of_a_message(server: Server) -> None:
    """The message is told so, and others are taken."""
    client = smtplib.SMTP(LOCAL, server.port, timeout=100)
    client.ehlo()
    client.mail("me@localhost")
    client.rcpt("you@localhost")
    client.putcmd("data")
    assert client.getreply()[0] == 354
    client.send(b"half a message\r\n")
    client.close()
    with smtplib.SMTP(LOCAL, server.port, timeout=100) as other:
        other.sendmail("me@localhost", ["you@localhost"], text_of(100))
    assert sorted(server.stop()) == sorted(
        [["you@localhost", "lost"], ["you@localhost", digest_of(text_of(100))]]
    )


@needs("swaks")
def test_swaks_sends_with_tls_and_a_password(server: Server, tmp_path: Path) -> None:
    """It begins TLS, says who it is in both ways, and sends a file."""
    message = text_of(20_000)
    (tmp_path / "message").write_bytes(message)
    for way in ("LOGIN", "PLAIN"):
        words = [
            "--server",
            LOCAL,
            "--port",
            str(server.port),
            "--from",
            "me@localhost",
            "--to",
            "you@localhost",
        ]
        words += ["--tls", "--auth", way, "--auth-user", "user", "--auth-password", "secret"]
        run("swaks", *words, "--data", f"@{tmp_path / 'message'}", "--suppress-data", cwd=tmp_path)
    assert server.stop() == [["you@localhost", digest_of(message)]] * 2


@needs("curl")
def test_curl_sends_a_message(server: Server, certificate: str) -> None:
    """With TLS that it insists on."""
    message = text_of(20_000)
    words = [
        "--ssl-reqd",
        "--cacert",
        certificate,
        "--mail-from",
        "me@localhost",
        "--mail-rcpt",
        "you@localhost",
    ]
    run(
        "curl",
        "-sS",
        *words,
        "--user",
        "user:secret",
        "-T",
        "-",
        f"smtp://{LOCAL}:{server.port}",
        stdin=message,
    )
    assert server.stop() == [["you@localhost", digest_of(message)]]


@contextmanager
def aiosmtpd_server(certificate: str) -> Iterator[tuple[int, list[Any]]]:
    """Serve by aiosmtpd, in a thread of this process; give the port and the messages."""
    from aiosmtpd.smtp import SMTP, AuthResult

    messages: list[Any] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            messages.append([envelope.rcpt_tos, digest_of(envelope.content)])
            return "250 taken"

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        right = (data.login, data.password) == (b"user", b"secret")
        return AuthResult(success=right, handled=False)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    def protocol() -> Any:
        size = BYTES * 4
        return SMTP(
            Handler(),
            hostname="localhost",
            tls_context=context,
            authenticator=authenticate,
            data_size_limit=size,
        )

    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(loop.create_server(protocol, LOCAL, 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield listening.sockets[0].getsockname()[1], messages
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()


def sending(reactor: Any, port: int, certificate: str, sizes: list[int], password: str) -> list[Any]:
    """Send messages at the same time, each by its own connection, with TLS and a password."""

    async def main() -> list[Any]:
        trusted = optionsForClientTLS("localhost", Certificate.loadPEM(Path(certificate).read_bytes()))
        sent: list[Deferred[Any]] = [Deferred() for _ in sizes]
        for size, each in zip(sizes, sent, strict=True):
            factory: Any = smtp.ESMTPSenderFactory(
                b"user",
                password.encode(),
                "me@localhost",
                f"you-{size}@localhost",
                BytesIO(text_of(size).replace(b"\r\n", b"\n")),
                each,
                retries=0,
                contextFactory=trusted,
                hostname="localhost",
            )
            reactor.connectTCP(LOCAL, port, factory)
        try:
            return [result[0] for result in await gathered(sent)]
        except Exception as error:
            return [type(error).__name__]

    return until(reactor, main())


@needs("aiosmtpd")
def test_a_client_sends_messages_to_aiosmtpd(loop: Loop, certificate: str) -> None:
    """Several at the same time, with TLS and a password; a wrong password is an error."""
    sizes = [0, 100, 5000, BYTES // 8]
    with aiosmtpd_server(certificate) as (port, messages):
        assert loop.run(sending, port, certificate, sizes, "secret") == [1] * len(sizes)
        assert sorted(messages) == sorted(
            [[f"you-{size}@localhost"], digest_of(text_of(size))] for size in sizes
        )
        assert loop.run(sending, port, certificate, [0], "wrong") == ["AUTHDeclinedError"]
