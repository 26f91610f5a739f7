"""A reporter of trial that records the start and the outcome of every test, as one line of JSON each.

It is a plugin: trial looks for those in folders of this name. It runs inside the process that is tested,
beside the code under test, and therefore does little: each record is one write to a descriptor of its own, so
that a crash loses nothing, and text that tests print cannot get between. What it needs from the standard
library it takes before any test can replace it.
"""

import os
import sys
from json import dumps
from os import write
from time import monotonic
from typing import Any

import twisted
from twisted.internet import defer
from twisted.plugin import IPlugin
from twisted.python.failure import Failure
from twisted.trial.itrial import IReporter
from twisted.trial.reporter import Reporter
from twisted.trial.runner import TestHolder
from zope.interface import implementer  # type: ignore[import-untyped]

#: Where the records go: to the root of the folder of plugins, of which every run has its own copy.
RECORDS = os.path.join(os.path.dirname(__file__), "..", "..", "records.jsonl")

#: How much of a message and of a traceback is kept: enough to see what went wrong. The log has all of it.
LONGEST_MESSAGE = 1000
LONGEST_TRACEBACK = 4000


def open_records() -> int:
    """Open the file of records for adding to it."""
    return os.open(RECORDS, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def record(descriptor: int, what: str, **details: object) -> None:
    """Write one record, with the time."""
    line = dumps({"what": what, "time": round(monotonic(), 3), **details}) + "\n"
    write(descriptor, line.encode())


def facts() -> dict[str, object]:
    """Say what is being tested: the versions, whose Deferred Twisted has, and the reactors.

    Whether deferrous is underneath is found out in two ways: by what it says itself, and by where the code of
    Deferred is. It is not imported for that, since a stock run has to be one that never saw it. Nor is a
    reactor, which importing would install.
    """
    reactor = sys.modules.get("twisted.internet.reactor")
    mixins = sys.modules.get("twisted.internet.test.reactormixins")
    code = getattr(defer.Deferred.addCallbacks, "__code__", None)
    deferrous = sys.modules.get("deferrous")
    return {
        "python": sys.version.split()[0],
        "twisted": twisted.__version__,
        "deferred_is_twisteds": code is not None and code.co_filename.endswith("twisted/internet/defer.py"),
        "deferrous_imported": deferrous is not None,
        "deferrous_installed": deferrous is not None and bool(deferrous.installed()),
        "reactor": None if reactor is None else f"{type(reactor).__module__}.{type(reactor).__qualname__}",
        "built": [] if mixins is None else list(mixins.ReactorBuilder._reactors),
    }


def describe(failure: Failure) -> dict[str, object]:
    """Describe a failure.

    The Failure may be of the code under test and the exception of a test: whatever goes wrong here is part of
    the description and does not end the run.
    """
    kind: Any = None
    try:
        kind = failure.type
        name = f"{kind.__module__}.{kind.__qualname__}"
        message = str(failure.value)[:LONGEST_MESSAGE]
        traceback = failure.getTraceback()[-LONGEST_TRACEBACK:]
    except Exception as error:
        return {"exception": str(kind), "reason": f"could not be described: {error!r}", "traceback": ""}
    return {"exception": name, "reason": message, "traceback": traceback}


# Most of trial's reporter has no types.
_Base: Any = Reporter


class OutcomeRecorder(_Base):  # type: ignore[misc]
    """Trial's plain reporter, which prints what fails, and records everything besides."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._descriptor = open_records()
        self._record("run", **facts())

    def _record(self, what: str, **details: object) -> None:
        record(self._descriptor, what, **details)

    def startTest(self, test: Any) -> None:
        """Record that a test starts, before anything of it runs."""
        self._record("start", id=test.id())
        super().startTest(test)

    def stopTest(self, test: Any) -> None:
        """Record that a test is over."""
        super().stopTest(test)
        self._record("stop", id=test.id())

    def addSuccess(self, test: Any) -> None:
        """Record a success."""
        super().addSuccess(test)
        self._record("outcome", id=test.id(), kind="success")

    def addSkip(self, test: Any, reason: Any) -> None:
        """Record a skip."""
        super().addSkip(test, reason)
        self._record("outcome", id=test.id(), kind="skip", reason=str(reason)[:LONGEST_MESSAGE])

    def addFailure(self, test: Any, failure: Any) -> None:
        """Record a failed assertion."""
        super().addFailure(test, failure)
        self._record("outcome", id=test.id(), kind="failure", **describe(self.failures[-1][1]))

    def addError(self, test: Any, error: Any) -> None:
        """Record an error. That of a placeholder is that of a module or a test which cannot be loaded."""
        super().addError(test, error)
        kind = "not loaded" if isinstance(test, TestHolder) else "error"
        self._record("outcome", id=test.id(), kind=kind, **describe(self.errors[-1][1]))

    def addExpectedFailure(self, test: Any, error: Any, todo: Any = None) -> None:
        """Record that a test failed which is marked to."""
        super().addExpectedFailure(test, error, todo)
        self._record(
            "outcome", id=test.id(), kind="expectedFailure", reason=str(getattr(todo, "reason", todo))
        )

    def addUnexpectedSuccess(self, test: Any, todo: Any = None) -> None:
        """Record that a test succeeded which is marked to fail."""
        super().addUnexpectedSuccess(test, todo)
        self._record(
            "outcome", id=test.id(), kind="unexpectedSuccess", reason=str(getattr(todo, "reason", todo))
        )

    def done(self) -> None:
        """Record the end of the run, and whether it ends on what it began on."""
        super().done()
        self._record("end", **facts())


@implementer(IPlugin, IReporter)
class _Plugin:
    """What trial's plugin system asks for: a name for the command line, and where the reporter is."""

    name = "Recording reporter"
    module = __name__
    klass = OutcomeRecorder.__name__
    description = "records the start and the outcome of every test"
    longOpt = "outcomes"
    shortOpt = None


plugin = _Plugin()
