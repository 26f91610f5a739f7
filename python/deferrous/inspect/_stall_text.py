"""What is told of a stall: how long, why, and where, in one line.

It is Python because it makes text.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from deferrous.inspect._durations import duration
from deferrous.inspect._printable import printable

#: Why the reactor stood still: what most of the time went into.
COMPUTED, COLLECTED, WAITED, STARVED, SLEPT = "computed", "collected", "waited", "starved", "slept"
#: The watchdog has seen too little.
UNKNOWN = "unknown"

#: How many stacks `deferrous stalls` shows of each stall, and how many frames of each, the innermost ones.
STACKS, DEPTH = 3, 6

#: How many of the innermost frames are in the line.
FRAMES_IN_LINE = 3


def line(stall: dict[str, Any]) -> str:
    """Return the line for the log."""
    took = duration(stall["took"])
    start = (
        f"The reactor stood still for {took}"
        if stall["over"]
        else f"The reactor has been standing still for {took}"
    )
    parts = [f"{start}: {reason(stall)}.", spent(stall), called(stall), frames(stall)]
    return printable(" ".join(part for part in parts if part))


def answer(told: dict[str, Any]) -> list[str]:
    """Return the lines of `deferrous stalls`.

    Args:
        told: what `_stalls.answer` returned, also by way of JSON.
    """
    if told["threshold"] is None:
        return [told["note"]]
    recent, before = told["recent"], told["left_out"]
    limit = f"turns of the reactor took longer than {duration(told['threshold'])}"
    count = len(recent) + before
    lines = [f"{count or 'No'} {limit if count != 1 else limit.replace('turns', 'turn', 1)}"]
    if before:
        lines[0] += f"; the last {len(recent)}:"
    if told["note"]:
        lines.append(told["note"])
    for stall in recent:
        lines += [
            "",
            f"{time.strftime('%H:%M:%S', time.localtime(stall['at']))}  {stall['text']}",
            *_stacks(stall),
        ]
    if told["now"]:
        lines += ["", f"Now: {told['now']['text']}", *_stacks(told["now"])]
    return lines


def _stacks(stall: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each of the most frequent stacks, the innermost frame first."""
    for stack in stall["stacks"][:STACKS]:
        frames = stack["frames"]
        shown = " < ".join(f"{frame['name']}{_in(frame)}" for frame in frames[:DEPTH])
        more = f" < {len(frames) - DEPTH} more" if len(frames) > DEPTH else ""
        yield f"{stack['share']:>9.0%}  {shown}{more}"


def reason(stall: dict[str, Any]) -> str:
    """Say why, without the full stop."""
    does = {COMPUTED: _computed, COLLECTED: _collected, WAITED: _waited, SLEPT: _slept, UNKNOWN: _unknown}
    activity = does[stall["activity"]](stall, _where(stall))
    if stall["cause"] != STARVED:
        return activity
    machine = stall["machine"]
    processors = "1 processor" if machine["processors"] == 1 else f"{machine['processors']} processors"
    load = f"load {machine['load']:.1f}, {processors}"
    return f"the machine was too busy to give it a processor ({load}), while {activity}"


def _computed(stall: dict[str, Any], where: str) -> str:
    kept = ", in a function of C that let no other thread run" if stall["kept_interpreter"] else ""
    return f"it computed{where}{kept}"


def _collected(stall: dict[str, Any], where: str) -> str:
    times = stall["collections"]
    often = "" if times == 1 else f" {times} times"
    return f"Python collected garbage{often}{where and f', begun{where}'}"


def _waited(stall: dict[str, Any], where: str) -> str:
    if not stall["threads"]:
        return f"it waited for the interpreter{where}"
    thread = stall["threads"][0]
    name = f"the thread {thread['name']!r}" if thread["name"] else f"a thread of other code ({thread['tid']})"
    now = f", which then was{_at(thread['frame'])}" if thread["frame"] else ""
    return f"it waited for the interpreter, used by {name}{now}"


def _slept(stall: dict[str, Any], where: str) -> str:
    call = stall["asleep"][0]["call"] if stall["asleep"] else None
    if stall["disk"]:
        return f"it waited for a disk, uninterruptibly{f', in {call}()' if call else ''}{where}"
    if call == "futex":
        return f"it waited for a lock (futex){where}"
    return f"it slept in the system call {call}(){where}" if call else f"it slept{where}"


def _unknown(stall: dict[str, Any], where: str) -> str:
    return f"nobody saw why{where}, as the watchdog got no processor either, or the system tells nothing"


def spent(stall: dict[str, Any]) -> str:
    """Say what the time went into."""
    if stall["processor"] is None:
        return ""
    asleep = sum(sleep["seconds"] for sleep in stall["asleep"])
    return (
        f"Processor {duration(stall['processor'])}, garbage collector {duration(stall['collector'])}, "
        f"waiting for the interpreter {duration(stall['interpreter'])}, without a processor "
        f"{duration(stall['starved'])}, asleep {duration(asleep)}."
    )


def called(stall: dict[str, Any]) -> str:
    """Say what the reactor has called."""
    call, calls = stall["called"], stall["calls"]
    if call is None:
        return ""
    made = f", made at {place(call['made_file'], call['made_line'])}" if call.get("made_file") else ""
    more = f", and {calls - 1} more call{'s' * (calls > 2)} in the same turn" if calls > 1 else ""
    what = " ".join(filter(None, (call["kind"], call["name"])))
    return f"Called: {what}{_in(call)}{made}{more}."


def frames(stall: dict[str, Any]) -> str:
    """Say where it was most often."""
    shown = [
        f"{frame['name']}{_in(frame)} {frame['share']:.0%}" for frame in stall["frames"][:FRAMES_IN_LINE]
    ]
    return f"Stacks: {', '.join(shown)}." if shown else ""


def _where(stall: dict[str, Any]) -> str:
    """Return the place that was seen most often, or the function that was called."""
    frame = stall["place"] or stall["called"]
    return _at(frame) if frame else ""


def _at(frame: dict[str, Any]) -> str:
    return f" in {frame['name']}{_in(frame)}"


def _in(thing: dict[str, Any]) -> str:
    return f" ({place(thing['file'], thing['line'])})" if thing["file"] else ""


def place(file: str, line: int) -> str:
    """Return a place as file:line, from the folder where the program runs on if that is shorter."""
    inside = os.getcwd() + os.sep
    return f"{file.removeprefix(inside)}:{line}"
