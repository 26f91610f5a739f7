"""A second copy of Twisted's `defer`, as it is or with a change to its syntax tree.

The copy shares Twisted's exceptions and what is imported from other modules, such as `Failure`, as our own
implementation does. It has classes and functions of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from twisted.internet import defer as stock

Change = Callable[[ast.Module], None]


class EndlessLoop(BaseException):
    """Raised where loops of a counted copy have turned more often than they may."""


class Turns:
    """Counts the turns of the loops in a copy, and ends those that would go on for ever."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count > self.limit:
            raise EndlessLoop(self.limit)

    @property
    def too_many(self) -> bool:
        """Say whether a loop has been ended."""
        return self.count > self.limit


def _count_turns(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        # Circles of Deferreds that cancel each other are worse than endless: each turn doubles them.
        if isinstance(node, ast.While) or (isinstance(node, ast.FunctionDef) and node.name == "cancel"):
            node.body[:0] = ast.parse("_turns()").body


def load_counted(turns: Turns, change: Change | None = None) -> ModuleType:
    """Make another copy whose loops are counted."""

    def changed(tree: ast.Module) -> None:
        if change is not None:
            change(tree)
        _count_turns(tree)

    return load(changed, {"_turns": turns})


def source_file() -> str:
    """Give the path of Twisted's source."""
    assert stock.__file__ is not None
    return stock.__file__


def parse() -> ast.Module:
    """Give the syntax tree of Twisted's source."""
    return ast.parse(Path(source_file()).read_text(encoding="utf-8"))


def load(change: Change | None = None, extra: dict[str, object] | None = None) -> ModuleType:
    """Make another copy, after the change to its syntax tree, with extra names in it."""
    tree = parse()
    if change is not None:
        change(tree)
        ast.fix_missing_locations(tree)
    # The name decides how the classes and the logger are called, and has to be that of the original.
    module = ModuleType(stock.__name__)
    module.__file__ = source_file()
    module.__dict__.update(extra or {})
    exec(compile(tree, source_file(), "exec"), module.__dict__)
    for name, value in vars(stock).items():
        shared = isinstance(value, type) and issubclass(value, BaseException)
        if shared or isinstance(value, stock._Sentinel):
            setattr(module, name, value)
    return module
