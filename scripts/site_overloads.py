"""What griffe, which reads the API for the site, does about functions of the stub that have only overloads.

It takes overloads for variants of a function that is there as well. A stub has no such function, so these
would be missing on the site. Here the last overload, which is the most general one, is the function.
"""

from __future__ import annotations

from typing import Any

from griffe import Class, Extension, Module


class Overloads(Extension):
    """Adds a function for each name that has only overloads."""

    def on_module_members(self, *, mod: Module, **kwargs: Any) -> None:
        """Add the functions of a module."""
        _add(mod)

    def on_class_members(self, *, cls: Class, **kwargs: Any) -> None:
        """Add the methods of a class."""
        _add(cls)


def _add(owner: Module | Class) -> None:
    for name, overloads in owner.overloads.items():
        if overloads and name not in owner.members:
            function = overloads[-1]
            function.docstring = next((each.docstring for each in overloads if each.docstring), None)
            owner.set_member(name, function)
