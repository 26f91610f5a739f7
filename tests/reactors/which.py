"""Run a program, and then say which reactor it ran on: ``python -m tests.reactors.which FILE``."""

from __future__ import annotations

import runpy
import sys


def main() -> None:
    """Run it as Python would, and look at what it has imported."""
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is None:
        print("(no reactor)")
    else:
        kind = type(reactor)
        print(f"(reactor: {kind.__module__}.{kind.__qualname__})")


if __name__ == "__main__":
    main()
