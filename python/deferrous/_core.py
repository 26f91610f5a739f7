"""The classes and functions in Rust, complete.

The extension module is `deferrous._native`. Loading it imports nothing of this package: what it needs that is
Python is handed to it here, after the check that this Python and this Twisted are supported.
"""

from deferrous import _guard as _guard

# isort: split
from deferrous import _frames, _methods, _native

_native._initialise(_frames, _methods.add_methods)
globals().update((name, thing) for name, thing in vars(_native).items() if not name.startswith("__"))
__version__ = _native.__version__
