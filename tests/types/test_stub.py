"""The stub of the extension module: it has what the module has, and says what `help()` says."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import deferrous
import deferrous.defer  # It completes the class Deferred.
import pytest
from deferrous import _core

from tests.children import code

ALLOWLIST = Path(__file__).with_name("stubtest-allowlist")
STUB = Path(deferrous.__file__).with_name("_core.pyi")


def texts(body: list[ast.stmt], inside: str = "") -> Iterator[tuple[str, str]]:
    """Yield the names of what a stub defines, with their docstrings."""
    before: ast.stmt | None = None
    for statement in body:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            text = ast.get_docstring(statement)
            if text is not None:
                yield inside + statement.name, text
        if isinstance(statement, ast.ClassDef):
            yield from texts(statement.body, f"{inside}{statement.name}.")
        match before, statement:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield inside + name, text
        before = statement


def in_module(name: str) -> Any:
    """Return what the extension module has by a dotted name."""
    found: Any = _core
    for part in name.split("."):
        # Asked of the class, some attributes are the defaults of its instances.
        found = _core.DeferredLock.__mro__[1] if part == "_Primitive" else inspect.getattr_static(found, part)
    return found


@pytest.mark.parametrize(("name", "text"), list(texts(ast.parse(STUB.read_text("utf-8")).body)))
def test_the_stub_has_the_docstrings_of_help(name: str, text: str) -> None:
    assert inspect.getdoc(in_module(name)) == text


def public_names() -> Iterator[str]:
    """Yield the names of what programs use."""
    for name, thing in vars(_core).items():
        if name.startswith("_") or not callable(thing):
            continue
        yield name
        for part, attribute in vars(thing).items() if isinstance(thing, type) else ():
            # A plain value can have no docstring.
            if not part.startswith("_") and attribute is not False and attribute is not None:
                yield f"{name}.{part}"


@pytest.mark.parametrize("name", sorted(public_names()))
def test_every_public_name_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(in_module(name))


def test_the_stub_has_what_the_module_has() -> None:
    pytest.importorskip("mypy")
    outcome = code(
        f"""
        import sys
        import deferrous.defer
        from mypy import stubtest

        sys.argv = ["stubtest", "deferrous", "--allowlist", {str(ALLOWLIST)!r}]
        sys.exit(stubtest.main())
        """
    )
    assert outcome.status == 0, outcome.out + outcome.err
