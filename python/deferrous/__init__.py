"""Twisted's Deferred, reactor and thread pool, rewritten in Rust and put underneath Twisted.

`install()` puts the classes of this package into Twisted's modules. `python -m deferrous run` and the
environment variable `DEFERROUS=1` do the same without changing a program.

It is Python because it only starts other modules. It imports neither Twisted nor the extension module: with
`DEFERROUS=1`, every Python process imports it, even if it never uses Twisted.
"""

from deferrous._errors import InstallError

# Type checkers treat it like typing.TYPE_CHECKING. Importing typing would take longer than all else here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from deferrous.inspect import explain as explain
    from deferrous.inspect._metrics import metrics as metrics

__all__ = ["InstallError", "__version__", "explain", "install", "installed", "metrics"]

__version__: str


def install(*, reactor: bool = True) -> None:
    """Put deferrous underneath Twisted, for the rest of the life of this process.

    Call it before anything makes or subclasses a Deferred: at the top of the program. If Twisted has been
    imported already, it also replaces the references in modules, classes, default arguments and closures. A
    second call does nothing.

        >>> import deferrous
        >>> deferrous.install()
        >>> deferrous.installed()
        True

    Args:
        reactor: whether to install the reactor too. If not, programs keep the one they have or pick.

    Raises:
        InstallError: this Python or this Twisted is not supported; or there are already subclasses or
            instances of the stock classes, or another reactor. The message lists them and says what to do.
            Nothing was changed.

    Call it from the thread that imports the program.
    """
    from deferrous._install import install

    install(reactor=reactor)


def installed() -> bool:
    """Say whether `twisted.internet.defer` has the classes of this package.

    Returns:
        True if it has. False if it has not, or has not been imported; this function does not import it.

    Any thread may call it.
    """
    from deferrous._install import installed

    return installed()


if not TYPE_CHECKING:
    # A type checker would conclude from this that the package has every name, as a str.

    def __getattr__(name: str) -> object:
        """Return what is only imported or read if it is used: the version, `explain` and `metrics`.

        The extension module has the version too, but importing that imports Twisted.
        """
        if name == "__version__":
            from importlib.metadata import version

            return version("deferrous")
        if name == "explain":
            from deferrous.inspect import explain

            return explain
        if name == "metrics":
            from deferrous.inspect._metrics import metrics

            return metrics
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
