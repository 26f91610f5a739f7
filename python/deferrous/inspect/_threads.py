"""What the threads of this process run: taken in the process, because a forked copy has only one of them.

It is Python because it only follows frames, for the few that threads have.
"""

from __future__ import annotations

import os
import sys
import threading
from types import FrameType, FunctionType
from typing import Any

from deferrous.inspect._names import describe

#: How many frames of a thread are told, the innermost ones.
DEEPEST = 50

#: The folder of this package, whose own frames are not those of the program.
_OWN = os.path.dirname(__file__) + os.sep


def threads_now(own: bool = False) -> list[dict[str, Any]]:
    """Return the threads of this process, the main thread first.

    Args:
        own: whether to return this thread, too, without the frames of this package.

    Returns:
        for each `ident`, `native_id`, `name`, `daemon`, `main`, and `stack`: the innermost frame first,
        each with `function`, `file` and `line`. Threads that Python has not started have null for what is
        not known. `holds` has the local variables: the id of the value, the name, the function and its
        place. `job` is what a thread of Twisted's own pool is asked to do.
    """
    # Without the module's lock, which the thread that blocks may hold.
    known = dict(threading._active)  # type: ignore[attr-defined]
    main = threading.main_thread().ident
    this = threading.get_ident()
    found = []
    for ident, frame in sys._current_frames().items():
        if ident == this and not own:
            continue
        thread = known.get(ident)
        frames = _frames(frame)
        found.append(
            {
                "ident": ident,
                "native_id": None if thread is None else thread.native_id,
                "name": None if thread is None else thread._name,
                "daemon": None if thread is None else thread._daemonic,
                "main": ident == main,
                "stack": [_described(frame) for frame in frames[:DEEPEST]],
                "holds": [variable for frame in frames for variable in _holds(frame)],
                "job": next(filter(None, map(_stock_job, frames)), None),
            }
        )
    return sorted(found, key=lambda thread: not thread["main"])


def _frames(frame: FrameType | None) -> list[FrameType]:
    """Return the frames of a thread, the innermost first."""
    frames = []
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_OWN):
            frames.append(frame)
        frame = frame.f_back
    return frames


def _described(frame: FrameType) -> dict[str, Any]:
    """Return where a frame is. The line may be null in the middle of a call."""
    code = frame.f_code
    name = getattr(code, "co_qualname", code.co_name)
    return {"function": name, "file": code.co_filename, "line": frame.f_lineno}


def _holds(frame: FrameType) -> list[tuple[int, str, str, str, int]]:
    """Return the local variables of a frame. Those of a module are the module's."""
    values, code = frame.f_locals, frame.f_code
    if values is frame.f_globals:
        return []
    function, line = getattr(code, "co_qualname", code.co_name), frame.f_lineno or code.co_firstlineno
    return [
        (id(value), name, function, code.co_filename, line)
        for name, value in values.items()
        # What runs a module has its namespace as a variable.
        if not (type(value) is dict and "__builtins__" in value)
    ]


def _stock_job(frame: FrameType) -> dict[str, Any] | None:
    """Return the job that a frame of Twisted's thread pool does: what it calls, and the id of who is told."""
    code = frame.f_code
    if code.co_name != "inContext" or not code.co_filename.endswith("threadpool.py"):
        return None
    return stock_job(frame.f_locals.get("inContext"))


def stock_job(in_context: object) -> dict[str, Any] | None:
    """Return the job that a function of Twisted's thread pool is made for; None if it is another function."""
    if type(in_context) is not FunctionType:
        return None
    work, told = in_context.__dict__.get("theWork"), in_context.__dict__.get("onResult")
    if type(work) is not FunctionType:
        return None
    values = dict(zip(work.__code__.co_freevars, work.__closure__ or (), strict=False))
    try:
        function = values["func"].cell_contents
    except (KeyError, ValueError):
        return None
    name, place = describe(function)
    return {
        "function": name,
        "file": place.file,
        "line": place.line,
        "tells": 0 if told is None else id(told),
    }
