"""Exceptions are logged as by Twisted, and the loop goes on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import base
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import formatEvent

from tests import logs
from tests.helpers import raising
from tests.reactors import Loop
from tests.reactors.inside import pause, until


class Reader:
    """A reader of one end of a pair of sockets, with a method that the test gives it."""

    def __init__(self, do_read: Any) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.do_read = do_read
        self.lost: list[Any] = []

    def fileno(self) -> int:
        """Give the descriptor."""
        return self.ours.fileno()

    def logPrefix(self) -> str:
        """Give the name for logs."""
        return "a reader"

    def doRead(self) -> Any:
        """Do what the test wants."""
        return self.do_read()

    doWrite = doRead

    def connectionLost(self, reason: Any) -> None:
        """Note the reason."""
        self.lost.append(f"{type(reason.value).__name__}({reason.value})")


def timers_and_calls(reactor: Any) -> list[Any]:
    """Raise in timers and in calls from threads, errors of every kind."""
    logs.begin()
    went_on: list[int] = []
    for number in range(3):
        reactor.callLater(0, raising(ValueError(f"timer {number}")))
        reactor.callLater(0, went_on.append, number)
        reactor.callFromThread(raising(ValueError(f"call {number}")))
        reactor.callFromThread(went_on.append, number)
    reactor.callFromThread(raising(SystemExit("exit")))
    reactor.callFromThread(raising(KeyboardInterrupt("interrupt")))
    reactor.callLater(0, raising(SystemExit("exit")))
    reactor.callFromThread(reactor.callLater, 0.01, reactor.stop)
    with logs.Log() as log:
        reactor.run()
        said = [text for text in log.take() if text.startswith("critical")]
    return [sorted(went_on), said]


def test_errors_in_timers_and_calls_are_logged_and_others_still_called(loop: Loop) -> None:
    """Each error is logged with what was being done, and all others are still called."""
    went_on, said = loop.run(timers_and_calls)
    assert went_on == [0, 0, 1, 1, 2, 2]
    errors = [f"ValueError({kind} {number})" for kind in ("call", "timer") for number in range(3)]
    errors += ["SystemExit(exit)"] * 2 + ["KeyboardInterrupt(interrupt)"]
    assert sorted(text.split(" while ")[1].split(" ", 3)[-1] for text in said) == sorted(errors)


def what_is_said(reactor: Any) -> list[list[str]]:
    """Give every event that one error of each kind makes."""
    logs.begin()
    said = []
    reader = Reader(raising(ValueError("in doRead")))
    reader.theirs.send(b"x")

    async def main() -> None:
        starts: list[Callable[[], Any]] = [
            lambda: reactor.callLater(0, raising(ValueError("in a timer"))),
            lambda: reactor.callFromThread(raising(ValueError("in a call"))),
            lambda: reactor.callInThread(raising(ValueError("in a job"))),
            lambda: reactor.addReader(reader),
        ]
        for start in starts:
            with logs.Log() as log:
                start()
                while not log.events:
                    await pause(reactor)
                await pause(reactor, 0.01)
                said.append(log.take())

    until(reactor, main())
    return said


def test_errors_are_logged_with_twisteds_texts(loop: Loop, stock_loop: Loop) -> None:
    """Level, name of the logger and text are the same, and each error is told once."""
    said = loop.run(what_is_said)
    assert said == stock_loop.run(what_is_said)
    assert ["ValueError(in" in " ".join(texts) for texts in said] == [True] * 4


def debugged(reactor: Any) -> str:
    """Let a timer fail that knows where it was set."""
    logs.begin()
    base.DelayedCall.debug = True

    def where_it_was_set() -> None:
        reactor.callLater(0, raising(ValueError("late")))

    with logs.Log() as log:
        reactor.callWhenRunning(where_it_was_set)
        reactor.callLater(0.01, reactor.stop)
        reactor.run()
        return "".join(formatEvent(event) for event in log.events)


def test_timers_with_debugging_say_where_they_were_set(loop: Loop) -> None:
    """The log has the stack."""
    text = loop.run(debugged)
    assert "DelayedCall created here" in text
    assert "where_it_was_set" in text


def cancelled_while_debugging(reactor: Any) -> str:
    """Cancel a timer, and give what it looks like then."""
    base.DelayedCall.debug = True

    def what_it_would_call() -> None: ...

    call = reactor.callLater(1, what_it_would_call)
    call.cancel()
    return repr(call)


def test_delayed_calls_in_debug_mode_describe_themselves(loop: Loop) -> None:
    """Also when they are cancelled, and do not have it any more."""
    text = loop.run(cancelled_while_debugging)
    assert "cancelled=1 cancelled_while_debugging.<locals>.what_it_would_call()" in text
    assert "in cancelled_while_debugging" in text


def readers(reactor: Any) -> list[Any]:
    """Raise in a reader and a writer, and return errors from them."""
    logs.begin()
    made = [
        Reader(raising(ValueError("raised"))),
        Reader(lambda: CONNECTION_LOST),
        Reader(lambda: OSError("returned")),
    ]
    writers = [Reader(raising(ValueError("raised")))]
    for reader in made:
        reader.theirs.send(b"x")
        reactor.addReader(reader)
    for writer in writers:
        reactor.addWriter(writer)
    reactor.callLater(0.03, reactor.stop)
    with logs.Log() as log:
        reactor.run()
        said = [text for text in log.take() if "ValueError" in text]
    return [
        [reader.lost for reader in made + writers],
        len(said),
        [reader in reactor.getReaders() for reader in made].count(True),
    ]


def test_a_raising_descriptor_is_removed_and_logged(loop: Loop, stock_loop: Loop) -> None:
    """They are taken out and told, whether they raise or return the error; what is raised is logged."""
    found = loop.run(readers)
    assert found == stock_loop.run(readers)
    assert found == [
        [
            ["ValueError(raised)"],
            ["ConnectionLost(Connection to the other side was lost in a non-clean fashion.)"],
            ["OSError(returned)"],
            ["ValueError(raised)"],
        ],
        2,
        0,
    ]


class Raising(Protocol):
    """Raises in the method that the first byte names, and counts those that were lost."""

    lost = 0

    def dataReceived(self, data: bytes) -> None:
        """Raise, or answer."""
        if data == b"r":
            raise ValueError("in dataReceived")
        transport: Any = self.transport
        transport.write(b"answer")

    def connectionLost(self, reason: Any = None) -> None:
        """Raise again."""
        Raising.lost += 1
        if reason.check(ValueError):
            raise ValueError("in connectionLost")


def protocols(reactor: Any) -> list[Any]:
    """Let a server's protocols raise, between connections that do well."""
    logs.begin()
    factory = Factory.forProtocol(Raising)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    answers: list[bytes] = []

    def clients() -> None:
        for byte in b"grgrg":
            with socket.create_connection(("127.0.0.1", port.getHost().port)) as client:
                client.sendall(bytes([byte]))
                answers.append(client.recv(100))
        reactor.callFromThread(reactor.callLater, 0.01, reactor.stop)

    reactor.callWhenRunning(threading.Thread(target=clients).start)
    with logs.Log() as log:
        reactor.run()
        said = [text for text in log.take() if "ValueError" in text]
    return [
        [answer.decode() for answer in answers],
        Raising.lost,
        [text.split("ValueError")[1] for text in said],
    ]


def test_an_exception_of_a_protocol_ends_only_its_connection(loop: Loop) -> None:
    """Their connection ends, and the server goes on serving others."""
    answers, lost, said = loop.run(protocols)
    assert answers == ["answer", "", "answer", "", "answer"]
    assert lost == 5
    assert said == ["(in dataReceived)", "(in connectionLost)"] * 2


def blocking(reactor: Any) -> list[Any]:
    """Block in a callback, while calls, timers and data pile up."""
    notes: list[Any] = []
    piled_up = threading.Event()

    def thread() -> None:
        for number in range(1000):
            reactor.callFromThread(notes.append, number)
        reader.theirs.send(b"x")
        piled_up.set()

    def block() -> None:
        reactor.callLater(0, notes.append, "timer")
        threading.Thread(target=thread).start()
        piled_up.wait()
        notes.append("blocked")
        reactor.callLater(0.01, reactor.stop)

    reactor.callLater(0, block)

    def read() -> None:
        notes.append("read")
        reactor.removeReader(reader)

    reader = Reader(read)
    reactor.addReader(reader)
    reactor.run()
    return notes


def test_work_that_arrives_while_a_callback_blocks_is_done_afterwards(loop: Loop) -> None:
    """All that has come meanwhile is done afterwards."""
    notes = loop.run(blocking)
    assert notes[0] == "blocked"
    assert [note for note in notes if isinstance(note, int)] == list(range(1000))
    assert notes.count("timer") == notes.count("read") == 1
