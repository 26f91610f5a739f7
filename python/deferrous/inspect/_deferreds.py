"""Deferreds as they are, those of this package and those of Twisted, read without changing them.

It is Python because it only reads. Reading `_callbacks` of a Deferred in Rust would change it: `look_at`
does not.
"""

from __future__ import annotations

import gc
import sys
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NamedTuple

from deferrous.inspect._classes import ClassSet, full_names, is_called, is_subclass, short_name
from deferrous.inspect._names import SUSPENDED, attribute, function_name, own_dict
from deferrous.inspect._recorded import Record

#: A callback or an errback, its arguments and its keywords.
Call = tuple[Any, tuple[Any, ...], dict[str, Any]]

#: Methods that are bound to an object.
_BOUND = ClassSet(MethodType, BuiltinFunctionType)

_DEFERRED = ("twisted.internet.defer", "Deferred")
_LIST = ("twisted.internet.defer", "DeferredList")


class Look(NamedTuple):
    """What a Deferred is made of."""

    called: bool
    paused: int
    running: bool
    callbacks: tuple[tuple[Call, Call], ...]
    chained_to: Any
    canceller: Any
    #: The result, or nothing.
    result: tuple[Any, ...]
    #: What made it and when, if that was recorded.
    record: Record | None = None


class Waiter(NamedTuple):
    """Suspended code that a Deferred resumes when it fires."""

    code: Any
    #: The Deferred of what the code returns.
    result: Any


def is_deferred_class(kind: type) -> bool:
    """Say whether instances of a class are Deferreds, of this package or of Twisted."""
    return _DEFERRED in full_names(kind)


def is_list_class(kind: type) -> bool:
    """Say whether instances of a class are DeferredLists."""
    return _LIST in full_names(kind)


class Reader:
    """Reads Deferreds."""

    def __init__(self) -> None:
        native = sys.modules.get("deferrous._native")
        self._native: Any = getattr(native, "Deferred", None)
        self._look_at: Any = getattr(native, "look_at", None)
        defer = vars(sys.modules.get("twisted.internet.defer", sys))
        self.continue_ = defer.get("_CONTINUE")
        self._resume_stock = defer.get("_gotResultInlineCallbacks")

    def look(self, deferred: Any) -> Look:
        """Look at a Deferred."""
        if self._native is not None and is_subclass(type(deferred), self._native):
            look = Look(*self._look_at(deferred))
            return look if look.record is None else look._replace(record=Record(*look.record))
        return _look_at_stock(deferred)

    def waiter(self, call: Call) -> Waiter | None:
        """Return the code that a callback resumes, if that is what it does."""
        function = call[0]
        if type(function) is BuiltinFunctionType:
            owner = function.__self__
            if function.__name__ == "resume" and is_called(type(owner), _DEFERRED[0], "_Driver"):
                return _of_driver(owner)
        elif function is self._resume_stock and function is not None and len(call[1]) >= 3:
            _, code, status = call[1][:3]
            if type(code) in SUSPENDED:
                return Waiter(code, own_dict(status).get("deferred"))
        return None

    def list_of(self, call: Call) -> Any:
        """Return the DeferredList that a callback belongs to; None if it is another callback."""
        function = call[0]
        if type(function) in _BOUND and function_name(function) == "_cbDeferred":
            owner = function.__self__
            if is_list_class(type(owner)):
                return owner
        return None


def _of_driver(driver: Any) -> Waiter | None:
    code, status = driver.generator, driver.status
    if type(code) not in SUSPENDED or status is None:
        return None
    try:
        return Waiter(code, status.deferred)
    except RuntimeError:
        # The collector has ended it.
        return None


def _look_at_stock(deferred: Any) -> Look:
    own = own_dict(deferred)
    callbacks = own.get("_callbacks", own.get("callbacks", ()))
    return Look(
        bool(own.get("called", False)),
        int(own.get("paused", 0)),
        bool(own.get("_runningCallbacks", False)),
        tuple(callbacks) if type(callbacks) is list else (),
        own.get("_chainedTo"),
        own.get("_canceller"),
        (own["result"],) if "result" in own else (),
    )


def called_by(call: Call) -> Any:
    """Return the function that a callback calls: of `run` of a lock, the one that was given to it."""
    function = call[0]
    if (
        type(function) is FunctionType
        and function.__qualname__ == "_ConcurrencyPrimitive.run.<locals>.execute"
    ):
        values = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
        return values["f"].cell_contents if "f" in values else function
    if short_name(type(function)) == "execute":
        arguments = next((found for found in gc.get_referents(function) if type(found) is tuple), ())
        return arguments[0] if arguments else function
    return function


def is_outstanding(look: Look) -> bool:
    """Say whether a Deferred still has something to wait for."""
    return not look.called or look.paused > 0 or look.running


def is_cancelling(canceller: Any) -> bool:
    """Say whether a canceller belongs to a coroutine: it refers to what the coroutine waits for."""
    if type(canceller) is BuiltinFunctionType:
        return short_name(type(canceller.__self__)) == "_Cancellation"
    return type(canceller) is FunctionType and canceller.__qualname__.startswith(
        ("_cancellableInlineCallbacks.", "_handleCancelInlineCallbacks.")
    )


def mentioned(call: Call, kinds: frozenset[int]) -> list[Any]:
    """Return the Deferreds that a callback may fire: in its closure, its owner, its arguments.

    Args:
        call: the callback.
        kinds: the ids of the classes of Deferreds.
    """
    function, arguments, keywords = call
    found: list[Any] = []
    if type(function) in _BOUND:
        found.append(function.__self__)
        function = function.__func__ if type(function) is MethodType else None
    if type(function) is FunctionType:
        for cell in function.__closure__ or ():
            try:
                found.append(cell.cell_contents)
            except ValueError:
                continue
    found += [*arguments, *keywords.values()]
    return [thing for thing in found if id(type(thing)) in kinds]


def members(deferred_list: Any) -> list[Any]:
    """Return the Deferreds of a DeferredList."""
    found = attribute(deferred_list, "_deferredList")
    return list(found) if type(found) is list else []
