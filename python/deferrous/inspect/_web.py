"""`deferrous web PID`: a page that shows what a program waits for, and how its reactor is doing.

This process serves the page and asks the program through its socket, so that the program serves no HTTP. It
is Python because it only passes answers on.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from deferrous.inspect._protocol import InspectError

#: The files of the page, with their types.
FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "style.css": ("style.css", "text/css; charset=utf-8"),
    **{
        name: (name, "text/javascript; charset=utf-8")
        for name in ("main.js", "table.js", "tree.js", "plot.js", "stalls.js", "words.js")
    },
}

#: What the page may ask the program.
COMMANDS = ("ps", "pstree", "why", "stalls", "metrics")

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

    @property
    def address(self) -> str:
        """The address of the page, with the secret."""
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"


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
        secret, _, name = self.path.removeprefix("/").partition("/")
        if not self._from_here() or not secrets.compare_digest(secret.encode(), self.server.secret.encode()):
            self._respond(
                403, "text/plain; charset=utf-8", b"Open the address that deferrous web has printed.\n"
            )
        elif name in FILES:
            file, kind = FILES[name]
            self._respond(200, kind, (files(__package__) / "page" / file).read_bytes())
        elif name in COMMANDS:
            self._answer(name)
        else:
            self._respond(404, "text/plain; charset=utf-8", b"There is no such page.\n")

    def _from_here(self) -> bool:
        """Say whether the page was opened under its own name: other sites may have names for this address."""
        port = self.server.server_port
        return self.headers.get("Host") in (f"127.0.0.1:{port}", f"localhost:{port}")

    def _answer(self, command: str) -> None:
        try:
            status, answer = 200, self.server.ask({"command": command})
        except InspectError as error:
            status, answer = 502, {"error": str(error)}
        self._respond(status, "application/json", json.dumps(answer).encode())

    def _respond(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the terminal is for errors."""
