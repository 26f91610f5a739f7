"""Records of what has made Deferreds and delayed calls, and unhandled errors that tell them.

The records are kept in Rust: a time and a code object with its instruction, which cost next to nothing. It is
Python because what is told of them is text.
"""

from __future__ import annotations

import time
from traceback import FrameSummary, format_list
from types import CodeType
from typing import NamedTuple

from twisted.internet.defer import DebugInfo

from deferrous import _core

_kept = False


class Record(NamedTuple):
    """What has made a Deferred or a delayed call.

    Attributes:
        at: when, in seconds by `time.monotonic()`, to some milliseconds.
        code: the code that has made it.
        instruction: where in that, as an index of bytes.
        failed: what of its callbacks was called last, if that has failed: its code, the name of a built-in
            function, or the class of another callable; or None.
    """

    at: float
    code: CodeType
    instruction: int
    failed: CodeType | str | type | None

    @property
    def age(self) -> float:
        """How many seconds ago that was."""
        return max(0.0, time.monotonic() - self.at)

    @property
    def line(self) -> int:
        """The line of the code's file."""
        return line_of(self.code, self.instruction)


def start() -> None:
    """Keep a record of each Deferred and delayed call from now on. Any thread may call it."""
    global _kept
    _core.keep_records(_make_debug_info)
    _kept = True


def stop() -> None:
    """Keep no records of what is made from now on. Any thread may call it."""
    global _kept
    _core.keep_records(None)
    _kept = False


def are_kept() -> bool:
    """Say whether records are kept. Any thread may call it."""
    return _kept


def record_of(thing: object) -> Record | None:
    """Return the record of a Deferred or a delayed call of deferrous; None if there is none."""
    found = _core.record(thing)
    return None if found is None else Record(*found)


def line_of(code: CodeType, instruction: int) -> int:
    """Return the line of an instruction, or the first of the code where an instruction has none."""
    for begin, end, line in code.co_lines():
        if begin <= instruction < end:
            return line or code.co_firstlineno
    return code.co_firstlineno


def name_of(code: CodeType) -> str:
    """Return the qualified name of code; before Python 3.11 it has none but its own."""
    name: str = getattr(code, "co_qualname", code.co_name)
    return name


class RecordedInfo(DebugInfo):
    """What logs the unhandled error of a Deferred that has a record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def _getDebugTracebacks(self) -> str:
        """Return what Twisted's log line ends with: what Twisted adds in debug mode, and the record."""
        record, text = self._record, super()._getDebugTracebacks()
        if self.creator is None:
            made = FrameSummary(record.code.co_filename, record.line, name_of(record.code))
            text = f" C: Deferred was created:\n{_marked('C', made)}{text}"
        failed = record.failed
        if isinstance(failed, CodeType):
            called = FrameSummary(failed.co_filename, failed.co_firstlineno, name_of(failed))
            text += f" L: Last callback was:\n{_marked('L', called)}"
        elif isinstance(failed, str):
            text += f" L: Last callback was:\n L:  the built-in function {failed}\n"
        elif failed is not None:
            text += f" L: Last callback was:\n L:  an object of the class {failed.__qualname__}\n"
        return text


def _marked(mark: str, place: FrameSummary) -> str:
    """Return the lines of a place as Twisted writes those of stacks."""
    lines = "".join(format_list([place])).rstrip().replace("\n", f"\n {mark}:")
    return f" {mark}:{lines}\n"


def _make_debug_info(*record: object) -> DebugInfo:
    return RecordedInfo(Record(*record))  # type: ignore[arg-type]
