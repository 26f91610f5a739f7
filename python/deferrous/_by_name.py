"""Twisted's own functions, which run while a program has replaced a name that they look up.

A program may replace names in `twisted.internet.defer`, as in ``defer.Failure = Mine``. Twisted's functions
look such names up in each call and use the replacement. The functions in Rust look up nothing, which makes
them fast. So while a name is replaced, each of them calls its counterpart in Twisted. That works because a
Deferred in Rust has the attributes of Twisted's.

It is Python because these functions are.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from twisted.internet import defer
from twisted.python.failure import Failure

#: Attributes that Twisted's functions read or set on these classes or their instances, and that a program may
#: replace. Methods of Deferreds are not here: the extension looks for a replacement when it calls one.
_OF_FAILURES = (
    *("__new__", "__init__", "__getattr__", "__getattribute__", "__setattr__", "_extrapolate"),
    *("captureVars", "check", "count", "parents", "raiseException", "tb", "throwExceptionIntoGenerator"),
    *("trap", "type", "value"),
)
_OF_DEBUG_INFO = ("__new__", "__init__", "__getattr__", "__getattribute__", "__setattr__", "failResult")
_OF_DEFERREDS = (
    *("__del__", "__getattr__", "__getattribute__", "__setattr__", "_callbacks", "_canceller", "_chainedTo"),
    *("_debugInfo", "_runningCallbacks", "_suppressAlreadyCalled", "called", "fromCoroutine", "paused"),
    "result",
)


class _Names(dict[str, Any]):
    """The globals of these functions: the names of Twisted's module, with our objects for Twisted's own.

    Each name is looked up in that module each time. If deferrous is installed, the module has our objects
    already. If only `deferrous.defer` is used, it has Twisted's own.
    """

    def __init__(self) -> None:
        self._module = vars(defer)
        self.ours: dict[str, tuple[Any, Any]] = {}
        # The interpreter looks up the names of builtins here first.
        super().__init__((name, value) for name, value in vars(builtins).items() if name not in self._module)
        self["__name__"] = defer.__name__
        self["__builtins__"] = builtins

    def __missing__(self, name: str) -> Any:
        found = self._module[name]
        stock, ours = self.ours.get(name, (None, None))
        return found if stock is None or found is not stock else ours

    def put(self, name: str, ours: Any) -> None:
        """Use an object of ours instead of Twisted's own of this name."""
        self.ours[name] = self._module[name], ours


NAMES = _Names()


def with_names(function: FunctionType, names: dict[str, Any] = NAMES) -> FunctionType:
    """Return a copy of a function with these globals."""
    copy = FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__annotations__ = dict(function.__annotations__)
    copy.__qualname__ = function.__qualname__
    copy.__doc__ = function.__doc__
    return copy


def _functions() -> Iterator[tuple[str, FunctionType]]:
    """Yield Twisted's functions that have a counterpart in Rust, and those that they call, by name."""
    for name, value in vars(defer).items():
        if isinstance(value, FunctionType) and value.__globals__ is vars(defer):
            yield name, value
    primitives = (defer._ConcurrencyPrimitive, defer.DeferredLock, defer.DeferredSemaphore)
    for owner in (defer.Deferred, defer.DeferredList, *primitives, defer.DeferredQueue):
        for name, value in vars(owner).items():
            function = value.__func__ if isinstance(value, classmethod) else value
            if isinstance(function, FunctionType) and function.__globals__ is vars(defer):
                yield f"{owner.__name__}.{name}", function


def _looked_up(code: CodeType) -> Iterator[str]:
    """Yield the names that a function and its inner functions look up."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _looked_up(constant)


def begin(core: Any, replacements: dict[str, Any]) -> None:
    """Have the extension notice from now on when a program replaces something.

    Args:
        core: the extension module.
        replacements: what takes the place of what in `twisted.internet.defer`.
    """

    def warn(offender: Any, text: str) -> None:
        warn_about_function(core._warn_target(offender), text)

    warn_about_function: Callable[[Any, str], None] = vars(defer)["warnAboutFunction"]
    NAMES.put("warnAboutFunction", warn)
    functions: dict[str, Callable[..., Any]] = {}
    looked_up: set[str] = set()
    for name, function in _functions():
        functions[name] = with_names(function)
        looked_up.update(_looked_up(function.__code__))
        if "." not in name and name not in replacements:
            NAMES.put(name, functions[name])
    watched: list[tuple[dict[str, Any] | type, str, tuple[Any, ...]]] = []
    for name, ours in replacements.items():
        if name in vars(defer):
            NAMES.put(name, ours)
    for name in sorted(looked_up & vars(defer).keys()):
        ours = NAMES.ours.get(name, (None, None))[1]
        watched.append((vars(defer), name, (vars(defer)[name], *([] if ours is None else [ours]))))
    owners: list[tuple[type, tuple[str, ...]]] = [
        (Failure, _OF_FAILURES),
        (defer.DebugInfo, _OF_DEBUG_INFO),
        (replacements["Deferred"], _OF_DEFERREDS),
    ]
    for owner, names in owners:
        for name in names:
            own = [vars(owner)[name]] if name in vars(owner) else []
            if owner is Failure and name in core.failure_methods:
                own.append(core.failure_methods[name])
            watched.append((owner, name, tuple(own)))
    core._watch(functions, NAMES, watched)
