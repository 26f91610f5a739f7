"""The reactor's module as Twisted's ways of picking a reactor expect it.

Each reactor of Twisted has a module whose name is that of the class in lower case, as `EPollReactor` is in
`epollreactor`, with the class and a function `install`. Programs find the class by that, such as
pytest-twisted. So this module stands for the reactor wherever Twisted names one: in
`twisted.internet.default`, as `--reactor=deferrous`, and where a program installs epoll by name.

It imports nothing of size before it is asked to: with `DEFERROUS=1` it is imported while Twisted's own
modules are. It is Python because Twisted's modules of reactors are.
"""

from __future__ import annotations

import sys
from threading import RLock
from typing import Any

# Type checkers take it for typing's.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from deferrous.reactor import DeferrousReactor

__all__ = ["DeferrousReactor", "install"]

#: The module that a reactor takes the place of.
INSTALLED = "twisted.internet.reactor"

#: What is found where no reactor is: some programs put None there, so that nothing can import one.
_NONE = object()

#: The reactor that `deferrous.install()` has installed, until the program picks one.
_ahead: object = None

# It makes one step of looking whether there is a reactor and putting one there. It is held for nothing else:
# the reactor is complete by then, so that nothing is imported.
_lock = RLock()


def install() -> None:
    """Make a DeferrousReactor the one that `from twisted.internet import reactor` gives.

    Call it before anything imports that. Twisted's function of the same name is in each of its modules of
    reactors.

    Raises:
        ReactorAlreadyInstalledError: there is one already. The message says of which class.
        InstallError: this Python or this Twisted is not supported.
    """
    from deferrous.reactor import DeferrousReactor

    # Where Twisted looks, and not at the attribute of the package: that stays when a program takes the module
    # out in order to install another reactor.
    present = sys.modules.get(INSTALLED, _NONE)
    if present is _NONE:
        present = _put(DeferrousReactor())
    elif _is_ahead(present):
        return
    if present is not _NONE:
        from twisted.internet.error import ReactorAlreadyInstalledError

        kind = type(present)
        raise ReactorAlreadyInstalledError(
            f"reactor already installed: {kind.__module__}.{kind.__qualname__}. Install one before anything "
            f"imports {INSTALLED}, or choose the reactor on the command line only"
        )


def install_as_epoll() -> None:
    """Install the epoll() reactor, for which that of deferrous stands.

    It is what a program finds as `twisted.internet.epollreactor.install`, and says that it is from there.
    """
    install()


install_as_epoll.__module__ = "twisted.internet.epollreactor"
install_as_epoll.__name__ = install_as_epoll.__qualname__ = "install"


def install_ahead() -> None:
    """Install it before the program picks a reactor, which `deferrous.install()` does.

    A program that then picks the default one, or epoll by name, has got it already: the first call of
    `install` is no error.

    Raises:
        ReactorAlreadyInstalledError: there is one already.
    """
    global _ahead
    install()
    _ahead = sys.modules.get(INSTALLED)


def _is_ahead(present: object) -> bool:
    """Say whether a reactor is one that the program has not picked yet, which it does now."""
    global _ahead
    ahead, _ahead = _ahead, None
    return ahead is not None and ahead is present


def _put(reactor: object) -> object:
    """Have Twisted install a reactor, unless another thread has been faster.

    Returns:
        the one that is there already, or `_NONE` if this one has been installed.
    """
    from twisted.internet import main

    install_reactor: Any = main.installReactor
    with _lock:
        present = sys.modules.get(INSTALLED, _NONE)
        if present is _NONE:
            install_reactor(reactor)
        return present


if not TYPE_CHECKING:
    # A type checker that saw this would take every name of the module for this class.

    def __getattr__(name: str) -> Any:
        """Import the class when somebody asks for it."""
        if name == "DeferrousReactor":
            from deferrous.reactor import DeferrousReactor

            return DeferrousReactor
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
