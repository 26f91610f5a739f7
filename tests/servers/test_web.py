"""A server of `twisted.web` under load: every answer is checked, and its end leaves nothing open."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.reactors import Loop
from tests.reactors.inside import announce

#: How many requests all clients make together, and how many clients there are. The long version has more.
REQUESTS = int(os.environ.get("DEFERROUS_REQUESTS", "3000"))
CLIENTS = 16


def body(size: int, seed: int) -> bytes:
    """Give some bytes that look different at each place."""
    return random.Random(seed).randbytes(size)


class Page(Resource):
    """Answers in one of the ways in which servers do, with as many bytes as it is asked for."""

    isLeaf = True

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self.reactor = reactor

    def render_GET(self, request: Any) -> Any:
        """Answer at once, after some time, from a thread, or in pieces."""
        way, size, seed = request.path.decode().split("/")[1:]
        data = body(int(size), int(seed))
        if way == "at-once":
            request.setHeader(b"content-length", b"%d" % len(data))
            return data
        if way == "later":
            self.reactor.callLater(0.001, self.finish, data, request)
        elif way == "thread":
            deferToThread(body, int(size), int(seed)).addCallback(self.finish, request)
        else:
            self.piece(request, data)
        return NOT_DONE_YET

    def finish(self, data: bytes, request: Any) -> None:
        """Answer."""
        request.setHeader(b"content-length", b"%d" % len(data))
        request.write(data)
        request.finish()

    def piece(self, request: Any, data: bytes) -> None:
        """Answer with a piece, then with the next one."""
        if not data:
            request.finish()
            return
        request.write(data[:700])
        self.reactor.callLater(0, self.piece, request, data[700:])

    def render_POST(self, request: Any) -> bytes:
        """Say what has come."""
        return hashlib.sha256(request.content.read()).hexdigest().encode()


def serving(reactor: Any) -> str:
    """Serve until a signal comes."""
    site: Any = Site(Page(reactor))
    port = reactor.listenTCP(0, site, interface="127.0.0.1", backlog=512)
    reactor.callWhenRunning(lambda: announce(port.getHost().port))
    reactor.run()
    return "ended"


def ask(port: int, client: int) -> int:
    """Be one client that keeps its connection, and give how many answers were right."""
    randomly = random.Random(client)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
    right = 0
    for number in range(REQUESTS // CLIENTS):
        size = randomly.choice([0, 1, 100, 5000, randomly.randrange(200_000)])
        data = body(size, number)
        if randomly.random() < 0.3:
            connection.request("POST", "/", body=data)
            expected = hashlib.sha256(data).hexdigest().encode()
        else:
            way = randomly.choice(["at-once", "later", "thread", "pieces"])
            if way == "pieces":
                size = min(size, 5000)
                data = body(size, number)
            connection.request("GET", f"/{way}/{size}/{number}")
            expected = data
        response = connection.getresponse()
        right += (response.status, response.read()) == (200, expected)
        if randomly.random() < 0.02:
            connection.close()
    connection.close()
    return right


def test_every_request_gets_its_own_answer(loop: Loop) -> None:
    """Every request gets its own answer, whole."""
    with loop.start(serving, patience=1200) as server:
        port = server.line()
        with ThreadPoolExecutor(CLIENTS) as pool:
            right = list(pool.map(ask, [port] * CLIENTS, range(CLIENTS)))
        assert right == [REQUESTS // CLIENTS] * CLIENTS
        server.send(signal.SIGTERM)
        outcome = server.wait()
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.endswith('"ended"\n')


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side ends."""
    pieces = []
    while piece := connection.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def test_pipelined_requests_are_answered_in_order(loop: Loop) -> None:
    """Requests that are sent without waiting for answers are answered in their order."""
    ways = ["later", "at-once", "thread", "at-once"] * 25
    requests = [f"GET /{way}/40/{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n, way in enumerate(ways)]
    requests.append("GET /at-once/40/100 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    with (
        loop.start(serving) as server,
        socket.create_connection(("127.0.0.1", server.line()), timeout=100) as connection,
    ):
        connection.sendall("".join(requests).encode())
        answered = read_all(connection)
    places = [answered.find(body(40, number)) for number in range(101)]
    assert -1 not in places
    assert places == sorted(places)


def leave_early(port: int, number: int) -> None:
    """Be a client that goes away in the middle of its request, or of the answer to it."""
    with socket.create_connection(("127.0.0.1", port), timeout=100) as connection:
        if number % 3 == 0:
            connection.sendall(b"GET /at-once/100/1 HT")
        else:
            connection.sendall(b"GET /%s/1000000/1 HTTP/1.0\r\n\r\n" % [b"thread", b"pieces"][number % 2])
            connection.recv(10)
        if number % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def open_sockets(pid: int) -> int:
    """Count the sockets of a process."""
    found = 0
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found += os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def test_clients_that_leave_keep_nothing_open(loop: Loop) -> None:
    """Nothing is left open of them, and others are served."""
    with loop.start(serving) as server:
        port = server.line()
        before = open_sockets(server.pid)
        threads = [threading.Thread(target=leave_early, args=(port, number)) for number in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.until(lambda: open_sockets(server.pid) == before, "their sockets were closed")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
        connection.request("GET", "/later/1000/1")
        assert connection.getresponse().read() == body(1000, 1)
        connection.close()
