"""Why a process does not end: what its reactor waits for, what shutdown waits for, and which threads go on.

It is Python because it only reads.
"""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from deferrous.inspect._classes import ClassSet
from deferrous.inspect._groups import Shapes
from deferrous.inspect._items import Item
from deferrous.inspect._model import Node
from deferrous.inspect._names import attribute, function_name
from deferrous.inspect._resolve import Outstanding
from deferrous.inspect._tree import trees

#: So many frames of a thread are told.
_FRAMES = 6

_BOUND = ClassSet(MethodType, BuiltinFunctionType)


def why(found: Outstanding) -> tuple[str, list[Node], list[dict[str, Any]]]:
    """Return why the process does not end: in one sentence, in trees, and the threads that keep it."""
    threads = [_short(thread) for thread in found.threads if not thread["main"] and thread["daemon"] is False]
    reactor, shapes = found.reactor, Shapes()
    if reactor is None or not found.is_running("run", "twisted/internet/base.py"):
        return _without_reactor(found, threads)
    # The threads of the pool end with the reactor.
    threads = [thread for thread in threads if not _is_of_pool(thread)]
    if attribute(reactor, "_stopped", False):
        items = [item for item in found.items if item.kind == "trigger" and item.waits]
        if items:
            return "The reactor is stopping, and waits for shutdown triggers.", trees(items, shapes), threads
        items = [item for item in found.items if item.kind == "job"]
        state = "The reactor is stopping" + (", and waits for jobs of its thread pool." if items else ".")
        return state, [_leaf(item) for item in items], threads
    ends = [item for item in found.items if item.waits and _stops(found, item)]
    if ends:
        return "The reactor runs until this is done:", trees(ends, shapes), threads
    items = [item for item in found.items if item.kind != "deferred" or item.waits]
    keeps = [*trees(items, shapes), *(_leaf(item) for item in items if not item.waits and not item.waited)]
    return "The reactor runs until reactor.stop() is called. What is outstanding:", keeps, threads


def _without_reactor(
    found: Outstanding, threads: list[dict[str, Any]]
) -> tuple[str, list[Node], list[dict[str, Any]]]:
    main = next((thread for thread in found.threads if thread["main"]), None)
    jobs = [_leaf(item) for item in found.items if item.kind == "job"]
    if found.is_running("stop", "twisted/python/threadpool.py"):
        return "The reactor has stopped, and its thread pool waits for jobs.", jobs, []
    if found.is_running("_shutdown", "/threading.py"):
        return "The program has ended, but threads that are no daemons go on.", jobs, threads
    where = main["stack"][0] if main and main["stack"] else None
    state = "The reactor does not run."
    if where is not None:
        state += f" The main thread is in {where['function']}, {where['file']}:{where['line']}."
    return state, jobs, threads


def _leaf(item: Item) -> Node:
    return Node(item.kind, item.name, item.place, item.age, note=item.note or item.words)


def _stops(found: Outstanding, item: Item) -> bool:
    """Say whether the callbacks of a Deferred end in `reactor.stop`."""
    for number, own in found.waiting.items.items():
        look = found.waiting.looks.get(number)
        if own is item and look is not None:
            return any(_leads_to_stop(call[0], found.reactor, 3) for pair in look.callbacks for call in pair)
    return False


def _leads_to_stop(function: Any, reactor: Any, depth: int) -> bool:
    kind = type(function)
    if kind in _BOUND:
        return function.__self__ is reactor and function_name(function) == "stop"
    if kind is not FunctionType or depth == 0:
        return False
    names = function.__code__.co_names
    uses = {*names, *function.__code__.co_freevars}
    globals_of_it = function.__globals__
    if "stop" in names and any(globals_of_it.get(name) is reactor for name in names):
        return True
    for cell in function.__closure__ or ():
        try:
            inner = cell.cell_contents
        except ValueError:
            continue
        if inner is reactor and "stop" in names:
            return True
        if inner is not function and _leads_to_stop(inner, reactor, depth - 1):
            return True
    return "stop" in names and "reactor" in uses


def _is_of_pool(thread: dict[str, Any]) -> bool:
    return str(thread["name"] or "").startswith("PoolThread-")


def _short(thread: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a thread."""
    return {"name": thread["name"], "ident": thread["ident"], "stack": thread["stack"][:_FRAMES]}
