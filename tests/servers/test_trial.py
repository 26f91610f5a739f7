"""`trial` on the reactor: a small suite that uses what reactors give."""

from __future__ import annotations

import textwrap
from pathlib import Path

from tests.reactors import Loop

SUITE = """
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred
    from twisted.internet.protocol import Factory, Protocol
    from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
    from twisted.internet.task import deferLater
    from twisted.internet.threads import deferToThread
    from twisted.internet.utils import getProcessOutput
    from twisted.trial.unittest import TestCase

    class Passing(TestCase):
        def setUp(self):
            self.port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
            self.addCleanup(self.port.stopListening)
            return deferLater(reactor, 0.001)

        def test_kind(self):
            kind = type(reactor)
            self.assertEqual(f"{{kind.__module__}}.{{kind.__qualname__}}", "{kind}")

        def test_timer(self):
            return deferLater(reactor, 0.01, lambda: None)

        async def test_thread(self):
            self.assertEqual(await deferToThread(lambda: 1 + 1), 2)

        async def test_process(self):
            self.assertEqual(await getProcessOutput("/bin/echo", ["said"]), b"said\\n")

        async def test_connection(self):
            endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
            protocol = await connectProtocol(endpoint, Protocol())
            protocol.transport.loseConnection()
            await deferLater(reactor, 0.01)

    class Failing(TestCase):
        def test_too_long(self):
            return Deferred()
        test_too_long.timeout = 0.05

        def test_timer_is_left(self):
            reactor.callLater(1000, lambda: None)

        def test_port_is_left(self):
            reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")

        def test_logged(self):
            reactor.callLater(0, lambda: 1 / 0)
            return deferLater(reactor, 0.01)
    """


def write_suite(loop: Loop, folder: Path) -> None:
    """Write it."""
    (folder / "suite.py").write_text(textwrap.dedent(SUITE.format(kind=loop.kind)))


def test_a_passing_suite_passes_in_any_order(loop: Loop, tmp_path: Path) -> None:
    """All tests pass, again and again in one process, in any order."""
    write_suite(loop, tmp_path)
    for options in ([], ["--random=1"]):
        with loop.twisted("trial", *options, "suite.Passing", cwd=tmp_path) as trial:
            outcome = trial.wait()
        assert outcome.status == 0, outcome.out + outcome.err
        assert "PASSED (successes=5)" in outcome.out


def test_a_failing_suite_names_its_failures(loop: Loop, tmp_path: Path) -> None:
    """A test fails if it is too slow, leaves something behind or logs an error, and the reason is named."""
    write_suite(loop, tmp_path)
    with loop.twisted("trial", "suite.Failing", cwd=tmp_path) as trial:
        outcome = trial.wait()
    assert outcome.status == 1
    assert "FAILED (errors=4" in outcome.out
    for text in ("TimeoutError", "DelayedCall", "Port", "ZeroDivisionError"):
        assert text in outcome.out


def test_trial_runs_a_suite_in_several_processes(loop: Loop, tmp_path: Path) -> None:
    """`trial -j` runs the suite in processes of its own."""
    write_suite(loop, tmp_path)
    with loop.twisted("trial", "-j2", "suite.Passing", cwd=tmp_path) as trial:
        outcome = trial.wait()
    assert outcome.status == 0, outcome.out + outcome.err
    assert "PASSED (successes=5)" in outcome.out
