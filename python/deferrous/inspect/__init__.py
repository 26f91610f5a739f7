"""See what a program waits for: Deferreds, coroutines, timers, jobs, descriptors and processes.

The commands `deferrous ps`, `pstree`, `why` and `stalls` show it from outside, the functions in the program.
It is Python because it only reads what is there.

The functions that walk over the objects are imported when they are used: they import Twisted, which the
commands do without.
"""

from __future__ import annotations

import sys

from deferrous.inspect._protocol import InspectError

# Type checkers treat it like typing.TYPE_CHECKING.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from deferrous.inspect._explain import Explanation, explain
    from deferrous.inspect._model import Group, Node, Place, Snapshot
    from deferrous.inspect._report import snapshot

__all__ = [
    "Explanation",
    "Group",
    "InspectError",
    "Node",
    "Place",
    "Snapshot",
    "disable",
    "enable",
    "enabled",
    "explain",
    "snapshot",
]

#: In which module each of the names is that are imported when they are used.
_LATER = {
    "Explanation": "_explain",
    "Group": "_model",
    "Node": "_model",
    "Place": "_model",
    "Snapshot": "_model",
    "explain": "_explain",
    "snapshot": "_report",
}


def enable(*, stall: float | None = None) -> None:
    """Have this program answer `deferrous ps` and the other commands, and keep records, from now on.

    A thread of its own listens on a socket that only this user and root can reach. A record tells what makes
    each Deferred and delayed call, and when: it is the time and a line of code. What is logged of a failure
    that nobody handles tells it, too. `DEFERROUS_INSPECT=1` does the same at the start of a program. A second
    call does nothing. Any thread may call it.

        >>> import deferrous.inspect
        >>> deferrous.inspect.enable()
        >>> deferrous.inspect.enabled()
        True
        >>> deferrous.inspect.disable()

    Args:
        stall: how long a turn of the reactor may take, in seconds. Of each that takes longer, a line is
            logged, which says why. None does not change whether turns are watched. `DEFERROUS_STALL=50ms`
            does the same at the start of a program.

    Raises:
        InspectError: the socket cannot be opened, or turns cannot be watched on this system. The message says
            why.
        ValueError: `stall` is less than a millisecond.
    """
    from deferrous.inspect import _server

    _server.start()
    # Else they are kept as soon as the program uses Deferreds of deferrous: see `start_inspection`.
    if "deferrous.defer" in sys.modules:
        from deferrous.inspect import _records

        _records.start()
    if stall is not None:
        # With DEFERROUS=1 that installs, which needs the module below to be complete, or not loaded yet.
        import twisted.internet.defer  # noqa: F401

        from deferrous.inspect import _stalls

        _stalls.start(stall)


def disable() -> None:
    """Stop answering the commands, keep no records of what is made from now on, and watch for no stalls.

    Records that are there stay. Any thread may call it; it may wait for a second.
    """
    from deferrous.inspect import _server

    if "deferrous.defer" in sys.modules:
        from deferrous.inspect import _records, _stalls

        _records.stop()
        _stalls.stop()
    _server.stop()


def enabled() -> bool:
    """Say whether this program answers the commands. Any thread may call it."""
    from deferrous.inspect import _server

    return _server.running() is not None


if not TYPE_CHECKING:
    # A type checker would conclude from this that the module has every name.

    def __getattr__(name: str) -> object:
        """Import one of the names that are imported when they are used."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
