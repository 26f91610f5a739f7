"""Fixtures of the tests of behaviour. Each of these tests also checks that nothing unexpected is logged."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _nothing_unexpected(request: pytest.FixtureRequest) -> None:
    """Make a test fail if it leaves a log event that it has not asked for."""
    if "api" in request.fixturenames:
        request.getfixturevalue("logged")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that wraps methods of a class and returns the list of the names that are called."""
    made: list[str] = []

    def wrap(owner: Any, *names: str) -> list[str]:
        for name in names:
            monkeypatch.setattr(owner, name, wrapper(getattr(owner, name), name))
        return made

    def wrapper(original: Any, name: str) -> Any:
        def replacement(self: Any, *args: Any, **keywords: Any) -> Any:
            made.append(name)
            return original(self, *args, **keywords)

        return replacement

    return wrap
