"""Showing where in another process an exception was raised.

An exception that a process pool brings back has no traceback. What it had is only a text, in its cause, and
Twisted shows no causes. So the exception is given a traceback with the frames of that text. It is Python
because these are frames of Python.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from traceback import format_exception_only
from types import FrameType, FunctionType, TracebackType

_HEADING = "Traceback (most recent call last):\n"
_FRAME = re.compile(r'^  File "(.+)", line (\d+), in (.+)$', re.MULTILINE)


def restore_traceback(error: BaseException) -> None:
    """Give an exception from another process its traceback, if only the text in its cause is left of it.

    Nothing else of the exception is touched, and the cause stays. An exception that has a traceback keeps it,
    and so does one whose cause brings no text.

    Args:
        error: the exception, with a cause as `concurrent.futures`, `multiprocessing` and those that are made
            like them attach it: its attribute `tb` is the text.
    """
    text = getattr(error.__cause__, "tb", None)
    if error.__traceback__ is not None or not isinstance(text, str):
        return
    traceback = None
    for file, line, function in reversed(list(_places(error, text))):
        # There is no instruction to name, and -1 has everybody look at the line.
        traceback = TracebackType(traceback, _frame(file, line, function), -1, line)
    error.__traceback__ = traceback


def _places(error: BaseException, text: str) -> Iterator[tuple[str, int, str]]:
    """Yield the file, the line and the function of each frame, the innermost one last."""
    # A message may quote tracebacks, and those of causes come first.
    before, message, _ = text.rpartition("".join(format_exception_only(type(error), error)))
    own = (before if message else text).rpartition(_HEADING)[2]
    for found in _FRAME.finditer(own):
        yield found[1], int(found[2]), found[3]


def _nothing() -> Generator[None, None, None]:
    """Be a function whose frame can be had without running it, and so without those that called it."""
    yield


def _frame(file: str, line: int, function: str) -> FrameType:
    """Make a frame that says it is of this function."""
    code = _nothing.__code__.replace(co_filename=file, co_firstlineno=line, co_name=function)
    frame: FrameType = FunctionType(code, {})().gi_frame
    return frame
