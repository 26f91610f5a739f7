"""The APIs of Deferreds that the tests are run on.

``stock`` is Twisted's own `twisted.internet.defer`, ``ours`` is `deferrous.defer`, and ``copy`` is a second
copy of Twisted's source, by which tests are tested: they have to hold for more than one module.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from twisted.python import failure

from tests import second_copy

#: Twisted's Failure, which has no types. All APIs share it.
Failure: Any = failure.Failure

#: The names of these APIs. The first one is the reference.
NAMES = tuple(os.environ.get("DEFERROUS_APIS", "stock,ours").split(","))


def load(name: str) -> ModuleType:
    """Give the module that goes under the name."""
    if name == "copy":
        return second_copy.load()
    module = importlib.import_module({"stock": "twisted.internet.defer", "ours": "deferrous.defer"}[name])
    written_in_python = isinstance(module.Deferred.addCallbacks, FunctionType)
    if written_in_python != (name == "stock"):
        raise AssertionError(f"{name} has the wrong Deferred: {module.Deferred}")
    return module


def own_files() -> frozenset[str]:
    """Give the Python files of deferrous, which stand for Twisted's in tracebacks."""
    specification = importlib.util.find_spec("deferrous")
    folders = (specification and specification.submodule_search_locations) or []
    return frozenset(str(file) for folder in folders for file in Path(folder).glob("*.py"))


def queue_name() -> str:
    """Give the attribute with the list of callbacks, which had no underscore before Twisted 25.5."""
    return "_callbacks" if hasattr(load("stock").Deferred(), "_callbacks") else "callbacks"
