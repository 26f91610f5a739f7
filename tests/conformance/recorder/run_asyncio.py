"""Runs CPython's tests of asyncio on a class of loops, and records the start and the outcome of each test.

Usage: run_asyncio.py [--without TEST]... TEST...

The environment variable `ASYNCIO_CONFORMANCE_LOOP` names the class. It takes the place of asyncio's own
before any module of tests is loaded, so that the tests themselves stay as they are. Processes that tests
start by `multiprocessing` have it, too, because they load this file. Tests named after `--without` are left
out: they have been run, or end the process.

When the process crashes or is told to abort, it writes the stack of every thread to the log.
"""

import argparse
import asyncio
import faulthandler
import os
import platform
import sys
import unittest
from asyncio import unix_events
from collections.abc import Collection
from pkgutil import resolve_name
from typing import Any

from outcome_records import record  # type: ignore[import-not-found]
from unittest_outcomes import DESCRIPTOR, OutcomeRecorder  # type: ignore[import-not-found]

#: The names that asyncio has for the class of loops of this system. CPython 3.10 to 3.12 have only the first.
NAMES = ("SelectorEventLoop", "EventLoop")

#: What `asyncio.new_event_loop`, `asyncio.run` and `asyncio.Runner` ask for a loop, with or without policies:
#: CPython 3.14 has a class of this name too.
Policy: Any = unix_events._UnixDefaultEventLoopPolicy


def put_under_tests(loop: Any) -> None:
    """Let a class of loops take the place of asyncio's own."""
    for module in (asyncio, unix_events):
        for name in NAMES:
            if hasattr(module, name):
                setattr(module, name, loop)
    Policy._loop_factory = loop


def facts() -> dict[str, object]:
    """Say what is being tested: the version, and the class of loops by each of its names."""
    made = Policy().new_event_loop()
    made.close()
    classes = {"made": type(made), **{name: getattr(asyncio, name, None) for name in NAMES}}
    return {
        "python": platform.python_version(),
        **{name: f"{each.__module__}.{each.__qualname__}" for name, each in classes.items() if each},
    }


def without(tests: unittest.TestSuite, names: Collection[str]) -> unittest.TestSuite:
    """Return a suite without some of its tests. The classes and modules of the others stay in order."""
    left = unittest.TestSuite()
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            left.addTest(without(test, names))
        elif test.id() not in names:
            left.addTest(test)
    return left


class SkippedModule(unittest.TestCase):
    """A module that is for another system, and says so when it is loaded."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__()
        self._name = name
        self._reason = reason

    def id(self) -> str:
        """Return the name of the module."""
        return self._name

    def runTest(self) -> None:
        """Skip it."""
        self.skipTest(self._reason)


class Loader(unittest.TestLoader):
    """Leaves out the tests that have been run, and takes modules that skip themselves as tests."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self._without = names

    def loadTestsFromName(self, name: str, module: Any = None) -> unittest.TestSuite:
        """Load a module, a class or a test."""
        try:
            return super().loadTestsFromName(name, module)
        except unittest.SkipTest as skip:
            return unittest.TestSuite([SkippedModule(name, str(skip))])

    def loadTestsFromNames(self, names: Any, module: Any = None) -> unittest.TestSuite:
        """Load the others of some tests."""
        return without(super().loadTestsFromNames(names, module), self._without)


def main() -> None:
    """Run the tests that the command line names, and exit with a status."""
    faulthandler.enable()
    parser = argparse.ArgumentParser()
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("tests", nargs="+")
    options = parser.parse_args()
    # Where `python -m unittest` looks for tests first. This folder stays for processes of `multiprocessing`.
    sys.path.append(sys.path[0])
    sys.path[0] = os.getcwd()
    record(DESCRIPTOR, "run", **facts())
    program = unittest.main(
        module=None,
        argv=["unittest", *options.tests],
        testRunner=unittest.TextTestRunner(resultclass=OutcomeRecorder),
        testLoader=Loader(frozenset(options.without)),
        exit=False,
    )
    record(DESCRIPTOR, "end", **facts())
    sys.exit(not program.result.wasSuccessful())


put_under_tests(resolve_name(os.environ["ASYNCIO_CONFORMANCE_LOOP"]))
if __name__ == "__main__":
    main()
