"""`twistd`: daemons, their files and their end, and programs that read their configuration again."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.reactors import Loop, twisted_command
from tests.reactors.running import Running, eventually

#: A program that answers with what its configuration says, and reads that again when it gets a SIGHUP.
APPLICATION = """
    import signal
    from pathlib import Path
    from twisted.application.internet import TCPServer
    from twisted.application.service import Application, Service
    from twisted.internet.protocol import Factory, Protocol
    from twisted.python import log

    class Answer(Protocol):
        def connectionMade(self):
            self.transport.write(self.factory.answer.encode())
            self.transport.loseConnection()

    class Configured(Service):
        def read(self):
            factory.answer = Path("configuration").read_text()
            log.msg("configuration: " + factory.answer)

        def startService(self):
            from twisted.internet import reactor
            signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(self.read))
            self.read()
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
            # Not before: until the reactor runs, it does not handle signals.
            reactor.callWhenRunning(self.tell, port.getHost().port)

        def tell(self, port):
            Path("port.new").write_text(str(port))
            Path("port.new").rename("port")

        def stopService(self):
            Path("stopped").write_text("by stopService")

    factory = Factory.forProtocol(Answer)
    application = Application("answering")
    Configured().setServiceParent(application)
    """


def write_application(folder: Path) -> None:
    """Write the program and its configuration."""
    (folder / "application.tac").write_text(textwrap.dedent(APPLICATION))
    (folder / "configuration").write_text("first")


def port_of(folder: Path, log: Path | None = None) -> int:
    """Wait until the program listens, and give its port."""
    file = folder / "port"
    eventually(file.exists, f"the program listens\n{log.read_text() if log and log.exists() else ''}")
    return int(file.read_text())


def answer(port: int) -> str:
    """Ask the program."""
    with socket.create_connection(("127.0.0.1", port), timeout=100) as connection:
        return connection.makefile().read()


def alive(pid: int) -> bool:
    """Say whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A daemon whose end nobody has asked for yet is not there any more.
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


@contextmanager
def daemon(loop: Loop, folder: Path) -> Iterator[int]:
    """Start the program as a daemon, and give its process."""
    write_application(folder)
    files = [f"--pidfile={folder / 'pid'}", f"--logfile={folder / 'log'}", f"--rundir={folder}"]
    with loop.twisted("twistd", *files, "--python=application.tac", cwd=folder) as starting:
        outcome = starting.wait()
        assert (outcome.status, outcome.err) == (0, "")
        pid = int((folder / "pid").read_text())
        try:
            yield pid
        finally:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def test_a_daemon_serves_and_ends_after_sigterm(loop: Loop, tmp_path: Path) -> None:
    """It runs on when its starter has ended, serves, logs, and is gone with its file after a SIGTERM."""
    log = tmp_path / "log"
    with daemon(loop, tmp_path) as pid:
        port = port_of(tmp_path, log)
        assert [answer(port) for _ in range(3)] == ["first"] * 3
        assert os.getsid(pid) != os.getsid(0)
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not alive(pid), "the daemon ends")
    text = log.read_text()
    assert f"reactor class: {loop.kind}." in text
    assert "Received SIGTERM, shutting down." in text
    assert "Main loop terminated." in text
    assert "Server Shut Down." in text
    assert "Traceback" not in text
    assert (tmp_path / "stopped").exists()
    assert not (tmp_path / "pid").exists()


def test_a_daemon_reloads_its_configuration_after_sighup(loop: Loop, tmp_path: Path) -> None:
    """A SIGHUP makes a daemon read its configuration again, as often as it comes, without a pause."""
    with daemon(loop, tmp_path) as pid:
        port = port_of(tmp_path, tmp_path / "log")
        for text in ("second", "third", "fourth"):
            (tmp_path / "configuration").write_text(text)
            os.kill(pid, signal.SIGHUP)
            eventually(lambda text=text: answer(port) == text, text)  # type: ignore[misc]
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not alive(pid), "the daemon ends")
    said = [
        line.split("configuration: ")[1]
        for line in (tmp_path / "log").read_text().splitlines()
        if "configuration: " in line
    ]
    assert said == ["first", "second", "third", "fourth"]


def test_a_second_daemon_is_refused(loop: Loop, tmp_path: Path) -> None:
    """The file with the process of the first one is honoured."""
    with daemon(loop, tmp_path) as pid:
        port_of(tmp_path, tmp_path / "log")
        files = [f"--pidfile={tmp_path / 'pid'}", f"--logfile={tmp_path / 'log'}"]
        with loop.twisted("twistd", *files, "--python=application.tac", cwd=tmp_path) as second:
            outcome = second.wait()
        assert outcome.status == 1
        assert "Another twistd server is running" in outcome.out + outcome.err
        assert alive(pid)


def foreground(loop: Loop, folder: Path) -> Running:
    """Start the program in the foreground."""
    write_application(folder)
    return loop.twisted("twistd", "--nodaemon", "--pidfile=", "--python=application.tac", cwd=folder)


def test_twistd_ends_by_the_signal_that_it_received(loop: Loop, tmp_path: Path) -> None:
    """After an orderly end the process ends by the signal itself, as its starter expects."""
    for number in (signal.SIGTERM, signal.SIGINT):
        folder = tmp_path / number.name
        folder.mkdir()
        with foreground(loop, folder) as process:
            process.until((folder / "port").exists, "it listens")
            process.send(number)
            outcome = process.wait()
        assert outcome.status == -number
        assert f"Received {number.name}, shutting down." in outcome.out
        assert (folder / "stopped").exists()


def test_twistd_web_serves_a_folder(loop: Loop, tmp_path: Path) -> None:
    """`twistd web` on this reactor gives files and listings."""
    (tmp_path / "page.html").write_text("<p>a page</p>")
    (tmp_path / "big").write_bytes(os.urandom(3_000_000))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    words = ["--nodaemon", "--pidfile=", "web", "--path", ".", "--listen", f"tcp:{port}:interface=127.0.0.1"]
    with loop.twisted("twistd", *words, cwd=tmp_path) as server:
        server.until(lambda: "starting on" in server.out, "it listens")
        assert f"reactor class: {loop.kind}." in server.out
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
        answers = {}
        for path in ("/page.html", "/big", "/none", "/"):
            connection.request("GET", path)
            response = connection.getresponse()
            answers[path] = (response.status, response.read())
        connection.close()
        assert answers["/page.html"] == (200, b"<p>a page</p>")
        assert answers["/big"] == (200, (tmp_path / "big").read_bytes())
        assert answers["/none"][0] == 404
        assert b"page.html" in answers["/"][1]
        server.send(signal.SIGTERM)
        assert server.wait().status == -signal.SIGTERM


def test_twistd_without_an_option_runs_on_the_default_reactor(loop: Loop, tmp_path: Path) -> None:
    """twistd runs on Twisted's reactor for this system, and where DEFERROUS=1 is set on ours."""
    write_application(tmp_path)
    words = ["--nodaemon", "--pidfile=", "--python=application.tac"]
    on = None if loop.name == "epoll" else "1"
    with twisted_command("twistd", *words, cwd=tmp_path, DEFERROUS=on) as process:
        process.until((tmp_path / "port").exists, "it listens")
        assert answer(port_of(tmp_path)) == "first"
        process.send(signal.SIGTERM)
        outcome = process.wait()
    assert outcome.status == -signal.SIGTERM
    assert f"reactor class: {loop.kind}." in outcome.out


def test_twistd_lists_the_reactor(loop: Loop, tmp_path: Path) -> None:
    """`twistd --help-reactors` knows it, with a description."""
    with twisted_command("twistd", "--help-reactors", cwd=tmp_path) as process:
        outcome = process.wait()
    assert outcome.status == 0
    (line,) = [line for line in outcome.out.splitlines() if line.split()[:1] == [loop.option]]
    assert len(line.split()) > 1
