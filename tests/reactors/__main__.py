"""The process in which a function of a test is run.

Its command is ``python -m tests.reactors REACTOR SECONDS MODULE FUNCTION ARGUMENTS``.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import signal
import sys

from tests.reactors import CLASSES, INSTALLERS


def main(name: str, patience: str, module: str, program: str, arguments: str) -> None:
    """Install a reactor, call a function of a test with it, and print what that returned."""
    # A shell that starts tests in the background has them ignore this, and so would the reactor.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.dump_traceback_later(float(patience) * 0.9, exit=True)
    installer, function = INSTALLERS[name]
    getattr(importlib.import_module(installer), function)()
    reactor = importlib.import_module("twisted.internet.reactor")
    kind = f"{type(reactor).__module__}.{type(reactor).__qualname__}"
    if kind != CLASSES[name]:
        raise AssertionError(f"the reactor {name} is not what it says: {kind}")
    result = getattr(importlib.import_module(module), program)(reactor, *json.loads(arguments))
    print(json.dumps(result), flush=True)


main(*sys.argv[1:])
