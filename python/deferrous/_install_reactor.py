"""Installing the reactor, unless there is one.

It is Python because it runs once. Twisted's reactors are installed the same way.
"""

import importlib
import os
import sys
import threading
from types import ModuleType

from deferrous._errors import InstallError

# It is never held while something is imported, as the one in _install.py.
_lock = threading.Lock()

#: The module that a reactor takes the place of.
INSTALLED = "twisted.internet.reactor"

#: The module of Twisted that picks the reactor of a program which picks none.
DEFAULT = "twisted.internet.default"

#: The environment variable that picks another one.
VARIABLE = "DEFERROUS_REACTOR"

#: The values that mean ours, and Twisted's own choice.
OURS, TWISTEDS = "deferrous", "default"

#: How many modules that hold a reactor an error names.
MOST_NAMED = 5


def require_no_other() -> None:
    """Check that no reactor is installed, or that it is ours.

    Raises:
        InstallError: there is another one. The message says which, and who has it.
    """
    present = sys.modules.get(INSTALLED)
    if present is None or _is_ours(present):
        return
    kind = type(present)
    holders = sorted(
        name
        for name, module in list(sys.modules.items())
        if name != INSTALLED
        and isinstance(module, ModuleType)
        and vars(module).get("reactor") is present
        and name != "twisted.internet"
    )
    named = ", ".join(holders[:MOST_NAMED]) + (", ..." if len(holders) > MOST_NAMED else "")
    raise InstallError(
        f"A reactor is installed already: {kind.__module__}.{kind.__qualname__}, "
        f"which is held by {named or 'no module'}. "
        f"Call deferrous.install() before anything imports {INSTALLED}, "
        "or keep that reactor by deferrous.install(reactor=False)."
    )


def _is_ours(reactor: object) -> bool:
    module = sys.modules.get("deferrous.reactor")
    return module is not None and isinstance(reactor, module.DeferrousReactor)


def install_reactor() -> None:
    """Install ours, if there is none."""
    ours = importlib.import_module("deferrous.reactor")
    with _lock:
        if INSTALLED not in sys.modules:
            ours.install()


def choose_default(module: ModuleType) -> None:
    """Have a program that picks no reactor run on ours, or on the one that the environment names.

    Args:
        module: the module of Twisted that picks it.
    """
    name = os.environ.get(VARIABLE) or OURS
    if name == OURS:
        module.install = install_reactor  # type: ignore[attr-defined]
    elif name != TWISTEDS:
        module.install = lambda: install_named(name)  # type: ignore[attr-defined]


def install_named(name: str) -> None:
    """Install the reactor that twistd and trial know by a name.

    Raises:
        InstallError: there is none of that name. The message lists the names.
    """
    from twisted.application import reactors

    try:
        reactors.installReactor(name)
    except reactors.NoSuchReactor:
        raise InstallError(f"{VARIABLE}={name}: {no_such_reactor(name)}") from None


def default_reactor(active: bool) -> str:
    """Return the name of the reactor that a program gets here which picks none.

    Args:
        active: whether it runs on deferrous.
    """
    name = os.environ.get(VARIABLE) or OURS
    if active and name != TWISTEDS:
        return name
    # Twisted's own choice, which `choose_default` has left as it was: epollreactor, for example.
    from twisted.internet.default import install

    module: str = install.__module__
    return module.rpartition(".")[2].removesuffix("reactor")


def no_such_reactor(name: str) -> str | None:
    """Say what is wrong with the name of a reactor, or None if there is one of that name."""
    from twisted.application.reactors import getReactorTypes

    known = sorted({kind.shortName for kind in getReactorTypes()})
    if name in known:
        return None
    return f"there is no reactor {name!r}. Those of this environment are {', '.join(known)}."
