"""What asyncio's event loop has in Python: rare cases, for which the standard library has functions.

The extension is handed these functions, and calls them by their names.
"""

import inspect
import selectors
import sys
from asyncio import base_events, format_helpers
from typing import Any

#: What is looked up in these is not in the type stubs. It is looked up each time, as tests replace it.
_events: Any = base_events
_helpers: Any = format_helpers

#: Whether the arguments of a callback are shown in debug mode only. Earlier Pythons show them always.
_HIDES_ARGUMENTS = "debug" in inspect.signature(_helpers._format_callback_source).parameters

#: The number of the descriptor of a file object, or a ValueError.
descriptor: Any = selectors._fileobj_to_fd  # type: ignore[attr-defined]


def callback_failed(handle: Any, exception: BaseException) -> None:
    """Tell the exception handler of a loop what a callback has raised.

    Args:
        handle: the handle of the callback.
        exception: what it has raised.
    """
    loop = handle._loop
    shown = {"debug": loop.get_debug()} if _HIDES_ARGUMENTS else {}
    source = _helpers._format_callback_source(handle._callback, handle._args, **shown)
    context = {"message": f"Exception in callback {source}", "exception": exception, "handle": handle}
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    loop.call_exception_handler(context)


def was_slow(loop: Any, handle: Any, seconds: float) -> None:
    """Log that a callback took long, in debug mode.

    Args:
        loop: the loop, which says what is long.
        handle: the handle of the callback.
        seconds: how long it took.
    """
    if seconds >= loop.slow_callback_duration:
        _events.logger.warning("Executing %s took %.3f seconds", _events._format_handle(handle), seconds)


def source_traceback() -> Any:
    """Return the stack of whoever calls a method of the loop, which is in no frame of its own."""
    return _helpers.extract_stack(sys._getframe(1))
