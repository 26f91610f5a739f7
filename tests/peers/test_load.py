"""wrk and h2load: `twistd -n web` under load, with TLS and without, answers everything and keeps nothing."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.ssl import PrivateCertificate
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.peers.commands import LOCAL, run, serving
from tests.peers.inside import serve
from tests.peers.tools import needs
from tests.reactors import Loop
from tests.reactors.running import Running

#: For how many seconds wrk asks, and how many requests h2load makes.
SECONDS = float(os.environ.get("DEFERROUS_WRK_SECONDS", "2"))
REQUESTS = int(os.environ.get("DEFERROUS_H2LOAD_REQUESTS", "3000"))
CONNECTIONS = 32
PAGE = b"<p>a page</p>" * 100


def descriptors_of(pid: int) -> int:
    """Count the descriptors of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_of(pid: int) -> int:
    """Give the kilobytes of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


@contextmanager
def twistd_web(loop: Loop, folder: Path, listen: str) -> Iterator[tuple[Running, int]]:
    """Start `twistd -n web` on a folder, give it with its port, and let it end in order."""
    words = ["--nodaemon", "--pidfile=", "web", "--path", ".", "--logfile", os.devnull, "--listen", listen]
    on = None if loop.name == "epoll" else "1"
    patience = SECONDS * 2 + 120
    with loop.twisted("twistd", *words, cwd=folder, patience=patience, DEFERROUS=on) as server:
        server.until(lambda: "starting on" in server.out, "it listens")
        assert f"reactor class: {loop.kind}." in server.out
        yield server, int(server.out.split("starting on ")[1].split()[0])
        server.send(signal.SIGTERM)
        outcome = server.wait()
    assert (outcome.status, outcome.err) == (-signal.SIGTERM, "")
    assert "Traceback" not in outcome.out


@needs("wrk")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_twistd_web_answers_wrk_without_an_error(
    loop: Loop, scheme: str, certificate: str, tmp_path: Path
) -> None:
    """Every answer is a page, no connection is lost, and descriptors and memory are as before."""
    (tmp_path / "page.html").write_bytes(PAGE)
    kinds = {"http": "tcp:0", "https": f"ssl:0:privateKey={certificate}"}
    with twistd_web(loop, tmp_path, f"{kinds[scheme]}:interface={LOCAL}") as (server, port):
        address = f"{scheme}://{LOCAL}:{port}/page.html"

        def ask(seconds: float) -> str:
            options = ["-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds:.0f}s", "--timeout", "60s"]
            return run("wrk", *options, address, patience=seconds * 2 + 60).out.decode()

        descriptors = descriptors_of(server.pid)
        ask(1)
        resident = resident_of(server.pid)
        said = ask(SECONDS)
        server.until(lambda: descriptors_of(server.pid) == descriptors, "connections are closed")
        assert resident_of(server.pid) - resident < 20_000
    match = re.search(r"(\d+) requests in .*, ([\d.]+)([KMG])B read", said)
    assert match, said
    requests, read = int(match[1]), float(match[2]) * 1024 ** ("KMG".index(match[3]) + 1)
    assert requests > 100
    assert read > requests * len(PAGE) * 0.99
    assert "Non-2xx" not in said
    assert "Socket errors" not in said
    print(f"wrk, {scheme}, {loop.name}: {requests} requests in {SECONDS:.0f} s")


class Page(Resource):
    """A page."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        """Give it."""
        return PAGE


def http_server(reactor: Any, certificate: str) -> list[Any]:
    """Serve HTTP, and HTTP/1.1 or HTTP/2 over TLS."""
    site: Any = Site(Page())
    options: Any = PrivateCertificate.loadPEM(Path(certificate).read_text()).options()
    secure = reactor.listenSSL(0, site, options, interface=LOCAL)
    return serve(reactor, reactor.listenTCP(0, site, interface=LOCAL), secure)


def h2load(loop: Loop, certificate: str, scheme: str, *options: str) -> str:
    """Let h2load ask, and give what it says."""
    with serving(loop, http_server, certificate) as server:
        address = f"{scheme}://{LOCAL}:{server.addresses[scheme == 'https']}/"
        said = run("h2load", "-n", str(REQUESTS), "-c", str(CONNECTIONS), *options, address).out.decode()
    assert f"{REQUESTS} done, {REQUESTS} succeeded, 0 failed, 0 errored, 0 timeout" in said
    assert f"status codes: {REQUESTS} 2xx, 0 3xx, 0 4xx, 0 5xx" in said
    return said


@needs("h2load")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_h2load_gets_every_answer_by_http_1(loop: Loop, certificate: str, scheme: str) -> None:
    """Over many connections, with TLS and without."""
    assert "Application protocol: http/1.1" in h2load(loop, certificate, scheme, "--h1")


@needs("h2load", "h2")
def test_h2load_gets_every_answer_by_http_2(loop: Loop, certificate: str) -> None:
    """Over many connections, each of which has ten requests at the same time."""
    assert "Application protocol: h2" in h2load(loop, certificate, "https", "-m", "10")
