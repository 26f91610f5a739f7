"""The classes and functions in Rust, complete.

The extension module is `deferrous._native`. Loading it imports nothing of this package: what it needs that is
Python is handed to it here, after the check that this Python and this Twisted are supported. What only the
reactor or the thread pool needs is imported when it is first used.
"""

from types import ModuleType
from typing import Any

from deferrous import _guard as _guard

# isort: split
from deferrous import _frames, _methods, _native


def _find_for_reactor() -> tuple[Any, ...]:
    """Import what the reactor needs.

    Returns:
        functions, the class of wakers, the frames of Twisted's functions, and in a tuple: Twisted's methods
        of streams, what these look up, and what is needed for TLS.
    """
    from deferrous import _reactor_frames, _reporting, _tls, _transports, _waker

    streams = _transports.find(), _transports.looked_up(), _tls.find()
    return _reporting, _waker.Waker, _reactor_frames.find(), streams


def _find_for_threads() -> tuple[ModuleType, dict[str, Any]]:
    """Import what threads need: the class of pools, and the frames of Twisted's functions."""
    from deferrous import _pools, _reactor_frames

    return _pools, _reactor_frames.find_in_pool()


_native._initialise(_frames, _methods.add_methods, _find_for_reactor, _find_for_threads)
globals().update((name, thing) for name, thing in vars(_native).items() if not name.startswith("__"))
__version__ = _native.__version__
