"""How something is held: the attribute, the variable or the closure that refers to it, and its line.

It is Python because it is asked for a few objects only.
"""

from __future__ import annotations

import contextlib
import re
from types import CellType, FunctionType, MethodType
from typing import Any

from deferrous.inspect._classes import ClassSet, class_dict, class_name, exact, is_class
from deferrous.inspect._model import NOWHERE, Place
from deferrous.inspect._names import class_place, code_place, own_dict

#: Files are read up to here, to find the line that gives a variable its value.
_MOST_SOURCE = 4_000_000

#: What has no names for what it holds: whoever holds it is told, too.
_CONTAINERS = ClassSet(dict, list, set, tuple, frozenset)
_UNNAMED = ClassSet(CellType, MethodType)


def held_by(path: list[Any], root: tuple[str, Place] | None = None) -> tuple[str, Place]:
    """Describe how the last object of a path is held.

    Args:
        path: objects, each of which refers to the next one.
        root: what holds the first one.

    Returns:
        what holds it, such as "app.PENDING, a dict" or "Client.reply", and its line, if that can be told.
    """
    container = ""
    for at in range(len(path) - 2, -1, -1):
        holder, held = path[at], path[at + 1]
        before = path[at - 1] if at else None
        found = _named(holder, held, before)
        if found is not None:
            name, place = found
            container = "" if type(holder) is FunctionType else container
            return (f"{name}, a {container}" if container else name), place
        kind = class_name(type(holder))
        if type(holder) in _CONTAINERS or kind in ("deque", "OrderedDict", "defaultdict"):
            container = container or kind
        elif type(holder) not in _UNNAMED:
            return f"a {kind}" + (f", in a {container}" if container else ""), class_place(type(holder))
    name, place = root or ("a local variable", NOWHERE)
    return (f"{name}, a {container}" if container else name), place


def _named(holder: Any, held: Any, before: Any) -> tuple[str, Place] | None:
    """Return the name by which a namespace or a closure refers to something."""
    if type(holder) is dict and "__builtins__" in holder and type(holder.get("__name__")) is str:
        name = _key(holder, held)
        return None if name is None else (f"{holder['__name__']}.{name}", _assigned(holder, name))
    if type(holder) is dict and before is not None and own_dict_or_none(before) is holder:
        holder = before
    if type(holder) is FunctionType:
        return f"the closure of {exact(holder.__qualname__)}", code_place(holder.__code__)
    if is_class(holder):
        name = _key(class_dict(holder), held)
        return f"{class_name(holder)}.{name}", class_place(holder)
    own = own_dict_or_none(holder)
    name = _key(own or {}, held)
    if name is None:
        return None
    return f"{class_name(type(holder))}.{name}", class_place(type(holder))


def own_dict_or_none(thing: Any) -> dict[str, Any] | None:
    """Return the namespace of a module or of an object."""
    return None if is_class(thing) else own_dict(thing)


def _key(namespace: Any, held: Any) -> str | None:
    return next(
        (name for name, value in list(namespace.items()) if value is held and type(name) is str), None
    )


def _assigned(namespace: dict[str, Any], name: str) -> Place:
    """Return the line of a module that gives one of its variables a value, or just its file."""
    file = namespace.get("__file__")
    if type(file) is not str:
        return NOWHERE
    with contextlib.suppress(OSError), open(file, encoding="utf-8", errors="replace") as source:
        pattern = re.compile(rf"\s*{re.escape(name)}\s*(:[^=]*)?=[^=]")
        for number, line in enumerate(source.read(_MOST_SOURCE).splitlines(), 1):
            if pattern.match(line):
                return Place(file, number)
    return Place(file, 0)
