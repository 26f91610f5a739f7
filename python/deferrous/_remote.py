"""Show where in another process an exception was raised.

An exception from a process pool has no traceback. The original traceback is only a text in its cause, and
Twisted does not show causes. So we give the exception a traceback with the frames of that text. It is Python
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
    """Give an exception from another process its traceback, from the text in its cause.

    Nothing else of the exception is changed. An exception that has a traceback, or a cause without such a
    text, stays as it is.

    Args:
        error: the exception. Its cause has the text as its attribute `tb`, as `concurrent.futures` and
            `multiprocessing` attach it.
    """
    text = getattr(error.__cause__, "tb", None)
    if error.__traceback__ is not None or not isinstance(text, str):
        return
    traceback = None
    for file, line, function in reversed(list(_places(error, text))):
        # The instruction is unknown. With -1, readers use the line.
        traceback = TracebackType(traceback, _frame(file, line, function), -1, line)
    error.__traceback__ = traceback


def _places(error: BaseException, text: str) -> Iterator[tuple[str, int, str]]:
    """Yield the file, the line and the function of each frame, innermost last."""
    # The message may quote tracebacks, and the tracebacks of causes come first.
    before, message, _ = text.rpartition("".join(format_exception_only(type(error), error)))
    own = (before if message else text).rpartition(_HEADING)[2]
    for found in _FRAME.finditer(own):
        yield found[1], int(found[2]), found[3]


def _nothing() -> Generator[None, None, None]:
    """A generator, because its frame exists before it runs and has no callers."""
    yield


def _frame(file: str, line: int, function: str) -> FrameType:
    """Make a frame with the name, the file and the line of a function."""
    code = _nothing.__code__.replace(co_filename=file, co_firstlineno=line, co_name=function)
    frame: FrameType = FunctionType(code, {})().gi_frame
    return frame
