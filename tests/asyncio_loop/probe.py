"""Says what an interpreter has: its tests of asyncio, and a class of loops.

It is run by the interpreter in question, with the name of the class, and prints a JSON object.
"""

import importlib
import json
import pkgutil
import sys


def modules() -> list[str] | None:
    """Return the modules of tests of asyncio that come with this interpreter; None if none do."""
    try:
        package = importlib.import_module("test.test_asyncio")
    except ImportError:
        return None
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(f"{package.__name__}.{name}" for name in found if name.startswith("test_"))


def loop(name: str) -> dict[str, str]:
    """Return the qualified name of a class of loops, or the reason why it cannot be had."""
    try:
        found = pkgutil.resolve_name(name)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    if not isinstance(found, type):
        return {"error": "it is not a class"}
    return {"loop": f"{found.__module__}.{found.__qualname__}"}


if __name__ == "__main__":
    print(json.dumps({"modules": modules(), **loop(sys.argv[1])}))
