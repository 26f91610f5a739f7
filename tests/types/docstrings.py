"""Writes the docstrings of the stub of the extension module: they are those that the module itself has.

Usage: python -m tests.types.docstrings
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import deferrous.defer  # noqa: F401 It completes the class Deferred.
from deferrous import _core

STUB = Path(__file__).parents[2] / "python/deferrous/_core.pyi"


class Docstring(NamedTuple):
    """A docstring in a stub: the name of what it describes, and where it is."""

    name: str
    text: ast.Constant


def docstrings(body: list[ast.stmt], inside: str = "") -> Iterator[Docstring]:
    """Yield the docstrings of what a stub defines. Attributes have theirs after them."""
    before: ast.stmt | None = None
    for statement in body:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            name = inside + statement.name
            match statement.body:
                case [ast.Expr(value=ast.Constant(value=str()) as text), *_]:
                    yield Docstring(name, text)
            if isinstance(statement, ast.ClassDef):
                yield from docstrings(statement.body, f"{name}.")
        match before, statement:
            case (
                ast.AnnAssign(target=ast.Name(id=attribute)),
                ast.Expr(value=ast.Constant(value=str()) as text),
            ):
                yield Docstring(inside + attribute, text)
        before = statement


def in_module(name: str) -> Any:
    """Return what the extension module has by a dotted name."""
    found: Any = _core
    for part in name.split("."):
        # Asked of the class, some attributes are the defaults of its instances.
        found = _core.DeferredLock.__mro__[1] if part == "_Primitive" else inspect.getattr_static(found, part)
    return found


def up_to_date(stub: str) -> str:
    """Return a stub with the docstrings that `help()` shows of the module."""
    lines = stub.splitlines()
    for name, text in reversed(list(docstrings(ast.parse(stub).body))):
        indent = " " * text.col_offset
        written = inspect.getdoc(in_module(name))
        assert written, f"{name} has no docstring"
        first, *rest = written.splitlines()
        new = [f'{indent}"""{first}', *(indent + line if line else "" for line in rest)]
        if rest:
            new.append(f'{indent}"""')
        else:
            new[0] += '"""'
        lines[text.lineno - 1 : text.end_lineno] = new
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    STUB.write_text(up_to_date(STUB.read_text("utf-8")), "utf-8")
