"""Runs pytest with its arguments, and records the start and the outcome of every test.

The recorder is a plugin of this process only. When the process crashes or is told to abort, it writes the
stack of every thread to the log.
"""

import faulthandler
import sys
from collections.abc import Generator

import pytest
from outcome_records import (  # type: ignore[import-not-found]
    LONGEST_MESSAGE,
    describe,
    open_records,
    record,
)
from twisted_facts import facts  # type: ignore[import-not-found]


class OutcomeRecorder:
    """The hooks that pytest calls."""

    def __init__(self) -> None:
        self.descriptor = open_records()

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Record that a test starts, before its fixtures."""
        record(self.descriptor, "start", id=nodeid)

    @pytest.hookimpl
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Record that a test is over, its fixtures included."""
        record(self.descriptor, "stop", id=nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Record what pytest says of a fixture or of a test, once all plugins have said theirs."""
        report = yield
        kind = kind_of(report)
        if kind is not None:
            self.outcome(kind, report, call.excinfo)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Record what cannot be loaded, or skips itself when it is."""
        report = yield
        if not report.passed:
            call: pytest.CallInfo[object] | None = getattr(report, "call", None)
            self.outcome("skip" if report.skipped else "not loaded", report, call and call.excinfo)
        return report

    def outcome(
        self,
        kind: str,
        report: pytest.TestReport | pytest.CollectReport,
        error: pytest.ExceptionInfo[BaseException] | None,
    ) -> None:
        """Record an outcome, with its exception where it counts."""
        details = {"reason": report.longreprtext[-LONGEST_MESSAGE:]}
        if kind in ("failure", "error", "not loaded") and error is not None:
            details = describe(error.type, error.value, lambda: report.longreprtext)
        record(self.descriptor, "outcome", id=report.nodeid, kind=kind, **details)


def kind_of(report: pytest.TestReport) -> str | None:
    """Return the kind of outcome, in trial's words; None for a fixture that works."""
    expected_to_fail = hasattr(report, "wasxfail")
    if report.skipped:
        return "expectedFailure" if expected_to_fail else "skip"
    if report.failed:
        return "failure" if report.when == "call" else "error"
    if report.when == "call":
        return "unexpectedSuccess" if expected_to_fail else "success"
    return None


faulthandler.enable()
# The folder of this file, which pytest's own command has not on the path of modules.
del sys.path[0]
recorder = OutcomeRecorder()
record(recorder.descriptor, "run", **facts())
sys.argv[0] = "pytest"
status = pytest.main(["--continue-on-collection-errors", *sys.argv[1:]], plugins=[recorder])
sys.stdout.flush()
record(recorder.descriptor, "end", **facts())
sys.exit(int(status))
