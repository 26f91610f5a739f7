"""Writing records: one line of JSON for each start, outcome and end, and for what was tested.

The runners here share it. It works inside the process that is tested, and therefore does little: each record
is one write to a descriptor of its own, so that a crash loses nothing, and text that tests print cannot get
between. What it needs from the standard library it takes before any test can replace it.
"""

import os
from collections.abc import Callable
from json import dumps
from os import write
from time import monotonic
from typing import Any

#: Where the records go: beside this file, of which every run has its own copy.
RECORDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "records.jsonl")

#: How much of a message and of a traceback is kept: enough to see what went wrong. The log has all of it.
LONGEST_MESSAGE = 1000
LONGEST_TRACEBACK = 4000


def open_records() -> int:
    """Open the file of records for adding to it."""
    return os.open(RECORDS, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def record(descriptor: int, what: str, **details: object) -> None:
    """Write one record, with the time."""
    line = dumps({"what": what, "time": round(monotonic(), 3), **details}) + "\n"
    write(descriptor, line.encode())


def describe(kind: Any, value: object, traceback: Callable[[], str]) -> dict[str, object]:
    """Describe an exception.

    It may be of the code under test: whatever goes wrong here is part of the description and does not end
    the run.

    Args:
        kind: its class.
        value: the exception.
        traceback: returns its traceback as text.
    """
    try:
        name = f"{kind.__module__}.{kind.__qualname__}"
        return {
            "exception": name,
            "reason": str(value)[:LONGEST_MESSAGE],
            "traceback": traceback()[-LONGEST_TRACEBACK:],
        }
    except Exception as error:
        return {"exception": str(kind), "reason": f"could not be described: {error!r}", "traceback": ""}
