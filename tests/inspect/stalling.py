"""A program that blocks its reactor in one way, by a name in the command line, and ends.

It prints the log. With a second argument it does so for so many seconds, or with so many objects.
"""

from __future__ import annotations

import gc
import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import defer, protocol
from twisted.internet import reactor as untyped
from twisted.python import log

reactor: Any = untyped

#: For how long, in seconds.
LONG = 0.4


def compute(seconds: float = LONG) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(number * number for number in range(100))


def sleep(seconds: float = LONG) -> None:
    time.sleep(seconds)


def read() -> None:
    """Waits in a system call for another process."""
    subprocess.run([sys.executable, "-S", "-c", f"import time; time.sleep({LONG})"], check=True)


def receive() -> None:
    """Waits for bytes that come late."""
    here, there = socket.socketpair()
    threading.Timer(LONG, there.send, [b"late"]).start()
    here.recv(10)


def lock() -> None:
    """Waits for a lock of the program."""
    held = threading.Lock()
    held.acquire()
    threading.Timer(LONG, held.release).start()
    with held:
        pass


def timed_lock() -> None:
    """The same, for a limited time."""
    held = threading.Lock()
    held.acquire()
    held.acquire(timeout=LONG)


def in_c(number: int = 200_000) -> None:
    """A function of C that keeps the interpreter."""
    math.factorial(number)


_kept: list[object] = []


def fill(objects: int = 3_000_000) -> None:
    _kept.extend([] for _ in range(objects))


def collect(*_: object) -> None:
    """Collects garbage where there are many objects."""
    gc.collect()


def hog(ends: threading.Event) -> None:
    while not ends.is_set():
        math.factorial(20_000)


def with_hog() -> None:
    """A thread uses the interpreter, in a function of C, whenever the reactor lets it."""
    ends = threading.Event()
    threading.Thread(target=hog, args=[ends], name="the hog").start()
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        time.sleep(0)
    reactor.callLater(0.2, ends.set)


class Reader(protocol.Protocol):
    """Blocks when data comes."""

    def dataReceived(self, data: bytes) -> None:
        compute()
        transport: Any = self.transport
        transport.loseConnection()
        reactor.callLater(0, reactor.stop)


def descriptor() -> None:
    """Blocks in the protocol of a connection."""
    factory: Any = protocol.Factory.forProtocol(Reader)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    client = socket.create_connection(("127.0.0.1", port.getHost().port))
    client.send(b"data")
    _kept.append(client)


def callback() -> None:
    """Blocks in the callback of a Deferred."""
    deferred: defer.Deferred[None] = defer.Deferred()
    deferred.addCallback(lambda _: compute())
    deferred.callback(None)


def from_thread() -> None:
    """Blocks in a call from another thread."""
    call = lambda: reactor.callFromThread(compute)  # noqa: E731
    threading.Thread(target=call).start()


def many() -> None:
    """Does many things in one turn, none of which takes long."""
    for _ in range(100):
        reactor.callLater(0, compute, LONG / 50)


def asked() -> None:
    """Another thread asks what is known, while the reactor sleeps."""

    from deferrous.inspect import _stalls

    def ask() -> None:
        time.sleep(LONG / 2)
        now = _stalls.answer()["now"]
        print("now:", now["text"], now["over"], flush=True)

    threading.Thread(target=ask).start()
    sleep()


WAYS: dict[str, Callable[..., object]] = {
    "compute": compute,
    "sleep": sleep,
    "read": read,
    "receive": receive,
    "lock": lock,
    "timed lock": timed_lock,
    "c": in_c,
    "collect": collect,
    "hog": with_hog,
    "descriptor": descriptor,
    "callback": callback,
    "from thread": from_thread,
    "many": many,
    "asked": asked,
}


def main(way: str, *numbers: str) -> None:
    start_logging: Any = log.startLogging
    start_logging(sys.stdout, setStdout=False)
    arguments = [float(number) if "." in number else int(number) for number in numbers]
    if way == "collect":
        gc.disable()
        fill(*map(int, arguments))
    reactor.callLater(0.2, WAYS[way], *arguments)
    if way != "descriptor":
        # Whatever is found last is logged, too.
        reactor.callLater(0.2, lambda: reactor.callLater(0.3, reactor.stop))
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
