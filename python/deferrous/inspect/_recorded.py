"""Records of what has made Deferreds and delayed calls, read.

It is Python because it only reads. Without the extension there are none.
"""

from __future__ import annotations

import sys
import time
from types import CodeType
from typing import Any, NamedTuple

from deferrous.inspect._model import Place


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
    def place(self) -> Place:
        """The file and the line."""
        return Place(self.code.co_filename, line_of(self.code, self.instruction))


def record_of(thing: object) -> Record | None:
    """Return the record of a Deferred or a delayed call of deferrous; None if there is none."""
    native: Any = sys.modules.get("deferrous._native")
    found = None if native is None else native.record(thing)
    return None if found is None else Record(*found)


def are_kept() -> bool:
    """Say whether records are kept of what is made now."""
    records: Any = sys.modules.get("deferrous.inspect._records")
    return records is not None and bool(records.kept)


def line_of(code: CodeType, instruction: int) -> int:
    """Return the line of an instruction, or the first of the code where an instruction has none."""
    for begin, end, line in code.co_lines():
        if begin <= instruction < end:
            return line or code.co_firstlineno
    return code.co_firstlineno
