"""Installing the reactor, unless there is one; and having it be the one that programs get by default.

It is Python because it runs once. Twisted's reactors are installed the same way.
"""

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from deferrous._errors import InstallError

#: The module that a reactor takes the place of.
INSTALLED = "twisted.internet.reactor"

#: The module of Twisted that picks the reactor of a program which picks none.
DEFAULT = "twisted.internet.default"

#: The module of Twisted's reactor that ours is a kind of, where the system has epoll. A program that names it
#: wants what is best on Linux, which ours is.
EPOLL = "twisted.internet.epollreactor"

#: The modules of Twisted whose function `install` becomes that of ours.
REPLACED = (DEFAULT, EPOLL)

#: The module that has ours.
OURS = "deferrous.deferrousreactor"

#: The environment variable that picks another one.
VARIABLE = "DEFERROUS_REACTOR"

#: The values that mean ours, and Twisted's own choice.
OUR_NAME, TWISTEDS = "deferrous", "default"

#: How many modules that hold a reactor an error names.
MOST_NAMED = 5

#: What these modules had before, by their names.
_stock: dict[str, Callable[[], object]] = {}


def require_no_other() -> None:
    """Check that no reactor is installed, or that it is ours.

    Raises:
        InstallError: there is another one. The message says which, and who has it.
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
    """Name the modules that have imported a reactor, by whatever name; an empty string if none has."""
    holders = sorted(
        name
        for name, module in list(sys.modules.items())
        # Asking for an attribute may import something, which looking into the namespace does not.
        if name not in (INSTALLED, "twisted.internet")
        and isinstance(module, ModuleType)
        and any(value is reactor for value in list(vars(module).values()))
    )
    return ", ".join(holders[:MOST_NAMED]) + (", ..." if len(holders) > MOST_NAMED else "")


def _is_ours(reactor: object) -> bool:
    module = sys.modules.get("deferrous.reactor")
    return module is not None and isinstance(reactor, module.DeferrousReactor)


def install_reactor() -> None:
    """Install ours if there is none, and have the modules of Twisted that pick one pick ours from now on."""
    ours = importlib.import_module(OURS)
    _replace_everywhere()
    if INSTALLED in sys.modules:
        return
    from twisted.internet.error import ReactorAlreadyInstalledError

    try:
        ours.install_ahead()
    except ReactorAlreadyInstalledError:
        # Another thread has installed one meanwhile.
        require_no_other()


def _replace_everywhere() -> None:
    """Replace the function in the modules that pick a reactor, and wherever somebody has taken it from it."""
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
    """Return the function that takes the place of a module's `install`."""
    ours = importlib.import_module(OURS)
    function: Callable[[], None] = ours.install_as_epoll if module.__name__ == EPOLL else ours.install
    return function


def _module(name: str) -> ModuleType | None:
    """Import a module of a reactor; None where the system does not have what it waits by."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _has_stock(module: ModuleType) -> bool:
    """Say whether a module picks a reactor of Twisted, and not ours or what a program has put there."""
    picked = getattr(module.install, "__module__", None)
    return isinstance(picked, str) and picked.startswith("twisted.internet.") and not _is_own(module.install)


def _is_own(install: Callable[[], object]) -> bool:
    """Say whether a function is one of those that install ours."""
    ours = sys.modules.get(OURS)
    return ours is not None and getattr(install, "__globals__", None) is vars(ours)


def choose_in(module: ModuleType) -> None:
    """Have a program that picks no reactor, or epoll by name, get ours, or the one of the environment.

    Args:
        module: one of the two modules of Twisted that pick it. Nobody has taken a name from it yet.
    """
    name = os.environ.get(VARIABLE) or OUR_NAME
    _stock[module.__name__] = module.install
    if name == OUR_NAME:
        module.install = _ours_for(module)  # type: ignore[attr-defined]
    elif module.__name__ == DEFAULT and name != TWISTEDS:
        module.install = _named(name)  # type: ignore[attr-defined]


def _named(name: str) -> Callable[[], object]:
    """Return the function that installs the reactor which twistd and trial know by a name.

    It is that of the reactor's own module, so that programs find the class of the default reactor by it. If
    there is no such reactor, or this system lacks what it needs, calling it is an InstallError that says so.
    """
    try:
        return _installer(name)
    except InstallError as error:
        # A problem of whoever needs a reactor. Other programs import the module that picks one, too.
        problem = f"{VARIABLE}={name}: {error}"
        cause = error.__cause__

    def install() -> None:
        raise InstallError(problem) from cause

    return install


def _installer(name: str) -> Callable[[], object]:
    """Return the function that installs a reactor.

    Raises:
        InstallError: there is none of that name, which lists the names; or its module cannot be imported.
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
        # Any object with a method `install` may be a plugin.
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
    """Return the name of the reactor that a program gets here which picks none.

    Args:
        active: whether it runs on deferrous.
    """
    name = os.environ.get(VARIABLE) or OUR_NAME
    if active and name != TWISTEDS:
        return name
    # Twisted's own choice: epollreactor, for example. Where that has been replaced before it was chosen, ours
    # stands for it.
    from twisted.internet.default import install

    stock = next((_stock[name] for name in REPLACED if name in _stock and not _is_own(_stock[name])), install)
    return stock.__module__.rpartition(".")[2].removesuffix("reactor")


def reactor_problem(name: str) -> str | None:
    """Say what is wrong with the name of a reactor, or None if it can be installed here, as far as that can
    be told without doing it."""
    try:
        _installer(name)
    except InstallError as error:
        return str(error)
    return None
