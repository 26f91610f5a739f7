"""What can be seen of an object, as JSON that two implementations are compared by."""

from __future__ import annotations

import contextlib
from typing import Any

from tests.apis import Failure, queue_name

#: The attributes of a Deferred that say in which state it is.
STATE = ("called", "paused", "_runningCallbacks", "_suppressAlreadyCalled")


def value(found: Any, deferreds: dict[int, str] | None = None) -> Any:
    """Describe a result: what it is, and not where in memory."""
    cls = type(found)
    if found is None or cls in (bool, int, float, str):
        return found
    if issubclass(cls, Failure):
        return f"Failure({found.type.__name__})"
    if cls in (list, tuple):
        return [value(item, deferreds) for item in found]
    if deferreds and id(found) in deferreds:
        return deferreds[id(found)]
    return cls.__name__


def attribute(owner: Any, name: str, deferreds: dict[int, str] | None = None) -> Any:
    """Describe an attribute, or the class of what looking for it raises."""
    try:
        return value(getattr(owner, name), deferreds)
    except Exception as error:
        return f"raises {type(error).__name__}"


def deferred(found: Any) -> list[Any]:
    """Describe the state of a Deferred."""
    names = {id(found): "itself"}
    described = [attribute(found, name) for name in STATE]
    described.append(attribute(found, "result", names))
    described.append(attribute(found, "_chainedTo", names))
    try:
        described.append(len(getattr(found, queue_name())))
    except Exception as error:
        described.append(f"raises {type(error).__name__}")
    return described


def use_up(found: Any) -> list[Any]:
    """Take a Deferred through the rest of its life, and say what comes of that."""
    said: list[Any] = []
    with contextlib.suppress(BaseException):
        while found.paused > 0:
            found.unpause()
    steps: Any = [
        lambda: found.callback("at last"),
        lambda: found.addBoth(lambda seen: said.append(value(seen))),
    ]
    for step in steps:
        try:
            step()
        except Exception as error:
            said.append(f"raises {type(error).__name__}")
    return [said, deferred(found)]
