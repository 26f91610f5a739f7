"""Putting something else in the place of what Twisted's functions look up."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from twisted.internet import defer

Test = Callable[[ModuleType, "Replacer"], None]

#: The programs, by the function and the name that it looks up.
CASES: dict[tuple[str, str], Test] = {}


def case(function: str, *names: str) -> Callable[[Test], Test]:
    """Note what a program is for."""

    def note(test: Test) -> Test:
        CASES.update({(function, name): test for name in names})
        return test

    return note


async def coroutine(value: Any = None) -> Any:
    """Return the argument."""
    return value


class Replacer:
    """Replaces names of `twisted.internet.defer` for one test, on either API."""

    def __init__(self, api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self._api = api
        self._monkeypatch = monkeypatch
        #: The names of the functions that were called.
        self.seen: list[str] = []

    def put(self, name: str, value: Any) -> None:
        """Replace a name until the end of the test."""
        self._monkeypatch.setattr(defer, name, value)

    def undo(self) -> None:
        """Put everything back."""
        self._monkeypatch.undo()

    def noting(self, name: str, result: Any = None, call: Any = None) -> Any:
        """Give a function that notes that it was called, and does what `call` does, or returns `result`."""

        def function(*args: Any, **keywords: Any) -> Any:
            self.seen.append(name)
            return result if call is None else call(*args, **keywords)

        return function

    def watch(self, name: str, result: Any = None, call: Any = None) -> None:
        """Replace a function by one that notes that it was called."""
        self.put(name, self.noting(name, result, call))

    def subclass(self, name: str, **attributes: Any) -> Any:
        """Replace a class by a subclass of it, which is returned. It notes when an object is made."""
        base = getattr(self._api, name, None) or getattr(defer, name)
        seen = self.seen

        def __init__(self: Any, *args: Any, **keywords: Any) -> None:
            seen.append(name)
            base.__init__(self, *args, **keywords)

        mine = type("Mine", (base,), {"__init__": __init__, **attributes})
        self.put(name, mine)
        return mine

    def methods(self, name: str, **functions: Any) -> None:
        """Replace a module, or an object with methods, by one that has only these."""
        self.put(name, SimpleNamespace(**functions))
