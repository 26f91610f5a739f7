"""What a class is called and made of, read without running the code of its metaclass.

A metaclass may have a `__hash__`, an `__eq__`, a `__getattribute__` or a `__name__` of its own, which are
code of the program. So classes are compared by identity, looked for by their ids, and read through the
descriptors of `type`: no class is a key, an element of a set, or compared by ``in`` with those of a tuple. It
is Python because it only reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

_MRO = type.__dict__["__mro__"].__get__
_DICT = type.__dict__["__dict__"].__get__
_NAME = type.__dict__["__name__"].__get__
_QUALNAME = type.__dict__["__qualname__"].__get__
_IS_SUBCLASS = type.__subclasscheck__


class ClassSet:
    """Classes that another one is looked for among, by identity.

    Attributes:
        numbers: their ids, for those who look for millions.
    """

    __slots__ = ("_classes", "numbers")

    def __init__(self, *classes: type) -> None:
        self._classes = classes
        self.numbers = frozenset(map(id, classes))

    def __contains__(self, kind: type) -> bool:
        """Say whether a class is among them."""
        return id(kind) in self.numbers

    def __iter__(self) -> Iterator[type]:
        """Yield the classes."""
        return iter(self._classes)


def is_subclass(kind: type, base: type) -> bool:
    """Say whether a class is another one or inherits from it, whatever its metaclass says."""
    return _IS_SUBCLASS(base, kind)


def is_class(thing: object) -> bool:
    """Say whether an object is a class."""
    return _IS_SUBCLASS(type, type(thing))


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
    return exact(_QUALNAME(kind))


def short_name(kind: type) -> str:
    """Return the name of a class."""
    return exact(_NAME(kind))


def module_of(kind: type) -> str:
    """Return the name of the module of a class; "" if it has none."""
    found: Any = class_dict(kind).get("__module__")
    return exact(found) if is_subclass(type(found), str) else ""


def is_called(kind: type, module: str, name: str) -> bool:
    """Say whether a class has this name, in a module of this name."""
    return short_name(kind) == name and module_of(kind) == module


def full_names(kind: type) -> set[tuple[str, str]]:
    """Return the (module, name) of a class and of all that it inherits from."""
    return {(module_of(base), short_name(base)) for base in mro(kind)}


def exact(text: str) -> str:
    """Return a text as a `str`: names may be of a subclass, whose methods are code of the program."""
    return text if type(text) is str else str.__str__(text)
