"""Twisted's Deferred, reactor and thread pool rebuilt in Rust, put underneath Twisted.

`install()` makes Twisted's modules hold the classes of this package, as uvloop does for asyncio.
Without touching a program, `python -m deferrous run` and the environment variable `DEFERROUS=1` do the same.

It is Python because it only starts things. It imports neither Twisted nor the extension module: with
`DEFERROUS=1` it is imported in every Python process, also in those that never use Twisted.
"""

from deferrous._errors import InstallError

# Type checkers take it for typing's, whose import would take longer than all else here.
TYPE_CHECKING = False

__all__ = ["InstallError", "__version__", "install", "installed"]

__version__: str


def install(*, reactor: bool = True) -> None:
    """Put deferrous underneath Twisted, for the rest of the life of this process.

    Call it before anything makes or subclasses a Deferred: at the top of the program. A call after Twisted
    has been imported repairs the names that modules, classes, default arguments and closures hold. A second
    call does nothing.

        >>> import deferrous
        >>> deferrous.install()
        >>> deferrous.installed()
        True

    Args:
        reactor: whether to install the reactor, too. Without it, programs keep the one they have or pick.

    Raises:
        InstallError: this Python or this Twisted is not supported, or subclasses or instances of the stock
            classes, or another reactor, were there first. The message lists them and says what to do.
            Nothing was changed.

    Call it from the thread that imports the program.
    """
    from deferrous._install import install

    install(reactor=reactor)


def installed() -> bool:
    """Say whether `twisted.internet.defer` holds the classes of this package.

    Returns:
        True if it does. False also if it has not been imported yet, which the question does not do.

    Any thread may ask.
    """
    from deferrous._install import installed

    return installed()


if not TYPE_CHECKING:
    # A type checker that saw this would take every name of the package for a text.

    def __getattr__(name: str) -> str:
        """Read the version of the installed package when somebody asks for it, and not before.

        The extension module has it as well, but imports Twisted.
        """
        if name == "__version__":
            from importlib.metadata import version

            return version("deferrous")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
