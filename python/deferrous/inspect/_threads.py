"""What the threads of this process run: taken in the process, because a forked copy has only one of them.

It is Python because it only follows frames, for the few that threads have.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from types import FrameType, FunctionType
from typing import Any

from deferrous.inspect._names import code_name, describe

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
        not known. `holds` has the local variables, as far as they can be had: the id of the value, the name,
        the function and its place. `job` is what a thread of Twisted's own pool is asked to do.
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
    return {"function": code_name(code), "file": code.co_filename, "line": frame.f_lineno}


def _holds(frame: FrameType) -> list[tuple[int, str, str, str, int]]:
    """Return the local variables of a frame. Those of a module are the module's."""
    code = frame.f_code
    function, line = code_name(code), frame.f_lineno or code.co_firstlineno
    return [
        (id(value), name, function, code.co_filename, line)
        for name, value in _variables(frame)
        # What runs a module has its namespace as a variable.
        if not (type(value) is dict and "__builtins__" in value)
    ]


def _variables(frame: FrameType) -> list[tuple[str, object]]:
    """Return the names and the values of the variables of a frame that runs, without changing it.

    Before Python 3.13, reading `f_locals` puts all values into a dict that the frame keeps: what a variable
    had lives on until the function ends, and a debugger's changes are lost. On 3.10 the collector knows the
    values; on 3.11 and 3.12 nobody does.
    """
    if sys.version_info >= (3, 13):
        values = frame.f_locals
        return [] if values is frame.f_globals else list(values.items())
    if sys.version_info < (3, 11):
        return [("", value) for value in _values(frame)]
    job = _in_context(frame)
    return [] if job is None else [("inContext", job)]


def suspended_values(code: object) -> list[object]:
    """Return what a suspended coroutine or generator refers to, its variables included.

    On Python 3.10, these belong to its frame, which is an object of its own.
    """
    found = gc.get_referents(code)
    if sys.version_info < (3, 11):
        found += [value for frame in found if type(frame) is FrameType for value in _values(frame)]
    return found


def _values(frame: FrameType) -> list[object]:
    """Return the values of the variables of a frame on Python 3.10, whose collector knows them."""
    others = {id(thing) for thing in (frame.f_globals, frame.f_builtins, frame.f_back, frame.f_code)}
    return [value for value in gc.get_referents(frame) if id(value) not in others]


def _in_context(frame: FrameType) -> object:
    """Return what a frame of Twisted's thread pool does; None if it is another function's frame.

    That function has no other variable while the job runs: the dict of `f_locals` keeps nothing alive.
    """
    code = frame.f_code
    if code.co_name != "inContext" or not code.co_filename.endswith("twisted/python/threadpool.py"):
        return None
    return frame.f_locals.get("inContext")


def _stock_job(frame: FrameType) -> dict[str, Any] | None:
    """Return the job that a frame of Twisted's thread pool does: what it calls, and the id of who is told."""
    return stock_job(_in_context(frame))


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
