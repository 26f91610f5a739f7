"""DEFERROUS=1: installing as soon as a process imports Twisted's Deferred, and not before.

The start-up file `deferrous_autostart.pth` imports this module in every Python process that has the variable.
Most of them are compilers, installers and other children that never use Twisted: they pay for this file and
nothing else. It is Python because it is part of Python's import system.
"""

from __future__ import annotations

import os
import sys
from _thread import _local

from deferrous._errors import InstallError

# Type checkers take it for typing's, whose import would take longer than all else here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

#: The environment variable.
VARIABLE = "DEFERROUS"

STOCK = "twisted.internet.defer"

#: Modules of Twisted that get something of ours when they are there: the thread pool, what hands work to it,
#: and what picks the reactor.
THREADS = ("twisted.python.threadpool", "twisted.internet.threads")
REACTORS = ("twisted.internet.default", "twisted.internet.epollreactor")
OTHERS = THREADS + REACTORS

#: What installing needs, and what imports Twisted's module when it is imported first.
OURS = ("deferrous.defer", "deferrous.threads", "deferrous._core")

#: Where Python's own loaders are, which execute a module and do nothing else.
PYTHONS_LOADERS = ("_frozen_importlib", "_frozen_importlib_external", "zipimport")

#: What every error adds.
ASKED = (
    f"The environment asks for deferrous: unset {VARIABLE}, or set {VARIABLE}=0, to run on Twisted's own "
    "Deferred."
)


def wanted(value: str) -> bool:
    """Say whether a value of the environment variable switches deferrous on.

    Args:
        value: the value, which is "" where the variable is not set.

    Raises:
        ValueError: the value means neither on nor off. The message says so.
    """
    if value in ("", "0"):
        return False
    if value == "1":
        return True
    raise ValueError(
        f"{VARIABLE}={value} means nothing: set it to 1 to run on deferrous, "
        "or to 0 or nothing to run without."
    )


class _Loading(_local):
    """What this thread is loading. Another thread that imports Twisted meanwhile does not wait for it."""

    def __init__(self) -> None:
        #: How many of ours are being loaded.
        self.ours = 0
        #: Whether Twisted's has been executed meanwhile, or others.
        self.postponed = False
        self.waiting: list[ModuleType] = []


class Finder:
    """A finder of the import system: it finds what the others find, and then has deferrous installed."""

    def __init__(self, problem: str | None = None) -> None:
        """Make a finder.

        Args:
            problem: what is wrong with the environment variable, for the error that Twisted's import is to
                raise.
        """
        self.problem = problem
        self.loading = _Loading()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Find one of these few modules through the finders after this one, and wrap its loader."""
        if name != STOCK and name not in OURS and name not in OTHERS:
            return None
        # Those before this one have been asked, and one of them may be what asks.
        finders = list(sys.meta_path)
        after = finders[finders.index(self) + 1 :] if self in finders else finders
        for finder in after:
            find_spec = getattr(finder, "find_spec", None)
            if find_spec is None:
                continue
            spec: ModuleSpec | None = find_spec(name, path, target)
            if spec is not None:
                # A module that is loaded again has been in others' hands.
                spec.loader = _Loader(spec.loader, self, new=target is None)  # type: ignore[assignment]
                return spec
        return None

    def loaded_stock(self, unseen: bool) -> None:
        """Install now that Twisted's module is there; or, if one of ours has imported it, when that is.

        Args:
            unseen: whether nobody else has had the module in hand.
        """
        if self.loading.ours:
            self.loading.postponed = True
        else:
            self.install(unseen)

    def loaded_ours(self) -> None:
        """Install now that ours are complete, if that has been waited for."""
        loading = self.loading
        if loading.ours:
            return
        if loading.postponed:
            loading.postponed = False
            self.install()
        while loading.waiting:
            self.loaded_other(loading.waiting.pop())

    def install(self, unseen: bool = False) -> None:
        """Install.

        Args:
            unseen: whether nobody else has had Twisted's module in hand.

        Raises:
            InstallError: it cannot be done.
        """
        from deferrous._install import install_deferreds, start_inspection
        from deferrous._versions import require_supported

        if self.problem is not None:
            raise InstallError(self.problem)
        require_supported()
        install_deferreds(unseen)
        start_inspection()

    def loaded_other(self, module: ModuleType) -> None:
        """Give a module of Twisted what it is to have of ours, which has to be complete for that.

        Where the environment asks for something that means nothing, importing Twisted's Deferred says so.
        """
        if self.problem is not None:
            return
        if module.__name__ in REACTORS:
            from deferrous._install_reactor import choose_in

            choose_in(module)
        elif self.loading.ours:
            self.loading.waiting.append(module)
        else:
            from importlib import import_module

            from deferrous._install_threads import replace_in

            # Ours need it. All threads import it before ours, so that no two wait for each other.
            import_module(STOCK)
            replace_in(module)


class _Loader:
    """A loader that tells the finder when a module has been executed. All else is up to the one it wraps."""

    def __init__(self, inner: Any, finder: Finder, new: bool) -> None:
        self._inner = inner
        self._finder = finder
        self._new = new

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __reduce__(self) -> Any:
        """Have the loader that it wraps copied or pickled instead: a copy has nothing to tell the finder."""
        from copy import copy

        return copy, (self._inner,)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, and leave it as it would be without the finder, but for what is installed.

        Raises:
            InstallError: deferrous cannot be installed here.
        """
        module.__loader__ = self._inner
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        try:
            self._execute(module)
        except InstallError as error:
            raise explained(error) from error.__cause__

    def _execute(self, module: ModuleType) -> None:
        if module.__name__ == STOCK:
            self._inner.exec_module(module)
            # The import system gives the module to others when this has ended. But a loader that is not one
            # of Python's may show it to whom it likes: those that watch imports have such.
            pythons = type(self._inner).__module__ in PYTHONS_LOADERS
            new, self._new = self._new, False
            self._finder.loaded_stock(unseen=new and pythons)
            return
        if module.__name__ in OTHERS:
            self._inner.exec_module(module)
            self._finder.loaded_other(module)
            return
        self._finder.loading.ours += 1
        try:
            self._inner.exec_module(module)
        finally:
            self._finder.loading.ours -= 1
        self._finder.loaded_ours()


def explained(error: InstallError) -> InstallError:
    """Return an error that says that the environment has asked for what fails, unless it does already."""
    return error if str(error).endswith(ASKED) else InstallError(f"{error}\n{ASKED}")


def start() -> None:
    """Do what the environment variable asks for.

    A value that means nothing becomes an error where Twisted is imported: every process below has the
    variable, and those that do not use Twisted have nothing to do with it.
    """
    problem = None
    try:
        if not wanted(os.environ.get(VARIABLE, "")):
            return
    except ValueError as error:
        problem = str(error)
    finder = Finder(problem)
    sys.meta_path.insert(0, finder)
    try:
        if STOCK in sys.modules:
            finder.install()
        for name in OTHERS:
            if name in sys.modules:
                finder.loaded_other(sys.modules[name])
    except InstallError as error:
        raise explained(error) from error.__cause__


start()
