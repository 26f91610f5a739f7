"""Log errors in the reactor, with Twisted's own texts, and make calls with odd arguments.

It is Python because it only calls Twisted's loggers, and only for errors. Each function logs the current
exception.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from traceback import format_stack

from twisted.internet import base
from twisted.python import log


def main_loop() -> None:
    """Log an error of the reactor itself."""
    base._topHandler.__exit__(*sys.exc_info())


def thread_call() -> None:
    """Log an error of a function that was given to `callFromThread`."""
    base._threadCallHandler.__exit__(*sys.exc_info())


def timed_call(creator: Sequence[str] | None = None) -> None:
    """Log an error of a delayed call.

    Args:
        creator: the stack that set it, if that was recorded.
    """
    if not creator:
        base._DEFAULT_DELAYED_CALL_LOGGING_HANDLER.__exit__(*sys.exc_info())
        return
    stack = "".join(creator).rstrip().replace("\n", "\n C:")
    previous = f"\n C: from a DelayedCall created here:\n C:{stack}\n"
    handler = base._log.failuresHandled("while handling timed call {previous()}", previous=lambda: previous)
    handler.__exit__(*sys.exc_info())


def elsewhere() -> None:
    """Log an error of a selectable."""
    log.err()  # type: ignore[no-untyped-call]


def selectable(prefix: str) -> None:
    """Log an error of disconnecting a selectable.

    Args:
        prefix: what the selectable's log lines begin with.
    """
    log.err(system=prefix)  # type: ignore[no-untyped-call]


def format_creator() -> list[str]:
    """Return the stack that sets a delayed call."""
    return format_stack()[:-1]


def make_call(
    function: Callable[..., object], arguments: Iterable[object], keywords: Mapping[str, object]
) -> None:
    """Make a delayed call whose `args` or `kw` a program has replaced, or raise as Python does."""
    function(*arguments, **keywords)


#: The repr of a delayed call.
describe = base.DelayedCall.__repr__
