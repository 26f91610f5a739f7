"""Find and change the references to stock objects that exist before the installation.

It is Python because it runs once and works on Python's modules, functions and classes.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import partial
from types import CellType, FunctionType, ModuleType, new_class
from typing import Any, Final, NamedTuple

Namespace = MutableMapping[str, Any]


class Swap:
    """Stock objects and their replacements."""

    def __init__(self, pairs: Iterable[tuple[object, object]]) -> None:
        """Take the pairs.

        Args:
            pairs: stock objects with their replacements. Objects without an identity of their own, such as
                numbers, are left out: an equal number elsewhere means something else.
        """
        # The stock object is kept alive, so that no other object gets its id.
        self._pairs: dict[int, tuple[object, object]] = {}
        self._own: set[int] = set()
        for old, new in pairs:
            if old is not new and not _is_plain(old):
                self._add(old, new)

    def _add(self, old: object, new: object) -> None:
        self._pairs[id(old)] = (old, new)
        self._own |= {id(old), id(new)}

    def concerns(self, thing: object) -> bool:
        """Say whether a thing is itself a stock object or a replacement."""
        return id(thing) in self._own

    def stock_classes(self) -> frozenset[type]:
        """Return the classes among the stock objects."""
        return frozenset(old for old, _ in self._pairs.values() if isinstance(old, type))

    def __call__(self, value: Any) -> Any:
        """Return the replacement of a value, or the value itself if it is not stock."""
        pair = self._pairs.get(id(value))
        if pair is not None:
            return pair[1]
        kind = type(value)
        if kind is tuple:
            return self._inside_tuple(value)
        if kind is staticmethod:
            inner = self(value.__func__)
            return value if inner is value.__func__ else staticmethod(inner)
        if kind is partial and self(value.func) is not value.func:
            return partial(self(value.func), *value.args, **value.keywords)
        return value

    def _inside_tuple(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the tuple with its items swapped, such as the second argument of `isinstance`."""
        if not any(id(item) in self._pairs for item in value):
            return value
        return tuple(self(item) for item in value)

    def rebuild(self, stock_subclass: type) -> None:
        """Make a subclass of stock classes again, as a subclass of their replacements.

        Args:
            stock_subclass: a class without `__slots__`, whose methods do not use `super()`.
        """
        namespace = {
            name: value for name, value in vars(stock_subclass).items() if name not in _OWN_TO_A_CLASS
        }
        bases = tuple(self(base) for base in stock_subclass.__bases__)
        rebuilt = new_class(stock_subclass.__name__, bases, exec_body=lambda body: body.update(namespace))
        self._add(stock_subclass, rebuilt)


#: Attributes that a class statement makes anew for each class.
_OWN_TO_A_CLASS = frozenset(["__abstractmethods__", "__dict__", "__orig_bases__", "__weakref__", "_abc_impl"])


class _Change(NamedTuple):
    """One reference: the function that sets it, its new value, and its old one."""

    set: Callable[[Any], object]
    new: Any
    old: Any


class Repair:
    """The references to change: first all are collected, then all are changed."""

    def __init__(self, swap: Swap) -> None:
        """Make a repair without references.

        Args:
            swap: the replacements.
        """
        self._swap = swap
        self._changes: list[_Change] = []

    def set_name(self, namespace: Namespace, name: str, new: object) -> None:
        """Collect one name of a namespace, to be set to an object, whatever its value is now."""
        self._changes.append(_Change(partial(namespace.__setitem__, name), new, namespace[name]))

    def search(self, objects: Iterable[object], stock_namespace: Namespace) -> None:
        """Collect the references that modules, functions and classes hold.

        Args:
            objects: the objects to search: the result of `gc.get_objects()`.
            stock_namespace: the globals of the module that is replaced. Its own functions and classes are
                left alone: they look their names up in these globals, and some need their own original class.
        """
        namespaces: dict[int, Namespace] = {}
        for thing in objects:
            kind = type(thing)
            if kind is FunctionType:
                namespace = thing.__globals__  # type: ignore[attr-defined]
                if namespace is not stock_namespace and not _is_ours(namespace):
                    # The globals of a function made by exec belong to no module.
                    namespaces[id(namespace)] = namespace
                    self._search_function(thing)
            elif issubclass(kind, ModuleType):
                # Some modules override __dict__, for example to load themselves when they are touched.
                namespace = ModuleType.__getattribute__(thing, "__dict__")
                namespaces[id(namespace)] = namespace
            elif issubclass(kind, type) and not self._swap.concerns(thing):
                self._search_class(thing)
        for namespace in namespaces.values():
            if not _is_ours(namespace):
                self._search_namespace(namespace)

    def apply(self) -> None:
        """Change all references; or, if one cannot be changed, none."""
        for done, change in enumerate(self._changes):
            try:
                change.set(change.new)
            except BaseException:
                self._undo(done)
                raise

    def undo(self) -> None:
        """Set all references to their old values."""
        self._undo(len(self._changes))

    def _undo(self, count: int) -> None:
        for change in reversed(self._changes[:count]):
            change.set(change.old)

    def _collect(self, setter: Callable[[Any], object], old: Any) -> None:
        new = self._swap(old)
        if new is not old:
            self._changes.append(_Change(setter, new, old))

    def _search_namespace(self, namespace: Namespace) -> None:
        """Collect the values of a namespace, and the items of the lists and dicts that are directly in it."""
        for name, value in list(namespace.items()):
            self._collect(partial(namespace.__setitem__, name), value)
            if type(value) is list:
                for index, item in enumerate(value):
                    self._collect(partial(value.__setitem__, index), item)
            elif type(value) is dict:
                for key, item in list(value.items()):
                    self._collect(partial(value.__setitem__, key), item)

    def _search_function(self, function: Any) -> None:
        """Collect the default arguments and the variables of a closure."""
        if function.__defaults__:
            self._collect(partial(setattr, function, "__defaults__"), function.__defaults__)
        for name, value in (function.__kwdefaults__ or {}).items():
            self._collect(partial(function.__kwdefaults__.__setitem__, name), value)
        for cell in function.__closure__ or ():
            if _is_filled(cell):
                self._collect(partial(setattr, cell, "cell_contents"), cell.cell_contents)

    def _search_class(self, owner: Any) -> None:
        """Collect the attributes of a class."""
        for name, value in list(type.__dict__["__dict__"].__get__(owner).items()):
            self._collect(partial(type.__setattr__, owner, name), value)


#: CPython 3.12 freezes some 400 objects of its own when it starts. A program that has imported Twisted has
#: 20,000 to freeze.
_FROZEN_AT_THE_START: Final = 1000


@contextmanager
def nothing_frozen() -> Iterator[None]:
    """Unfreeze the objects that are hidden from the collector, so that they are found."""
    frozen = gc.get_freeze_count()
    if frozen:
        gc.unfreeze()
    try:
        yield
    finally:
        if frozen > _FROZEN_AT_THE_START:
            gc.freeze()


def _is_plain(value: object) -> bool:
    """Say whether a value is shared by all that are equal to it."""
    return value is None or isinstance(value, (bool, int, float, str, bytes)) or value == ()


def _is_ours(namespace: Namespace) -> bool:
    """Say whether globals belong to this package, which keeps stock objects on purpose."""
    name = namespace.get("__name__")
    return isinstance(name, str) and (name == "deferrous" or name.startswith("deferrous."))


def _is_filled(cell: CellType) -> bool:
    """Say whether a cell has contents. It has none before its variable is assigned."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
