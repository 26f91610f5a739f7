"""Install the reactor if there is none, and make it the default reactor.

It is Python because it runs once. Twisted's reactors are installed the same way.
"""

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from deferrous._errors import InstallError

#: The name under which a reactor is in `sys.modules`.
INSTALLED = "twisted.internet.reactor"

#: The module of Twisted that picks the reactor if the program picks none.
DEFAULT = "twisted.internet.default"

#: The module of Twisted's epoll reactor, from which ours is derived. A program that installs epoll by name
#: wants the best reactor on Linux, so it gets ours.
EPOLL = "twisted.internet.epollreactor"

#: The modules of Twisted whose function `install` is replaced.
REPLACED = (DEFAULT, EPOLL)

#: The module with the replacements.
OURS = "deferrous.deferrousreactor"

#: The environment variable that picks another reactor.
VARIABLE = "DEFERROUS_REACTOR"

#: Its values for our reactor, and for Twisted's own choice.
OUR_NAME, TWISTEDS = "deferrous", "default"

#: The most modules with a reactor that an error names.
MOST_NAMED = 5

#: The original functions of these modules, by the names of the modules.
_stock: dict[str, Callable[[], object]] = {}


def require_no_other() -> None:
    """Check that no reactor is installed, or only ours.

    Raises:
        InstallError: there is another one. The message names it, and the modules that refer to it.
    """
    present = sys.modules.get(INSTALLED)
    if present is None or _is_ours(present):
        return
    kind = type(present)
    holders = _holders(present)
    held = f", which is held by {holders}" if holders else ""
    raise InstallError(
        f"A reactor is installed already: {kind.__module__}.{kind.__qualname__}{held}. "
        f"Call deferrous.install() before anything imports {INSTALLED} or installs a reactor, "
        "or keep that reactor by deferrous.install(reactor=False)."
    )


def _holders(reactor: object) -> str:
    """Name the modules that refer to a reactor, under any name; an empty string if there are none."""
    holders = sorted(
        name
        for name, module in list(sys.modules.items())
        # Not getattr(), which may import something.
        if name not in (INSTALLED, "twisted.internet")
        and isinstance(module, ModuleType)
        and any(value is reactor for value in list(vars(module).values()))
    )
    return ", ".join(holders[:MOST_NAMED]) + (", ..." if len(holders) > MOST_NAMED else "")


def _is_ours(reactor: object) -> bool:
    module = sys.modules.get("deferrous.reactor")
    return module is not None and isinstance(reactor, module.DeferrousReactor)


def install_reactor() -> None:
    """Install our reactor if there is none, and have the modules of Twisted that pick one pick ours."""
    ours = importlib.import_module(OURS)
    _replace_everywhere()
    if INSTALLED in sys.modules:
        return
    from twisted.internet.error import ReactorAlreadyInstalledError

    try:
        ours.install_ahead()
    except ReactorAlreadyInstalledError:
        # Another thread has installed one in the meantime.
        require_no_other()


def _replace_everywhere() -> None:
    """Replace `install` in the modules that pick a reactor, and all references to it."""
    imported_before = [name for name in REPLACED if name in sys.modules]
    modules = [module for module in map(_module, REPLACED) if module is not None]
    stock = [module for module in modules if _has_stock(module)]
    if not stock:
        return
    import gc

    from deferrous._repair import Repair, Swap, nothing_frozen

    repair = Repair(Swap((module.install, _ours_for(module)) for module in stock))
    if imported_before:
        with nothing_frozen():
            repair.search(gc.get_objects(), vars(stock[0]))
    for module in stock:
        _stock[module.__name__] = module.install
        repair.set_name(vars(module), "install", _ours_for(module))
    repair.apply()


def _ours_for(module: ModuleType) -> Callable[[], None]:
    """Return the replacement of a module's `install`."""
    ours = importlib.import_module(OURS)
    function: Callable[[], None] = ours.install_as_epoll if module.__name__ == EPOLL else ours.install
    return function


def _module(name: str) -> ModuleType | None:
    """Import the module of a reactor; None if this system does not have its system call."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _has_stock(module: ModuleType) -> bool:
    """Say whether a module's `install` is Twisted's, and neither ours nor a replacement of the program."""
    picked = getattr(module.install, "__module__", None)
    return isinstance(picked, str) and picked.startswith("twisted.internet.") and not _is_own(module.install)


def _is_own(install: Callable[[], object]) -> bool:
    """Say whether a function installs our reactor."""
    ours = sys.modules.get(OURS)
    return ours is not None and getattr(install, "__globals__", None) is vars(ours)


def choose_in(module: ModuleType) -> None:
    """Have a program that picks no reactor, or epoll by name, get our reactor, or that of the environment.

    Args:
        module: one of the two modules of Twisted that pick a reactor. No other code refers to its names yet.
    """
    name = os.environ.get(VARIABLE) or OUR_NAME
    _stock[module.__name__] = module.install
    if name == OUR_NAME:
        module.install = _ours_for(module)  # type: ignore[attr-defined]
    elif module.__name__ == DEFAULT and name != TWISTEDS:
        module.install = _named(name)  # type: ignore[attr-defined]


def _named(name: str) -> Callable[[], object]:
    """Return the function that installs the reactor of a name, as twistd and trial know it.

    It is `install` of the reactor's own module, because programs find the class of the default reactor by it.
    If there is no such reactor, or it cannot work on this system, calling the function is an InstallError.
    """
    try:
        return _installer(name)
    except InstallError as error:
        # Not raised now: programs that need no reactor may import this module too.
        problem = f"{VARIABLE}={name}: {error}"
        cause = error.__cause__

    def install() -> None:
        raise InstallError(problem) from cause

    return install


def _installer(name: str) -> Callable[[], object]:
    """Return the function that installs a reactor.

    Raises:
        InstallError: there is no reactor of that name; or its module cannot be imported. The message lists
            the names.
    """
    from twisted.application.reactors import getReactorTypes
    from twisted.python import reflect

    named_any: Any = reflect.namedAny
    kinds = list(getReactorTypes())
    kind: Any = next((kind for kind in kinds if kind.shortName == name), None)
    if kind is None:
        known = ", ".join(sorted({each.shortName for each in kinds}))
        raise InstallError(f"there is no reactor {name!r}. Those of this environment are {known}.")
    module = getattr(kind, "moduleName", None)
    try:
        # A plugin may be any object with a method `install`.
        install: Callable[[], object] = (named_any(module) if isinstance(module, str) else kind).install
    except InstallError:
        raise
    except Exception as error:
        raise InstallError(
            f"deferrous cannot use the reactor {name!r} here, since its module cannot be imported: "
            f"{type(error).__name__}: {error}."
        ) from error
    return install


def default_reactor(active: bool) -> str:
    """Return the name of the reactor that a program gets if it picks none.

    Args:
        active: whether the program runs on deferrous.
    """
    name = os.environ.get(VARIABLE) or OUR_NAME
    if active and name != TWISTEDS:
        return name
    # Twisted's own choice, such as epollreactor. If its `install` was replaced, the original tells.
    from twisted.internet.default import install

    stock = next((_stock[name] for name in REPLACED if name in _stock and not _is_own(_stock[name])), install)
    return stock.__module__.rpartition(".")[2].removesuffix("reactor")


def reactor_problem(name: str) -> str | None:
    """Say what is wrong with the name of a reactor. None if it seems right without trying it."""
    try:
        _installer(name)
    except InstallError as error:
        return str(error)
    return None
