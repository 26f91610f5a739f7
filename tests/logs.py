"""The events of Twisted's loggers."""

from __future__ import annotations

import gc
import warnings
from types import TracebackType
from typing import Any

from twisted.logger import globalLogBeginner, globalLogPublisher

_begun = False


def begin() -> None:
    """Throw away what is logged, where no observer asks for it.

    Without this Twisted keeps the events, with all that they refer to, for a log that may be opened later.
    """
    global _begun
    if not _begun:
        shown = warnings.showwarning
        globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
        warnings.showwarning = shown
        _begun = True


class Log:
    """The events since it was last asked for them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._publisher: Any = globalLogPublisher

    def __enter__(self) -> Log:
        self._publisher.addObserver(self.events.append)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._publisher.removeObserver(self.events.append)

    @staticmethod
    def text(event: dict[str, Any]) -> str:
        """Give what an event says."""
        # What `twisted.python.log` is told has its failure under another name.
        failure = event.get("log_failure", event.get("failure"))
        error = "" if failure is None else f"{failure.type.__name__}({failure.value})"
        said = event["log_format"] or ""
        if event["log_namespace"] == "log_legacy":
            said = event.get("why") or ("" if error else event["log_text"])
        words = (event["log_level"].name, event["log_namespace"], said, error)
        return " ".join(word for word in words if word)

    def take(self) -> list[str]:
        """Give what has been said, after everything that can be collected has been."""
        gc.collect()
        taken = [self.text(event) for event in self.events]
        self.events.clear()
        return taken

    def written(self) -> list[str]:
        """Give what has been written by `twisted.python.log`, with tracebacks."""
        events, self.events[:] = list(self.events), []
        return [event["log_text"] for event in events]

    def unhandled(self) -> list[str]:
        """Give the exceptions that nobody has handled, and make sure that nothing else has been said."""
        gc.collect()
        events, self.events[:] = list(self.events), []
        headings = [event for event in events if event["log_format"] == "Unhandled error in Deferred:"]
        failures = [event for event in events if event.get("log_failure") is not None]
        assert len(headings) == len(failures) == len(events) / 2
        for event in events:
            assert event["log_namespace"] == "twisted.internet.defer"
            assert event["log_level"].name == "critical"
        assert all(event["isError"] is True for event in headings)
        return sorted(
            f"{event['log_failure'].type.__name__}({event['log_failure'].value})" for event in failures
        )
