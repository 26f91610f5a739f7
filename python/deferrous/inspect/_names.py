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
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

from deferrous.inspect._model import NOWHERE, Place

_MRO = type.__dict__["__mro__"].__get__
_DICT = type.__dict__["__dict__"].__get__
_NAME = type.__dict__["__name__"].__get__
_QUALNAME = type.__dict__["__qualname__"].__get__
_PARTIAL_FUNCTION = functools.partial.__dict__["func"].__get__

#: Suspended code: coroutines, generators and asynchronous generators.
SUSPENDED = (CoroutineType, GeneratorType, AsyncGeneratorType)


def mro(kind: type) -> tuple[type, ...]:
    """Return the classes that a class is made of."""
    found: tuple[type, ...] = _MRO(kind)
    return found


def class_dict(kind: type) -> MappingProxyType[str, Any]:
    """Return the attributes of a class itself."""
    found: MappingProxyType[str, Any] = _DICT(kind)
    return found


def class_name(kind: type) -> str:
    """Return the qualified name of a class."""
    name: str = _QUALNAME(kind)
    return name


def full_names(kind: type) -> set[tuple[object, str]]:
    """Return the (module, name) of a class and of all that it inherits from."""
    return {(class_dict(base).get("__module__"), _NAME(base)) for base in mro(kind)}


#: How the `__dict__` of an object of a class is read; None if it has none. `forget_classes` empties it.
_dict_getters: dict[type, Any] = {}


def own_dict(thing: object) -> dict[str, Any]:
    """Return the `__dict__` of an object; an empty one if it has none."""
    kind = type(thing)
    try:
        getter = _dict_getters[kind]
    except KeyError:
        getter = _dict_getters[kind] = _dict_getter(kind)
    if getter is None:
        return {}
    own = getter(thing)
    return own if type(own) is dict else {}


def _dict_getter(kind: type) -> Any:
    for base in mro(kind):
        found: Any = class_dict(base).get("__dict__")
        if type(found) in (GetSetDescriptorType, MemberDescriptorType):
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
        if kind in (GetSetDescriptorType, MemberDescriptorType) or _NAME(kind) == "_Attribute":
            try:
                return found.__get__(thing, type(thing))
            except AttributeError:
                return default
        # Anything else with a `__get__` is a function, or code of the program.
        return default if any("__get__" in class_dict(its) for its in mro(kind)) else found
    return default


def code_name(code: CodeType) -> str:
    """Return the qualified name of code; before Python 3.11 it has none but its own."""
    name: str = getattr(code, "co_qualname", code.co_name)
    return name


def code_place(code: CodeType) -> Place:
    """Return where code begins."""
    return Place(code.co_filename, code.co_firstlineno)


def describe(thing: object) -> tuple[str, Place]:
    """Return the name of what can be called, and where it begins.

    Of a method that is the function, of a partial what it calls, and of any other object its class.
    """
    for _ in range(8):
        kind = type(thing)
        if kind is MethodType:
            thing = thing.__func__  # type: ignore[attr-defined]
        elif functools.partial in mro(kind):
            thing = _PARTIAL_FUNCTION(thing)
        elif ("twisted.internet.task", "LoopingCall") in full_names(kind):
            thing = own_dict(thing).get("f")
        else:
            break
    if type(thing) is FunctionType:
        return thing.__qualname__, code_place(thing.__code__)
    if type(thing) in (BuiltinFunctionType, MethodWrapperType):
        owner = thing.__self__  # type: ignore[attr-defined]
        name: str = thing.__name__  # type: ignore[attr-defined]
        if owner is None or type(owner) is ModuleType:
            return name, NOWHERE
        return f"{class_name(owner if type(owner) is type else type(owner))}.{name}", NOWHERE
    if type in mro(type(thing)):
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
    name: str = suspended.__qualname__
    if frame is None:
        return name, code_place(code)
    return name, Place(code.co_filename, frame.f_lineno or code.co_firstlineno)
