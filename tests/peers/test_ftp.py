"""FTP: curl, lftp and Python's ftplib with a server of Twisted, and Twisted's client with two servers."""

from __future__ import annotations

import ftplib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.protocols.ftp import FTPClient, FTPFactory, FTPFileListProtocol, FTPRealm

from tests import logs
from tests.peers.commands import BYTES, LOCAL, Server, run, serving
from tests.peers.inside import Gathering, serve
from tests.peers.tools import needs
from tests.reactors import Loop
from tests.reactors.inside import until


def ftp_server(reactor: Any, folder: str) -> list[Any]:
    """Serve the folders of users that are in this one."""
    # Twisted logs an error for each client that leaves in the middle.
    logs.begin()
    checker: Any = InMemoryUsernamePasswordDatabaseDontUse()
    checker.addUser("user", "secret")
    realm: Any = FTPRealm(folder, userHome=folder)
    factory: Any = FTPFactory(Portal(realm, [checker]))
    return serve(reactor, reactor.listenTCP(0, factory, interface=LOCAL))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give the folder of the user, with a file."""
    made = tmp_path / "served" / "user"
    made.mkdir(parents=True)
    (made / "big").write_bytes(os.urandom(BYTES))
    return made


@pytest.fixture
def server(loop: Loop, home: Path) -> Iterator[Server]:
    """Give a server of FTP, which has to end in order."""
    with serving(loop, ftp_server, str(home.parent)) as server:
        yield server


@needs("curl")
@pytest.mark.parametrize("mode", [[], ["--ftp-port", LOCAL]], ids=["passive", "active"])
def test_curl_moves_files(server: Server, home: Path, mode: list[str]) -> None:
    """In both modes, both ways, and lists them; a wrong password is refused."""
    base = f"ftp://user:secret@{LOCAL}:{server.port}"
    big = (home / "big").read_bytes()
    assert run("curl", "-sS", *mode, f"{base}/big").out == big
    run("curl", "-sS", *mode, "-T", "-", f"{base}/new", stdin=big)
    assert (home / "new").read_bytes() == big
    listed = run("curl", "-sS", *mode, f"{base}/").out.splitlines()
    assert sorted(line.split()[-1] for line in listed) == [b"big", b"new"]
    run("curl", "-sS", f"ftp://user:wrong@{LOCAL}:{server.port}/big", status=67)


@needs("lftp")
def test_lftp_mirrors_folders(server: Server, home: Path, tmp_path: Path) -> None:
    """A folder with folders, several files at the same time, there and back."""
    source = tmp_path / "source"
    for name in ("a", "b/c", "b/d/e"):
        (source / name).mkdir(parents=True)
        for number in range(5):
            (source / name / f"file-{number}").write_bytes(os.urandom(50_000 * number))
    script = (
        # An empty list is one: Twisted has no names of a folder that is not named.
        f"set ftp:list-empty-ok yes; set net:max-retries 2; open -u user,secret ftp://{LOCAL}:{server.port}; "
        "mirror --reverse --parallel=4 source there; mirror --parallel=4 there back; rm -r there; bye"
    )
    run("lftp", "-c", script, cwd=tmp_path)
    files = sorted(path.relative_to(source) for path in source.rglob("file-*"))
    assert len(files) == 15
    assert sorted(path.relative_to(tmp_path / "back") for path in tmp_path.rglob("back/**/file-*")) == files
    assert all((tmp_path / "back" / file).read_bytes() == (source / file).read_bytes() for file in files)
    assert [path.name for path in home.iterdir()] == ["big"]


@pytest.mark.parametrize("passive", [True, False])
def test_ftplib_moves_renames_and_deletes(server: Server, home: Path, passive: bool) -> None:
    """Python's own client."""
    big, got = (home / "big").read_bytes(), io.BytesIO()
    with ftplib.FTP(timeout=100) as client:
        client.connect(LOCAL, server.port)
        client.set_pasv(passive)
        with pytest.raises(ftplib.error_perm):
            client.login("user", "wrong")
        client.login("user", "secret")
        client.retrbinary("RETR big", got.write)
        assert got.getvalue() == big
        client.mkd("folder")
        client.cwd("folder")
        client.storbinary("STOR new", io.BytesIO(big))
        client.rename("new", "renamed")
        assert client.nlst(".") == ["renamed"]
        assert client.size("renamed") == BYTES
        client.delete("renamed")
        client.cwd("..")
        client.rmd("folder")
        assert client.nlst(".") == ["big"]
        with pytest.raises(ftplib.error_perm):
            client.retrbinary("RETR none", got.write)
        client.quit()


def test_a_client_may_leave_in_the_middle_of_a_file(server: Server, home: Path) -> None:
    """Of one that it gets and of one that it sends; the server has nothing left of it."""
    for command in ("RETR big", "STOR part"):
        client = ftplib.FTP(timeout=100)
        client.connect(LOCAL, server.port)
        client.login("user", "secret")
        data = client.transfercmd(command)
        if command.startswith("RETR"):
            assert data.recv(1000)
        else:
            data.sendall(b"x" * 1000)
        client.close()
        data.close()
    with ftplib.FTP(timeout=100) as client:
        client.connect(LOCAL, server.port)
        client.login("user", "secret")
        assert "big" in client.nlst(".")


def ftp_client(reactor: Any, port: int, passive: bool, local: str) -> list[Any]:
    """Send a file, get it back, list the folder, and leave."""

    async def main() -> list[Any]:
        endpoint = TCP4ClientEndpoint(reactor, LOCAL, port)
        client: Any = await connectProtocol(endpoint, FTPClient("user", "secret", passive=passive))
        data = Path(local).read_bytes()
        storing, stored = client.storeFile("new")
        consumer = await storing
        for start in range(0, len(data), 100_000):
            consumer.transport.write(data[start : start + 100_000])
        consumer.finish()
        await stored
        got, listed = Gathering(), FTPFileListProtocol()
        await client.retrieveFile("new", got)
        await client.list(".", listed)
        found = [bytes(got.got) == data, sorted(file["filename"] for file in listed.files)]
        try:
            await client.retrieveFile("none", Gathering())
        except Exception as error:
            found.append(type(error).__name__)
        await client.quit()
        return found

    return until(reactor, main())


@pytest.mark.parametrize("passive", [True, False])
def test_a_client_moves_files(loop: Loop, server: Server, home: Path, passive: bool) -> None:
    """Twisted's client, in both modes, with the server of Twisted."""
    found = loop.run(ftp_client, server.port, passive, str(home / "big"))
    assert found == [True, ["big", "new"], "CommandFailed"]
    assert (home / "new").read_bytes() == (home / "big").read_bytes()
