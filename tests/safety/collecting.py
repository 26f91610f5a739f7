"""A plugin of pytest: while a test runs, the collector runs as often as it can.

Up to CPython 3.11 it runs inside the allocation of an object, so that the finalizers of a program's cycles
run in the middle of whatever makes one; later versions wait for the next instruction of Python.

    python3.11 -m pytest -p tests.safety.collecting tests/behaviour
"""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test."""
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        return (yield)
    finally:
        gc.set_threshold(*before)
