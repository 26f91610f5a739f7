"""From what the watchdog has measured of a stall to what it means.

It is Python because it runs once a stall.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from deferrous.inspect import _names, _recorded, _stall_stacks, _stall_text
from deferrous.inspect._classes import class_name
from deferrous.inspect._model import Place
from deferrous.inspect._stall_text import COLLECTED, COMPUTED, SLEPT, STARVED, UNKNOWN, WAITED
from deferrous.inspect._system_calls import system_call

#: What the reactor was doing, by the numbers of the extension. Those of Twisted do not say it.
CALL_KINDS = {1: "call from a thread", 2: "timer", 3: "descriptor", 4: "sending"}

#: Another thread gets the interpreter in fewer seconds, unless a function of C keeps it.
_KEPT = 0.04


def describe(raw: dict[str, Any], taken: _stall_stacks.Taken, over: bool) -> dict[str, Any]:
    """Return a stall as JSON can hold it, with its line of text.

    Args:
        raw: what the watchdog has measured.
        taken: the stacks of this turn, or of another one.
        over: whether it is.
    """
    if taken.number != raw["number"]:
        taken = _stall_stacks.Taken(raw["number"])
    stacks = _stall_stacks.read(taken)
    # What was not measured, before the first look, was like the rest.
    scale = raw["took"] / raw["measured"] if raw["measured"] else 1.0

    def scaled(seconds: float | None) -> float | None:
        return None if seconds is None else min(seconds * scale, raw["took"])

    stall: dict[str, Any] = {
        "at": time.time() - (time.monotonic() - raw["began"]),
        "took": raw["took"],
        "over": over,
        "processor": scaled(raw["processor"]),
        "collector": min(raw["collector"], raw["took"]),
        "collections": raw["collections"],
        "interpreter": scaled(raw["interpreter"]),
        "starved": scaled(raw["starved"]),
        "asleep": _asleep(raw, scale),
        "disk": raw["disk"],
        "called": _called(raw, stacks),
        "calls": raw.get("calls", 0),
        "samples": stacks.taken,
        "place": stacks.own and stacks.own._asdict(),
        "frames": [{**frame._asdict(), "share": share} for frame, share in stacks.frames],
        "stacks": [
            {"share": share, "frames": [frame._asdict() for frame in stack]} for stack, share in stacks.stacks
        ],
        "machine": {"load": os.getloadavg()[0], "processors": len(os.sched_getaffinity(0))},
    }
    stall["cause"], stall["activity"] = _cause(stall)
    # Whoever is starved waits for the interpreter, too.
    kept = taken.waited > max(_KEPT, raw["took"] / 4) and stall["cause"] == COMPUTED
    stall["kept_interpreter"] = kept
    stall["threads"] = _threads(raw) if stall["activity"] == WAITED else []
    stall["text"] = _stall_text.line(stall)
    return stall


def _cause(stall: dict[str, Any]) -> tuple[str, str]:
    """Return what most of the time went into, and what was done while there was a processor."""
    if stall["processor"] is None:
        return UNKNOWN, UNKNOWN
    computed = stall["processor"] - stall["collector"]
    shares = {
        COLLECTED: stall["collector"],
        # The collector needs the processor, too.
        COMPUTED: max(computed, stall["processor"] * 0.01),
        WAITED: stall["interpreter"],
        SLEPT: sum(sleep["seconds"] for sleep in stall["asleep"]),
    }
    activity = max(shares, key=shares.__getitem__)
    if stall["starved"] > stall["took"] / 2:
        return STARVED, activity
    return activity, activity


def _asleep(raw: dict[str, Any], scale: float) -> list[dict[str, Any]]:
    """Return the system calls in which the thread slept, the longest first."""
    ordered = sorted(raw["asleep"], key=lambda sleep: -sleep[1])
    return [
        {"call": "" if number is None else system_call(number), "seconds": seconds * scale}
        for number, seconds in ordered
    ]


def _called(raw: dict[str, Any], stacks: _stall_stacks.Stacks) -> dict[str, Any] | None:
    """Return what the reactor has called: by its object, or else by the outermost frame."""
    first: dict[str, Any] | None = next(iter(raw.get("called", ())), None)
    if first is not None:
        return first
    if stacks.called is None:
        return None
    return {"kind": CALL_KINDS.get(raw["kind"], ""), **stacks.called._asdict()}


def name_called(kind: int, thing: Any) -> dict[str, Any] | None:
    """Return the name of what the reactor has called during a stall. No code of the program runs.

    Args:
        kind: one of `CALL_KINDS`.
        thing: the delayed call, or the descriptor; None if nothing is left of what was called.
    """
    if thing is None:
        return None
    record = None
    if CALL_KINDS.get(kind) == "timer":
        name, place = _names.describe(_names.attribute(thing, "func"))
        record = _recorded.record_of(thing)
    else:
        name, place = _name_descriptor(thing)
    found = {"kind": CALL_KINDS.get(kind, "call"), "name": name, "file": place.file, "line": place.line}
    if record is not None:
        found.update(made_file=record.place.file, made_line=record.place.line)
    return found


def _name_descriptor(thing: Any) -> tuple[str, Place]:
    """Return the class of a descriptor, with that of its protocol, and where that gets its data."""
    name = class_name(type(thing))
    protocol = _names.own_dict(thing).get("protocol")
    if protocol is None:
        return name, _names.class_place(type(thing), "doRead")
    place = _names.class_place(type(protocol), "dataReceived", "datagramReceived")
    return f"{name} with {class_name(type(protocol))}", place


def _threads(raw: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the threads that had a processor meanwhile, the busiest first, and where they are now."""
    # Without the module's lock, which a thread that blocks may hold.
    known = {thread.native_id: thread for thread in list(threading._active.values())}  # type: ignore[attr-defined]
    running = sys._current_frames()
    found = []
    for tid, seconds in raw["others"]:
        thread = known.get(tid)
        if thread is threading.current_thread():
            continue
        frame = None if thread is None else running.get(thread.ident)
        place = frame and {
            "name": _names.code_name(frame.f_code),
            "file": frame.f_code.co_filename,
            "line": frame.f_lineno or 0,
        }
        name = "" if thread is None else thread._name
        found.append({"tid": tid, "name": name, "seconds": seconds, "frame": place})
    return found
