"""Find subclasses and instances of Twisted's classes that exist before the installation.

It is Python because it runs once and looks at Python objects one by one.
"""

import gc
import sys
from collections.abc import Iterable
from types import FrameType
from typing import Any, NamedTuple

#: The most entries of each kind that a message lists.
LISTED = 10

#: Subclasses in Twisted itself. twisted.web.server imports this one through twisted.spread. If it stopped the
#: installation, no program with a web server could install late.
REBUILT = ("twisted.persisted.crefutil._Defer",)


class Preexisting(NamedTuple):
    """Subclasses and instances that exist already. It is true if some of them cannot be changed."""

    subclasses: list[type]
    instances: list[object]
    #: Subclasses that can be made again from the replacement of their stock class.
    rebuilt: list[type]

    def __bool__(self) -> bool:
        return bool(self.subclasses or self.instances)


def find_preexisting(stock_classes: frozenset[type]) -> Preexisting:
    """Look for subclasses and instances of the stock classes.

    Args:
        stock_classes: the classes to replace.

    Returns:
        the subclasses, at any depth, and all instances of the classes or of the subclasses. Subclasses in
        Twisted itself are returned as `rebuilt`, if they have no subclasses in turn.
    """
    subclasses = _subclasses(stock_classes)
    kinds = stock_classes.union(subclasses)
    # type() and not isinstance(), which asks the object for its class: a proxy answers with the class of the
    # object behind it.
    instances = [thing for thing in gc.get_objects() if type(thing) in kinds]
    rebuilt = [kind for kind in subclasses if _name_of(kind) in REBUILT and not type.__subclasses__(kind)]
    return Preexisting(sorted(subclasses.difference(rebuilt), key=_name_of), instances, rebuilt)


def _subclasses(stock_classes: frozenset[type]) -> set[type]:
    """Return the subclasses that are not stock classes themselves."""
    found: set[type] = set()
    waiting = list(stock_classes)
    while waiting:
        # Not the attribute: for a metaclass, __subclasses__ is an unbound method.
        below: list[type] = type.__subclasses__(waiting.pop())
        for subclass in below:
            if subclass not in stock_classes and subclass not in found:
                found.add(subclass)
                waiting.append(subclass)
    return found


def describe(preexisting: Preexisting) -> str:
    """Return the message for the user: which classes and objects exist, where they are, and what to do."""
    lines = [
        "deferrous.install() came too late: what was made from the stock classes cannot be replaced. "
        "Nothing was changed."
    ]
    modules = {subclass.__module__ for subclass in preexisting.subclasses}
    if preexisting.subclasses:
        lines.append(f"Subclasses of the stock classes: {len(preexisting.subclasses)}")
        lines += _listed(_describe_subclass(subclass) for subclass in preexisting.subclasses)
    if preexisting.instances:
        lines.append(f"Live objects of the stock classes: {len(preexisting.instances)}")
        lines += _listed(_describe_instance(thing, preexisting.instances) for thing in preexisting.instances)
    before = (
        f"before {_joined(modules)} is imported" if modules else "before the first of these objects is made"
    )
    lines.append(
        f"What to do: call deferrous.install() {before}, best at the very top of the program; or leave the "
        "program as it is, and start it with `python -m deferrous run`, or with DEFERROUS=1 in the "
        "environment."
    )
    return "\n".join(lines)


def _listed(descriptions: Iterable[str]) -> list[str]:
    """Return the first lines of a list, and a last line with the number of those left out."""
    lines: list[str] = []
    more = 0
    for description in descriptions:
        if len(lines) < LISTED:
            lines.append(f"  {description}")
        else:
            more += 1
    return [*lines, f"  and {more} more"] if more else lines


def _describe_subclass(subclass: type) -> str:
    bases = ", ".join(base.__qualname__ for base in subclass.__bases__)
    return f"{_name_of(subclass)}({bases})"


def _describe_instance(thing: object, ignored: list[object]) -> str:
    try:
        text = repr(thing)
    except Exception:
        text = object.__repr__(thing)
    holder = _holder(thing, ignored)
    return f"{text[:120]}, {holder}" if holder else text[:120]


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _joined(names: Iterable[str]) -> str:
    shown = sorted(names)
    return shown[0] if len(shown) == 1 else f"any of {', '.join(shown[:LISTED])}"


def _holder(thing: object, ignored: list[object]) -> str:
    """Name a variable or an attribute that refers to an object; an empty string if none is found."""
    for referrer in gc.get_referrers(thing):
        if referrer is ignored or isinstance(referrer, FrameType):
            continue
        if type(referrer) is dict:
            text = _holder_by_dict(thing, referrer)
        else:
            text = _holder_by_attribute(thing, referrer)
        if text:
            return text
    return ""


def _holder_by_dict(thing: object, names: dict[Any, Any]) -> str:
    """Name the global variable or the attribute that has an object as its value."""
    name = next((key for key, value in names.items() if value is thing), None)
    if not isinstance(name, str):
        return ""
    module = names.get("__name__")
    if isinstance(module, str) and getattr(sys.modules.get(module), "__dict__", None) is names:
        return f"which is {module}.{name}"
    for owner in gc.get_referrers(names):
        if _attributes(owner) is names:
            return f"the attribute {name!r} of {_article(owner)}"
    return ""


def _holder_by_attribute(thing: object, owner: object) -> str:
    """Name the attribute of an object whose `__dict__` the interpreter makes only when it is asked for."""
    attributes = _attributes(owner)
    if attributes is None:
        return f"in a {type(owner).__name__}" if type(owner) in (list, set, tuple) else ""
    name = next((key for key, value in attributes.items() if value is thing), None)
    return f"the attribute {name!r} of {_article(owner)}" if isinstance(name, str) else ""


def _attributes(owner: object) -> dict[str, Any] | None:
    """Return the dict of an object's attributes, without running code of its class."""
    try:
        attributes = object.__getattribute__(owner, "__dict__")
    except (AttributeError, TypeError):
        return None
    return attributes if type(attributes) is dict else None


def _article(owner: object) -> str:
    return f"a {_name_of(type(owner))}"
