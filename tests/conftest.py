"""Fixtures of all tests: the APIs under test, the reactors, and a listener for log events."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests import apis, logs, reactors


@pytest.fixture(scope="session")
def stock() -> ModuleType:
    """Give Twisted's own Deferreds."""
    return apis.load(apis.NAMES[0])


@pytest.fixture(scope="session", autouse=True)
def _collect_only_what_tests_leave() -> Iterator[None]:
    """Freeze all existing objects, which makes collections quick."""
    logs.begin()
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


_loaded: dict[str, ModuleType] = {}


@pytest.fixture(params=apis.NAMES)
def api(request: pytest.FixtureRequest) -> ModuleType:
    """Give each implementation of Deferreds in turn."""
    name = request.param
    if name not in _loaded:
        _loaded[name] = apis.load(name)
    return _loaded[name]


@pytest.fixture
def logged(api: ModuleType) -> Iterator[logs.Log]:
    """Listen to the loggers. A test fails if it leaves log events that it has not asked for."""
    gc.collect()
    log = logs.Log()
    with log:
        yield log
        api.setDebugging(False)
        gc.collect()
    assert not log.events, [log.text(event) for event in log.events]


@pytest.fixture(params=reactors.NAMES)
def loop(request: pytest.FixtureRequest) -> reactors.Loop:
    """Give each reactor in turn."""
    return reactors.Loop(request.param)


@pytest.fixture
def stock_loop() -> reactors.Loop:
    """Give the reactor that the others are compared with."""
    return reactors.Loop("epoll")
