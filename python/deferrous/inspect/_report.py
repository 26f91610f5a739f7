"""The answers to the commands, as JSON can hold them. It is Python because it only arranges."""

from __future__ import annotations

import os
import platform
import sys
import time
from typing import Any

from deferrous.inspect import _metrics, _stalls
from deferrous.inspect._classes import short_name
from deferrous.inspect._find import current_reactor
from deferrous.inspect._groups import Shapes, groups
from deferrous.inspect._heap import Uncollected
from deferrous.inspect._items import Item
from deferrous.inspect._model import Snapshot
from deferrous.inspect._protocol import VERSION
from deferrous.inspect._recorded import are_kept
from deferrous.inspect._resolve import Outstanding, twisted_version
from deferrous.inspect._threads import threads_now
from deferrous.inspect._tree import trees
from deferrous.inspect._why import why


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a request.

    Args:
        request: with `command`: ps, pstree, why, stalls or metrics. `threads` has what `threads_now`
            returned, and `stall` the stall that goes on, if this is a forked copy, in which the threads are
            not. `pid` is that of the process that was copied. With `rows`, the answer to pstree has the rows
            of ps, too: both cost one look.

    Returns:
        what was found, with what process it is of.

    Raises:
        ValueError: there is no such command.
    """
    command = request.get("command")
    if command in ("stalls", "metrics"):
        part = _stalls if command == "stalls" else _metrics
        heading = _heading(current_reactor(), os.getpid())
        return {**heading, "command": command, **part.answer()}
    if command not in ("ps", "pstree", "why"):
        raise ValueError(f"there is no command {command!r}")
    with Uncollected():
        return _answer(command, request)


def _answer(command: str, request: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    threads = request.get("threads")
    found = Outstanding(threads_now(own=True) if threads is None else threads)
    result = {**_heading(found.reactor, request.get("pid") or os.getpid()), "command": command}
    if command == "ps" or request.get("rows"):
        result["rows"] = [row.as_dict() for row in groups(table_items(found), Shapes())]
        result["stall"] = request["stall"] if "stall" in request else stall_now()
    if command == "pstree":
        result["trees"] = [tree.as_dict() for tree in trees(found.items, Shapes())]
    elif command == "why":
        state, keeps, kept_by = why(found)
        result |= {"state": state, "keeps": [node.as_dict() for node in keeps], "threads": kept_by}
    result["took"] = round(time.perf_counter() - began, 3)
    return result


def stall_now() -> dict[str, Any] | None:
    """Return the stall that goes on; None if there is none. Any thread may call it."""
    stall: dict[str, Any] | None = _stalls.answer()["now"]
    return stall


def snapshot() -> Snapshot:
    """Return all that is outstanding in this process, and who waits for whom.

    The program stops meanwhile: for a million Deferreds that takes seconds.

        >>> from twisted.internet.defer import Deferred
        >>> from deferrous.inspect import snapshot
        >>> waits = Deferred().addCallback(print)
        >>> [group.count for group in snapshot().groups if group.kind == "deferred"]
        [1]

    Returns:
        the groups and the trees.

    Call it from the thread that runs the reactor.
    """
    began, taken = time.perf_counter(), time.time()
    with Uncollected():
        found = Outstanding(threads_now(own=True))
        rows = groups(table_items(found), Shapes())
        found_trees = trees(found.items, Shapes())
    took = time.perf_counter() - began
    return Snapshot(tuple(rows), tuple(found_trees), taken, took, are_kept())


def table_items(found: Outstanding) -> list[Item]:
    """Return the items that have a row: not a Deferred that others wait for and whose place is not known.

    What waits for it has a row, which says what it waits for in the end.
    """
    return [
        item for item in found.items if not (item.kind == "deferred" and item.waited and not item.place.file)
    ]


def _heading(reactor: Any, pid: int) -> dict[str, Any]:
    return {
        "version": VERSION,
        "pid": pid,
        "program": sys.argv[0] if getattr(sys, "argv", None) else "",
        "python": platform.python_version(),
        "twisted": twisted_version(),
        "reactor": "" if reactor is None else short_name(type(reactor)),
        "directory": os.getcwd(),
        "taken": time.time(),
        "records": are_kept(),
    }
