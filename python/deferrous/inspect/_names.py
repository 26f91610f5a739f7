"""The names and places of functions, objects and suspended code, read without running them.

An attribute may be a property, and a class may have a `__getattr__`: both are code of the program. So
attributes are read from the dicts of objects and classes, and through descriptors of the interpreter and of
this package alone. It is Python because it only reads.
"""

from __future__ import annotations

import functools
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

from deferrous.inspect._classes import (
    ClassSet,
    class_dict,
    class_name,
    exact,
    full_names,
    is_called,
    is_class,
    is_subclass,
    mro,
)
from deferrous.inspect._model import NOWHERE, Place

_PARTIAL_FUNCTION = functools.partial.__dict__["func"].__get__

#: Suspended code: coroutines, generators and asynchronous generators.
SUSPENDED = ClassSet(CoroutineType, GeneratorType, AsyncGeneratorType)

#: Functions of C and of Python, and what has one in it that is bound to an object.
_BUILTIN = ClassSet(BuiltinFunctionType, MethodWrapperType)
_FUNCTIONS = ClassSet(FunctionType, BuiltinFunctionType)

#: Descriptors whose `__get__` is code of the interpreter or of an extension.
_DESCRIPTORS = ClassSet(GetSetDescriptorType, MemberDescriptorType)

#: How the `__dict__` of an object of a class is read, or None if it has none, and the class, by the id of
#: that. `forget_classes` empties it.
_dict_getters: dict[int, tuple[Any, type]] = {}


def own_dict(thing: object) -> dict[str, Any]:
    """Return the `__dict__` of an object; an empty one if it has none."""
    kind = type(thing)
    try:
        getter, _ = _dict_getters[id(kind)]
    except KeyError:
        getter, _ = _dict_getters[id(kind)] = _dict_getter(kind), kind
    if getter is None:
        return {}
    try:
        own = getter(thing)
    except (AttributeError, TypeError):
        # The class has a descriptor of another one.
        return {}
    return own if type(own) is dict else {}


def _dict_getter(kind: type) -> Any:
    for base in mro(kind):
        found: Any = class_dict(base).get("__dict__")
        if type(found) in _DESCRIPTORS:
            return found.__get__
    return None


def forget_classes() -> None:
    """Let go of the classes that were seen."""
    _dict_getters.clear()


def attribute(thing: object, name: str, default: Any = None) -> Any:
    """Return an attribute of an object, if it can be had without running code of the program."""
    own = own_dict(thing)
    if name in own:
        return own[name]
    for base in mro(type(thing)):
        found = class_dict(base).get(name)
        if found is None:
            continue
        kind = type(found)
        if kind in _DESCRIPTORS or is_called(kind, "twisted.internet.defer", "_Attribute"):
            try:
                return found.__get__(thing, type(thing))
            except (AttributeError, TypeError):
                return default
        # Anything else with a `__get__` is a function, or code of the program.
        return default if any("__get__" in class_dict(its) for its in mro(kind)) else found
    return default


def code_name(code: CodeType) -> str:
    """Return the qualified name of code; before Python 3.11 it has none but its own."""
    return exact(getattr(code, "co_qualname", code.co_name))


def code_place(code: CodeType) -> Place:
    """Return where code begins."""
    return Place(exact(code.co_filename), code.co_firstlineno)


def function_name(function: object) -> str:
    """Return the name of a function or a method; "" of anything else, which may run code to give it."""
    if type(function) is MethodType:
        function = function.__func__
    return exact(function.__name__) if type(function) in _FUNCTIONS else ""  # type: ignore[attr-defined]


def describe(thing: object) -> tuple[str, Place]:
    """Return the name of what can be called, and where it begins.

    Of a method that is the function, of a partial what it calls, and of any other object its class.
    """
    for _ in range(8):
        kind = type(thing)
        if kind is MethodType:
            thing = thing.__func__  # type: ignore[attr-defined]
        elif is_subclass(kind, functools.partial):
            thing = _PARTIAL_FUNCTION(thing)
        elif ("twisted.internet.task", "LoopingCall") in full_names(kind):
            thing = own_dict(thing).get("f")
        else:
            break
    if type(thing) is FunctionType:
        return exact(thing.__qualname__), code_place(thing.__code__)
    if type(thing) in _BUILTIN:
        owner = thing.__self__  # type: ignore[attr-defined]
        name = exact(thing.__name__)  # type: ignore[attr-defined]
        if owner is None or type(owner) is ModuleType:
            return name, NOWHERE
        return f"{class_name(owner if type(owner) is type else type(owner))}.{name}", NOWHERE
    if is_class(thing):
        return class_name(thing), class_place(thing)  # type: ignore[arg-type]
    return class_name(type(thing)), class_place(type(thing), "__call__")


def class_place(kind: type, *methods: str) -> Place:
    """Return where a class is: where one of its methods begins, those that are named first."""
    for base in mro(kind):
        own = class_dict(base)
        for found in [*(own.get(name) for name in methods), *own.values()]:
            if type(found) is FunctionType:
                return code_place(found.__code__)
        if not methods:
            break
    return NOWHERE


def awaited(suspended: Any) -> object:
    """Return what suspended code awaits or delegates to; None if that is not known."""
    kind = type(suspended)
    if kind is CoroutineType:
        return suspended.cr_await
    if kind is GeneratorType:
        return suspended.gi_yieldfrom
    return suspended.ag_await


def suspended_at(suspended: Any) -> tuple[str, Place]:
    """Return the name of suspended code, and the line where it is. Code that has ended is where it begins."""
    kind = type(suspended)
    prefix = {CoroutineType: "cr_", GeneratorType: "gi_", AsyncGeneratorType: "ag_"}[kind]
    frame, code = getattr(suspended, f"{prefix}frame"), getattr(suspended, f"{prefix}code")
    name, place = exact(suspended.__qualname__), code_place(code)
    return name, place if frame is None else Place(place.file, frame.f_lineno or place.line)
