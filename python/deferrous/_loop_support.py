"""What asyncio's event loop has in Python: rare cases, for which the standard library has functions.

The extension is handed these functions, and calls them by their names.
"""

import inspect
import selectors
import sys
from asyncio import base_events, format_helpers
from typing import Any

#: The standard library's own functions, which are not in its type stubs.
_format_source: Any = format_helpers._format_callback_source
_format_handle: Any = base_events._format_handle  # type: ignore[attr-defined]
_extract_stack: Any = format_helpers.extract_stack
_logger: Any = base_events.logger  # type: ignore[attr-defined]

#: Whether the arguments of a callback are shown in debug mode only. Earlier Pythons show them always.
_HIDES_ARGUMENTS = "debug" in inspect.signature(_format_source).parameters

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
    source = _format_source(handle._callback, handle._args, **shown)
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
        _logger.warning("Executing %s took %.3f seconds", _format_handle(handle), seconds)


def source_traceback() -> Any:
    """Return the stack of whoever calls a method of the loop, which is in no frame of its own."""
    return _extract_stack(sys._getframe(1))
