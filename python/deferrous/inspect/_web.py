"""`deferrous web PID`: a page that shows what a program waits for, and how its reactor is doing.

This process serves the page and asks the program through its socket, so that the program serves no HTTP. It
is Python because it only passes answers on.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from deferrous.inspect._printable import printable_answer
from deferrous.inspect._protocol import COMMANDS, InspectError

#: The files of the page, with their types.
FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "style.css": ("style.css", "text/css; charset=utf-8"),
    **{
        name: (name, "text/javascript; charset=utf-8")
        for name in ("main.js", "table.js", "tree.js", "plot.js", "stalls.js", "words.js")
    },
}

#: What the page may ask the program. The table and the tree come of one look at its objects.
REQUESTS: dict[str, dict[str, Any]] = {
    **{command: {"command": command} for command in COMMANDS},
    "things": {"command": "pstree", "rows": True},
}

#: How many connections there may be at once, each with a thread. A browser makes six.
MOST_CONNECTIONS = 32

#: What is answered to the others.
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

#: The page loads nothing from anywhere else, and no other page may show it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

#: Asks the program, and gives its answer. Raises an `InspectError`, which says what is wrong.
Ask = Callable[[dict[str, Any]], dict[str, Any]]


class Page(ThreadingHTTPServer):
    """The server of the page, on the loopback interface.

    Every path begins with a secret that is printed with the address: other users of this machine can connect,
    but cannot guess it.
    """

    daemon_threads = True

    def __init__(self, ask: Ask, port: int = 0) -> None:
        """Listen.

        Args:
            ask: asks the program. Several threads call it.
            port: the port; 0 for any that is free.

        Raises:
            OSError: the port is taken.
        """
        super().__init__(("127.0.0.1", port), _Request)
        self.ask = ask
        self.secret = secrets.token_urlsafe(16)
        self._room = threading.Semaphore(MOST_CONNECTIONS)

    @property
    def address(self) -> str:
        """The address of the page, with the secret."""
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Have a thread answer a connection, if there are not too many."""
        if not self._room.acquire(blocking=False):
            with contextlib.suppress(OSError):
                request.send(_BUSY, socket.MSG_DONTWAIT)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection, in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone before it had its answer."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Request(BaseHTTPRequestHandler):
    """One request of the page."""

    server: Page
    #: After how many seconds a connection that asks for nothing is closed.
    timeout = 60
    protocol_version = "HTTP/1.1"
    server_version = "deferrous"
    sys_version = ""

    def do_GET(self) -> None:
        """Serve a file of the page, or an answer of the program."""
        secret, slash, name = self.path.removeprefix("/").partition("/")
        if not self._from_here() or not secrets.compare_digest(secret.encode(), self.server.secret.encode()):
            self._respond(
                403, "text/plain; charset=utf-8", b"Open the address that deferrous web has printed.\n"
            )
        elif not slash:
            # The page names its parts from here on.
            self._respond(308, "text/plain; charset=utf-8", b"", Location=f"/{self.server.secret}/")
        elif name in FILES:
            file, kind = FILES[name]
            self._respond(200, kind, (files(__package__) / "page" / file).read_bytes())
        elif name in REQUESTS:
            self._answer(REQUESTS[name])
        else:
            self._respond(404, "text/plain; charset=utf-8", b"There is no such page.\n")

    def _from_here(self) -> bool:
        """Say whether the page was opened under its own name: other sites may have names for this address."""
        port = self.server.server_port
        return self.headers.get("Host") in (f"127.0.0.1:{port}", f"localhost:{port}")

    def _answer(self, request: dict[str, Any]) -> None:
        try:
            status, answer = 200, self.server.ask(dict(request))
        except InspectError as error:
            status, answer = 502, {"error": str(error)}
        self._respond(status, "application/json", json.dumps(printable_answer(answer)).encode())

    def _respond(self, status: int, kind: str, body: bytes, **more: str) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **more}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the terminal is for errors."""
