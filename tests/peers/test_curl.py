"""curl with a server of `twisted.web`: keep-alive, uploads, ranges, early ends, with TLS and without."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.ssl import PrivateCertificate
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory, Site
from twisted.web.static import File

from tests.peers.commands import BYTES, LOCAL, Server, run, serving
from tests.peers.inside import serve
from tests.peers.tools import needs
from tests.reactors import Loop

pytestmark = needs("curl")
PAGE = b"some text that is easy to compress " * 1000


class Sum(Resource):
    """Says how much has come, and what it is."""

    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        """Say it."""
        data = request.content.read()
        return b"%d %s" % (len(data), hashlib.sha256(data).hexdigest().encode())

    render_PUT = render_POST


class Page(Resource):
    """A text."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        """Give it."""
        return PAGE


class Endless(Resource):
    """Goes on for as long as the client does."""

    isLeaf = True

    def render_GET(self, request: Any) -> int:
        """Be a producer of it."""
        request.registerProducer(self.Producer(request), False)
        return NOT_DONE_YET

    class Producer:
        """Writes when it is asked to."""

        def __init__(self, request: Any) -> None:
            self.request = request

        def resumeProducing(self) -> None:
            """Write some."""
            self.request.write(b"x" * 50_000)

        def stopProducing(self) -> None:
            """The client has left."""


def http_server(reactor: Any, folder: str, certificate: str) -> list[Any]:
    """Serve HTTP and HTTPS."""
    root: Any = Resource()
    root.putChild(b"sum", Sum())
    root.putChild(b"page", EncodingResourceWrapper(Page(), [GzipEncoderFactory()]))
    root.putChild(b"endless", Endless())
    root.putChild(b"files", File(folder))
    site: Any = Site(root)
    options: Any = PrivateCertificate.loadPEM(Path(certificate).read_text()).options()
    secure = reactor.listenSSL(0, site, options, interface=LOCAL)
    return serve(reactor, reactor.listenTCP(0, site, interface=LOCAL), secure)


class Curl:
    """Runs curl, for the addresses of one scheme, by HTTP/1.1, or by HTTP/2 for "h2"."""

    def __init__(self, server: Server, scheme: str, certificate: str, folder: Path) -> None:
        secure = scheme != "http"
        self._base = f"http{'s' * secure}://localhost:{server.addresses[secure]}/"
        self.version = "2" if scheme == "h2" else "1.1"
        self._options = ["-sS", "--ipv4", "--cacert", certificate, f"--http{self.version}"]
        self.folder = folder
        self.big = (folder / "big").read_bytes()

    def __call__(
        self, *options: str, path: str = "page", times: int = 1, status: int = 0, **more: Any
    ) -> bytes:
        """Run it, and give what it prints."""
        return run("curl", *self._options, *options, *[self._base + path] * times, status=status, **more).out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a big file."""
    made: Path = tmp_path_factory.mktemp("files")
    (made / "big").write_bytes(os.urandom(BYTES))
    return made


@pytest.fixture(params=["http", "https", pytest.param("h2", marks=needs("h2"))])
def curl(request: pytest.FixtureRequest, loop: Loop, certificate: str, folder: Path) -> Iterator[Curl]:
    """Give curl with a server of its own, which has to end in order."""
    with serving(loop, http_server, str(folder), certificate) as server:
        yield Curl(server, request.param, certificate, folder)


def test_curl_keeps_its_connection(curl: Curl) -> None:
    """Many requests need one connection, and each answer is whole."""
    written = curl("-w", "|%{http_code} %{num_connects}|", times=20)
    assert written == (PAGE + b"|200 1|") + (PAGE + b"|200 0|") * 19
    old = curl("--http1.0", "--no-alpn", "-w", "|%{http_code} %{num_connects}|", times=2)
    assert old == (PAGE + b"|200 1|") * 2


def test_curl_asks_at_the_same_time(curl: Curl, tmp_path: Path) -> None:
    """Thirty connections at once, each of which downloads a file."""
    names = [str(tmp_path / f"{number}") for number in range(30)]
    outputs = [word for name in names for word in ("-o", name)]
    curl("--parallel", "--parallel-immediate", "--parallel-max", "30", *outputs, path="page", times=30)
    assert [Path(name).read_bytes() for name in names] == [PAGE] * 30


@pytest.mark.parametrize("way", ["PUT", "POST", "in chunks"])
def test_curl_uploads_a_large_body(curl: Curl, way: str) -> None:
    """It arrives whole, after 100-continue, with a length and in chunks."""
    file = str(curl.folder / "big")
    options = {
        "PUT": ["-T", file],
        "POST": ["--data-binary", f"@{file}"],
        "in chunks": ["-T", "-"],
    }
    expected = b"%d %s" % (len(curl.big), hashlib.sha256(curl.big).hexdigest().encode())
    said = curl(*options[way], "-H", "Expect: 100-continue", path="sum", stdin=curl.big)
    assert said == expected


def test_curl_downloads_a_large_file(curl: Curl) -> None:
    """It arrives whole, also for a client that takes its time."""
    assert curl(path="files/big") == curl.big
    assert curl("--limit-rate", str(BYTES), path="files/big") == curl.big


def test_curl_gets_ranges(curl: Curl) -> None:
    """The bytes that it asks for, one piece or more, and an error for those that there are not."""
    first = curl("-r", "1000-1999", "-w", "|%{http_code}", path="files/big")
    assert first == curl.big[1000:2000] + b"|206"
    assert curl("-r", "-100", path="files/big") == curl.big[-100:]
    several = curl("-r", "0-9,2000-2999", "-w", "|%{http_code}", path="files/big")
    assert several.endswith(b"|206")
    assert b"\r\n\r\n" + curl.big[:10] + b"\r\n--" in several
    assert b"\r\n\r\n" + curl.big[2000:3000] + b"\r\n--" in several
    beyond = curl("-o", os.devnull, "-r", f"{BYTES}-", "-w", "%{http_code}", path="files/big")
    assert beyond == b"416"


def test_curl_resumes_a_download(curl: Curl, tmp_path: Path) -> None:
    """It goes on where the first part ends."""
    part = tmp_path / "part"
    part.write_bytes(curl.big[: BYTES // 3])
    curl("-C", "-", "-o", str(part), path="files/big")
    assert part.read_bytes() == curl.big


def test_curl_gets_heads_errors_and_compressed_pages(curl: Curl) -> None:
    """A head has no body, what there is not is a 404, and gzip is undone."""
    head = curl("-I", path="files/big").lower()
    assert head.startswith(b"http/%s 200" % curl.version.encode())
    assert b"content-length: %d\r\n" % BYTES in head
    assert head.endswith(b"\r\n\r\n")
    assert curl("-o", os.devnull, "-w", "%{http_code}", path="none") == b"404"
    page = curl("--compressed", "-w", "|%{size_download}")
    assert page.startswith(PAGE)
    assert int(page.rsplit(b"|", 1)[1]) < len(PAGE) / 10


def test_curl_may_leave_in_the_middle(curl: Curl) -> None:
    """Of an answer without an end; the server goes on, and has nothing left of it at its end."""
    for _ in range(5):
        curl("--max-time", "0.3", "-o", os.devnull, path="endless", status=28)
    assert curl() == PAGE


def test_curl_that_does_not_trust_gets_nothing(loop: Loop, certificate: str, folder: Path) -> None:
    """It refuses the certificate, and the server goes on."""
    with serving(loop, http_server, str(folder), certificate) as server:
        address = f"https://localhost:{server.addresses[1]}/page"
        assert run("curl", "-sS", "--ipv4", address, status=60).out == b""
        assert run("curl", "-sS", "--ipv4", "--cacert", certificate, address).out == PAGE
