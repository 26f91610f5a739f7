"""A reactor that goes on in a process which was forked off before it ran, as twistd's daemons do."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from tests.reactors import Loop


class _Answer(Protocol):
    transport: Any

    def connectionMade(self) -> None:
        """Say something, and hang up."""
        self.transport.write(b"hello")
        self.transport.loseConnection()


def daemonized(reactor: Any) -> Any:
    """Ask for all kinds of things, fork, and do them in the child."""
    seen: list[Any] = []
    port = reactor.listenTCP(0, Factory.forProtocol(_Answer), interface="127.0.0.1")
    reactor.callLater(0.01, seen.append, "later")
    reactor.callFromThread(seen.append, "from a thread")
    deferToThread(int, "7").addCallback(seen.append)
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with socket.create_connection(("127.0.0.1", port.getHost().port)) as client:
            said = client.makefile().read()
        with os.fdopen(reading) as pipe:
            result = json.load(pipe)
        assert os.waitpid(child, 0)[1] == 0
        return [sorted(map(str, result)), said]

    def end_when_done() -> None:
        if len(seen) == 3:
            reactor.callLater(0.2, reactor.stop)
        else:
            reactor.callLater(0.01, end_when_done)

    reactor.callLater(0, end_when_done)
    reactor.run()
    with os.fdopen(writing, "w") as pipe:
        json.dump(seen, pipe)
    os._exit(0)


def test_a_reactor_goes_on_in_a_daemon(loop: Loop) -> None:
    """Calls, jobs and connections from before the fork are done after it."""
    assert loop.run(daemonized) == [["7", "from a thread", "later"], "hello"]
