"""Cuts a program down, as long as it still does what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.differential.program import Program, size

_Path = tuple[int | str, ...]
#: No program is tried more often than this.
_TRIES = 3000


def _parts(part: Any, path: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    """Give everything that is in a program, outer parts first, and where it is."""
    yield path, part
    if isinstance(part, (list, tuple)):
        for position, item in enumerate(part):
            yield from _parts(item, (*path, position))


def _replaced(part: Any, path: _Path, new: Any) -> Any:
    """Give a program with something else in one place."""
    if not path:
        return new
    position = path[0]
    if isinstance(part, dict):
        return {**part, position: _replaced(part[position], path[1:], new)}
    changed = list(part)
    assert isinstance(position, int)
    changed[position] = _replaced(part[position], path[1:], new)
    return tuple(changed) if isinstance(part, tuple) else changed


def _simpler(part: Any) -> Iterator[Any]:
    """Give what may stand in the place of a part: shorter lists, and the simplest of its kind."""
    if isinstance(part, list):
        length = len(part)
        chunk = length
        while chunk:
            for start in range(0, length, chunk):
                yield part[:start] + part[start + chunk :]
            chunk //= 2
    elif (
        isinstance(part, tuple)
        and len(part) == 3
        and isinstance(part[1], list)
        and isinstance(part[2], tuple)
    ):
        yield None
        for end in (("argument",), ("value", ("token", 0))):
            yield ("function", part[1], end)
        yield ("function", [], part[2])
    elif (
        isinstance(part, tuple)
        and part
        and part[0] in ("list", "result", "slot", "caught", "shared", "copied")
    ):
        yield ("token", 0)
        yield None
    elif isinstance(part, tuple) and part[:1] == ("new",) and len(part) == 4:
        yield ("new", part[1], None, None)
    elif isinstance(part, int) and not isinstance(part, bool) and part:
        yield 0


def _candidates(program: Program) -> Iterator[Program]:
    if program["watch"]:
        yield {**program, "watch": 0}
    for path, part in _parts(program["ops"], ("ops",)):
        for simpler in _simpler(part):
            if simpler != part:
                yield _replaced(program, path, simpler)


def shrink(program: Program, holds: Callable[[Program], bool]) -> Program:
    """Give the smallest program found for which the condition holds."""
    tries = 0
    smaller = True
    while smaller and tries < _TRIES:
        smaller = False
        for candidate in _candidates(program):
            tries += 1
            if tries > _TRIES:
                break
            if _weight(candidate) < _weight(program) and holds(candidate):
                program = candidate
                smaller = True
                break
    return program


def _weight(program: Program) -> tuple[int, int, str]:
    """Tell how much there is to read in a program."""
    return (size(program["ops"]), program["watch"], repr(program["ops"]))
