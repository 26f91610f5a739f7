"""A reporter of trial that records the start and the outcome of every test, as one line of JSON each.

It is a plugin: trial looks for those in folders of this name. `outcome_records.py` writes the records.
"""

from typing import Any

from outcome_records import (  # type: ignore[import-not-found]
    LONGEST_MESSAGE,
    describe,
    open_records,
    record,
)
from twisted.plugin import IPlugin
from twisted.python.failure import Failure
from twisted.trial.itrial import IReporter
from twisted.trial.reporter import Reporter
from twisted.trial.runner import TestHolder
from twisted_facts import facts  # type: ignore[import-not-found]
from zope.interface import implementer  # type: ignore[import-untyped]


def describe_failure(failure: Failure) -> dict[str, object]:
    """Describe a failure, by the exception in it."""
    return describe(failure.type, failure.value, failure.getTraceback)  # type: ignore[no-any-return]


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
        self._record("outcome", id=test.id(), kind="failure", **describe_failure(self.failures[-1][1]))

    def addError(self, test: Any, error: Any) -> None:
        """Record an error. That of a placeholder is that of a module or a test which cannot be loaded."""
        super().addError(test, error)
        kind = "not loaded" if isinstance(test, TestHolder) else "error"
        self._record("outcome", id=test.id(), kind=kind, **describe_failure(self.errors[-1][1]))

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
