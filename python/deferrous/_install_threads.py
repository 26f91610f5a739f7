"""Replace Twisted's thread pool, and the functions that hand work to it.

It is Python because it runs once and works on Python's modules. Existing pools of Twisted's class stay as
they are: unlike Deferreds, pools of both classes work side by side.
"""

import gc
import importlib
import sys
from types import ModuleType

from deferrous._repair import Repair, Swap, nothing_frozen

#: The replaced names, by the modules of Twisted that have them.
REPLACED = {
    "twisted.python.threadpool": ("ThreadPool",),
    "twisted.internet.threads": ("deferToThread", "deferToThreadPool"),
}

OURS = "deferrous.threads"


def install_threads() -> None:
    """Replace the names in these modules, and all references to them."""
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
    """Replace the names in one of these modules. No other code refers to them yet."""
    ours = importlib.import_module(OURS)
    for name in REPLACED[module.__name__]:
        setattr(module, name, getattr(ours, name))


def _is_stock(module: ModuleType, name: str, ours: ModuleType) -> bool:
    """Say whether a name is still Twisted's, and neither ours nor a replacement of the program."""
    value = getattr(module, name, None)
    return value is not getattr(ours, name) and getattr(value, "__module__", None) == module.__name__
