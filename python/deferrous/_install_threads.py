"""Putting the thread pool, and what hands work to it, in the place of Twisted's.

It is Python because it runs once, and works on modules of Python. Unlike a Deferred, a pool of Twisted's that
is there already goes on as it is: nothing has to be of one class with it.
"""

import gc
import importlib
import sys
from types import ModuleType

from deferrous._repair import Repair, Swap, nothing_frozen

#: What is replaced, by the modules of Twisted that have it.
REPLACED = {
    "twisted.python.threadpool": ("ThreadPool",),
    "twisted.internet.threads": ("deferToThread", "deferToThreadPool"),
}

OURS = "deferrous.threads"


def install_threads() -> None:
    """Replace what is in these modules, and the names of it that others have taken."""
    there_before = any(name in sys.modules for name in REPLACED)
    modules = [importlib.import_module(name) for name in REPLACED]
    ours = importlib.import_module(OURS)
    for module in modules:
        names = [name for name in REPLACED[module.__name__] if _is_stock(module, name, ours)]
        if not names:
            continue
        swap = Swap((getattr(module, name), getattr(ours, name)) for name in names)
        repair = Repair(swap)
        for name in names:
            repair.set_name(vars(module), name, getattr(ours, name))
        if there_before:
            with nothing_frozen():
                repair.search(gc.get_objects(), vars(module))
        repair.apply()


def replace_in(module: ModuleType) -> None:
    """Replace what is in one of these modules, which nobody has taken a name from yet."""
    ours = importlib.import_module(OURS)
    for name in REPLACED[module.__name__]:
        setattr(module, name, getattr(ours, name))


def _is_stock(module: ModuleType, name: str, ours: ModuleType) -> bool:
    """Say whether a name is still Twisted's, and not ours or what a program has put there."""
    value = getattr(module, name, None)
    return value is not getattr(ours, name) and getattr(value, "__module__", None) == module.__name__
