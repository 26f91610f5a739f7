"""Subclasses of an API's Deferred, which record every call of an overridden method."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

#: The record that the overriding methods write to. There is one world at a time.
Note = Callable[[str], None]

_ADDERS = ("addCallbacks", "addCallback", "addErrback", "addBoth")
_INNER = ("_runCallbacks", "_startRunCallbacks", "_continuation")
_OUTER = ("callback", "errback", "pause", "unpause", "cancel", "chainDeferred", "addTimeout")

#: Each kind of subclass, with the methods that it overrides.
KINDS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "init": (),
    "slots": (),
    "debugging": (),
    "firing": ("callback", "errback"),
    "adding": _ADDERS,
    "pausing": ("pause", "unpause"),
    "cancelling": ("cancel",),
    "running": ("_runCallbacks",),
    "starting": ("_startRunCallbacks",),
    "continuing": ("_continuation",),
    "everything": (*_ADDERS, *_INNER, *_OUTER),
}
#: Each kind of subclass that overrides a method and does nothing in it.
MUTE: dict[str, str] = {"never pauses": "pause", "never resumes": "unpause", "never cancels": "cancel"}


class Listener:
    """Whoever writes down now what the overriding methods have to say, and how objects are called there."""

    def __init__(self) -> None:
        self.note: Note = lambda line: None
        self.describe: Callable[[object], str] = repr


def _traced(name: str, listener: Listener) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **keywords: Any) -> Any:
        listener.note(f"{listener.describe(self)}.{name} overridden")
        try:
            return getattr(super(self.overriding, self), name)(*args, **keywords)
        finally:
            listener.note(f"{listener.describe(self)}.{name} left")

    method.__name__ = name
    return method


def _mute(name: str, listener: Listener) -> Callable[..., None]:
    def method(self: Any) -> None:
        listener.note(f"{listener.describe(self)}.{name} does nothing")

    return method


def _own_init(base: type) -> Callable[..., None]:
    def __init__(self: Any, canceller: Any = None, *, extra: str = "extra") -> None:
        self.extra = extra
        base.__init__(self, canceller)  # type: ignore[misc]
        self.paused = 0
        self.after = [extra]

    return __init__


def make(api: ModuleType, kind: str, listener: Listener) -> type:
    """Make the subclass of a kind."""
    body: dict[str, Any] = {"__doc__": f"A Deferred for tests: {kind}.", "__module__": __name__}
    if kind in MUTE:
        body[MUTE[kind]] = _mute(MUTE[kind], listener)
    for name in KINDS.get(kind, ()):
        body[name] = _traced(name, listener)
    if kind == "init":
        body["__init__"] = _own_init(api.Deferred)
    if kind == "slots":
        body["__slots__"] = ("extra",)
    if kind == "debugging":
        body["debug"] = True
    made = type(kind.title().replace(" ", ""), (api.Deferred,), body)
    made.overriding = made  # type: ignore[attr-defined]
    return made


class Subclasses:
    """The subclasses of one API, made when they are first used and kept."""

    def __init__(self, api: ModuleType) -> None:
        self.api = api
        self.listener = Listener()
        self._made: dict[str, type] = {}

    def __call__(self, kind: str | None) -> Any:
        """Give the class of a kind, where none is Deferred itself."""
        if kind is None:
            return self.api.Deferred
        if kind not in self._made:
            self._made[kind] = make(self.api, kind, self.listener)
        return self._made[kind]
