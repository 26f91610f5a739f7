"""What Twisted's loggers say."""

from __future__ import annotations

import warnings

from twisted.logger import globalLogBeginner

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
