"""The reactor's module in the form in which Twisted picks reactors.

Each reactor of Twisted has a module with the class and a function `install`. The module's name is that of the
class in lower case, such as `epollreactor` for `EPollReactor`. Programs such as pytest-twisted find the class
in this way. So Twisted names this module wherever it names our reactor: in `twisted.internet.default`, for
`--reactor=deferrous`, and where a program installs epoll by name.

It imports other modules only when they are used, because with `DEFERROUS=1` it is imported in the middle of
the import of Twisted. It is Python because Twisted's modules of reactors are.
"""

from __future__ import annotations

import sys
from threading import RLock
from typing import Any

# Type checkers treat it like typing.TYPE_CHECKING.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from deferrous.reactor import DeferrousReactor

__all__ = ["DeferrousReactor", "install"]

#: The name under which a reactor is in `sys.modules`.
INSTALLED = "twisted.internet.reactor"

#: Means that there is no reactor. None does not: some programs put None there to forbid importing one.
_NONE = object()

#: The reactor that `deferrous.install()` has installed, as long as the program has not picked one.
_ahead: object = None

# Makes one step of checking for a reactor and installing one. Nothing is imported while it is held: the
# reactor is complete by then.
_lock = RLock()


def install() -> None:
    """Make a DeferrousReactor the one that `from twisted.internet import reactor` gives.

    Call it before anything imports that. Each of Twisted's modules of reactors has a function of this name.

    Raises:
        ReactorAlreadyInstalledError: there is a reactor already. The message names its class.
        InstallError: this Python or this Twisted is not supported.
    """
    from deferrous.reactor import DeferrousReactor

    # Twisted looks here too. The attribute of the package stays when a program removes the module in order to
    # install another reactor.
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
    """Install the reactor of deferrous in place of the epoll() reactor.

    It replaces `twisted.internet.epollreactor.install`, and its `__module__` is that of the original.
    """
    install()


install_as_epoll.__module__ = "twisted.internet.epollreactor"
install_as_epoll.__name__ = install_as_epoll.__qualname__ = "install"


def install_ahead() -> None:
    """Install the reactor before the program picks one, for `deferrous.install()`.

    If the program then picks the default reactor, or epoll by name, it has it already: the first call of
    `install` is no error.

    Raises:
        ReactorAlreadyInstalledError: there is a reactor already.
    """
    global _ahead
    install()
    _ahead = sys.modules.get(INSTALLED)


def _is_ahead(present: object) -> bool:
    """Say whether `install_ahead` installed this reactor and the program picks it only now."""
    global _ahead
    ahead, _ahead = _ahead, None
    return ahead is not None and ahead is present


def _put(reactor: object) -> object:
    """Have Twisted install a reactor, unless another thread was faster.

    Returns:
        the reactor that is there already, or `_NONE` if this one was installed.
    """
    from twisted.internet import main

    install_reactor: Any = main.installReactor
    with _lock:
        present = sys.modules.get(INSTALLED, _NONE)
        if present is _NONE:
            install_reactor(reactor)
        return present


if not TYPE_CHECKING:
    # A type checker would conclude from this that the module has every name, as this class.

    def __getattr__(name: str) -> Any:
        """Import the class when it is used."""
        if name == "DeferrousReactor":
            from deferrous.reactor import DeferrousReactor

            return DeferrousReactor
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
