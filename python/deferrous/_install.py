"""Putting the classes of deferrous in the place of Twisted's.

It is Python because it runs once, and works on modules, functions and classes of Python.
"""

import gc
import importlib
import sys
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import Protocol, cast

from deferrous._errors import InstallError
from deferrous._firstcomers import Firstcomers, describe, find_firstcomers
from deferrous._install_reactor import install_reactor, require_no_other
from deferrous._install_threads import install_threads
from deferrous._repair import Repair, Swap, nothing_frozen
from deferrous._versions import require_supported

#: The module of Twisted that is replaced, and the one that has what replaces it.
STOCK = "twisted.internet.defer"
OURS = "deferrous.defer"

# It is never held while something is imported: a thread that imports holds the import system's lock and may
# wait for this one.
_lock = threading.Lock()


class _Replacing(Protocol):
    """What this file uses of the module `deferrous.defer`."""

    REPLACEMENTS: Mapping[str, object]

    def patch_failure(self) -> None:
        """Put the methods of deferrous on Twisted's Failure."""


def install(*, reactor: bool) -> None:
    """Put deferrous underneath Twisted; `deferrous.install` has the details.

    Raises:
        InstallError: it cannot be done here, and nothing was changed.
    """
    require_supported()
    if reactor:
        require_no_other()
    install_deferreds()
    install_threads()
    if reactor:
        install_reactor()


def install_deferreds() -> None:
    """Put the Deferreds underneath Twisted.

    Raises:
        InstallError: it cannot be done here, and nothing was changed.
    """
    # Twisted's comes first: with DEFERROUS=1 its import installs, which imports ours.
    stock = importlib.import_module(STOCK)
    ours = _import_ours()
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
        return cast(_Replacing, importlib.import_module(OURS))
    except ImportError as error:
        raise InstallError(
            f"The extension module of deferrous cannot be loaded: {error}. "
            "Install deferrous again for this Python: "
            f"`{sys.executable} -m pip install --force-reinstall deferrous`."
        ) from error


def _replace(stock: ModuleType, ours: _Replacing) -> None:
    """Do all of it, or raise and leave everything as it was."""
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
    firstcomers = find_firstcomers(stock_classes)
    if firstcomers:
        # Deferreds are often parts of circles: those that are only waiting for the collector stop nobody.
        del firstcomers
        gc.collect()
        firstcomers = find_firstcomers(stock_classes)
    if firstcomers:
        raise InstallError(describe(firstcomers))
    return firstcomers
