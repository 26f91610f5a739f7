"""Keeping records of what makes Deferreds and delayed calls, and unhandled errors that tell them.

The records are kept in Rust: a time and a code object with its instruction, which cost next to nothing. It is
Python because what is told of them is text.
"""

from __future__ import annotations

from traceback import FrameSummary, format_list
from types import CodeType

from twisted.internet.defer import DebugInfo

from deferrous import _core
from deferrous.inspect._classes import class_name
from deferrous.inspect._names import code_name
from deferrous.inspect._recorded import Record

#: Whether records are kept of what is made now.
kept = False


def start() -> None:
    """Keep a record of each Deferred and delayed call from now on. Any thread may call it."""
    global kept
    _core.keep_records(_make_debug_info)
    kept = True


def stop() -> None:
    """Keep no records of what is made from now on. Any thread may call it."""
    global kept
    _core.keep_records(None)
    kept = False


class RecordedInfo(DebugInfo):
    """What logs the unhandled error of a Deferred that has a record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def _getDebugTracebacks(self) -> str:
        """Return what Twisted's log line ends with: what Twisted adds in debug mode, and the record."""
        text = super()._getDebugTracebacks()
        try:
            return self._with_record(text)
        except Exception:
            # At the end of Python, what reads sources may be gone. The failure is logged all the same.
            return text

    def _with_record(self, text: str) -> str:
        record = self._record
        if self.creator is None:
            place = record.place
            made = FrameSummary(place.file, place.line, code_name(record.code))
            text = f" C: Deferred was created:\n{_marked('C', made)}{text}"
        failed = record.failed
        if isinstance(failed, CodeType):
            called = FrameSummary(failed.co_filename, failed.co_firstlineno, code_name(failed))
            text += f" L: Last callback was:\n{_marked('L', called)}"
        elif isinstance(failed, str):
            text += f" L: Last callback was:\n L:  the built-in function {failed}\n"
        elif failed is not None:
            text += f" L: Last callback was:\n L:  an object of the class {class_name(failed)}\n"
        return text


def _marked(mark: str, place: FrameSummary) -> str:
    """Return the lines of a place as Twisted writes those of stacks."""
    lines = "".join(format_list([place])).rstrip().replace("\n", f"\n {mark}:")
    return f" {mark}:{lines}\n"


def _make_debug_info(*record: object) -> DebugInfo:
    return RecordedInfo(Record(*record))  # type: ignore[arg-type]
