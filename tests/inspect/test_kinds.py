"""What a program has outstanding is in the table, of each kind and on each reactor."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import urllib.request
from typing import Any

from deferrous.inspect import _report, _web, explain, snapshot
from deferrous.inspect._text import render
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.internet.task import LoopingCall
from twisted.internet.tcp import Server
from twisted.internet.threads import deferToThread

from tests.reactors import Loop
from tests.reactors.running import eventually

#: An argument of every call. It is not to be seen anywhere.
SECRET = "the password"


class Echo(Protocol):
    """A protocol that waits for data."""

    def dataReceived(self, data: bytes) -> None:
        """Never called."""


class Child(ProcessProtocol):
    """A protocol of a child process."""

    def processEnded(self, reason: Any) -> None:
        """Never called."""


def on_time(secret: str) -> None:
    """Do nothing."""


def save(secret: str) -> None:
    """Do nothing."""


def outstanding(reactor: Any) -> Any:
    """Have one thing of each kind outstanding, and return what `ps` answers."""
    process: Any = None
    keeps: list[Any] = []
    never = threading.Event()
    began = threading.Event()

    def job(secret: str) -> None:
        began.set()
        never.wait()

    answers: list[Any] = []

    def look() -> None:
        if not any(isinstance(reader, Server) for reader in reactor.getReaders()):
            # The connection is not there yet.
            reactor.callLater(0.02, look)
            return
        eventually(began.is_set, "the job begins")
        answer = _report.answer({"command": "ps"})
        answers.append([answer["rows"], render(answer), str(snapshot()), *everything_else(keeps)])
        never.set()
        process.signalProcess("KILL")
        reactor.stop()

    def start() -> None:
        nonlocal process
        reactor.callLater(86400, on_time, SECRET)
        loop = LoopingCall(on_time, SECRET)
        loop.start(86400, now=False)
        factory = Factory.forProtocol(Echo)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        reactor.connectTCP("127.0.0.1", port.getHost().port, _client())
        reactor.addSystemEventTrigger("before", "shutdown", save, SECRET)
        process = reactor.spawnProcess(Child(), sys.executable, [sys.executable, "-c", "input()"], os.environ)
        keeps.extend([deferToThread(job, SECRET), Deferred().addCallback(on_time), loop])
        look()

    reactor.callWhenRunning(start)
    reactor.run()
    return answers[0]


def everything_else(keeps: list[Any]) -> list[str]:
    """Return what is said besides `ps`, in the program and on the page."""
    said = [render(_report.answer({"command": command})) for command in ("pstree", "why", "stalls")]
    said += [str(explain(thing)) for thing in keeps if isinstance(thing, Deferred)]
    # The page is asked in this thread, and answered in another one.
    with _web.Page(_report.answer) as page:
        thread = threading.Thread(target=page.serve_forever)
        thread.start()
        for name in _web.REQUESTS:
            with urllib.request.urlopen(page.address + name) as response:
                said.append(response.read().decode())
        page.shutdown()
        thread.join()
    return said


def _client() -> Any:
    from twisted.internet.protocol import ClientFactory

    factory = ClientFactory()
    factory.protocol = Echo
    return factory


def test_each_kind_has_a_row_with_its_code(loop: Loop) -> None:
    rows, text, table, *_ = loop.run(outstanding)
    found = {(row["kind"], row["name"].rpartition(".")[2]) for row in rows}
    assert {("timer", "on_time"), ("loop", "on_time"), ("trigger", "save"), ("job", "job")} <= found
    assert {("port", "Echo"), ("port", "Factory")} & found
    assert ("reader", "Echo") in found
    assert any(kind == "process" for kind, _ in found)
    places = {row["name"].rpartition(".")[2]: row["line"] for row in rows if row["file"] == __file__}
    assert places["on_time"] == on_time.__code__.co_firstlineno
    assert any("127.0.0.1:" in row["waits_for"] for row in rows if row["kind"] == "reader")
    assert "on_time" in text and "on_time" in table


def test_values_of_arguments_are_shown_nowhere(loop: Loop) -> None:
    _, *said = found = loop.run(outstanding)
    assert len(said) > 8
    assert SECRET not in json.dumps(found)


def test_jobs_of_a_pool_are_told_with_their_threads_and_ages(loop: Loop) -> None:
    rows, *_ = loop.run(outstanding)
    (job,) = [row for row in rows if row["kind"] == "job"]
    assert "in thread PoolThread-" in job["waits_for"]


def recorded(reactor: Any) -> Any:
    """Return the same, in a process that keeps records."""
    from deferrous.inspect import _records

    _records.start()
    return outstanding(reactor)


def test_the_age_of_a_job_is_told_if_records_are_kept(loop: Loop) -> None:
    ages = []
    for program in (outstanding, recorded):
        rows, *_ = loop.run(program)
        ages += [row["oldest"] for row in rows if row["kind"] == "job"]
    if loop.name == "deferrous":
        assert ages[0] is None and ages[1] >= 0
    else:
        # Twisted's pool does not tell.
        assert ages == [None, None]


def blocked(reactor: Any) -> Any:
    """Let a result come while the reactor is blocked, and return what `ps` answers then."""
    answers: list[Any] = []

    def block() -> None:
        result = Deferred[str]()
        keeps.append(result.addCallback(on_time))
        reactor.callFromThread(result.callback, SECRET)
        answers.append(_report.answer({"command": "ps"})["rows"])
        reactor.stop()

    keeps: list[Any] = []
    reactor.callWhenRunning(block)
    reactor.run()
    return answers[0]


def test_a_result_that_a_blocked_reactor_has_not_taken_is_told(loop: Loop) -> None:
    rows = loop.run(blocked)
    # Of shutdown, which runs the test, there is a DeferredList.
    (row,) = [row for row in rows if (row["kind"], row["name"]) == ("deferred", "Deferred")]
    assert row["waits_for"] == "a call from a thread, which the reactor has not made yet"


def seen_by_the_collector(reactor: Any) -> list[bool]:
    """Say whether the collector sees the function of a job that runs."""
    began, ends = threading.Event(), threading.Event()
    seen: list[bool] = []

    class Job:
        def __call__(self) -> None:
            began.set()
            ends.wait()

    def look() -> None:
        team = reactor.getThreadPool()._team
        job = Job()
        done = deferToThread(job)
        eventually(began.is_set, "the job begins")
        seen.append(any(thing is job for thing in gc.get_referents(team)))
        ends.set()
        done.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(look)
    reactor.run()
    return seen


def test_the_collector_sees_the_jobs_that_run() -> None:
    assert Loop("deferrous").run(seen_by_the_collector) == [True]
