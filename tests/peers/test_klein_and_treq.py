"""A server of klein, for curl and treq; and treq as the client of another server."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import deferLater
from twisted.web.client import HTTPConnectionPool
from twisted.web.server import Site

from tests.peers.commands import BYTES, LOCAL, run, serving
from tests.peers.inside import serve
from tests.peers.tools import needs
from tests.reactors import Loop
from tests.reactors.inside import gathered, until

pytestmark = needs("treq", "klein")
#: How many requests are made at the same time, and the pieces of a long answer.
TOGETHER, PIECES, PIECE = 100, 100, b"piece" * 2000


def application(reactor: Any) -> Any:
    """Give the application of klein."""
    from klein import Klein

    app: Any = Klein()

    @app.route("/hello/<name>")  # type: ignore[untyped-decorator]
    def hello(request: Any, name: str) -> str:
        return f"hello {name}"

    @app.route("/later/<int:number>")  # type: ignore[untyped-decorator]
    async def later(request: Any, number: int) -> str:
        await deferLater(reactor, 0.001 * (number % 7))
        return f"later {number}"

    @app.route("/sum", methods=["POST", "PUT"])  # type: ignore[untyped-decorator]
    def sum_of(request: Any) -> str:
        data = request.content.read()
        return f"{len(data)} {hashlib.sha256(data).hexdigest()}"

    @app.route("/pieces")  # type: ignore[untyped-decorator]
    async def pieces(request: Any) -> None:
        for _ in range(PIECES):
            request.write(PIECE)
            await deferLater(reactor, 0)

    @app.route("/never")  # type: ignore[untyped-decorator]
    def never(request: Any) -> Any:
        return Deferred()

    @app.route("/elsewhere")  # type: ignore[untyped-decorator]
    def elsewhere(request: Any) -> bytes:
        request.addCookie("name", "value")
        request.redirect(b"/cookie")
        return b""

    @app.route("/cookie")  # type: ignore[untyped-decorator]
    def cookie(request: Any) -> Any:
        return request.getCookie(b"name") or b"none"

    return app


def klein_server(reactor: Any, certificate: str) -> list[Any]:
    """Serve klein's application by HTTP and HTTPS."""
    site: Any = Site(application(reactor).resource())
    options: Any = PrivateCertificate.loadPEM(Path(certificate).read_text()).options()
    secure = reactor.listenSSL(0, site, options, interface=LOCAL)
    return serve(reactor, reactor.listenTCP(0, site, interface=LOCAL), secure)


@needs("curl")
def test_curl_is_served_by_klein(loop: Loop, certificate: str) -> None:
    """At once, later, in pieces, and what it uploads."""
    data = os.urandom(BYTES)
    with serving(loop, klein_server, certificate) as server:
        for scheme, port in zip(("http", "https"), server.addresses, strict=True):
            curl = ["curl", "-sS", "--ipv4", "--cacert", certificate]
            base = f"{scheme}://localhost:{port}"
            assert run(*curl, f"{base}/hello/curl", f"{base}/later/3").out == b"hello curllater 3"
            assert run(*curl, f"{base}/pieces").out == PIECE * PIECES
            said = run(*curl, "-T", "-", f"{base}/sum", stdin=data).out.decode()
            assert said == f"{BYTES} {hashlib.sha256(data).hexdigest()}"


def asking(reactor: Any, base: str) -> dict[str, Any]:
    """Ask a server of klein by treq."""
    import treq

    pool: Any = HTTPConnectionPool(reactor)
    found: dict[str, Any] = {}

    async def text(path: str) -> str:
        response = await treq.get(base + path, pool=pool)
        return str(await response.text())

    async def main() -> None:
        many = [Deferred.fromCoroutine(text(f"/later/{number}")) for number in range(TOGETHER)]
        found["together"] = await gathered(many) == [f"later {number}" for number in range(TOGETHER)]
        found["in turn"] = [await text(f"/hello/{number}") for number in range(3)]
        data = b"0123456789" * (BYTES // 10)
        response = await treq.put(base + "/sum", data=data, pool=pool)
        expected = f"{len(data)} {hashlib.sha256(data).hexdigest()}"
        found["upload"] = await response.text() == expected
        pieces: list[bytes] = []
        await treq.collect(await treq.get(base + "/pieces", pool=pool), pieces.append)
        found["download"] = b"".join(pieces) == PIECE * PIECES
        try:
            await treq.get(base + "/never", timeout=0.2, pool=pool)
        except Exception as error:
            found["never"] = type(error).__name__
        response = await treq.get(base + "/elsewhere", pool=pool)
        found["cookie"] = [response.code, await response.text(), len(response.history())]
        await pool.closeCachedConnections()

    until(reactor, main())
    return found


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_treq_is_served_by_klein(loop: Loop, certificate: str, scheme: str) -> None:
    """Much at once, both ways of a body, a timeout, cookies and redirects."""
    with serving(loop, klein_server, certificate) as server:
        base = f"{scheme}://localhost:{server.addresses[scheme == 'https']}"
        found = loop.run(asking, base, SSL_CERT_FILE=certificate)
    assert found == {
        "together": True,
        "in turn": ["hello 0", "hello 1", "hello 2"],
        "upload": True,
        "download": True,
        "never": "ResponseNeverReceived",
        "cookie": [200, "value", 1],
    }


class Answering(http.server.BaseHTTPRequestHandler):
    """A server of Python's own, which keeps connections."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Give back what has come."""
        length = int(self.headers["Content-Length"])
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        while length:
            data = self.rfile.read(min(length, 1 << 16))
            length -= len(data)
            self.wfile.write(data)

    def do_GET(self) -> None:
        """Begin an answer, and leave."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 100)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def python_server() -> Iterator[int]:
    """Serve in threads of this process, and give the port."""
    with http.server.ThreadingHTTPServer((LOCAL, 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def exchanging(reactor: Any, port: int, count: int) -> list[Any]:
    """Send bodies by treq, and compare what comes back; then get an answer that ends early."""
    import treq

    pool: Any = HTTPConnectionPool(reactor)
    base = f"http://{LOCAL}:{port}/"

    async def same(data: bytes) -> bool:
        response = await treq.post(base, data=data, pool=pool)
        return bool(await response.content() == data)

    async def main() -> list[Any]:
        bodies = [bytes([number]) * (count >> number) for number in range(10)]
        found: list[Any] = [await same(body) for body in bodies]
        found.append(await gathered([Deferred.fromCoroutine(same(body)) for body in bodies]))
        try:
            await (await treq.get(base, pool=pool)).content()
        except Exception as error:
            found.append(type(error).__name__)
        await pool.closeCachedConnections()
        return found

    return until(reactor, main())


def test_treq_talks_to_a_server_of_python(loop: Loop) -> None:
    """Bodies of all sizes come back, and an answer that ends early is an error."""
    with python_server() as port:
        found = loop.run(exchanging, port, BYTES // 2)
    assert found == [*[True] * 10, [True] * 10, "ResponseFailed"]
