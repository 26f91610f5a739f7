"""Replace Twisted's classes and functions by those of deferrous.

It is Python because it runs once and works on Python's modules, functions and classes.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading

from deferrous._errors import InstallError

# Type checkers take it for typing's.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any, Protocol

    from deferrous._preexisting import Preexisting

    class _Replacing(Protocol):
        """What this file uses of the module `deferrous.defer`."""

        REPLACEMENTS: Mapping[str, Any]

        def patch_failure(self) -> None:
            """Set the methods of deferrous on Twisted's Failure."""


#: The module of Twisted whose names are replaced, and the module with the replacements.
STOCK = "twisted.internet.defer"
OURS = "deferrous.defer"

#: The environment variables that `deferrous.inspect` starts by.
INSPECTION = ("DEFERROUS_INSPECT", "DEFERROUS_STALL")

# Never import while holding it: a thread that imports holds the import system's lock and may wait for this
# one. It is reentrant because finalizers, which are the program's code, may run while it is held.
_lock = threading.RLock()


def install(*, reactor: bool) -> None:
    """Put deferrous underneath Twisted; `deferrous.install` has the details.

    Raises:
        InstallError: it cannot be done here, and nothing was changed.
    """
    from deferrous._install_reactor import install_reactor, require_no_other
    from deferrous._install_threads import install_threads
    from deferrous._versions import require_supported

    require_supported()
    if reactor:
        require_no_other()
    install_deferreds()
    install_threads()
    if reactor:
        install_reactor()
    start_inspection()


def start_inspection() -> None:
    """Do what the environment asks for: have the program inspected, or its reactor watched for stalls.

    If the program has called `deferrous.inspect.enable()` already, there is now something to keep records of.

    Raises:
        InstallError: a variable means nothing.
    """
    inspect = sys.modules.get("deferrous.inspect")
    if inspect is not None and inspect.enabled():
        inspect.enable()
    if any(os.environ.get(name, "0") not in ("", "0") for name in INSPECTION):
        from deferrous.inspect._starting import start_if_asked

        start_if_asked()


def install_deferreds(unseen: bool = False) -> None:
    """Put the Deferreds underneath Twisted.

    Args:
        unseen: whether no other code has had access to Twisted's module. Then there is nothing to search.

    Raises:
        InstallError: it cannot be done here, and nothing was changed.
    """
    # Twisted's comes first: with DEFERROUS=1 its import installs, which imports ours.
    stock = importlib.import_module(STOCK)
    ours = _import_ours()
    if unseen:
        _replace_unseen(stock, ours)
        return
    # Imported before the lock is taken.
    from deferrous import _preexisting as _preexisting
    from deferrous import _repair as _repair

    with _lock:
        if not _holds(stock, ours.REPLACEMENTS):
            _replace(stock, ours)


def installed() -> bool:
    """Say whether deferrous is underneath Twisted, without importing either."""
    stock, ours = sys.modules.get(STOCK), sys.modules.get(OURS)
    replacements = getattr(ours, "REPLACEMENTS", None)
    return stock is not None and replacements is not None and _holds(stock, replacements)


def _holds(stock: ModuleType, replacements: Mapping[str, object]) -> bool:
    """Say whether the names of `stock` are replaced. Only Deferred counts: a program may patch the others."""
    return getattr(stock, "Deferred", None) is replacements["Deferred"]


def _import_ours() -> _Replacing:
    """Import the module with the replacements.

    Raises:
        InstallError: the extension module is missing, or was made for another Python.
    """
    try:
        ours: Any = importlib.import_module(OURS)
    except ImportError as error:
        raise InstallError(
            f"The extension module of deferrous cannot be loaded: {error}. "
            "Install deferrous again for this Python: "
            f"`{sys.executable} -m pip install --force-reinstall deferrous`."
        ) from error
    replacing: _Replacing = ours
    return replacing


def _replace_unseen(stock: ModuleType, ours: _Replacing) -> None:
    """Replace the names of a module that is still being imported, so that no other module refers to them.

    Every process with DEFERROUS=1 does this. Searching for references, as `_replace` does, would take longer
    than importing Twisted's Deferred.
    """
    debugging = stock.getDebugging()
    names = {name: new for name, new in ours.REPLACEMENTS.items() if name in vars(stock)}
    vars(stock).update(names)
    ours.patch_failure()
    if debugging:
        stock.setDebugging(True)


def _replace(stock: ModuleType, ours: _Replacing) -> None:
    """Replace the names and all references to them, or raise and leave everything as it was."""
    import gc

    from deferrous._repair import Repair, Swap, nothing_frozen

    names = {name: new for name, new in ours.REPLACEMENTS.items() if name in vars(stock)}
    swap = Swap((vars(stock)[name], new) for name, new in names.items())
    debugging = stock.getDebugging()
    repair = Repair(swap)
    with nothing_frozen():
        for subclass in _require_no_preexisting(swap.stock_classes()).rebuilt:
            swap.rebuild(subclass)
        for name, new in names.items():
            repair.set_name(vars(stock), name, new)
        repair.search(gc.get_objects(), vars(stock))
    repair.apply()
    try:
        ours.patch_failure()
        if debugging:
            # It is an attribute of the class, which is ours now.
            stock.setDebugging(True)
    except BaseException:
        repair.undo()
        raise


def _require_no_preexisting(stock_classes: frozenset[type]) -> Preexisting:
    """Check that the stock classes have no subclasses and no instances.

    Returns:
        the subclasses that exist nevertheless and can be rebuilt.

    Raises:
        InstallError: there are others.
    """
    import gc

    from deferrous._preexisting import describe, find_preexisting

    preexisting = find_preexisting(stock_classes)
    if preexisting:
        # Deferreds are often parts of reference cycles. Garbage does not stop the installation.
        del preexisting
        gc.collect()
        preexisting = find_preexisting(stock_classes)
    if preexisting:
        raise InstallError(describe(preexisting))
    return preexisting
