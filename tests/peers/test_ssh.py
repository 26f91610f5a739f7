"""OpenSSH with a server of conch, and conch's client with OpenSSH's server and with conch's."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from typing import Any

import pytest

from tests.peers.tools import needs

pytest.importorskip("bcrypt", reason="bcrypt is missing: `make peers` installs Twisted[conch]")

from twisted.conch.avatar import ConchUser
from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.conch.client.knownhosts import KnownHostsFile
from twisted.conch.endpoints import SSHCommandClientEndpoint
from twisted.conch.interfaces import ISession, ISFTPServer
from twisted.conch.ssh import filetransfer, forwarding, keys, session
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.unix import SFTPServerForUnixConchUser
from twisted.cred.portal import Portal
from twisted.internet.endpoints import connectProtocol
from twisted.python.components import registerAdapter
from twisted.python.filepath import FilePath
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.children import environment
from tests.peers.commands import BYTES, LOCAL, run, serving, words_of
from tests.peers.inside import Gathering, serve
from tests.reactors import Loop
from tests.reactors.inside import becomes, until

pytestmark = needs("ssh", "ssh-keygen")


class Avatar(ConchUser):
    """A user who may run commands, move files and connect to elsewhere, as whoever the server runs as."""

    def __init__(self, reactor: Any, home: str) -> None:
        super().__init__()
        self.reactor, self.home = reactor, home
        self.channelLookup[b"session"] = session.SSHSession
        self.channelLookup[b"direct-tcpip"] = forwarding.openConnectForwardingClient
        self.subsystemLookup[b"sftp"] = filetransfer.FileTransferServer

    def getHomeDir(self) -> FilePath[str]:
        """Give the folder of the user."""
        return FilePath(self.home)

    def _runAsUser(self, calls: Any, *arguments: Any, **options: Any) -> Any:
        if callable(calls):
            return calls(*arguments, **options)
        results = [call(*rest[0] if rest else ()) for call, *rest in calls]
        return results[-1]


@implementer(ISession)
class Commands:
    """Runs what a client says, in the folder of the user."""

    def __init__(self, avatar: Avatar) -> None:
        self.avatar = avatar
        self.process: Any = None

    def execCommand(self, protocol: Any, command: bytes) -> None:
        """Run it by a shell."""
        words = [b"/bin/sh", b"-c", command]
        spawn = self.avatar.reactor.spawnProcess
        self.process = spawn(protocol, words[0], words, env=os.environ, path=self.avatar.home)

    def eofReceived(self) -> None:
        """Nothing more comes."""
        if self.process:
            self.process.closeStdin()

    def closed(self) -> None:
        """The client is gone, and so is the command."""
        if self.process and self.process.pid:
            self.process.signalProcess("KILL")


class Realm:
    """Has one user."""

    def __init__(self, reactor: Any, home: str) -> None:
        self.reactor, self.home = reactor, home

    def requestAvatar(self, username: Any, mind: Any, *interfaces: Any) -> Any:
        """Give it."""
        return interfaces[0], Avatar(self.reactor, self.home), lambda: None


def conch_server(reactor: Any, folder: str) -> list[Any]:
    """Serve SSH for one key."""
    host, user = (keys.Key.fromFile(os.path.join(folder, name)) for name in ("host", "user"))
    registerAdapter(Commands, Avatar, ISession)
    registerAdapter(SFTPServerForUnixConchUser, Avatar, ISFTPServer)

    class Making(SSHFactory):
        def getPublicKeys(self) -> Any:
            return {b"ssh-ed25519": host.public()}

        def getPrivateKeys(self) -> Any:
            return {b"ssh-ed25519": host}

        def getPrimes(self) -> None:
            return None

    factory: Any = Making()
    known: Any = InMemorySSHKeyDB({getuser().encode(): [user.public()]})
    checker: Any = SSHPublicKeyChecker(known)
    factory.portal = Portal(Realm(reactor, os.path.join(folder, "home")), [checker])  # type: ignore[arg-type]
    return serve(reactor, reactor.listenTCP(0, factory, interface=LOCAL))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with keys, and with the folder of the user."""
    made: Path = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made / name))
    (made / "home").mkdir()
    return made


class OpenSSH:
    """Runs OpenSSH's clients."""

    def __init__(self, port: int, folder: Path, temporary: Path) -> None:
        self.folder, self._port = folder, port
        host = " ".join((folder / "host.pub").read_text().split()[:2])
        known = temporary / "known"
        # conch looks for addresses without a port.
        known.write_text(f"[{LOCAL}]:{port} {host}\n{LOCAL} {host}\n")
        chosen = {
            "UserKnownHostsFile": known,
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "IdentityFile": folder / "user",
            "BatchMode": "yes",
        }
        self.options = [word for name, value in chosen.items() for word in ("-o", f"{name}={value}")]

    def command(self, *words: str) -> list[str]:
        """Give the command of `ssh` with what follows the address."""
        options = [word for word in words if word.startswith("-")]
        rest = [word for word in words if not word.startswith("-")]
        return ["ssh", "-F", "none", *self.options, *options, "-p", str(self._port), LOCAL, *rest]

    def sftp(self, batch: str, cwd: Path, status: int = 0) -> str:
        """Run the lines of a batch."""
        words = ["sftp", "-F", "none", *self.options, "-P", str(self._port), "-b", "-", LOCAL]
        return run(*words, stdin=batch.encode(), cwd=cwd, status=status).out.decode()


@pytest.fixture
def openssh(loop: Loop, folder: Path, tmp_path: Path) -> Iterator[OpenSSH]:
    """Give OpenSSH's clients with a server of conch, which has to end in order."""
    with serving(loop, conch_server, str(folder)) as server:
        yield OpenSSH(server.port, folder, tmp_path)


def test_ssh_runs_commands(openssh: OpenSSH) -> None:
    """Their output, errors and statuses come back, one after the other and at the same time."""
    result = run(*openssh.command("echo said; echo complained >&2; exit 3"), status=3)
    assert (result.out, result.err) == (b"said\n", "complained\n")
    together = [
        subprocess.Popen(
            words_of(openssh.command(f"sleep 0.1; echo {number}")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        for number in range(8)
    ]
    outputs = [process.communicate(timeout=100)[0] for process in together]
    assert outputs == [b"%d\n" % number for number in range(8)]


def test_ssh_moves_much_both_ways(openssh: OpenSSH) -> None:
    """Through a command that gives back what it gets, with new keys in the middle."""
    data = os.urandom(BYTES // 2)
    assert run(*openssh.command("cat"), stdin=data).out == data
    command = openssh.command("cat")
    command[1:1] = ["-o", f"RekeyLimit={max(BYTES // 8, 1 << 20)}"]
    assert run(*command, stdin=data).out == data


def test_ssh_forwards_a_connection(openssh: OpenSSH) -> None:
    """To a server that the server connects to."""
    data = os.urandom(200_000)
    with socket.create_server((LOCAL, 0)) as listening:

        def answer() -> None:
            peer, _ = listening.accept()
            with peer:
                left = len(data)
                while left:
                    piece = peer.recv(1 << 16)
                    peer.sendall(piece)
                    left -= len(piece)

        thread = threading.Thread(target=answer)
        thread.start()
        port = listening.getsockname()[1]
        command = openssh.command()
        command[1:1] = ["-W", f"{LOCAL}:{port}"]
        assert run(*command, stdin=data).out == data
        thread.join()


@needs("sftp")
def test_sftp_moves_renames_and_deletes(openssh: OpenSSH, tmp_path: Path) -> None:
    """Files and folders, and lists them."""
    home, data = openssh.folder / "home", os.urandom(BYTES // 2)
    (tmp_path / "data").write_bytes(data)
    openssh.sftp("mkdir folder\nput data folder/data\nrename folder/data folder/renamed\n", tmp_path)
    assert (home / "folder" / "renamed").read_bytes() == data
    assert "renamed" in openssh.sftp("ls -l folder\n", tmp_path)
    openssh.sftp("get folder/renamed back\nrm folder/renamed\nrmdir folder\n", tmp_path)
    assert (tmp_path / "back").read_bytes() == data
    assert list(home.iterdir()) == []
    openssh.sftp("get none\n", tmp_path, status=1)


def test_a_strange_key_is_refused(openssh: OpenSSH, tmp_path: Path) -> None:
    """Its owner runs nothing."""
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "strange"))
    command = [
        word.replace(str(openssh.folder / "user"), str(tmp_path / "strange"))
        for word in openssh.command("id")
    ]
    result = run(*command, status=255)
    assert result.out == b""
    assert "Permission denied (publickey)" in result.err


def test_ssh_may_be_killed_in_the_middle(openssh: OpenSSH) -> None:
    """The command that it runs ends, and the server goes on."""
    for _ in range(3):
        with subprocess.Popen(
            words_of(openssh.command("cat /dev/zero")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=environment(),
        ) as process:
            assert process.stdout is not None
            assert process.stdout.read(100_000) == bytes(100_000)
            process.kill()
    assert run(*openssh.command("echo there")).out == b"there\n"


def conch_client(reactor: Any, port: int, folder: str, known: str, count: int) -> list[Any]:
    """Run commands: one that says much, and one that gives back what it gets."""
    key = keys.Key.fromFile(os.path.join(folder, "user"))

    def endpoint(command: bytes) -> Any:
        connection: Any = SSHCommandClientEndpoint.newConnection
        user, hosts = getuser().encode(), KnownHostsFile.fromPath(FilePath(known))
        return connection(reactor, command, user, LOCAL.encode(), port, keys=[key], knownHosts=hosts)

    async def main() -> list[Any]:
        much = await connectProtocol(endpoint(b"head -c %d /dev/zero" % count), Gathering())
        found: list[Any] = [await much.lost, len(much.got)]
        failing = await connectProtocol(endpoint(b"exit 3"), Gathering())
        found.append(await failing.lost)
        mirror = await connectProtocol(endpoint(b"cat"), Gathering())
        data = bytes(range(256)) * (count // 256)
        mirror.transport.write(data)
        # An end would overtake what waits for room.
        await becomes(reactor, lambda: len(mirror.got) == len(data))
        mirror.transport.conn.sendEOF(mirror.transport)
        found += [await mirror.lost, hashlib.sha256(mirror.got).hexdigest()]
        return found

    return until(reactor, main())


def expect_much(loop: Loop, port: int, folder: Path, temporary: Path) -> None:
    """Let conch's client run its commands."""
    OpenSSH(port, folder, temporary)
    count = BYTES // 2 // 256 * 256
    found = loop.run(conch_client, port, str(folder), str(temporary / "known"), count)
    digest = hashlib.sha256(bytes(range(256)) * (count // 256)).hexdigest()
    assert found == ["ConnectionDone", count, "ProcessTerminated", "ConnectionDone", digest]


def test_a_client_runs_commands_on_conch(loop: Loop, folder: Path, tmp_path: Path) -> None:
    """Much comes and goes, and a status that is an error is one."""
    with serving(loop, conch_server, str(folder)) as server:
        expect_much(loop, server.port, folder, tmp_path)


@contextmanager
def openssh_server(folder: Path) -> Iterator[int]:
    """Start OpenSSH's server for each connection, and give the port. Where it cannot be, skip the test."""
    configuration = folder / "sshd_config"
    configuration.write_text(
        f"HostKey {folder / 'host'}\nAuthorizedKeysFile {folder / 'user.pub'}\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\nLogLevel ERROR\n"
    )
    checked = run("sshd", "-t", "-f", str(configuration), status=None)
    if checked.status:
        pytest.skip(f"OpenSSH's server cannot be started: {checked.err.strip()}")
    started: list[subprocess.Popen[bytes]] = []
    command = words_of(["sshd", "-i", "-e", "-f", str(configuration)])
    with socket.create_server((LOCAL, 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                with peer:
                    started.append(
                        subprocess.Popen(
                            command, stdin=peer.fileno(), stdout=peer.fileno(), env=environment()
                        )
                    )

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for process in started:
                process.terminate()
                process.wait()


@needs("sshd")
def test_a_client_runs_commands_on_openssh(loop: Loop, folder: Path, tmp_path: Path) -> None:
    """Much comes and goes, and a status that is an error is one."""
    with openssh_server(folder) as port:
        expect_much(loop, port, folder, tmp_path)
