"""The result of unittest that records the start and the outcome of every test."""

import unittest
from traceback import format_exception
from types import TracebackType
from typing import Any

from outcome_records import (  # type: ignore[import-not-found]
    LONGEST_MESSAGE,
    describe,
    open_records,
    record,
)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

DESCRIPTOR = open_records()


def describe_error(error: ExcInfo) -> dict[str, object]:
    """Describe an exception."""
    kind, value, traceback = error
    return describe(  # type: ignore[no-any-return]
        kind, value, lambda: "".join(format_exception(kind, value, traceback))
    )


class OutcomeRecorder(unittest.TextTestResult):
    """Unittest's own result, which prints what fails, and records everything besides."""

    def _record(self, what: str, test: unittest.TestCase, **details: object) -> None:
        record(DESCRIPTOR, what, id=test.id(), **details)

    def startTest(self, test: unittest.TestCase) -> None:
        """Record that a test starts, before anything of it runs."""
        self._record("start", test)
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        """Record that a test is over."""
        super().stopTest(test)
        self._record("stop", test)

    def addSuccess(self, test: unittest.TestCase) -> None:
        """Record a success."""
        super().addSuccess(test)
        self._record("outcome", test, kind="success")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """Record a skip."""
        super().addSkip(test, reason)
        self._record("outcome", test, kind="skip", reason=str(reason)[:LONGEST_MESSAGE])

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Record a failed assertion."""
        super().addFailure(test, err)
        self._record("outcome", test, kind="failure", **describe_error(err))

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        """Record an error. That of a placeholder is that of a module or a test which cannot be loaded."""
        super().addError(test, err)
        kind = "not loaded" if type(test).__module__ == "unittest.loader" else "error"
        self._record("outcome", test, kind=kind, **describe_error(err))

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Record that a test failed which is marked to."""
        super().addExpectedFailure(test, err)
        self._record("outcome", test, kind="expectedFailure")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        """Record that a test succeeded which is marked to fail."""
        super().addUnexpectedSuccess(test)
        self._record("outcome", test, kind="unexpectedSuccess")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        """Record what failed in a part of a test. A part that succeeds is none of its outcomes."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            kind = "failure" if issubclass(err[0], test.failureException) else "error"
            self._record("outcome", subtest, kind=kind, **describe_error(err))
