"""What is outstanding in a reactor: delayed calls, descriptors, child processes, shutdown triggers.

Only methods and attributes of Twisted's reactors are used, which all of them have. Descriptors are not asked
anything: in a forked copy they are closed. It is Python because it only reads.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from deferrous.inspect._classes import class_name, full_names, module_of
from deferrous.inspect._deferreds import is_deferred_class
from deferrous.inspect._durations import in_words
from deferrous.inspect._items import Item
from deferrous.inspect._model import NOWHERE, Place
from deferrous.inspect._names import attribute, class_place, describe, own_dict
from deferrous.inspect._recorded import record_of

#: Readers of a reactor's own, which keep no program from ending.
_OWN_READERS = ("twisted.internet._signals", "twisted.internet.posixbase", "deferrous._waker")

#: The methods by which a protocol hears of something, the likeliest first.
_HEARS = (
    *("dataReceived", "lineReceived", "datagramReceived", "stringReceived", "connectionMade"),
    *("buildProtocol", "processEnded", "processExited"),
)


def current_reactor() -> Any:
    """Return the reactor of this process; None if none was imported."""
    return sys.modules.get("twisted.internet.reactor")


def timers(reactor: Any) -> Iterator[tuple[Any, Item]]:
    """Yield the delayed calls of a reactor, each with its item."""
    now = reactor.seconds()
    for call in reactor.getDelayedCalls():
        function = attribute(call, "func")
        name, place = describe(function)
        if type(function) is MethodType and is_deferred_class(type(function.__self__)):
            place = NOWHERE
        due = call.getTime() - now
        words = f"a timer due in {in_words(due)}"
        starts = [function, attribute(call, "args"), attribute(call, "kw")]
        record = record_of(call)
        age = None if record is None else record.age
        yield call, Item("timer", name, place, words=words, plural="timers", age=age, due=due, starts=starts)


def thread_calls(reactor: Any) -> Iterator[Item]:
    """Yield the calls that threads have asked for and the reactor has not made yet."""
    for function, arguments, keywords in list(reactor.threadCallQueue):
        name, place = describe(function)
        words = "a call from a thread, which the reactor has not made yet"
        starts = [function, arguments, keywords]
        yield Item("call", name, place, words=words, note="from a thread, not made yet", starts=starts)


def selectables(reactor: Any) -> Iterator[Item]:
    """Yield the readers, writers and listening ports of a reactor but its own."""
    readers, writers = reactor.getReaders(), reactor.getWriters()
    own = {id(reader) for reader in attribute(reactor, "_internalReaders") or ()}
    seen: set[int] = set()
    for kind, found in (("reader", readers), ("writer", writers)):
        for thing in found:
            if id(thing) in seen or id(thing) in own or module_of(type(thing)) in _OWN_READERS:
                continue
            seen.add(id(thing))
            # The pipes of a child process belong to that.
            if "proc" not in own_dict(thing):
                yield _selectable(kind, thing)


def _selectable(kind: str, thing: Any) -> Item:
    own, names = own_dict(thing), full_names(type(thing))
    number = _descriptor(thing, own)
    owner = own.get("protocol")
    owner = own.get("factory") if owner is None else owner
    # The factory of a program may be in another one.
    name, place = _heard_by(thing if owner is None else owner)
    is_port = any(name == "Port" and module.endswith(("tcp", "udp", "unix")) for module, name in names)
    if is_port:
        address = _listens_on(own)
        words = f"somebody to connect to {address}"
        return Item("port", name, place, words=words, plural="connections", note=address, starts=[thing])
    if own.get("connected") or ("connected" not in own and "realAddress" not in own):
        address = _peer(own)
        text = f"descriptor {number}" + (f", connected to {address}" if address else "")
        plural = "descriptors" + (f" connected to {address}" if address and "addr" in own else "")
    else:
        text = f"descriptor {number}, which connects to {_peer(own)}"
        plural = f"descriptors that connect to {_peer(own)}"
        name, place = _connects_for(own, name), place
    return Item(kind, name, place, words=text, plural=plural, note=text, starts=[thing])


def _descriptor(thing: Any, own: dict[str, Any]) -> int:
    """Return the number of a descriptor, from attributes that Twisted's classes have."""
    for name in ("socket", "_fd", "fd", "port"):
        found = own.get(name)
        if type(found) is int:
            return found
        if ("socket", "socket") in full_names(type(found)):
            return socket.socket.fileno(found)  # type: ignore[arg-type]
    return -1


def _heard_by(owner: Any) -> tuple[str, Any]:
    """Return the class of a protocol or a factory, and where its methods are."""
    for name in ("wrappedProtocol", "_wrappedProtocol", "wrappedFactory", "_wrappedFactory"):
        inner = own_dict(owner).get(name)
        if inner is not None:
            owner = inner
    return class_name(type(owner)), class_place(type(owner), *_HEARS)


def _connects_for(own: dict[str, Any], name: str) -> str:
    """Return the factory for which a client connects."""
    factory = own_dict(own.get("connector")).get("factory")
    return name if factory is None else _heard_by(factory)[0]


def _listens_on(own: dict[str, Any]) -> str:
    number = own.get("_realPortNumber", own.get("port"))
    if type(number) is str:
        return number
    return f"{own.get('interface') or '*'}:{number}"


def _peer(own: dict[str, Any]) -> str:
    """Return the address of the other end, if Twisted has kept it."""
    for name in ("realAddress", "client", "addr"):
        found = own.get(name)
        if type(found) is tuple and len(found) >= 2 and type(found[0]) is str:
            return f"[{found[0]}]:{found[1]}" if ":" in found[0] else f"{found[0]}:{found[1]}"
        if type(found) is str:
            return found
    return ""


def processes() -> Iterator[Item]:
    """Yield the child processes that have not ended."""
    handlers = vars(sys.modules.get("twisted.internet.process", sys)).get("reapProcessHandlers") or {}
    for pid, process in list(handlers.items()):
        program, age = _program(pid)
        protocol = own_dict(process).get("proto")
        _, place = _heard_by(protocol)
        words = f"the end of process {pid}" + (f" ({program})" if program else "")
        name = program or "a process"
        note = f"process {pid}, {class_name(type(protocol))}"
        plural = f"the ends of processes ({program})" if program else "the ends of processes"
        yield Item("process", name, place, words=words, plural=plural, note=note, age=age, starts=[process])


def _program(pid: int) -> tuple[str, float | None]:
    """Return the name of a process's program, without its arguments, and its age in seconds."""
    try:
        head, _, rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")
        started = int(rest.split()[19]) / os.sysconf("SC_CLK_TCK")
        return head.partition("(")[2], time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, ValueError, IndexError, AttributeError):
        return "", None


def triggers(reactor: Any) -> Iterator[tuple[Any, Item]]:
    """Yield the shutdown triggers that a program has added, each with the event that has it."""
    for event_type, event in (attribute(reactor, "_eventTriggers") or {}).items():
        own = own_dict(event)
        if event_type != "shutdown":
            continue
        for phase in ("finishedBefore", "before", "during", "after"):
            for entry in list(own.get(phase) or ()):
                name, place = describe(entry[0])
                if _is_twisteds(entry[0]):
                    continue
                text = "called" if phase == "finishedBefore" else f"called {phase} shutdown"
                note = "has been called" if phase == "finishedBefore" else text
                yield (
                    event,
                    Item("trigger", name, place, words=f"the trigger {name}", note=note, starts=entry),
                )


def threads(found: list[dict[str, Any]]) -> Iterator[Item]:
    """Yield the threads that keep the process and belong to no pool, each at the line where it is."""
    for thread in found:
        if thread["main"] or thread["daemon"] is not False or str(thread["name"]).startswith("PoolThread-"):
            continue
        frames = [frame for frame in thread["stack"] if not frame["file"].endswith("/threading.py")]
        if not frames:
            continue
        outermost, innermost = frames[-1], thread["stack"][0]
        words = f"in {innermost['function']}"
        place = Place(outermost["file"], outermost["line"] or 0)
        yield Item(
            "thread", outermost["function"], place, words=words, note=f"thread {thread['name']}, {words}"
        )


def _is_twisteds(function: Any) -> bool:
    """Say whether a trigger is one of the reactor's own."""
    if type(function) is FunctionType:
        return function.__module__ == "twisted.internet.task"
    owner = function.__self__ if type(function) is MethodType else None
    return owner is not None and ("twisted.internet.base", "ReactorBase") in full_names(type(owner))
