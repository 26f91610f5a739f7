"""The shape of a request to a web application, without the web.

Parsing, looking up, rendering and logging are as short as they can be, since they take as long
with one Deferred as with another. What is left is how such a program uses Deferreds: some six
callbacks for each request, a look-up that ends later, an error now and then, many in flight.
"""

from __future__ import annotations

from itertools import repeat

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from ._check import expect

IN_FLIGHT = 8
_REQUESTS = [b"GET /user/%d HTTP/1.1" % number for number in range(IN_FLIGHT)]
_BUSY_FOR = 5


class _Busy(Exception):
    pass


class _Request:
    __slots__ = ("attempts", "path", "user")

    def __init__(self, path: bytes, user: int) -> None:
        self.path = path
        self.user = user
        self.attempts = 0


def _parse(line: bytes) -> _Request:
    _method, path, _version = line.split(b" ")
    return _Request(path, int(path[len(b"/user/") :]))


class _Database:
    """Answers when it is told to, and one user's first query with an error."""

    def __init__(self) -> None:
        self.queries: list[tuple[Deferred[str], _Request]] = []

    def query(self, request: _Request) -> Deferred[str]:
        deferred: Deferred[str] = Deferred()
        self.queries.append((deferred, request))
        return deferred

    def answer(self) -> None:
        queries, self.queries = self.queries, []
        for deferred, request in queries:
            request.attempts += 1
            if request.user == _BUSY_FOR and request.attempts == 1:
                deferred.errback(_Busy())
            else:
                deferred.callback("somebody")


class _Application:
    def __init__(self) -> None:
        self.database = _Database()
        self.log: list[tuple[bytes, bytes | Failure]] = []

    def handle(self, line: bytes) -> Deferred[None]:
        return (
            maybeDeferred(_parse, line)
            .addCallback(self._look_up)
            .addCallback(self._render, b"200 ")
            .addErrback(self._explain)
            .addBoth(self._write_log, line)
        )

    def _look_up(self, request: _Request) -> Deferred[str]:
        return self.database.query(request).addErrback(self._retry, request)

    def _retry(self, failure: Failure, request: _Request) -> Deferred[str]:
        failure.trap(_Busy)  # type: ignore[no-untyped-call]
        return self.database.query(request)

    def _render(self, name: str, status: bytes) -> bytes:
        return status + name.encode()

    def _explain(self, failure: Failure) -> bytes:
        return b"500 " + failure.getErrorMessage().encode()

    def _write_log(self, page: bytes | Failure, line: bytes) -> None:
        self.log.append((line, page))


def web_request(times: int) -> None:
    """a request: parse, look up, retry on error (1 of 8), render, log"""
    application = _Application()
    for _ in repeat(None, times):
        application.log.clear()
        for line in _REQUESTS:
            application.handle(line)
        while application.database.queries:
            application.database.answer()
    expect(dict(application.log), dict.fromkeys(_REQUESTS, b"200 somebody"))
