"""Putting the classes of deferrous in the place of Twisted's.

It is Python because it runs once, and works on modules, functions and classes of Python.
"""

from __future__ import annotations

import importlib
import sys
import threading

from deferrous._errors import InstallError

# Type checkers take it for typing's.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any, Protocol

    from deferrous._firstcomers import Firstcomers

    class _Replacing(Protocol):
        """What this file uses of the module `deferrous.defer`."""

        REPLACEMENTS: Mapping[str, Any]

        def patch_failure(self) -> None:
            """Put the methods of deferrous on Twisted's Failure."""


#: The module of Twisted that is replaced, and the one that has what replaces it.
STOCK = "twisted.internet.defer"
OURS = "deferrous.defer"

# It is never held while something is imported: a thread that imports holds the import system's lock and may
# wait for this one. Finalizers may run while it is held, and be programs' code, so the thread that has it may
# take it again.
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


def install_deferreds(unseen: bool = False) -> None:
    """Put the Deferreds underneath Twisted.

    Args:
        unseen: whether nobody else has had Twisted's module in hand. Then there is nothing to search for.

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
    from deferrous import _firstcomers as _firstcomers
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
    """Say whether `stock` has been replaced, to which Deferred testifies: a program may patch the others."""
    return getattr(stock, "Deferred", None) is replacements["Deferred"]


def _import_ours() -> _Replacing:
    """Import what is to be put underneath Twisted.

    Raises:
        InstallError: the extension module is missing, or made for another Python.
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
    """Put the names of ours into a module that is being imported, so that no other module has any of it.

    That is what each process does that is started with DEFERROUS=1. To search for references, as
    `_replace` does, would take longer than importing Twisted's Deferred.
    """
    debugging = stock.getDebugging()
    names = {name: new for name, new in ours.REPLACEMENTS.items() if name in vars(stock)}
    vars(stock).update(names)
    ours.patch_failure()
    if debugging:
        stock.setDebugging(True)


def _replace(stock: ModuleType, ours: _Replacing) -> None:
    """Do all of it, or raise and leave everything as it was."""
    import gc

    from deferrous._repair import Repair, Swap, nothing_frozen

    names = {name: new for name, new in ours.REPLACEMENTS.items() if name in vars(stock)}
    swap = Swap((vars(stock)[name], new) for name, new in names.items())
    debugging = stock.getDebugging()
    repair = Repair(swap)
    with nothing_frozen():
        for subclass in _require_first(swap.stock_classes()).rebuilt:
            swap.rebuild(subclass)
        for name, new in names.items():
            repair.set_name(vars(stock), name, new)
        repair.search(gc.get_objects(), vars(stock))
    repair.apply()
    try:
        ours.patch_failure()
        if debugging:
            # It is an attribute of the class, which by now is ours.
            stock.setDebugging(True)
    except BaseException:
        repair.undo()
        raise


def _require_first(stock_classes: frozenset[type]) -> Firstcomers:
    """Check that nobody has subclassed or instantiated the stock classes.

    Returns:
        what there is nevertheless, and can be changed.

    Raises:
        InstallError: somebody has.
    """
    import gc

    from deferrous._firstcomers import describe, find_firstcomers

    firstcomers = find_firstcomers(stock_classes)
    if firstcomers:
        # Deferreds are often parts of circles: those that are only waiting for the collector stop nobody.
        del firstcomers
        gc.collect()
        firstcomers = find_firstcomers(stock_classes)
    if firstcomers:
        raise InstallError(describe(firstcomers))
    return firstcomers
